"""Where a client's bytes are cut before the parser sees them: at the end of each head and body.

The parser reads a segment as a whole and tells neither where in it a request
ended nor what came before an error. Given one head or body at a time it reads
each request alike, however the bytes are cut into segments.
"""

HEAD_END = b"\r\n\r\n"
_KEPT = len(HEAD_END) - 1


class Pieces:
    """Finds the ends; a body of known length is told by setting ``body_left``.

    A head, and a chunked body with its trailers, end with an empty line; an
    empty line inside a chunk is one cut too many, which harms nothing.
    """

    __slots__ = ("_tail", "body_left")

    def __init__(self) -> None:
        self.body_left = 0
        self._tail = b""

    def end(self, data: bytes, start: int) -> tuple[int, bool]:
        """Where the piece that begins at ``start`` ends, and whether with an empty line."""
        if self.body_left:
            end = min(len(data), start + self.body_left)
            self.body_left -= end - start
            return end, False
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
