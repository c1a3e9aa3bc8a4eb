"""CBOR (RFC 8949) as Kubernetes uses it, made into JSON.

Kubernetes writes texts and names as byte strings, and bytes as byte strings
under tag 22, to become base64 in JSON (apimachinery
runtime/serializer/cbor/internal/modes). Needs the extra ``cbor``; without it
every body is an error whose text names the extra.

Tags select how a value is decoded. Only those of Kubernetes' CBOR are accepted, each with
a function defined here: the library's own decoders compile expressions and divide numbers
of any size.
"""

import base64
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NoReturn

from auditproxy.serializer.budget import CHECKED, Budget
from auditproxy.serializer.errors import CBORError
from auditproxy.serializer.json import encode, text_from_bytes

DEPTH_LIMIT = 64
"""Levels of nesting that Kubernetes reads."""
NODES = 4
"""What each item costs of a budget; they are made in one piece, and nothing else runs meanwhile."""
NEEDS_EXTRA = "CBOR is not decoded: the extra cbor is not installed"

_SELF_DESCRIBED = b"\xd9\xd9\xf7"
_TIME, _EPOCH, _BASE64_URL, _BASE64, _BASE16, _CBOR = 0, 1, 21, 22, 23, 55799
_INTEGERS = range(-(1 << 63), 1 << 64)
"""What Go's int64 and uint64 hold."""
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
"""RFC 3339; of its digits Python keeps six behind the point."""


def to_json(raw: bytes, budget: Budget | None = None) -> bytes:
    """One CBOR item as one line of JSON; raises CBORError and BudgetExceededError."""
    try:
        import cbor2
    except ImportError:
        raise CBORError(NEEDS_EXTRA) from None
    if budget is not None and NODES * len(raw) > budget.nodes:
        # The library builds everything in one step and cannot be stopped.
        _spend(raw, budget)
    try:
        value = cbor2.loads(
            raw.removeprefix(_SELF_DESCRIBED),
            semantic_decoders=_DECODERS,
            max_depth=DEPTH_LIMIT,
            allow_duplicate_keys=False,
            strict_hashable_types=True,
        )
    except CBORError:
        raise
    except Exception:
        # The library raises several classes for a broken body, with content in their texts.
        raise CBORError("the body is not CBOR, or not as Kubernetes writes it") from None
    return encode(_for_json(value))


def _spend(raw: bytes, budget: Budget) -> None:
    """Spend a node for each item; invalid CBOR is left for the library to report."""
    position, end, items = 0, len(raw), 0
    while position < end:
        major, argument = raw[position] >> 5, raw[position] & 31
        position += 1
        if 24 <= argument < 28:
            length = 1 << (argument - 24)
            argument = int.from_bytes(raw[position : position + length], "big")
            position += length
        elif argument == 31:
            argument = 0
        if major in (2, 3):
            position += argument
        items += NODES
        if items >= CHECKED:
            budget.spend(items)
            items = 0
    budget.spend(items)


def _refuse(*_: object) -> NoReturn:
    raise CBORError("a CBOR tag that Kubernetes does not use")


def _content(value: object, _: object) -> object:
    return value


def _time(value: object, _: object) -> str:
    """Return a time in RFC 3339; only its spelling is checked."""
    text = value.decode("ascii") if isinstance(value, bytes) else value
    if not isinstance(text, str) or _MOMENT.fullmatch(text) is None:
        raise CBORError("a time that is not RFC 3339")
    return _moment(datetime.fromisoformat(text))


def _epoch(value: object, _: object) -> str:
    """A time in seconds since 1970."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CBORError("a time that is not a number")
    return _moment(datetime.fromtimestamp(value, UTC))


def _moment(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _text_of(encode_bytes: Callable[[bytes], str]) -> Callable[[object, object], str]:
    """What reads bytes that become text in JSON in one of the ways that tags name."""

    def read(value: object, _: object) -> str:
        if not isinstance(value, bytes):
            raise CBORError("a tag for bytes on something else")
        return encode_bytes(value)

    return read


class _Decoders(dict[int, Callable[[Any, bool], Any]]):
    """Readers of tags; what is not among them is refused, whatever the library knows of it."""

    def __missing__(self, tag: int) -> Callable[..., NoReturn]:
        return _refuse


_DECODERS = _Decoders(
    {
        _TIME: _time,
        _EPOCH: _epoch,
        _BASE64: _text_of(lambda raw: base64.b64encode(raw).decode()),
        _BASE64_URL: _text_of(lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("=")),
        _BASE16: _text_of(bytes.hex),
        _CBOR: _content,
    }
)
"""The tags of Kubernetes' CBOR (fxamacker/cbor; bignums are forbidden there, too)."""


def _for_json(value: Any) -> Any:
    """The value as JSON has it."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        if value in _INTEGERS:
            return value
        raise CBORError("an integer of more than 64 bits")
    if isinstance(value, bytes):
        return text_from_bytes(value)
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        raise CBORError("infinite, or not a number")
    if isinstance(value, dict):
        return {_name(key): _for_json(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_for_json(item) for item in value]
    raise CBORError("a CBOR type that JSON does not have")


def _name(key: object) -> str:
    """A member's name."""
    if isinstance(key, bytes):
        return text_from_bytes(key)
    if isinstance(key, str):
        return key
    raise CBORError("a name that is not text")
