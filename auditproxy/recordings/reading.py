"""Recordings as they are read back: plain, encrypted, and while they are still being written.

Reads a file line by line and holds one line, or one segment of an encrypted one. What a writer
has not finished yet, and what it was killed in, is left out.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from auditproxy.recordings.appending import reason_of
from auditproxy.recordings.encryption import Decrypt, DecryptionError
from auditproxy.recordings.names import PART, SEALED
from auditproxy.recordings.segments import Segment, segments
from auditproxy.sessions.asciicast import LONGEST_LINE
from auditproxy.sessions.castnotes import EndNote, StoppedNote, UnfinishedNote
from auditproxy.sessions.castreader import CastEvent, CastFault, CastHeader, CastNote, CastReader

_BLOCK = 64 * 1024
_ENDLESS = 16 * LONGEST_LINE
"""Bytes without a line end after which nothing is expected any more."""
MOST_FAULTS = 10_000
"""Lines one after the other that cannot be read; the rest of a file is not read then."""
_TAIL = 64 * 1024
"""Bytes at the end in which the notes of the end are looked for."""


class UnreadableRecording(Exception):  # noqa: N818 - what the file is
    """A file that is not a recording, or one that cannot be read; the text is one line."""


class NeedsIdentity(UnreadableRecording):
    """The recording is encrypted, and no identity was given."""


@dataclass(frozen=True, slots=True)
class RecordingSummary:
    """What a recording says without its content.

    ``seconds`` is the time of its last event. ``stopped`` is why nothing was recorded any more;
    where it is "", one that is Cut lacks something in its middle or one direction. Unfinished is
    one that is still being written, or whose proxy was killed.
    """

    path: Path
    header: CastHeader
    state: Literal["Complete", "Cut", "Failed", "Unfinished"]
    end: EndNote | None
    stopped: str
    seconds: float
    size: int


def read_events(path: Path, decrypt: Decrypt | None = None) -> Iterator[CastEvent | CastHeader]:
    """The header, then each event; a line that cannot be read is a CastFault.

    Raises UnreadableRecording: at once for what is not a recording, later for what is damaged.
    """
    reader = CastReader()
    faults = 0
    with _opened(path) as descriptor:
        for line in _lines(path, descriptor, decrypt):
            event = reader.feed(line)
            if reader.header is None:
                reason = event.reason if isinstance(event, CastFault) else "empty"
                raise UnreadableRecording(f"{path}: {reason}")
            faults = _count(path, faults, event)
            if event is not None:
                yield event
            elif reader.count == 1:
                yield reader.header
    if reader.count == 0:
        raise UnreadableRecording(f"{path}: nothing was recorded yet")


def summary_of(path: Path, decrypt: Decrypt | None = None) -> RecordingSummary:
    """A summary, from the beginning and the end of a file; raises UnreadableRecording."""
    with _opened(path) as descriptor:
        reader = CastReader()
        if path.name.removesuffix(PART).endswith(SEALED):
            first, last = _first_and_last(path, descriptor, decrypt)
        else:
            first, last = _plain_first_and_last(descriptor)
        if not first:
            raise UnreadableRecording(f"{path}: nothing was recorded yet")
        fault = reader.feed(first)
        if reader.header is None:
            reason = fault.reason if isinstance(fault, CastFault) else "empty"
            raise UnreadableRecording(f"{path}: {reason}")
        size = os.fstat(descriptor).st_size
        seconds, end, stopped, unfinished = _ending(path, reader, last)
        state: Literal["Complete", "Cut", "Failed", "Unfinished"] = "Complete"
        if stopped is not None:
            state = stopped.state
        elif end is not None:
            state = end.state
        if unfinished or end is None:
            state = "Unfinished"
        reason = stopped.reason if stopped is not None else ""
        return RecordingSummary(path, reader.header, state, end, reason, seconds, size)


def _count(path: Path, faults: int, event: CastEvent | None) -> int:
    """How many lines could not be read, one after the other; raises UnreadableRecording."""
    faults = faults + 1 if isinstance(event, CastFault) else 0
    if faults > MOST_FAULTS:
        raise UnreadableRecording(
            f"{path}: {faults} lines one after the other are not lines of a recording"
        )
    return faults


def _ending(
    path: Path, reader: CastReader, lines: list[bytes]
) -> tuple[float, EndNote | None, StoppedNote | None, bool]:
    seconds, end, stopped, unfinished = 0.0, None, None, False
    faults = 0
    for line in lines:
        event = reader.feed(line)
        faults = _count(path, faults, event)
        if event is None or isinstance(event, CastFault):
            continue
        seconds = max(seconds, event.seconds)
        if isinstance(event, CastNote):
            note = event.note
            end = note if isinstance(note, EndNote) else end
            stopped = note if isinstance(note, StoppedNote) else stopped
            unfinished = unfinished or isinstance(note, UnfinishedNote)
    return seconds, end, stopped, unfinished


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    """A file that is open for reading; whatever the system refuses meanwhile is unreadable."""
    try:
        # A FIFO would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise UnreadableRecording(f"{path} cannot be read: {reason_of(error)}") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UnreadableRecording(f"{path} is not a file")
        yield descriptor
    except OSError as error:
        raise UnreadableRecording(f"{path} cannot be read: {reason_of(error)}") from None
    finally:
        os.close(descriptor)


def _lines(path: Path, descriptor: int, decrypt: Decrypt | None) -> Iterator[bytes]:
    if not path.name.removesuffix(PART).endswith(SEALED):
        yield from _plain_lines(path, descriptor)
        return
    for segment in segments(descriptor):
        opened = _opened_segment(path, descriptor, segment, decrypt)
        start, end = 0, len(opened)
        while start <= end:
            found = opened.find(b"\n", start)
            stop = end if found < 0 else found
            yield opened[start:stop]
            start = stop + 1


def _plain_lines(path: Path, descriptor: int) -> Iterator[bytes]:
    """Every whole line; one that is too long is cut, so that it is not valid.

    The rest of a file is not read where a line does not end, such as in a hole of 4 GB.
    """
    held = b""
    offset = ended = 0
    while block := os.pread(descriptor, _BLOCK, offset):
        offset += len(block)
        if offset - ended > _ENDLESS:
            raise UnreadableRecording(
                f"{path}: what follows byte {ended} has no line ends and is not a recording"
            )
        whole, newline, rest = block.rpartition(b"\n")
        if not newline:
            held = (held + block)[: LONGEST_LINE + 1]
            continue
        yield from (held + whole).split(b"\n")
        held = rest
        ended = offset - len(rest)
    # What has no newline is still being written, or was when the writer ended.


def _opened_segment(
    path: Path, descriptor: int, segment: Segment, decrypt: Decrypt | None
) -> bytes:
    """What a segment holds, without its last line end."""
    if decrypt is None:
        raise NeedsIdentity(f"{path} is encrypted; an identity is needed")
    sealed = os.pread(descriptor, segment.size, segment.offset)
    try:
        return decrypt(sealed).removesuffix(b"\n")
    except DecryptionError as error:
        raise UnreadableRecording(f"{path} cannot be decrypted: {error}") from None


def _plain_first_and_last(descriptor: int) -> tuple[bytes, list[bytes]]:
    """The first line, and whole lines at the end."""
    first, newline, _ = os.pread(descriptor, LONGEST_LINE, 0).partition(b"\n")
    if not newline:
        return b"", []
    size = os.fstat(descriptor).st_size
    start = max(len(first) + 1, size - _TAIL)
    tail = os.pread(descriptor, max(0, size - start), start)
    lines = tail.split(b"\n")[:-1]
    # The first one may be the end of a longer one.
    return first, lines if start == len(first) + 1 else lines[1:]


def _first_and_last(
    path: Path, descriptor: int, decrypt: Decrypt | None
) -> tuple[bytes, list[bytes]]:
    """The first line, and the lines of the last segments."""
    first: Segment | None = None
    last: list[Segment] = []
    for segment in segments(descriptor):
        first = first or segment
        last = [*last[-1:], segment]
    if first is None:
        return b"", []
    header, _, rest = _opened_segment(path, descriptor, first, decrypt).partition(b"\n")
    # Of an empty rest there are no lines, not an empty one.
    parts = [rest] if last[0] is first and rest else []
    parts += [
        _opened_segment(path, descriptor, segment, decrypt)
        for segment in last
        if segment is not first
    ]
    tail = b"\n".join(parts)
    if len(tail) <= _TAIL:
        return header, tail.split(b"\n") if parts else []
    # The first one may be the end of a longer one.
    return header, tail[-_TAIL:].split(b"\n")[1:]
