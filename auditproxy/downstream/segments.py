"""Split a client's byte stream at the end of each head and body, before it is parsed.

The parser consumes a segment as a whole. It reports neither where in it a request ended
nor what preceded an error. Given one head or body at a time, parsing does not depend on
TCP segmentation.
"""

import re

HEAD_END = b"\r\n\r\n"
_KEPT = len(HEAD_END) - 1

CHUNKS_AT_ONCE = 8 * 1024
"""Bytes of a chunked body passed on in one piece; they may contain thousands of chunks."""

_SIZE_LINE_LIMIT = 4096
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;[^\r\n]*)?\r\n")


class Pieces:
    """Finds the boundaries; ``body_left`` or ``begin_chunks`` sets which body follows a head.

    Heads and the trailers of a chunked body end with an empty line; the content of chunks is
    not searched for one. A chunk size line that is not understood here is left to the parser
    to refuse. From there on, every empty line is a boundary: at worst there is one boundary
    too many, which is harmless.
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
        """Expect a chunked body next."""
        self._chunked = True
        self._chunk_left = 0
        self._line = b""

    def end(self, data: bytes, start: int) -> tuple[int, bool]:
        """Return where the piece that starts at ``start`` ends, and whether in an empty line."""
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
        """Return the end of as many chunks as one piece may have, or the end of the body."""
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
