"""Sizes of the client's terminal: a stream of JSON objects, as Go's decoder reads it.

Keys are case-insensitive, an object may span messages and a message may hold several. A value
that is not one of 16 bits ends the handling of sizes, not the session (apiserver
util/proxy/websocket.go, handleResizeEvents). A size with a 0 changes nothing (kubelet and
containerd, HandleResizing).
"""

import json
from typing import Any, NoReturn

from auditproxy.apis.session import Resized
from auditproxy.sessions.wire.budget import FrameBudget

MAXIMUM_SIZE_OBJECT = 4096
"""Bytes of an object that is not complete."""

SIZE_COST = 8
"""Bytes of sizes that take as long to read as a small frame; each size is one more."""

TOO_LONG = f"a size of the terminal is longer than {MAXIMUM_SIZE_OBJECT} bytes, or too deep"

_LARGEST = 65535
_SPACES = b" \t\r\n"
_QUOTE, _BACKSLASH = 0x22, 0x5C
_OPENING, _CLOSING = b"{[", b"}]"


class _Object(list[tuple[str, Any]]):
    """The members of an object, in order and with those that are there twice."""


class ResizeReader:
    """Reads the sizes of one session; those that repeat the last one are none.

    Each takes of ``budget``, and none is left out: ``unread`` says why no more can be read although
    the server reads on, "" while all is read.
    """

    __slots__ = (
        "_budget", "_bytes", "_depth", "_ended", "_escaped", "_held", "_last", "_quoted", "unread",
    )  # fmt: skip

    def __init__(self, budget: FrameBudget | None = None) -> None:
        self._budget = FrameBudget() if budget is None else budget
        self._bytes = 0
        self._held = bytearray()
        self._last: Resized | None = None
        self._depth = 0
        self._quoted = self._escaped = self._ended = False
        self.unread = ""

    def close(self) -> None:
        """Read no more sizes."""
        self._ended = True
        self._held.clear()

    def feed(self, data: bytes) -> list[Resized]:
        """Return the sizes that these bytes complete."""
        sizes: list[Resized] = []
        if self._ended:
            return sizes
        found, before = 0, self._bytes // SIZE_COST
        for byte in data:
            if self._is_over():
                break
            self._bytes += 1
            if not self._held and byte in _SPACES:
                continue
            self._held.append(byte)
            if self._is_complete(byte):
                found += 1
                size = self._size()
                if size is not None and size != self._last:
                    self._last = size
                    sizes.append(size)
            elif len(self._held) >= MAXIMUM_SIZE_OBJECT:
                self._lose()
        # What is owed then says how much that was.
        self._budget.spend_apart(found + self._bytes // SIZE_COST - before)
        return sizes

    def _is_over(self) -> bool:
        return self._ended

    def _lose(self) -> None:
        self.unread = TOO_LONG
        self.close()

    def _size(self) -> Resized | None:
        """The size that is complete; None without one, or for one that is not a valid size."""
        value = bytes(self._held)
        self._held.clear()
        try:
            size = _size(value)
        except RecursionError:
            self._lose()
            return None
        if size is None:
            self.close()
            return None
        return size if size.columns and size.rows else None

    def _is_complete(self, byte: int) -> bool:
        """Whether the value that is held ends with this byte."""
        if self._quoted:
            if self._escaped:
                self._escaped = False
            elif byte == _BACKSLASH:
                self._escaped = True
            elif byte == _QUOTE:
                self._quoted = False
        elif byte == _QUOTE:
            self._quoted = True
        elif byte in _OPENING:
            self._depth += 1
        elif byte in _CLOSING:
            self._depth -= 1
        # Of the values that are not objects, only null is accepted; it sets nothing.
        return self._depth <= 0 and (self._held[0] != ord("n") or len(self._held) == len(b"null"))


def _size(value: bytes) -> Resized | None:
    """Return the size that a JSON value names, None if it is not valid.

    Raises RecursionError if it is too deep.
    """
    try:
        members = _decoder.decode(value.decode("utf-8", "replace"))
    except ValueError:
        return None
    if members is None:
        return Resized(0, 0)
    if not isinstance(members, _Object):
        return None
    found = {"width": 0, "height": 0}
    for name, number in members:
        key = name.lower()
        if key not in found or number is None:
            continue
        if type(number) is not int or not 0 <= number <= _LARGEST:
            return None
        found[key] = number
    return Resized(found["width"], found["height"])


def _not_json(name: str) -> NoReturn:
    raise ValueError(name)


def _number(text: str) -> int | float:
    """A number without a point; Go does not read -0 into an unsigned number."""
    return float(text) if text == "-0" else int(text)


_decoder = json.JSONDecoder(object_pairs_hook=_Object, parse_int=_number, parse_constant=_not_json)
