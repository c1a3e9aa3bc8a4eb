"""Objects in memory, with one resourceVersion for all and a history to watch.

Stored objects are never changed in place: a write replaces them, so that the
history and readers share them. Callers must not change what they get.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from auditproxy.apis.attributes import SelectorRequirement
from auditproxy.embedded.answers import (
    MODIFIED,
    Object,
    already_exists,
    bad_request,
    conflict,
    not_found,
)
from auditproxy.embedded.kinds import ResourceType

HISTORY = 4096
"""Changes kept for watches that start in the past."""

_Key = tuple[str, str, str, str]


class TooOld(Exception):  # noqa: N818 - an answer, not a fault
    """The history no longer reaches back to a resourceVersion."""

    def __init__(self, wanted: int, oldest: int) -> None:
        super().__init__(f"too old resource version: {wanted} ({oldest})")


@dataclass(frozen=True, slots=True)
class Change:
    """One write: ``before`` is None for a creation, ``after`` is None for a deletion.

    For a deletion ``last`` is the object with the deletion's resourceVersion.
    """

    version: int
    kind: ResourceType
    namespace: str
    before: Object | None
    after: Object | None
    last: Object


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects of a resource are asked for; an empty namespace means all."""

    namespace: str = ""
    fields: tuple[SelectorRequirement, ...] = ()
    labels: tuple[SelectorRequirement, ...] = ()

    def matches(self, item: Object) -> bool:
        """Whether both selectors and the namespace fit."""
        metadata = item["metadata"]
        if self.namespace and metadata.get("namespace", "") != self.namespace:
            return False
        labels = metadata.get("labels") or {}
        return all(_label_fits(term, labels) for term in self.labels) and all(
            _field_fits(term, item) for term in self.fields
        )


def _label_fits(term: SelectorRequirement, labels: dict[str, str]) -> bool:
    if term.operator == "Exists":
        return term.key in labels
    if term.operator == "DoesNotExist":
        return term.key not in labels
    if term.operator == "In":
        return labels.get(term.key) in term.values
    return labels.get(term.key) not in term.values


_FIELDS = {
    "": frozenset({"metadata.name", "metadata.namespace"}),
    "pods": frozenset(
        {"spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName", "status.phase"}
        | {"spec.hostNetwork", "spec.schedulerName", "status.podIP", "status.nominatedNodeName"}
    ),
    "nodes": frozenset({"spec.unschedulable"}),
    "namespaces": frozenset({"status.phase"}),
    "secrets": frozenset({"type"}),
    "services": frozenset({"spec.clusterIP", "spec.type"}),
    "jobs": frozenset({"status.successful"}),
    "replicasets": frozenset({"status.replicas"}),
    "events": frozenset(
        {f"involvedObject.{name}" for name in ("kind", "namespace", "name", "uid", "apiVersion")}
        | {"involvedObject.resourceVersion", "involvedObject.fieldPath", "reason", "type"}
        | {"reportingComponent", "source"}
    ),
}


def check_fields(kind: ResourceType, fields: tuple[SelectorRequirement, ...]) -> None:
    """Raise ApiError (400) for a field that selectors do not support."""
    for term in fields:
        if term.key not in _FIELDS[""] and term.key not in _FIELDS.get(kind.resource, ()):
            raise bad_request(f"field label not supported: {term.key}")


def _field_fits(term: SelectorRequirement, item: Object) -> bool:
    value: object = item
    for part in term.key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, bool):
        value = "true" if value else "false"
    text = "" if value is None else str(value)
    if term.key == "spec.unschedulable" and not text:
        text = "false"
    return (text in term.values) == (term.operator == "In")


class Storage:
    """All objects of the embedded API server."""

    def __init__(self, history: int = HISTORY) -> None:
        self._objects: dict[_Key, Object] = {}
        self._version = 1
        self._history: deque[Change] = deque(maxlen=history)
        self._changed = asyncio.Event()

    @property
    def version(self) -> int:
        """The resourceVersion of the last write."""
        return self._version

    def get(self, kind: ResourceType, namespace: str, name: str) -> Object:
        """An object; raises ApiError (404)."""
        found = self._objects.get(_key(kind, namespace, name))
        if found is None:
            raise not_found(kind, name)
        return found

    def list(self, kind: ResourceType, selection: Selection) -> Iterator[Object]:
        """The selected objects, in the order of namespaces and names."""
        keys = sorted(key for key in self._objects if key[:2] == (kind.group, kind.resource))
        for key in keys:
            if selection.matches(self._objects[key]):
                yield self._objects[key]

    def create(
        self, kind: ResourceType, namespace: str, item: Object, *, dry_run: bool = False
    ) -> Object:
        """Store a new object; return it as stored. Raises ApiError (409)."""
        name = item["metadata"]["name"]
        key = _key(kind, namespace, name)
        if key in self._objects:
            raise already_exists(kind, name)
        if dry_run:
            return item
        stored = _with_version(item, self._version + 1)
        self._objects[key] = stored
        self._record(kind, namespace, None, stored, stored)
        return stored

    def update(
        self, kind: ResourceType, namespace: str, item: Object, *, dry_run: bool = False
    ) -> Object:
        """Replace an object; its resourceVersion, if it has one, must be the current one.

        An update that changes nothing does not write. Raises ApiError (404, 409).
        """
        name = item["metadata"]["name"]
        before = self.get(kind, namespace, name)
        current = before["metadata"]["resourceVersion"]
        if item["metadata"].get("resourceVersion") not in (None, "", "0", current):
            raise conflict(kind, name, MODIFIED)
        same = _with_version(item, int(current))
        if dry_run or _without_times(same) == _without_times(before):
            return same if dry_run else before
        stored = _with_version(item, self._version + 1)
        self._objects[_key(kind, namespace, name)] = stored
        self._record(kind, namespace, before, stored, stored)
        return stored

    def delete(
        self, kind: ResourceType, namespace: str, name: str, *, dry_run: bool = False
    ) -> Object:
        """Remove an object; return its last state. Raises ApiError (404)."""
        before = self.get(kind, namespace, name)
        if dry_run:
            return before
        del self._objects[_key(kind, namespace, name)]
        last = _with_version(before, self._version + 1)
        self._record(kind, namespace, before, None, last)
        return last

    def in_namespace(self, namespace: str) -> tuple[tuple[str, str, str], ...]:
        """Group, resource and name of each object in a namespace."""
        return tuple(
            (group, resource, name)
            for group, resource, where, name in self._objects
            if where == namespace
        )

    def changes(self, version: int, wanted: Callable[[Change], bool]) -> tuple[Change, ...]:
        """The wanted changes after a resourceVersion; raises TooOld."""
        # Every write takes the next number, so the history has no holes.
        oldest = self._version - len(self._history)
        if version < oldest:
            raise TooOld(version, oldest)
        return tuple(
            change for change in self._history if change.version > version and wanted(change)
        )

    async def wait(self, version: int) -> None:
        """Return when something was written after ``version``."""
        while self._version <= version:
            await self._changed.wait()

    def _record(
        self,
        kind: ResourceType,
        namespace: str,
        before: Object | None,
        after: Object | None,
        last: Object,
    ) -> None:
        self._version += 1
        self._history.append(Change(self._version, kind, namespace, before, after, last))
        # Wake the current waiters; later ones wait for the next write.
        self._changed.set()
        self._changed = asyncio.Event()


def _key(kind: ResourceType, namespace: str, name: str) -> _Key:
    return kind.group, kind.resource, namespace if kind.namespaced else "", name


def _with_version(item: Object, version: int) -> Object:
    return {**item, "metadata": {**item["metadata"], "resourceVersion": str(version)}}


def _without_times(item: Object) -> Object:
    """The object without what a write of the same content would change."""
    metadata = {name: value for name, value in item["metadata"].items() if name != "managedFields"}
    managed = [
        {name: value for name, value in entry.items() if name != "time"}
        for entry in item["metadata"].get("managedFields", ())
    ]
    return {**item, "metadata": {**metadata, "managedFields": managed}}
