"""HeldLines: the lines of a recording that wait to be written, and the bytes of streams in them."""

from collections.abc import Iterator, Sequence

from auditproxy.recordings.recordedbytes import RecordedBytes
from auditproxy.sessions.castlines import apart

LONG = 2048
"""Bytes of lines that are kept as they are; shorter ones take less memory when they are joined."""


class HeldLines:
    """Those of one recording, its header apart from the others.

    The header is written before anything else or nothing is: no bound takes it away. ``header`` is
    it while it waits.
    """

    def __init__(self, recorded: RecordedBytes) -> None:
        self._recorded = recorded
        self._has_header = False
        self._lines = bytearray()
        self._long: list[bytes] = []
        """What comes before ``_lines``, copied once, when all is joined."""
        self._size = 0
        self.header = b""

    def __len__(self) -> int:
        return len(self.header) + self._size

    def after_header(
        self, written: Sequence[bytes], sizes: Sequence[int]
    ) -> Iterator[tuple[bytes, int]]:
        """What the writer returned last, each with its bytes of streams; the header is kept."""
        pairs = zip(written, sizes, strict=True)
        if written and not self._has_header:
            self._has_header = True
            self.header, _ = next(pairs)
        return pairs

    def add(self, lines: bytes, size: int = 0) -> None:
        """Hold lines with so many bytes of streams."""
        if len(lines) < LONG:
            self._lines += lines
        else:
            if self._lines:
                self._long.append(bytes(self._lines))
                self._lines.clear()
            self._long.append(lines)
        self._size += len(lines)
        self._recorded.hold(size)

    def fit(self, lines: bytes, size: int, room: int) -> bool:
        """Hold the first of them that take at most ``room`` bytes; whether these are all."""
        if len(lines) <= room:
            self.add(lines, size)
            return True
        for one, part in apart(lines, size):
            if len(one) > room:
                break
            self.add(one, part)
            room -= len(one)
        return False

    def add_all(self, notes: Sequence[bytes]) -> None:
        """Hold the lines of a note that the writer has returned, bound or not."""
        for lines, _ in self.after_header(notes, [0] * len(notes)):
            self.add(lines)

    def drop(self) -> None:
        """Hold no lines any more; the header stays."""
        self._clear()
        self._recorded.drop()

    def wrote(self) -> None:
        """All that was held is written."""
        self.header = b""
        self._clear()
        self._recorded.wrote()

    def _clear(self) -> None:
        self._lines.clear()
        self._long.clear()
        self._size = 0

    @property
    def joined(self) -> bytes:
        """All that is held."""
        if len(self._long) == 1 and not (self.header or self._lines):
            return self._long[0]
        return b"".join((self.header, *self._long, self._lines))
