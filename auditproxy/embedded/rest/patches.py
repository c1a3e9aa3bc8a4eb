"""The patches of the Kubernetes API: JSON patch, merge patch and strategic merge patch.

Values are JSON as Python has it. Nothing is changed in place. Strategic merging
needs to know which lists are keyed: kube-apiserver knows it from the API's types,
this module from a table by field name.
"""

import copy
from collections.abc import Iterable
from typing import Any

_MERGE_KEYS: dict[str, tuple[str, ...]] = {
    "addresses": ("type",),
    "conditions": ("type",),
    "containers": ("name",),
    "env": ("name",),
    "ephemeralContainers": ("name",),
    "hostAliases": ("ip",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "ownerReferences": ("uid",),
    "podIPs": ("ip",),
    "ports": ("containerPort", "port"),
    "secrets": ("name",),
    "taints": ("key",),
    "topologySpreadConstraints": ("topologyKey",),
    "volumeDevices": ("devicePath",),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}
_MERGED_SCALARS = frozenset({"finalizers"})
_ORDER = "$setElementOrder/"
_REMOVE = "$deleteFromPrimitiveList/"
_MISSING = object()


class PatchError(ValueError):
    """The patch is not valid; the text has the reason."""


class PatchMismatchError(PatchError):
    """A JSON patch does not fit the object that it is applied to."""


def json_patch(target: Any, operations: Any) -> Any:
    """Apply an RFC 6902 patch; raises PatchError, PatchMismatchError when it does not fit."""
    if not isinstance(operations, list):
        raise PatchError("a JSON patch is a list of operations")
    result = copy.deepcopy(target)
    for operation in operations:
        if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
            raise PatchError("each operation of a JSON patch is an object with a path")
        name, path = operation.get("op"), _pointer(operation["path"])
        if name in ("add", "replace", "test") and "value" not in operation:
            raise PatchError(f"{name} operation needs a value")
        if name == "add":
            result = _add(result, path, copy.deepcopy(operation["value"]))
        elif name == "replace":
            _read(result, path)
            result = _replace(result, path, copy.deepcopy(operation["value"]))
        elif name == "remove":
            result = _remove(result, path)
        elif name == "test":
            if _read(result, path) != operation["value"]:
                raise PatchMismatchError(f"testing value {operation['path']} failed: test failed")
        elif name in ("move", "copy") and isinstance(operation.get("from"), str):
            source = _pointer(operation["from"])
            value = copy.deepcopy(_read(result, source))
            if name == "move":
                result = _remove(result, source)
            result = _add(result, path, value)
        else:
            raise PatchError(f"Unexpected kind: {name}")
    return result


def _pointer(text: str) -> tuple[str, ...]:
    if not text:
        return ()
    if not text.startswith("/"):
        raise PatchError(f"{text} is not a JSON pointer")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/"))


def _index(items: list[Any], part: str, *, beyond: bool = False) -> int:
    if beyond and part == "-":
        return len(items)
    if not (part.isascii() and part.isdigit() and len(part) < 10):
        raise PatchMismatchError(f"{part} is not an index")
    if int(part) >= len(items) + beyond:
        raise PatchMismatchError(f"index {part} is out of range")
    return int(part)


def _read(value: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list):
            value = value[_index(value, part)]
        else:
            raise PatchMismatchError(f"path does not exist: {part}")
    return value


def _add(value: Any, path: tuple[str, ...], added: Any) -> Any:
    if not path:
        return added
    parent, last = _read(value, path[:-1]), path[-1]
    if isinstance(parent, list):
        parent.insert(_index(parent, last, beyond=True), added)
    elif isinstance(parent, dict):
        parent[last] = added
    else:
        raise PatchMismatchError(f"path does not exist: {last}")
    return value


def _replace(value: Any, path: tuple[str, ...], added: Any) -> Any:
    if not path:
        return added
    parent, last = _read(value, path[:-1]), path[-1]
    parent[_index(parent, last) if isinstance(parent, list) else last] = added
    return value


def _remove(value: Any, path: tuple[str, ...]) -> Any:
    _read(value, path)
    if not path:
        raise PatchError("the whole object cannot be removed")
    parent, last = _read(value, path[:-1]), path[-1]
    del parent[_index(parent, last) if isinstance(parent, list) else last]
    return value


def merge_patch(target: Any, patch: Any) -> Any:
    """Apply an RFC 7386 patch: null removes a member, lists are replaced."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result


def strategic_merge_patch(target: Any, patch: Any) -> Any:
    """Apply a strategic merge patch: keyed lists are merged item by item, ``$patch`` directs.

    Raises PatchError.
    """
    if not isinstance(patch, dict) or not isinstance(target, dict):
        raise PatchError("a strategic merge patch is an object")
    return _merge_objects(target, patch)


def _merge_objects(target: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    directive = patch.get("$patch", _MISSING)
    if directive == "replace":
        plain: dict[str, Any] = _plain(patch)
        return plain
    if directive == "delete":
        return {}
    if directive not in (_MISSING, "merge"):
        raise PatchError(f"Unknown patch type: {directive}")
    for name, value in patch.items():
        if name.startswith("$") and name != "$patch" and not isinstance(value, list):
            raise PatchError(f"{name} is not a list")
    result = dict(target)
    if "$retainKeys" in patch:
        retained = patch["$retainKeys"]
        result = {name: value for name, value in result.items() if name in retained}
    for name, value in patch.items():
        if name.startswith("$"):
            continue
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            old = result.get(name)
            result[name] = _merge_objects(old if isinstance(old, dict) else {}, value)
        elif isinstance(value, list) and isinstance(result.get(name), list):
            result[name] = _merge_lists(name, result[name], value)
        else:
            result[name] = _plain(value)
    for name, value in patch.items():
        if name.startswith(_REMOVE) and isinstance(result.get(name[len(_REMOVE) :]), list):
            field = name[len(_REMOVE) :]
            result[field] = [item for item in result[field] if item not in value]
    for name, value in patch.items():
        if name.startswith(_ORDER) and isinstance(result.get(name[len(_ORDER) :]), list):
            field = name[len(_ORDER) :]
            server = target.get(field)
            before = server if isinstance(server, list) else []
            result[field] = _ordered(field, result[field], value, before)
    return result


def _merge_lists(field: str, target: list[Any], patch: list[Any]) -> list[Any]:
    if field in _MERGED_SCALARS:
        return target + [item for item in patch if item not in target]
    if any(isinstance(item, dict) and item.get("$patch") == "replace" for item in patch):
        return [_plain(item) for item in patch if "$patch" not in item]
    key = merge_key(field, (*target, *patch))
    if key is None:
        return [_plain(item) for item in patch]
    result = list(target)
    for item in patch:
        position = next(
            (at for at, old in enumerate(result) if old.get(key) == item.get(key)), None
        )
        if item.get("$patch") == "delete":
            if position is not None:
                del result[position]
        elif position is None:
            result.append(_plain(item))
        else:
            result[position] = _merge_objects(result[position], item)
    order = [item for item in patch if item.get("$patch") != "delete"]
    return _ordered(field, result, order, target)


def _ordered(field: str, items: list[Any], order: list[Any], server: list[Any]) -> list[Any]:
    """The items with those of a patch in the patch's order, the others in the server's.

    Where both could come next, it is the other one if the server had it earlier,
    so that what a patch adds comes first (apimachinery strategicpatch/patch.go).
    """
    key = merge_key(field, (*items, *order))

    def identity(item: Any) -> Any:
        return item.get(key) if isinstance(item, dict) and key else item

    wanted = [identity(entry) for entry in order]
    places = [identity(entry) for entry in server]
    patched = sorted(
        (item for item in items if identity(item) in wanted),
        key=lambda item: wanted.index(identity(item)),
    )
    others = [item for item in items if identity(item) not in wanted]
    result = []
    while patched and others:
        first, other = identity(patched[0]), identity(others[0])
        known = first in places and other in places
        is_later = known and places.index(other) < places.index(first)
        result.append(others.pop(0) if is_later else patched.pop(0))
    return result + patched + others


def merge_key(field: str, items: Iterable[Any]) -> str | None:
    """Return the member that identifies a list's items; None if the list is atomic."""
    listed = tuple(items)
    for key in _MERGE_KEYS.get(field, ()):
        if listed and all(isinstance(item, dict) and key in item for item in listed):
            return key
    return None


def _plain(value: Any) -> Any:
    """A patch's value without its directives, where there is nothing to merge it with."""
    if isinstance(value, dict):
        return {
            name: _plain(member)
            for name, member in value.items()
            if not name.startswith("$") and member is not None
        }
    if isinstance(value, list):
        return [
            _plain(item)
            for item in value
            if not (isinstance(item, dict) and item.get("$patch") == "delete")
        ]
    return value
