"""One recording: events in, a file that is whole up to its last line at any time.

    recording -- over a bound --> stopped, Cut     -- finish --> finished
              -- disk fails ----> stopped, Failed  -- finish --> finished
              -- finish --------> finished

Nothing but ``finish`` follows for what is stopped: the session continues unrecorded, unless the
caller ends it. A recording that continues after a gap, or with one direction, is Cut as well. No
method raises. Lines are held until ``flush``, or until there are BUFFER bytes of them: nearly none
at rest. While a piece of output is written it takes 4 times its bytes, or 16 if all are escaped.
"""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

from auditproxy.apis.session import (
    Outcome,
    RecordingReference,
    Session,
    StreamEvent,
    Unreadable,
)
from auditproxy.recordings.appending import AppendedFile, reason_of, refuse_taken
from auditproxy.recordings.bounds import TOO_LARGE, NotesShare, in_words
from auditproxy.recordings.forms import RecordingForm
from auditproxy.recordings.heldlines import HeldLines
from auditproxy.recordings.names import PART
from auditproxy.recordings.recordedbytes import RecordedBytes
from auditproxy.recordings.settling import Settling
from auditproxy.recordings.usage import NEARLY_FULL, RecordingUsage
from auditproxy.sessions.asciicast import CastWriter
from auditproxy.sessions.castnotes import (
    CommandNote,
    CopyEndNote,
    GapNote,
    InputNote,
    Note,
    RecordingState,
    StoppedNote,
    clean,
    end_note,
)
from auditproxy.sessions.copying import Copying
from auditproxy.sessions.streambytes import StreamBytes

BUFFER = 64 * 1024
"""Bytes of lines that are written at once."""

RESERVE = 16 * 1024
"""Bytes of the bound that are left for notes when content is cut."""


class Recording:
    """The recording of one session; made by ``RecordingStore.open``, used by one thread at a time.

    ``moment`` is nanoseconds on the clock of the opening one. ``path`` changes when it finishes.
    """

    def __init__(
        self,
        file: AppendedFile,
        form: RecordingForm,
        usage: RecordingUsage,
        writer: CastWriter,
        session: Session,
        *,
        maximum: int,
        began: int,
        on_stopped: Callable[[str, str], None],
        on_finished: Callable[["Recording"], None],
        settling: Settling,
    ) -> None:
        self._file = file
        self._form = form
        self._usage = usage
        self._writer = writer
        self._copying = Copying(session)
        self._maximum = maximum
        self._moment = began
        self._on_stopped = on_stopped
        self._on_finished = on_finished
        self._settling = settling
        self._state: RecordingState = "Complete"
        self._reason = ""
        self._bytes = RecordedBytes(writer.keeps, self._copying.channel)
        self._held = HeldLines(self._bytes)
        self._passed: StreamBytes | None = None
        self._notes = NotesShare(maximum)
        self._reference: RecordingReference | None = None

    @property
    def path(self) -> str:
        """Where the file is; after ``finish(synced=False)`` the reference has where it will be."""
        return str(self._file.path)

    @property
    def state(self) -> RecordingState:
        """Complete as long as nothing is missing; what is Cut may continue (``stopped``)."""
        return self._state

    @property
    def stopped(self) -> str:
        """Why nothing is recorded any more; "" while it is."""
        return self._reason

    @property
    def missing(self) -> int:
        """Bytes that passed and are not in the file, whatever the reason; final once finished."""
        return self._bytes.missing(self._passed)

    def take(self, moment: int, events: Sequence[StreamEvent]) -> None:
        """What happened at ``moment``."""
        if self._reference is not None:
            return
        self._moment = moment
        for event in events:
            self._bytes.take(event, is_stopped=bool(self._reason))
            if isinstance(event, Unreadable):
                self._is_incomplete()
        if self._reason:
            return
        if self._copying.copy is not None:
            taken, (events, notes) = events, self._copying.take(events)
            self._bytes.copy(taken, events)
            for note in notes:
                self._note(note)
        self._add_all(self._writer.take(moment, events))
        if len(self._held) >= BUFFER:
            self._write()

    def command(
        self, moment: int, line: str | None, flags: Sequence[str] = (), *, folded: int = 0
    ) -> None:
        """A line that was entered on the terminal; None where it was hidden.

        ``folded``: it stands for so many. What is over the share of notes is counted.
        """
        self._moment = moment
        shown = None if line is None else clean(line)
        note = CommandNote(line=shown, flags=tuple(map(clean, flags)), folded=folded)
        if self._notes.admits(note):
            self._notes.took(self._note(note))

    def input(self, moment: int, note: InputNote) -> None:
        """What was sent until now without a terminal."""
        self._moment = moment
        self._note(note)

    def gap(self, moment: int, size: int) -> None:
        """``size`` bytes of the streams were not read in time, and are missing here.

        The recording continues, and is Cut.
        """
        if self._reference is not None:
            return
        self._moment = moment
        self._bytes.gap(size)
        self._is_incomplete()
        self._copying.lost()
        self._note(GapNote(bytes=size))

    def flush(self) -> None:
        """Give the kernel what is held: after kill -9 it is in the file.

        A file that was removed, replaced or cut is a failure like that of a disk.
        """
        if self._state == "Failed" or self._reference is not None:
            return
        self._add_all(self._writer.header())
        self._write()
        try:
            self._file.check()
        except OSError as error:
            self._fail(error)

    def stop(self, moment: int, reason: str) -> None:
        """Record nothing more: cut, for a reason that is the caller's."""
        self._moment = moment
        self._stop("Cut", clean(reason))
        self.flush()

    def finish(
        self,
        moment: int,
        outcome: Outcome | None = None,
        *,
        reason: str = "",
        input_sha256: str = "",
        passed: StreamBytes | None = None,
        synced: bool = True,
        unsettled: Callable[[str], None] = lambda reason: None,
    ) -> RecordingReference:
        """Write the end, give the file its name, and say what it is worth; again, say it again.

        ``reason`` is why the session ended where the container's side gave no outcome, and
        ``input_sha256`` that of what was sent without a terminal. ``passed`` is what has passed as
        the tunnel's side knows it, gaps included; without it what was taken. A file that the disk
        refused from its first byte is removed, and one that is not there as it was written is left
        alone: the reference has no SHA-256 and 0 bytes. With ``synced`` this waits for the disk,
        twice. Without, it does not, and the file gets its name with the next
        ``RecordingStore.settle``; ``unsettled`` hears why it did not.
        """
        if self._reference is not None:
            return self._reference
        self._moment = moment
        self._passed = passed
        for note in self._notes.rest():
            self._note(note)
        if not self._reason:
            rest, copied = self._copying.end()
            self._bytes.copy((), rest)
            self._add_all(self._writer.take(moment, rest))
            self._add_all(self._writer.close(moment))
            for one in copied:
                self._note(one)
                if isinstance(one, CopyEndNote) and one.unread:
                    # Bytes that are neither recorded nor named.
                    self._bytes.unread(one.unread)
                    self._is_incomplete()
        self._check_room()
        end = end_note(
            outcome,
            reason,
            *self._bytes.passed(passed),
            missing_bytes=self.missing,
            input_sha256=input_sha256,
            state=self._state,
        )
        self._held.add_all(self._writer.note(moment, end))
        self._append(last=True)
        target = self._file.path.with_name(self._file.path.name.removesuffix(PART))
        if self._held.header:
            self._reference = RecordingReference(path=str(target), state=self._state)
            self._bytes.gone()
            self._remove()
            return self._reference
        is_there = self._may_be_named(target)
        if synced and is_there:
            try:
                self._file.finish(target)
            except OSError as error:
                self._fail(error)
        is_settling = is_there and not synced
        self._reference = RecordingReference(
            path=str(target) if is_settling else self.path,
            state=self._state,
            sha256=self._file.sha256 if is_there else "",
            bytes=self._file.size if is_there else 0,
        )
        if is_settling:
            self._settling.add(self._file, target, unsettled)
        else:
            self._file.close()
            self._on_finished(self)
        return self._reference

    def _may_be_named(self, target: Path) -> bool:
        """Whether what was written is there, and its name is free."""
        try:
            self._file.check()
            refuse_taken(target)
        except OSError as error:
            self._bytes.gone()
            self._fail(error)
            return False
        return True

    def discard(self) -> None:
        """Remove the file: the session did not take place. What is finished stays."""
        if self._reference is None:
            self._reason = self._reason or "discarded"
            self._remove()

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            self._usage.forget(self._file.path, self._file.size)
        self._file.close()

    # --- the file -----------------------------------------------------------------

    def _is_incomplete(self) -> None:
        if self._state == "Complete":
            self._state = "Cut"

    def _note(self, note: Note) -> int:
        """Add a note; the bytes that it took."""
        if self._reason or self._reference is not None:
            return 0
        return self._add_all(self._writer.note(self._moment, note), RESERVE // 2)

    def _add_all(self, written: Sequence[bytes], reserve: int = RESERVE) -> int:
        """Hold what the writer has returned last, and return how long it is.

        ``reserve`` bytes of the bound are left for others.
        """
        total, room = 0, self._maximum - min(reserve, self._maximum // 4)
        for lines, size in self._held.after_header(written, self._writer.sizes):
            total += len(lines)
            if self._reason:
                continue
            if not self._maximum:
                self._held.add(lines, size)
            elif not self._held.fit(lines, size, room - self._file.size - len(self._held)):
                self._stop("Cut", f"{TOO_LARGE} ({in_words(self._maximum)})")
        return total

    def _stop(self, state: RecordingState, reason: str) -> None:
        if self._reason or self._reference is not None:
            return
        self._state = state
        self._reason = reason
        note = StoppedNote(state="Failed" if state == "Failed" else "Cut", reason=reason)
        self._held.add_all(self._writer.note(self._moment, note))
        self._on_stopped(state, reason)

    def _write(self) -> None:
        if self._held:
            self._check_room()
            self._append()

    def _check_room(self) -> None:
        if self._reason:
            return
        if fault := self._usage.fault(len(self._held)):
            # What must remain free has room for what clients have already. Under a hard bound what
            # is held does not fit either; header and notes are small enough to try.
            if fault != NEARLY_FULL:
                self._held.drop()
            self._stop("Cut", fault)

    def _append(self, *, last: bool = False) -> None:
        """Give the kernel what is held."""
        lines = self._held.joined
        try:
            piece = self._form.piece(lines, self._writer.seconds) if lines else b""
            if last:
                piece += self._form.ending()
            if piece:
                self._file.append(piece)
                self._usage.grew(len(piece))
            self._held.wrote()
        except OSError as error:
            self._held.drop()
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        """The disk refused: what is in the file stays, the rest is not recorded."""
        self._stop("Failed", reason_of(error))
        self._state = "Failed"
