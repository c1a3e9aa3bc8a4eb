"""HeldLines: the lines of a recording that wait to be written, and the bytes of streams in them."""

from collections.abc import Iterator, Sequence

from auditproxy.recordings.recordedbytes import RecordedBytes


class HeldLines:
    """Those of one recording, its header apart from the others.

    The header is written before anything else or nothing is: no bound takes it away. ``header`` is
    it while it waits.
    """

    def __init__(self, recorded: RecordedBytes) -> None:
        self._recorded = recorded
        self._has_header = False
        self._lines = bytearray()
        self.header = b""

    def __len__(self) -> int:
        return len(self.header) + len(self._lines)

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
        self._lines += lines
        self._recorded.hold(size)

    def add_all(self, notes: Sequence[bytes]) -> None:
        """Hold the lines of a note that the writer has returned, bound or not."""
        for lines, _ in self.after_header(notes, [0] * len(notes)):
            self.add(lines)

    def drop(self) -> None:
        """Hold no lines any more; the header stays."""
        self._lines.clear()
        self._recorded.drop()

    def wrote(self) -> None:
        """All that was held is written."""
        self.header = b""
        self._lines.clear()
        self._recorded.wrote()

    @property
    def joined(self) -> bytes:
        """All that is held."""
        return self.header + self._lines
