"""A part of a large JSON text: the members of given names, in pieces of bounded work.

    text -(members of these names)-> texts -(of each again)-> values

Everything else is passed over without a value being made of it, which is ten times as fast.
"""

import json
from collections.abc import Generator, Iterable
from functools import lru_cache
from typing import Any

import msgspec

from auditproxy.expressions.cel import ExpressionError

MAXIMUM_VALUES = 10_000
"""In one part; the library for CEL takes about 0.5 ms for a thousand."""

MAXIMUM_DEPTH = 32
"""Of members and lists in each other."""

FEW = 64
"""Items of a list that are looked for at first."""

PIECE = 32 * 1024
"""Bytes that are read, or made up for by values, until others have their turn."""

_VALUE = 64
"""Bytes that could be read in the time that a value takes to be made."""
_NOTHING = msgspec.Raw()
_NULL = b"null"
_TOO_MANY = "the bodies have too many values"
_LONG_NUMBER = 19
"""Characters of numbers that may have more than 64 bits."""

Work = Generator[None, None, Any]
"""Yields when others should have their turn; returns the value."""


class Projection:
    """Reads the members of ``names``; null members are left out, as absent ones.

    Raises ExpressionError for texts that are not JSON, and beyond the bounds above.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._members = _decoder_of(frozenset(names))
        self._left = MAXIMUM_VALUES
        self._read = 0

    def value(self, raw: memoryview, depth: int = 0) -> Work:
        """What a text says, as far as the names go."""
        if depth > MAXIMUM_DEPTH:
            raise ExpressionError("the bodies are nested too deeply")
        if self._is_due(_VALUE):
            yield
        self._take(1)
        kind = raw[:1].tobytes()
        try:
            if kind == b"{":
                self._read += len(raw)
                return (yield from self._object(self._members.decoder.decode(raw), depth))
            if kind == b"[":
                self._read += 3 * len(raw)
                return (yield from self._list(raw.tobytes(), depth))
            return plain(raw.tobytes())
        except ExpressionError:
            raise
        except (msgspec.MsgspecError, ValueError, RecursionError):
            raise ExpressionError("the bodies cannot be read") from None

    def _object(self, found: Any, depth: int) -> Work:
        if self._is_due(len(self._members.names)):
            yield
        members = {}
        for field, name in self._members.names:
            raw = memoryview(getattr(found, field))
            if raw and raw[:5].tobytes() != _NULL:
                members[name] = yield from self.value(raw, depth + 1)
        return members

    def _list(self, text: bytes, depth: int) -> Work:
        items = []
        for item in _items(text):
            items.append((yield from self.value(memoryview(item), depth + 1)))
        return items

    def _take(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise ExpressionError(_TOO_MANY)

    def _is_due(self, work: int) -> bool:
        """Whether others should have their turn, after so much more."""
        self._read += work
        if self._read <= PIECE:
            return False
        self._read = 0
        return True


def plain(raw: bytes) -> Any:
    """JSON as values that CEL takes, whatever a client sent in members that no condition reads.

    A number over 64 bits is one with a fraction, or no condition over its event could be
    evaluated. Members that are null are left out, as absent ones. Raises ValueError and
    RecursionError.
    """
    return json.loads(raw, parse_int=_number, object_hook=_without_nulls)


def _number(text: str) -> int | float:
    return int(text) if len(text) < _LONG_NUMBER else float(text)


def _without_nulls(members: dict[str, Any]) -> dict[str, Any]:
    if None in members.values():
        return {name: value for name, value in members.items() if value is not None}
    return members


class _Members:
    """Decoders of objects that keep some members, each as its text."""

    def __init__(self, names: frozenset[str]) -> None:
        self.names = [(f"m{index}", name) for index, name in enumerate(sorted(names))]
        kept = msgspec.defstruct(
            "Members",
            [(field, msgspec.Raw, _NOTHING) for field, _ in self.names],
            rename=dict(self.names),
        )
        self.decoder = msgspec.json.Decoder(kept)


def _items(text: bytes) -> list[msgspec.Raw]:
    """The texts of a list's items; one that has too many is not read to its end."""
    for limit in (FEW, MAXIMUM_VALUES):
        try:
            found = _list_of(limit).decode(text)
        except msgspec.ValidationError:
            continue
        return [item for item in msgspec.structs.astuple(found) if item is not None]
    raise ExpressionError(_TOO_MANY)


@lru_cache(maxsize=2)
def _list_of(limit: int) -> msgspec.json.Decoder[Any]:
    """Decodes a list of ``limit`` items at most: a list of texts would be made whole."""
    kept = msgspec.defstruct(
        "Items",
        [(f"i{index}", msgspec.Raw, None) for index in range(limit)],
        array_like=True,
        forbid_unknown_fields=True,
    )
    return msgspec.json.Decoder(kept)


def prepare() -> None:
    """Make what is used for every event; takes 30 ms, once."""
    for limit in (FEW, MAXIMUM_VALUES):
        _list_of(limit)


@lru_cache(maxsize=1024)
def _decoder_of(names: frozenset[str]) -> _Members:
    return _Members(names)
