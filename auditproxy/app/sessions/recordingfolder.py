"""Opens the folder of recordings, and finishes what a killed proxy left there.

recordings without a name --repaired--> their lines in the session log --> their names
"""

import os
import time
from functools import partial
from pathlib import Path

from auditproxy.apis.faults import Unusable
from auditproxy.apis.session import RecordingReference
from auditproxy.app.operatorlog import Report
from auditproxy.app.sessions.killedsessions import end_of_killed, logged_ends
from auditproxy.app.standardstreams import counted
from auditproxy.backends.logfiles.disk import Disk
from auditproxy.files.sessionrecording import USABLE
from auditproxy.options import SessionOptions
from auditproxy.recordings.encryption import Encrypt
from auditproxy.recordings.forms import PlainForm
from auditproxy.recordings.names import PART
from auditproxy.recordings.segments import SealedForm
from auditproxy.recordings.store import RecordingStore
from auditproxy.recordings.upload import RecordingUploads
from auditproxy.recordings.usage import RecordingLimits, RecordingObserver
from auditproxy.supervision.sessionlog import SessionLog

SECONDS_A_DAY = 86400.0
_DISK = Disk()


def _not_uploaded(path: Path) -> None:
    """Recordings stay in their folder."""


def recording_folder(sessions: SessionOptions) -> Path:
    """The folder of recordings as events name it: whole, for readers in other folders."""
    return Path(os.path.abspath(sessions.recording_dir))


def open_store(
    sessions: SessionOptions,
    log: SessionLog,
    report: Report,
    *,
    observer: RecordingObserver,
    encrypt: Encrypt | None = None,
    uploads: RecordingUploads | None = None,
    disk: Disk = _DISK,
) -> RecordingStore:
    """The store of the folder that options name, before anything else is written to ``log``.

    What a killed proxy left gets its line there and its name; raises Unusable.
    """
    store = RecordingStore(
        recording_folder(sessions),
        RecordingLimits(
            per_session=sessions.recording_max_session_size,
            total=sessions.recording_max_total_size,
            minimum_free=sessions.recording_min_free_space,
            maximum_age=sessions.recording_max_age * SECONDS_A_DAY,
        ),
        report,
        wall=time.time,
        monotonic=time.monotonic,
        observer=observer,
        new_form=PlainForm if encrypt is None else partial(SealedForm, encrypt),
        on_finished=_not_uploaded if uploads is None else uploads.offer,
        keep_until_uploaded=uploads is not None,
    )
    named: tuple[RecordingReference, ...] = ()

    def logged(found: tuple[RecordingReference, ...]) -> tuple[RecordingReference, ...]:
        nonlocal named
        named = _log_ends(found, sessions, log, disk)
        return named

    try:
        recovered = store.recover(logged)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise Unusable(
            f"--session-recording-dir {sessions.recording_dir} cannot be used: {why}; {USABLE}"
        ) from None
    cut = sum(reference.state == "Unfinished" for reference in recovered)
    if cut:
        has = sessions.log_path and len(named) == len(recovered)
        said = "; the session log has their SHA-256" if has else ""
        report(
            f"--session-recording-dir {sessions.recording_dir}: {counted(cut, 'recording of a')} "
            f"proxy that was killed {'is' if cut == 1 else 'are'} marked as unfinished{said}"
        )
    left = len(recovered) - len(named)
    if left:
        report(
            f"--session-log-path {sessions.log_path}: the ends of {counted(left, 'session')} of a "
            "proxy that was killed could not be written; the next start writes them, and gives the "
            "recordings their names"
        )
    return store


def _log_ends(
    found: tuple[RecordingReference, ...], sessions: SessionOptions, log: SessionLog, disk: Disk
) -> tuple[RecordingReference, ...]:
    """Write a line for each recording that was found, unless the log has its end already; those
    that need none from a later start.

    One that was finished may have its line: its name comes behind it, here too.
    """
    logged = logged_ends(sessions.log_path)
    due = [reference for reference in found if not logged.has(reference)]
    lines = [
        end_of_killed(reference, time.time_ns(), Path(reference.path + PART)) for reference in due
    ]
    left = {reference.path for reference in due[log.write_first(lines, disk) :]}
    return tuple(reference for reference in found if reference.path not in left)
