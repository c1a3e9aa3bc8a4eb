"""Changes: what a write asked for, and what it changed where the object before it is known.

Pure. A patch says what it sets, not what was there; the object before comes from an earlier answer
in the same trail.
"""

import json
from collections.abc import Iterator
from typing import Any

import msgspec

MOST = 200
"""Changes of one write."""
_DEEPEST = 40
_SERVERS_OWN = frozenset(
    ("managedFields", "resourceVersion", "generation", "creationTimestamp", "uid", "selfLink")
)
"""Members of metadata that every write changes."""
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
HIDDEN = "(hidden)"
_SECRET = {
    "secrets": ("data", "stringData"),
    "serviceaccounts/token": ("status.token",),
    "tokenreviews": ("spec.token",),
}
"""Where objects of a resource have what must not be shown."""
ABSENT = object()
"""In the place of a value: there is none."""


class FieldChange(msgspec.Struct, frozen=True):
    """One field; ``before`` is ABSENT where it was not there, ``after`` where it is removed."""

    path: str
    before: Any
    after: Any
    is_known: bool = True
    """Whether ``before`` is known."""


def submitted(body: Any) -> list[FieldChange]:
    """What the body of a patch sets: a merge patch of either kind, or a list of operations."""
    if isinstance(body, list):
        return list(_operations(body))[:MOST]
    if not isinstance(body, dict) or not body:
        return []
    leaves = _leaves(body, "", 0)
    return [
        FieldChange(path, ABSENT, ABSENT if value is None else value, is_known=False)
        for path, value in _first(leaves)
    ]


def difference(before: Any, after: Any) -> list[FieldChange]:
    """The fields in which two versions of an object differ, without the server's own."""
    old, new = dict(_first(_leaves(before, "", 0))), dict(_first(_leaves(after, "", 0)))
    paths = [*old, *(path for path in new if path not in old)]
    found = [
        FieldChange(path, old.get(path, ABSENT), new.get(path, ABSENT))
        for path in paths
        if old.get(path, ABSENT) != new.get(path, ABSENT)
    ]
    return found[:MOST]


def without_secrets(changes: list[FieldChange], resource: str) -> list[FieldChange]:
    """The changes with HIDDEN in the place of what is secret in objects of this resource."""
    secret = _SECRET.get(resource, ())
    return [
        msgspec.structs.replace(
            change,
            before=change.before if change.before is ABSENT else HIDDEN,
            after=change.after if change.after is ABSENT else HIDDEN,
        )
        if change.path.startswith(secret)
        else change
        for change in changes
    ]


def masked(body: Any, resource: str) -> Any:
    """A body with HIDDEN in the place of what is secret in objects of this resource, or lists."""
    if not isinstance(body, dict) or resource not in _SECRET:
        return body
    if isinstance(body.get("items"), list):
        return body | {"items": [masked(item, resource) for item in body["items"]]}
    shown = dict(body)
    annotations = _within(shown, "metadata", "annotations")
    if annotations is not None and _LAST_APPLIED in annotations:
        # It holds the whole object again.
        shown["metadata"] = shown["metadata"] | {
            "annotations": annotations | {_LAST_APPLIED: HIDDEN}
        }
    for path in _SECRET[resource]:
        first, _, second = path.partition(".")
        inner = shown.get(first)
        if isinstance(inner, dict) and second:
            shown[first] = {**inner, second: HIDDEN} if second in inner else inner
        elif isinstance(inner, dict):
            shown[first] = dict.fromkeys(inner, HIDDEN)
        elif inner is not None:
            shown[first] = HIDDEN
    return shown


def _within(value: Any, *path: str) -> dict[str, Any] | None:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else None


def in_words(change: FieldChange) -> str:
    """``spec.replicas 2 -> 5``; what was there before only where it is known."""
    after = "removed" if change.after is ABSENT else spelled(change.after)
    if not change.is_known:
        return f"{change.path} {after}" if change.after is ABSENT else f"{change.path}={after}"
    before = "none" if change.before is ABSENT else spelled(change.before)
    return f"{change.path} {before} -> {after}"


def spelled(value: Any) -> str:
    """A value of a field in one line: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def summary(changes: list[FieldChange], most: int = 2) -> str:
    """The changes in few words, for a sentence: ``replicas 2 -> 5``; "" where there are many.

    Only short values are shown, and only the last part of a path.
    """
    told = [
        change
        for change in changes
        if not change.path.startswith(("status", "metadata.annotations"))
    ]
    if not 0 < len(told) <= most:
        return ""
    texts = [in_words(msgspec.structs.replace(one, path=_last(one.path))) for one in told]
    return ", ".join(texts) if all(len(text) <= 60 for text in texts) else ""


def _last(path: str) -> str:
    return path.rpartition(".")[2] or path


def _operations(body: list[Any]) -> Iterator[FieldChange]:
    for operation in body:
        if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
            continue
        parts = operation["path"].removeprefix("/").split("/")
        path = ".".join(part.replace("~1", "/").replace("~0", "~") for part in parts)
        if operation.get("op") == "remove":
            yield FieldChange(path, ABSENT, ABSENT, is_known=False)
        elif operation.get("op") in ("add", "replace"):
            yield FieldChange(path, ABSENT, operation.get("value"), is_known=False)


def _first(leaves: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """The first of them: a hostile body may have millions."""
    for count, leaf in enumerate(leaves):
        if count == 50 * MOST:
            return
        yield leaf


def _leaves(value: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Each scalar with its path; members of lists by their name where they have one."""
    if isinstance(value, dict) and value and depth < _DEEPEST:
        for key, member in value.items():
            if _is_left_out(key, path):
                continue
            yield from _leaves(member, f"{path}.{key}" if path else key, depth + 1)
    elif isinstance(value, list) and value and depth < _DEEPEST:
        for place, member in enumerate(value):
            name = member.get("name") if isinstance(member, dict) else None
            yield from _leaves(member, f"{path}[{name if name else place}]", depth + 1)
    else:
        yield path, value


def _is_left_out(key: str, path: str) -> bool:
    if path == "metadata" and key in _SERVERS_OWN:
        return True
    if not path and key in ("apiVersion", "kind"):
        return True
    if path == "metadata.annotations" and key == _LAST_APPLIED:
        return True
    # What a strategic merge patch says of itself, and what every list item is found by.
    return key.startswith("$") or (path.endswith("]") and key == "name")
