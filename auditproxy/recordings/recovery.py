"""A recording that a killed proxy left: cut to its last whole line, marked, and given its name.

    left over     --repair-->         without its name, for which a line of the session log is due
                  --name_repaired-->  named, when the log has that line

One that was finished or repaired and has no name yet is not changed: a proxy may be killed between
the two as well, and the next one finds it again.
"""

import errno
import hashlib
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from auditproxy.apis.session import RecordingReference
from auditproxy.recordings.appending import lock, refuse_taken
from auditproxy.recordings.forms import RecordingForm
from auditproxy.recordings.names import PART, SEALED
from auditproxy.recordings.segments import ARCHIVE_END, segments
from auditproxy.sessions.asciicast import LONGEST_LINE, note_lines
from auditproxy.sessions.castnotes import UnfinishedNote

_BLOCK = 256 * 1024
_TIME = re.compile(rb"\[([0-9]{1,12}\.[0-9]{6}), ")
_END = re.compile(rb'\[[0-9.]+, "a", "\{\\"type\\":\\"End\\"[,}]')
"""The note of the end, as asciicast.py writes it: what a stream carried has another code."""
_MARK = re.compile(rb'\[[0-9.]+, "a", "\{\\"type\\":\\"Unfinished\\"[,}]')
"""That of a repair."""
_START = "0.000000"


def repair(
    path: Path, new_form: Callable[[], RecordingForm], report: Callable[[str], None]
) -> RecordingReference | None:
    """Finish the file at ``path``; what it is with its name, or None where nothing is to be kept.

    None for one that another process writes, and for one without a whole line, which is removed.
    Unfinished for one that is cut and marked. One that has its end is left as it is; what it is
    worth is in its end, and not in the reference. So is an encrypted one that was marked before.
    A full disk costs the mark, not the recording.
    ``report`` hears how many bytes were cut off, or removed with the file.
    Raises OSError, also for a file with another name, which may be outside of the folder, and where
    there is a recording of the name that it should get; nothing is done to either.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return None
        try:
            lock(descriptor)
        except BlockingIOError:
            return None
        target = path.with_name(path.name.removesuffix(PART))
        refuse_taken(target)
        if found.st_nlink != 1:
            raise OSError(errno.EMLINK, "it is a hard link: the file has another name")
        end, mark, is_marked = _remains(path, descriptor, new_form)
        if not end:
            path.unlink()
            report(f"{path}: nothing of it is whole; its {found.st_size} bytes are removed")
            return None
        if mark:
            os.ftruncate(descriptor, end)
            if end < found.st_size:
                cut = found.st_size - end
                report(f"{path}: the last {cut} bytes are not whole, and are cut off")
            try:
                if os.pwrite(descriptor, mark, end) != len(mark):
                    os.ftruncate(descriptor, end)
            except OSError:
                os.ftruncate(descriptor, end)
        os.fsync(descriptor)
        digest, size = _digest(descriptor)
        state: Literal["Unfinished", "None"] = "Unfinished" if mark or is_marked else "None"
        return RecordingReference(path=str(target), state=state, sha256=digest, bytes=size)
    finally:
        os.close(descriptor)


def name_repaired(target: Path) -> None:
    """Give a recording its name that ``repair`` returned; the folder is to be synced behind it.

    Raises OSError, also where something has the name already.
    """
    refuse_taken(target)
    os.rename(target.with_name(target.name + PART), target)


def _remains(
    path: Path, descriptor: int, new_form: Callable[[], RecordingForm]
) -> tuple[int, bytes, bool]:
    """Where the last whole piece ends, 0 without one, the mark that is to follow it, and whether
    it has one already.

    No mark for a recording that has its end.
    """
    form = new_form()
    if path.name.endswith(SEALED + PART):
        last = None
        count = 0
        for count, last in enumerate(segments(descriptor), 1):  # noqa: B007 - the last one
            pass
        if last is None:
            return 0, b"", False
        if os.pread(descriptor, ARCHIVE_END + 1, last.end) == bytes(ARCHIVE_END):
            return last.end + ARCHIVE_END, b"", False
        if form.suffix != SEALED:
            # Recordings are not encrypted any more: nothing can be added but the archive's end.
            return last.end, bytes(ARCHIVE_END), False
        form = form.resumed(count)
        return last.end, form.piece(_mark(last.seconds), last.seconds) + form.ending(), False
    end, seconds, last_note = _plain_end(descriptor)
    is_marked = _MARK.match(last_note) is not None
    is_finished = is_marked or _END.match(last_note) is not None
    return end, b"" if is_finished else _mark(seconds), is_marked


def _mark(seconds: str) -> bytes:
    return note_lines(seconds, UnfinishedNote())


def _plain_end(descriptor: int) -> tuple[int, str, bytes]:
    """Where the last whole line ends, 0 without one; its time; and the line before it, b"" where
    the file does not end there.
    """
    size = os.fstat(descriptor).st_size
    end = _last_line_end(descriptor, size)
    # Two lines are needed, each no longer than readers take.
    start = max(0, end - 2 * LONGEST_LINE)
    lines = os.pread(descriptor, end - start, start).rsplit(b"\n", 3)[-3:-1]
    match = _TIME.match(lines[-1]) if lines else None
    # The label of a note follows it, and then nothing.
    last_note = lines[0] if end == size and len(lines) == 2 else b""
    return end, match[1].decode("ascii") if match else _START, last_note


def _last_line_end(descriptor: int, size: int) -> int:
    """Where the last whole line ends, 0 without one.

    A crash of the machine may leave NULs of any length behind it: the file is read from its end
    to there, a block at a time.
    """
    end = size
    while end:
        start = max(0, end - _BLOCK)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _digest(descriptor: int) -> tuple[str, int]:
    """SHA-256 and size of a whole file."""
    digest = hashlib.sha256()
    size = 0
    while block := os.pread(descriptor, _BLOCK, size):
        digest.update(block)
        size += len(block)
    return digest.hexdigest(), size
