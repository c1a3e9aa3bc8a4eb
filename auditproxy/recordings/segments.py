"""An encrypted recording's file: a tar archive of segments, each a whole age file.

    00000000-0.000000.age        the header line, encrypted
    00000001-12.250000.age       lines up to 12.25 s, encrypted

What is flushed together is one segment, so that a file is readable to its last segment after
kill -9: one age file would be readable to the last 64 KiB that were filled. ``tar`` and ``age``
read it without us. age knows no sender: any process with write access to the folder can replace
or remove segments, which the SHA-256 in the audit trail then shows.

Format: age-encryption.org/v1; POSIX.1-2017 pax, "ustar Interchange Format".
"""

import os
import re
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from auditproxy.recordings.names import SEALED

LARGEST_SEGMENT = 8 * 1024 * 1024
"""Bytes of a segment that are read; ours are below 1 MiB."""

_BLOCK = 512
ARCHIVE_END = 2 * _BLOCK
"""Zero bytes that end an archive."""
_NAME = re.compile(r"[0-9]{8}-([0-9]{1,12}\.[0-9]{6})\.age")


@dataclass(frozen=True, slots=True)
class Segment:
    """Where the encrypted bytes of a segment are, and the time of its last line."""

    offset: int
    size: int
    seconds: str

    @property
    def end(self) -> int:
        """Where the next segment begins."""
        return self.offset + self.size + -self.size % _BLOCK


class SealedForm:
    """The form of an encrypted recording (forms.py); ``encrypt`` makes an age file of bytes.

    ``first`` is the number of the first segment.
    """

    suffix = SEALED

    def __init__(self, encrypt: Callable[[bytes], bytes], first: int = 0) -> None:
        self._encrypt = encrypt
        self._next = first

    def piece(self, lines: bytes, seconds: str) -> bytes:
        """A segment."""
        sealed = self._encrypt(lines)
        member = tarfile.TarInfo(f"{self._next:08d}-{seconds}.age")
        self._next += 1
        member.size = len(sealed)
        member.mode = 0o600
        return member.tobuf(tarfile.USTAR_FORMAT) + sealed + bytes(-len(sealed) % _BLOCK)

    def ending(self) -> bytes:
        """The end of an archive."""
        return bytes(ARCHIVE_END)

    def resumed(self, count: int) -> "SealedForm":
        """The form for what follows ``count`` segments of a file that was left over."""
        return SealedForm(self._encrypt, count)


def segments(descriptor: int) -> Iterator[Segment]:
    """The whole segments of an open file, up to its end or to what is not a segment.

    Raises OSError.
    """
    size = os.fstat(descriptor).st_size
    offset = 0
    while True:
        try:
            member = tarfile.TarInfo.frombuf(
                os.pread(descriptor, _BLOCK, offset), "ascii", "replace"
            )
        except tarfile.TarError:
            return
        match = _NAME.fullmatch(member.name)
        if match is None or not 0 <= member.size <= LARGEST_SEGMENT:
            return
        segment = Segment(offset + _BLOCK, member.size, match[1])
        if segment.end > size:
            return
        yield segment
        offset = segment.end
