"""Where a client's bytes are cut before the parser sees them: at the end of each head and body.

The parser reads a segment as a whole and tells neither where in it a request
ended nor what came before an error. Given one head or body at a time it reads
each request alike, however the bytes are cut into segments.
"""

import re

HEAD_END = b"\r\n\r\n"
_KEPT = len(HEAD_END) - 1

CHUNKS_AT_ONCE = 8 * 1024
"""Bytes of a chunked body in one piece: they may be thousands of chunks."""

_SIZE_LINE_LIMIT = 4096
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;[^\r\n]*)?\r\n")


class Pieces:
    """Finds the ends; what body follows a head is told by ``body_left`` or ``begin_chunks``.

    Heads and the trailers of a chunked body end with an empty line. Inside chunks
    none is looked for. A chunk's first line that is not understood here is the
    parser's to refuse; from there on each empty line is an end, one cut too many
    at worst, which harms nothing.
    """

    __slots__ = ("_chunk_left", "_chunked", "_line", "_tail", "body_left")

    def __init__(self) -> None:
        self.body_left = 0
        self._chunked = False
        self._chunk_left = 0
        self._line = b""
        self._tail = b""

    @property
    def in_chunks(self) -> bool:
        """Whether the next bytes belong to a chunked body."""
        return self._chunked

    def begin_chunks(self) -> None:
        """A chunked body follows."""
        self._chunked = True
        self._chunk_left = 0
        self._line = b""

    def end(self, data: bytes, start: int) -> tuple[int, bool]:
        """Where the piece that begins at ``start`` ends, and whether with an empty line."""
        if self.body_left:
            end = min(len(data), start + self.body_left)
            self.body_left -= end - start
            return end, False
        if self._chunked:
            return self._chunks_end(data, start)
        return self._empty_line_end(data, start)

    def _empty_line_end(self, data: bytes, start: int) -> tuple[int, bool]:
        tail, self._tail = self._tail, b""
        if tail:
            found = (tail + data[start : start + _KEPT]).find(HEAD_END)
            if found >= 0:
                return start + found + len(HEAD_END) - len(tail), True
        found = data.find(HEAD_END, start)
        if found >= 0:
            return found + len(HEAD_END), True
        self._tail = (tail + data[max(start, len(data) - _KEPT) :])[-_KEPT:]
        return len(data), False

    def _chunks_end(self, data: bytes, start: int) -> tuple[int, bool]:
        """As many whole or partial chunks as may come at once, or the end of the body."""
        position, size = start, min(len(data), start + CHUNKS_AT_ONCE)
        while True:
            if self._chunk_left:
                step = min(self._chunk_left, size - position)
                self._chunk_left -= step
                position += step
            if position == size:
                return size, False
            found = data.find(b"\n", position, size)
            if found < 0:
                self._line += data[position:size]
                if len(self._line) > _SIZE_LINE_LIMIT:
                    self._chunked = False
                return size, False
            line, self._line = self._line + data[position : found + 1], b""
            position = found + 1
            match = _SIZE_LINE.fullmatch(line)
            length = int(match[1], 16) if match is not None else 0
            if not length:
                self._chunked = False
                self._tail = line[-_KEPT:] if match is None else line[-2:]
                return self._empty_line_end(data, position) if match else (position, False)
            self._chunk_left = length + 2
