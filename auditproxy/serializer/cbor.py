"""CBOR (RFC 8949) as Kubernetes uses it, made into JSON.

Kubernetes writes texts and names as byte strings, and bytes as byte strings
under tag 22, to become base64 in JSON (apimachinery
runtime/serializer/cbor/internal/modes). Needs the extra ``cbor``; without it
every body is an error whose text names the extra.
"""

import base64
import math
from datetime import datetime
from typing import Any

from auditproxy.serializer.budget import CHECKED, Budget
from auditproxy.serializer.errors import CBORError
from auditproxy.serializer.json import encode, text_from_bytes

DEPTH_LIMIT = 64
"""Levels of nesting that Kubernetes reads."""
NODES = 4
"""What each item costs of a budget; they are made in one piece, and nothing else runs meanwhile."""
NEEDS_EXTRA = "CBOR is not decoded: install the extra auditproxy[cbor]"

_SELF_DESCRIBED = b"\xd9\xd9\xf7"
_BASE64, _BASE64_URL, _BASE16 = 22, 21, 23
_SHARED, _REFERENCE, _NAMESPACE, _SHORTENED = 28, 29, 256, 25


def to_json(raw: bytes, budget: Budget | None = None) -> bytes:
    """One CBOR item as one line of JSON; raises CBORError and BudgetExceededError."""
    try:
        import cbor2
    except ImportError:
        raise CBORError(NEEDS_EXTRA) from None
    if budget is not None and NODES * len(raw) > budget.nodes:
        # The library makes everything at once; it cannot be asked to stop.
        _spend(raw, budget)
    try:
        value = cbor2.loads(
            raw.removeprefix(_SELF_DESCRIBED),
            # References would let few bytes unfold without end, or into themselves.
            semantic_decoders=dict.fromkeys(
                (_SHARED, _REFERENCE, _NAMESPACE, _SHORTENED), _refuse_reference
            ),
            max_depth=DEPTH_LIMIT,
            allow_duplicate_keys=False,
            strict_hashable_types=True,
        )
    except CBORError:
        raise
    except Exception:
        # The library tells a broken body by several classes, with content in their texts.
        raise CBORError("the body is not CBOR, or not as Kubernetes writes it") from None
    return encode(_for_json(value))


def _spend(raw: bytes, budget: Budget) -> None:
    """Spend a node for each item; what is no CBOR is left for the library to tell."""
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


def _refuse_reference(_: object) -> Any:
    raise CBORError("CBOR references are not decoded")


def _for_json(value: Any) -> Any:
    """The value as JSON has it."""
    if value is None or isinstance(value, str | bool | int):
        return value
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
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    content = getattr(value, "value", None)
    if isinstance(content, bytes):
        tag = getattr(value, "tag", None)
        if tag == _BASE64:
            return base64.b64encode(content).decode()
        if tag == _BASE64_URL:
            return base64.urlsafe_b64encode(content).decode().rstrip("=")
        if tag == _BASE16:
            return content.hex()
    raise CBORError("a CBOR type that JSON does not have")


def _name(key: object) -> str:
    """A member's name."""
    if isinstance(key, bytes):
        return text_from_bytes(key)
    if isinstance(key, str):
        return key
    raise CBORError("a name that is not text")
