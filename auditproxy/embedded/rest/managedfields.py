"""Owners of fields: metadata.managedFields, and server-side apply based on it.

Fields are paths of elements as FieldsV1 spells them: ``f:name`` for a member,
``k:{"name":"app"}`` for an item of a keyed list, which is a field too. Other
lists are one field.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from auditproxy.apis.gotext import go_quote
from auditproxy.apis.status import StatusCause, StatusDetails, failure
from auditproxy.embedded.answers import ApiError, Object
from auditproxy.embedded.rest.patches import merge_key, strategic_merge_patch
from auditproxy.serializer.json import decode, encode

Path = tuple[str, ...]

APPLY = "Apply"
UPDATE = "Update"
_CLIENT_SIDE = "kubectl-client-side-apply"

_SYSTEM_METADATA = frozenset(
    {"name", "namespace", "uid", "resourceVersion", "creationTimestamp", "generation"}
    | {"managedFields", "selfLink", "generateName", "deletionTimestamp"}
    | {"deletionGracePeriodSeconds"}
)


@dataclass(frozen=True, slots=True)
class Manager:
    """The manager, operation and time of a write; ``time`` is RFC 3339."""

    name: str
    operation: str
    time: str
    subresource: str = ""


def fields_of(item: Object, *, with_status: bool) -> dict[Path, Any]:
    """The leaves of an object that a manager can own, with their values."""
    found: dict[Path, Any] = {}
    for name, value in item.items():
        if name in ("apiVersion", "kind") or (name == "status") != with_status:
            continue
        if name == "metadata":
            value = {key: member for key, member in value.items() if key not in _SYSTEM_METADATA}
            if not value:
                continue
        found.update(_leaves(name, value, (f"f:{name}",)))
    return found


def _leaves(name: str, value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict) and value:
        for key, member in value.items():
            yield from _leaves(key, member, (*path, f"f:{key}"))
        return
    key = merge_key(name, value) if isinstance(value, list) else None
    if key is None:
        yield path, value
        return
    for item in value:
        element = "k:" + encode({key: item[key]}).decode()
        yield (*path, element), element
        yield from _leaves("", item, (*path, element))


def _to_tree(paths: set[Path]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path in sorted(paths):
        node = tree
        for element in path:
            node = node.setdefault(element, {})
        if path[-1].startswith("k:"):
            node["."] = {}
    return tree


def _from_tree(tree: Any, path: Path = ()) -> Iterator[Path]:
    if not isinstance(tree, dict) or not tree:
        if path:
            yield path
        return
    for element, below in tree.items():
        if element != ".":
            yield from _from_tree(below, (*path, element))
        elif path and path[-1].startswith("k:"):
            yield path


def with_manager(before: Object | None, after: Object, manager: Manager) -> Object:
    """``after`` with managedFields that say what ``manager`` changed."""
    with_status = manager.subresource == "status"
    old = fields_of(before, with_status=with_status) if before else {}
    new = fields_of(after, with_status=with_status)
    changed = {path for path, value in new.items() if path not in old or old[path] != value}
    if before is not None and not changed and set(old) == set(new):
        return after
    return _with_entries(after, manager, set(new), changed, changed)


def _with_entries(
    item: Object, manager: Manager, present: set[Path], owned: set[Path], taken: set[Path]
) -> Object:
    """Replace the manager's entry; remove the fields it took over from the others' entries."""
    own = set(owned)
    entries = []
    for entry in item["metadata"].get("managedFields") or ():
        paths = set(_from_tree(entry.get("fieldsV1", {})))
        if _is_of(entry, manager):
            if manager.operation == UPDATE:
                own |= paths & present
            continue
        if entry.get("subresource", "") == manager.subresource:
            paths = (paths - taken) & present
        if paths:
            entries.append({**entry, "fieldsV1": _to_tree(paths)})
    if own:
        added = {
            "manager": manager.name,
            "operation": manager.operation,
            "apiVersion": item["apiVersion"],
            "time": manager.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": _to_tree(own),
        }
        if manager.subresource:
            added["subresource"] = manager.subresource
        entries.append(added)
    return {**item, "metadata": {**item["metadata"], "managedFields": entries}}


def _is_of(entry: Object, manager: Manager) -> bool:
    return (
        entry.get("manager") == manager.name
        and entry.get("operation") == manager.operation
        and entry.get("subresource", "") == manager.subresource
    )


def apply(live: Object, configuration: Object, manager: Manager, *, force: bool) -> Object:
    """Server-side apply: merge, and remove what was applied before but not this time.

    Raises ApiError (409) when another manager owns a field that would change.
    """
    with_status = manager.subresource == "status"
    wanted = fields_of(configuration, with_status=with_status)
    present = fields_of(live, with_status=with_status)
    changed = {path for path, value in wanted.items() if present.get(path, path) != value}
    entries = live["metadata"].get("managedFields") or ()
    others: set[Path] = set()
    before: set[Path] = set()
    conflicts: list[tuple[Object, Path]] = []
    for entry in entries:
        paths = set(_from_tree(entry.get("fieldsV1", {})))
        if _is_of(entry, manager):
            before |= paths
            continue
        others |= paths
        if entry.get("manager") == _CLIENT_SIDE and manager.name == "kubectl":
            # kubectl that comes to server-side apply takes over what it applied itself.
            continue
        conflicts += ((entry, path) for path in sorted(paths & changed))
    if conflicts and not force:
        raise _conflicts(conflicts)
    merged = strategic_merge_patch(live, configuration)
    # Remove an item of a list before its members: members without an owner go with it.
    for path in sorted(before - set(wanted) - others, key=len):
        merged = _without(merged, path)
    merged["metadata"] = {
        **merged["metadata"],
        "managedFields": live["metadata"].get("managedFields", []),
    }
    remaining = set(fields_of(merged, with_status=with_status))
    return _with_entries(merged, manager, remaining, set(wanted), changed)


def _conflicts(conflicts: list[tuple[Object, Path]]) -> ApiError:
    causes = tuple(
        StatusCause(
            "FieldManagerConflict",
            f"conflict with {go_quote(entry['manager'])} using {entry['apiVersion']}",
            _spelled(path),
        )
        for entry, path in conflicts
    )
    if len(causes) == 1:
        message = f"Apply failed with 1 conflict: {causes[0].message}: {causes[0].field}"
    else:
        message = f"Apply failed with {len(causes)} conflicts:"
        for owner in dict.fromkeys(cause.message for cause in causes):
            fields = [cause.field for cause in causes if cause.message == owner]
            message += f" {owner}:" + "".join(f"\n- {field}" for field in fields)
    return ApiError(failure(409, "Conflict", message, StatusDetails(causes=causes)))


def _spelled(path: Path) -> str:
    """A path as kube's messages show it: ``.spec.containers[name="app"].image``."""
    text = ""
    for element in path:
        if element.startswith("f:"):
            text += f".{element[2:]}"
        else:
            keys = decode(element[2:].encode())
            text += "[" + ",".join(f"{k}={encode(v).decode()}" for k, v in keys.items()) + "]"
    return text


def _without(item: Object, path: Path) -> Object:
    """The object without one field, and without what is empty because of that."""
    result = copy.deepcopy(item)
    nodes: list[tuple[Any, Any]] = []
    node: Any = result
    for element in path:
        if element.startswith("f:") and isinstance(node, dict) and element[2:] in node:
            nodes.append((node, element[2:]))
            node = node[element[2:]]
        elif element.startswith("k:") and isinstance(node, list):
            keys = decode(element[2:].encode())
            index = next(
                (at for at, entry in enumerate(node) if keys.items() <= entry.items()), None
            )
            if index is None:
                return result
            nodes.append((node, index))
            node = node[index]
        else:
            return result
    parent, last = nodes.pop()
    del parent[last]
    while nodes and not parent and nodes[-1][1] not in ("spec", "metadata"):
        parent, last = nodes.pop()
        del parent[last]
    return result
