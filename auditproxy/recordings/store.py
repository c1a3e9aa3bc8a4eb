"""The folder of recordings: where they begin, and what is left over from a proxy that was killed.

Recordings are refused rather than begun without room: RecordingRefused says why.
"""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from auditproxy.apis.session import Record, RecordingReference, Session
from auditproxy.recordings.appending import AppendedFile, reason_of, sync_folder
from auditproxy.recordings.forms import PlainForm, RecordingForm
from auditproxy.recordings.names import LOCK, PART, PROBE, is_finished, is_unfinished, stem
from auditproxy.recordings.recording import Recording
from auditproxy.recordings.recovery import name_repaired, repair
from auditproxy.recordings.settling import Settling
from auditproxy.recordings.usage import RecordingLimits, RecordingObserver, RecordingUsage
from auditproxy.sessions.asciicast import CastWriter

_ROOM = 64 * 1024
"""Bytes that there must be room for when a recording begins."""
_PROBING = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW

Logged = Callable[[tuple[RecordingReference, ...]], tuple[RecordingReference, ...]]


def _all_of(found: tuple[RecordingReference, ...]) -> tuple[RecordingReference, ...]:
    """There is no line to wait for."""
    return found


class RecordingRefused(Exception):  # noqa: N818 - what happened to the session
    """A recording cannot begin; ``reason`` is one line for an operator and names no secret."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class RecordingStore:
    """The recordings of ``folder``; every method blocks on files.

    ``report`` takes a line for operators, ``wall`` is seconds since the epoch and ``monotonic``
    seconds. ``new_form`` makes the form of one file, plain by default. ``on_finished`` hears of
    each finished file, so that it can be uploaded; with ``keep_until_uploaded`` no file is removed
    before that is confirmed.
    """

    def __init__(
        self,
        folder: Path,
        limits: RecordingLimits,
        report: Callable[[str], None],
        *,
        wall: Callable[[], float],
        monotonic: Callable[[], float],
        observer: RecordingObserver,
        new_form: Callable[[], RecordingForm] = PlainForm,
        on_finished: Callable[[Path], None] = lambda path: None,
        keep_until_uploaded: bool = False,
    ) -> None:
        self.folder = folder
        self._limits = limits
        self._report = report
        self._observer = observer
        self._new_form = new_form
        self._on_finished = on_finished
        self._settling = Settling(on_finished, self._unsettled)
        self._usage = RecordingUsage(
            folder,
            limits,
            keep_until_uploaded=keep_until_uploaded,
            observer=observer,
            report=report,
            wall=wall,
            monotonic=monotonic,
        )

    @property
    def used(self) -> int:
        """Bytes of all recordings in the folder, as far as known."""
        return self._usage.used

    def open(
        self, session: Session, record: Record, *, moment: int, columns: int = 0, rows: int = 0
    ) -> Recording:
        """Begin a recording at ``moment``, nanoseconds on the clock of what it takes later.

        ``record`` is not Record.NONE. Raises RecordingRefused.
        """
        self._usage.sweep()
        fault = self._usage.fault(_ROOM, at_start=True)
        if fault:
            raise RecordingRefused(fault)
        form = self._new_form()
        path = self.folder / f"{stem(session)}{form.suffix}{PART}"
        try:
            with self._locked(fcntl.LOCK_SH):
                file = AppendedFile.create(path)
        except OSError as error:
            raise RecordingRefused(_unwritable(error)) from None
        recording = Recording(
            file,
            form,
            self._usage,
            CastWriter(session, record, began=moment, columns=columns, rows=rows),
            session,
            maximum=self._limits.per_session,
            began=moment,
            on_stopped=self._observer.stopped,
            on_finished=self._finished,
            settling=self._settling,
        )
        if not session.tty or (columns and rows):
            # No size will come, or it is there: the file says whose it is from its first moment.
            recording.flush()
            if recording.stopped:
                recording.finish(moment)
                raise RecordingRefused(recording.stopped)
        return recording

    def recover(self, logged: Logged = _all_of) -> tuple[RecordingReference, ...]:
        """Finish what a killed proxy left: call it at start, before the first recording.

        Returns those whose end is missing, as Unfinished, and those that were finished and lacked
        their name alone. ``logged`` gets them before they have their names, and returns those whose
        line is safe. The others get theirs at the next start, which finds them again; so they
        do where the process is killed meanwhile. Makes the folder, 0700, where it is missing.
        Leaves alone what another process writes. Faults of single files are reported; raises
        OSError for the folder.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = []
        with self._locked(fcntl.LOCK_EX):
            for name in sorted(name for name in os.listdir(self.folder) if is_unfinished(name)):
                try:
                    reference = repair(self.folder / name, self._new_form, self._report)
                except OSError as error:
                    self._report(f"{self.folder / name} cannot be repaired: {reason_of(error)}")
                    continue
                if reference is not None:
                    found.append(reference)
            if found:
                self._name(logged(tuple(found)))
        self._usage.sweep(now=True)
        return tuple(found)

    def _name(self, references: tuple[RecordingReference, ...]) -> None:
        for reference in references:
            try:
                name_repaired(Path(reference.path))
            except OSError as error:
                self._report(f"{reference.path} cannot get its name: {reason_of(error)}")
        try:
            sync_folder(self.folder)
        except OSError as error:
            self._report(f"{self.folder} cannot be synced: {reason_of(error)}")

    def fault(self) -> str:
        """Why no recording can be begun now, after what can be done about it; else ""."""
        self._usage.ask_again()
        found = self._usage.fault(_ROOM, at_start=True)
        self._usage.ask_again()
        return found or self._fault_of_a_file()

    def _fault_of_a_file(self) -> str:
        """Why no file can be made: what the folder says of itself is not all that may forbid it."""
        probe = self.folder / PROBE
        try:
            with self._locked(fcntl.LOCK_SH):
                os.close(os.open(probe, _PROBING, 0o600))
                # Another process may have removed it.
                probe.unlink(missing_ok=True)
        except OSError as error:
            return _unwritable(error)
        return ""

    def sweep(self) -> None:
        """Remove what is too old or too much; call it now and then."""
        self._usage.sweep()

    def settle(self) -> None:
        """Give recordings their names that were finished with ``synced=False``.

        For all of them together: content on the disk, then names, then the folder once. Call it on
        the thread that finishes them; without it they get their names at the next start. Faults
        are reported.
        """
        self._settling.settle()

    def _unsettled(self, path: Path, reason: str) -> None:
        self._observer.stopped("Failed", reason)
        self._report(f"{path} cannot be finished: {reason}")

    def _finished(self, recording: Recording) -> None:
        path = Path(recording.path)
        if is_finished(path.name):
            # Another one could not get its name: it is found at the next start.
            self._on_finished(path)

    @contextlib.contextmanager
    def _locked(self, kind: int) -> Iterator[None]:
        """Keep a file that is being made apart from one that is left over, across processes."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self.folder / LOCK, flags, 0o600)
        try:
            with contextlib.suppress(OSError):
                # A file system without locks: the operator must keep processes apart.
                fcntl.flock(descriptor, kind)
            yield
        finally:
            os.close(descriptor)


def _unwritable(error: OSError) -> str:
    return f"the folder of recordings cannot be written to: {reason_of(error)}"
