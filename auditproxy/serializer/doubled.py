"""Duplicate members of a JSON object, as Go's decoder reads them into a type's fields.

Other readers use the last one. Go decodes each into the value already there: objects
are merged, lists are decoded item by item into the existing items, and null changes
nothing. A Pod may therefore be privileged by a ``spec`` that precedes the one other
readers see.
"""

import re
from json import JSONDecodeError, JSONDecoder
from typing import Any

import msgspec

from auditproxy.serializer import json
from auditproxy.serializer.budget import CHECKED, Budget
from auditproxy.serializer.errors import JSONError

VALUES_LIMIT = 10_000
"""Values, or escapes, of a text that is read in one piece; nothing else runs meanwhile."""

SMALL = 64 * 1024
"""Bytes of a text that is decoded and written again, to compare both."""
NOT_CANONICAL = object()
"""Stands for the value of a text of which it is not known whether a member stands twice."""
_DECODER = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()

_PIECE = 128 * 1024
"""Bytes that are counted at once, so that no other thread waits long."""
_NO_MARKS = bytes(byte for byte in range(256) if byte not in b',{["')

_TEXT = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_NAME_OR_BRACE = re.compile(
    rb'(?:[^"{}]++|' + _TEXT + rb"(?!\s*+:)){0,256}+(?:(" + _TEXT + rb")\s*+:|([{}])|)", re.DOTALL
)
"""The next name or brace, or only some of the values before it: other threads get their turn."""

Pairs = list[tuple[str, Any]]


class _Items(list[Any]):
    """A list, and the items that it had before a shorter one was decoded into it."""

    beyond: tuple[Any, ...] = ()


class _DoubledError(Exception):
    """A member stands twice."""


def _look(pairs: Pairs) -> None:
    if len(dict(pairs)) != len(pairs):
        raise _DoubledError


_LOOKING = JSONDecoder(object_pairs_hook=_look, parse_int=len, parse_float=len)


def is_doubled(raw: bytes, budget: Budget | None = None) -> bool:
    """Whether any object in a JSON text has a duplicate member, comparing names as Go does.

    Does not build the values. The result for invalid JSON is undefined. Raises the
    budget's error for a text that takes too long.
    """
    if _most_values(raw) <= VALUES_LIMIT and raw.count(b"\\") <= VALUES_LIMIT:
        # Ten times faster, but in one piece.
        try:
            _LOOKING.decode(json.normalize(raw).decode())
        except _DoubledError:
            return True
        except (JSONDecodeError, RecursionError):
            pass
        return False
    open_objects: list[set[bytes | str]] = []
    names: set[bytes | str] = set()
    left = CHECKED
    for found in _NAME_OR_BRACE.finditer(raw):
        if found.end() == found.start():
            # An unterminated string. The search would start again at each later quote.
            return False
        name: bytes | str | None = found[1]
        if name is not None:
            if b"\\" in found[1] or not found[1].isascii():
                name = _spelled(found[1])
            if name in names:
                return True
            names.add(name)
        elif found[2] == b"{":
            open_objects.append(names)
            names = set()
        elif found[2] and open_objects:
            names = open_objects.pop()
        left -= 1
        if not left:
            left = CHECKED
            if budget is not None:
                budget.check()
    return False


def canonical_value(raw: bytes) -> Any:
    """Return the value of a small text that is what our encoder writes of it, else NOT_CANONICAL.

    Spaces at the end are ignored. Clients in Go send such texts. No member stands twice in one,
    as it would be written once.
    """
    if len(raw) > SMALL:
        return NOT_CANONICAL
    try:
        json.check_depth(raw)
        value = _DECODER.decode(raw)
        return value if _ENCODER.encode(value) == raw.rstrip() else NOT_CANONICAL
    except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError, JSONError):
        return NOT_CANONICAL


def is_countless(raw: bytes) -> bool:
    """Whether a text has too many values, or escapes in its strings, to be merged.

    Other contents of strings are ignored. Linear; very cheap for small texts.
    """
    escapes = raw.count(b"\\")
    if escapes > VALUES_LIMIT:
        return True
    if _most_values(raw) <= VALUES_LIMIT:
        return False
    if escapes:
        raw = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Quotes and marks alone; two quotes with nothing between change nothing behind them.
    marks = raw.translate(None, _NO_MARKS).replace(b'""', b"")
    values, is_inside = 0, 0
    for start in range(0, len(marks), _PIECE):
        parts = marks[start : start + _PIECE].split(b'"')
        values += sum(map(len, parts[is_inside::2]))
        if values > VALUES_LIMIT:
            return True
        is_inside = (is_inside + len(parts) - 1) % 2
    return False


def _most_values(raw: bytes) -> int:
    """Return an upper bound of a text's values; strings are not distinguished from the rest."""
    return raw.count(b",") + raw.count(b"{") + raw.count(b"[")


def merged(raw: bytes) -> bytes:
    """Return the text with duplicate members merged as Go merges them.

    Where Go's result depends on the type, keep more: values of maps are merged like
    fields, and null clears nothing. Strings may be escaped differently, numbers are
    unchanged; invalid JSON is returned unchanged. Raises JSONError if nested too deeply.
    """
    json.check_depth(raw)

    def merge(pairs: Pairs) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            found[name] = _into(found[name], value) if name in found else value
        return found

    decoder = JSONDecoder(object_pairs_hook=merge, parse_int=_number, parse_float=_number)
    try:
        value = decoder.decode(json.normalize(raw).decode())
    except JSONDecodeError:
        return raw
    return json.encode(value)


def _spelled(name: bytes) -> bytes | str:
    """Return a name as Go reads it if that differs from its bytes; a plain one stays bytes."""
    try:
        text = json.decode(name)
    except JSONError:
        return name
    # Not as Go writes it: a name that needs no escape is compared as it was sent.
    return msgspec.json.encode(text) if text.isascii() else text


def _number(text: str) -> msgspec.Raw:
    """A number in the spelling that it has."""
    return msgspec.Raw(text.encode())


def _into(there: Any, value: Any) -> Any:
    """What is there once a value has been decoded into it."""
    if isinstance(there, dict) and isinstance(value, dict):
        for name, member in value.items():
            there[name] = _into(there[name], member) if name in there else member
        return there
    if isinstance(there, list) and isinstance(value, list) and value:
        before = (*there, *(there.beyond if isinstance(there, _Items) else ()))
        items = _Items(
            _into(before[place], item) if place < len(before) else item
            for place, item in enumerate(value)
        )
        items.beyond = before[len(value) :]
        return items
    return there if value is None else value
