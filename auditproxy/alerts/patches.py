"""What a JSON patch sets (RFC 6902): the object that it would make of nothing.

    [{"op": "add", "path": "/spec/containers/-", "value": V}]  ->  {"spec": {"containers": [V]}}

The object that is patched is not in the event, so what it has already is absent. A list that is
not in the patch itself has all items that the patch sets in it, in the order of the operations:
what stands at an index of it is not known.
"""

import re
from typing import Any

import msgspec

from auditproxy.alerts.projection import plain
from auditproxy.expressions.cel import ExpressionError

MAXIMUM_OPERATIONS = 10_000
"""kube-apiserver's limit for one patch (apiserver endpoints/handlers/patch.go)."""
MAXIMUM_COPIED = 64 * 1024
"""Bytes of JSON that the operations ``copy`` and ``move`` of one patch may repeat."""
DEEPEST = 64
"""Segments of a path."""

_INDEX = re.compile(r"-|-?[0-9]{1,9}")
_NOWHERE: tuple[Any, Any] = ({}, "")


class _Unknown(list[Any]):
    """A list of the object that is patched: only what the patch sets in it is known."""


def patched(operations: list[Any]) -> dict[str, Any]:
    """The members that operations set; raises ExpressionError beyond the bounds above."""
    if len(operations) > MAXIMUM_OPERATIONS:
        raise ExpressionError("the JSON patch has too many operations")
    holder: list[Any] = [{}]
    copied = 0
    try:
        for operation in operations:
            if isinstance(operation, dict):
                copied += _apply(holder, operation)
            if copied > MAXIMUM_COPIED:
                raise ExpressionError("the JSON patch copies too much")
        # As any other body: plain lists, and no deeper than a body may be.
        root = plain(msgspec.json.encode(holder[0]))
    except ExpressionError:
        raise
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise ExpressionError("the JSON patch cannot be read") from None
    return root if isinstance(root, dict) else {}


def _apply(root: list[Any], operation: dict[str, Any]) -> int:
    """Apply one operation to the one item of ``root``; returns the bytes that it copies."""
    kind, path = operation.get("op"), _segments(operation.get("path"))
    if path is None:
        return 0
    if kind in ("add", "replace"):
        _put(root, path, _own(operation.get("value"))[0], insert=kind == "add")
    elif kind == "remove":
        holder, at = _find(root, path)
        if holder is not root and not isinstance(holder, _Unknown) and _has(holder, at):
            del holder[at]
    elif kind in ("copy", "move"):
        holder, at = _find(root, _segments(operation.get("from")) or [])
        if isinstance(holder, _Unknown):
            raise ExpressionError("the JSON patch copies an item of a list that it does not have")
        if _has(holder, at):
            value, size = _own(holder[at])
            if kind == "move" and holder is not root:
                del holder[at]
            _put(root, path, value, insert=True)
            return size
    return 0


def _segments(pointer: Any) -> list[str] | None:
    """The segments of a JSON pointer (RFC 6901); None for what is none."""
    if not isinstance(pointer, str) or (pointer and not pointer.startswith("/")):
        return None
    found = pointer.split("/", DEEPEST + 1)[1:]
    if len(found) > DEEPEST:
        raise ExpressionError("the JSON patch has a path that is too long")
    return [segment.replace("~1", "/").replace("~0", "~") for segment in found]


def _own(value: Any) -> tuple[Any, int]:
    """The value for one place alone, as later operations change it there; its size as JSON."""
    text = msgspec.json.encode(value)
    return msgspec.json.decode(text), len(text)


def _find(root: list[Any], path: list[str]) -> tuple[Any, Any]:
    """Where a path leads: what has it and its key there, which may be absent."""
    holder: Any = root
    at: Any = 0
    for segment in path:
        if isinstance(holder, _Unknown):
            break
        if not _has(holder, at):
            return _NOWHERE
        holder = holder[at]
        at = _index(segment, holder) if isinstance(holder, list) else segment
    return (holder, at) if isinstance(holder, dict | list) else _NOWHERE


def _has(holder: Any, at: Any) -> bool:
    if isinstance(holder, list):
        return isinstance(at, int) and 0 <= at < len(holder)
    return isinstance(holder, dict) and at in holder


def _put(root: list[Any], path: list[str], value: Any, *, insert: bool) -> None:
    """Set a value at a path; whatever lacks on its way is made."""
    holder: Any = root
    at: Any = 0
    for left, segment in zip(range(len(path) - 1, -1, -1), path, strict=True):
        node = holder[at]
        if not isinstance(node, dict | list):
            node = holder[at] = _Unknown() if _INDEX.fullmatch(segment) else {}
        if isinstance(node, dict):
            at = segment
            node.setdefault(at, None)
        else:
            at = len(node) if isinstance(node, _Unknown) else _index(segment, node)
            if at >= len(node) or (insert and not left):
                node.insert(at, None)
                at = min(at, len(node) - 1)
        holder = node
    holder[at] = value


def _index(segment: str, items: list[Any]) -> int:
    """The place in a list, its end for one that is not there; -1 is the last one (json-patch)."""
    if not _INDEX.fullmatch(segment) or segment == "-":
        return len(items)
    index = int(segment)
    if index < 0:
        index += len(items)
    return index if 0 <= index < len(items) else len(items)
