"""Members that stand twice in one JSON object, as Go's decoder reads them into a type's fields.

Other readers take the last of them. Go decodes each into what is there already:
the members of both objects count, lists are decoded item by item into the items
that were there, and null changes nothing. So a Pod may be privileged by a ``spec``
that stands before the one which everybody sees.
"""

from json import JSONDecodeError, JSONDecoder
from typing import Any

import msgspec

from auditproxy.serializer import json
from auditproxy.serializer.budget import Budget

VALUES_LIMIT = 250_000
"""Commas of a body that is looked at; it is read in one piece, and nothing else runs meanwhile."""

Pairs = list[tuple[str, Any]]


class _FoundError(Exception):
    """A member stands twice."""


class _Items(list[Any]):
    """A list, and the items that it had before a shorter one was decoded into it."""

    beyond: tuple[Any, ...] = ()


def is_countless(raw: bytes) -> bool:
    """Whether a text has more values than are looked at."""
    return raw.count(b",") > VALUES_LIMIT


def merged(raw: bytes, budget: Budget | None = None) -> bytes | None:
    """The text with doubled members merged as Go merges them; None when no member is doubled.

    Where Go's types decide, more is kept: values of maps are merged like fields, null
    clears nothing. Texts are spelled anew, numbers are not. What is no JSON has no doubled
    members. Raises JSONError for a text nested too deeply, and the budget's error.
    """
    json.check_depth(raw)
    text = raw.decode("utf-8", "replace")

    def look(pairs: Pairs) -> None:
        if len(dict(pairs)) != len(pairs):
            raise _FoundError
        if budget is not None:
            budget.spend(len(pairs))

    try:
        JSONDecoder(object_pairs_hook=look, parse_int=len, parse_float=len).decode(text)
    except JSONDecodeError:
        return None
    except _FoundError:
        pass
    else:
        return None

    def merge(pairs: Pairs) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            found[name] = _into(found[name], value) if name in found else value
        if budget is not None:
            budget.spend(len(pairs))
        return found

    decoder = JSONDecoder(object_pairs_hook=merge, parse_int=_number, parse_float=_number)
    try:
        value = decoder.decode(json.normalize(raw).decode())
    except JSONDecodeError:
        return None
    return json.encode(value)


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
