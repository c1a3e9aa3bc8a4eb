"""Sizes of the client's terminal: a stream of JSON objects, as Go's decoder reads it.

Keys are case-insensitive, an object may span messages and a message may hold several. A value
that is not one of 16 bits ends the handling of sizes, not the session (apiserver
util/proxy/websocket.go, handleResizeEvents).
"""

import json
from typing import Any, NoReturn

from auditproxy.apis.session import Resized

MAXIMUM_SIZE_OBJECT = 4096
"""Bytes of an object that is not complete."""

MAXIMUM_SIZES = 4000
"""Sizes of one session; each costs microseconds."""

_LARGEST = 65535
_SPACES = b" \t\r\n"
_QUOTE, _BACKSLASH = 0x22, 0x5C
_OPENING, _CLOSING = b"{[", b"}]"


class _Object(list[tuple[str, Any]]):
    """The members of an object, in order and with those that are there twice."""


class ResizeReader:
    """Reads the sizes of one session."""

    __slots__ = ("_depth", "_ended", "_escaped", "_held", "_left", "_quoted")

    def __init__(self) -> None:
        self._held = bytearray()
        self._left = MAXIMUM_SIZES
        self._depth = 0
        self._quoted = self._escaped = self._ended = False

    def close(self) -> None:
        """Read no more sizes."""
        self._ended = True
        self._held.clear()

    def feed(self, data: bytes) -> list[Resized]:
        """Return the sizes that these bytes complete."""
        sizes: list[Resized] = []
        for byte in data:
            if self._ended:
                break
            if not self._held and byte in _SPACES:
                continue
            self._held.append(byte)
            if self._is_complete(byte):
                size = _size(bytes(self._held))
                self._held.clear()
                if size is None:
                    self.close()
                else:
                    sizes.append(size)
                    self._left -= 1
                    self._ended = not self._left
            elif len(self._held) >= MAXIMUM_SIZE_OBJECT:
                self.close()
        return sizes

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
    """Return the size that a JSON value names, None if it is not valid."""
    try:
        members = _decoder.decode(value.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
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


_decoder = json.JSONDecoder(object_pairs_hook=_Object, parse_constant=_not_json)
