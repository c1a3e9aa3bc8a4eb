"""Creating, changing and deleting objects: metadata, defaults, validity and what follows."""

import secrets
import uuid
from collections.abc import Callable
from typing import Any

from auditproxy.apis.gotext import go_quote
from auditproxy.apis.status import StatusDetails, failure
from auditproxy.apis.units import SECOND
from auditproxy.embedded import kinds
from auditproxy.embedded.answers import ApiError, Object, bad_request, conflict, invalid
from auditproxy.embedded.kinds import ResourceType
from auditproxy.embedded.rest.defaults import faults, with_defaults
from auditproxy.embedded.rest.managedfields import APPLY, Manager, with_manager
from auditproxy.embedded.rest.storage import Storage
from auditproxy.serializer.times import rfc3339

_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"
_KEPT = (
    "uid",
    "creationTimestamp",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)
_UNDELETABLE = frozenset({"default", "kube-system"})
_WITHOUT_GENERATION = frozenset(
    {"configmaps", "secrets", "serviceaccounts", "namespaces", "nodes", "events", "endpoints"}
    | {"services", "leases", "endpointslices", "roles", "rolebindings", "clusterroles"}
    | {"clusterrolebindings"}
)


class Writer:
    """Everything that changes the storage; ``clock`` gives nanoseconds since 1970."""

    def __init__(self, storage: Storage, clock: Callable[[], int]) -> None:
        self._storage = storage
        self._clock = clock
        self._made = 0

    def create(
        self, kind: ResourceType, item: Object, manager: Manager, *, dry_run: bool = False
    ) -> Object:
        """Keep a new object, whose type and namespace have been checked.

        Raises ApiError (400, 404, 409, 422).
        """
        metadata = dict(item["metadata"])
        namespace = metadata.get("namespace", "")
        if metadata.get("resourceVersion"):
            raise bad_request("resourceVersion should not be set on objects to be created")
        if kind.namespaced:
            self._storage.get(kinds.of("namespaces"), "", namespace)
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"] + "".join(
                secrets.choice(_SUFFIX) for _ in range(5)
            )
        for name in (*_KEPT, "managedFields", "selfLink", "resourceVersion"):
            metadata.pop(name, None)
        metadata["uid"] = str(uuid.uuid4())
        metadata["creationTimestamp"] = self.now()
        if kind.resource not in _WITHOUT_GENERATION:
            metadata["generation"] = 1
        item = _in_order({**item, "metadata": metadata})
        if kind.subresource("status"):
            item.pop("status", None)
        if manager.operation == APPLY:
            item = with_manager(None, item, manager)
        self._check(kind, item)
        self._made += 1
        item = with_defaults(kind, item, self.now(), self._made)
        if manager.operation != APPLY:
            item = with_manager(None, item, manager)
        stored = self._storage.create(kind, namespace, item, dry_run=dry_run)
        if kind.resource == "namespaces" and not dry_run:
            self._furnish(stored["metadata"]["name"], manager)
        return stored

    def _furnish(self, namespace: str, manager: Manager) -> None:
        """Create the objects that controllers put into each namespace."""
        for resource, name, more in (
            ("serviceaccounts", "default", {}),
            ("configmaps", "kube-root-ca.crt", {"data": {"ca.crt": ""}}),
        ):
            kind = kinds.of(resource)
            metadata = {"name": name, "namespace": namespace}
            self.create(
                kind,
                {"kind": kind.kind, "apiVersion": "v1", "metadata": metadata, **more},
                Manager("kube-controller-manager", manager.operation, manager.time),
            )

    def update(
        self,
        kind: ResourceType,
        item: Object,
        manager: Manager,
        *,
        dry_run: bool = False,
    ) -> Object:
        """Replace an object, or its status alone when the manager's subresource says so.

        Raises ApiError (404, 409, 422).
        """
        namespace, name = item["metadata"].get("namespace", ""), item["metadata"]["name"]
        before = self._storage.get(kind, namespace, name)
        old = before["metadata"]
        if item["metadata"].get("uid") not in (None, "", old["uid"]):
            raise conflict(
                kind,
                name,
                f"Precondition failed: UID in precondition: {item['metadata']['uid']}, "
                f"UID in object meta: {old['uid']}",
            )
        if manager.subresource == "status":
            version = item["metadata"].get("resourceVersion")
            fields = item["metadata"].get("managedFields") or []
            metadata = {**old, "resourceVersion": version, "managedFields": fields}
            item = {**before, "metadata": metadata, "status": item.get("status") or {}}
        else:
            item = self._replacing(kind, before, item)
        if manager.operation != APPLY:
            item = with_manager(before, item, manager)
        if "deletionTimestamp" in old and not item["metadata"].get("finalizers"):
            return self._storage.delete(kind, namespace, name, dry_run=dry_run)
        return self._storage.update(kind, namespace, _in_order(item), dry_run=dry_run)

    def _replacing(self, kind: ResourceType, before: Object, item: Object) -> Object:
        old = before["metadata"]
        metadata = {name: value for name, value in item["metadata"].items() if name not in _KEPT}
        metadata |= {name: old[name] for name in _KEPT if name in old}
        fields = metadata.get("managedFields")
        if fields is None:
            metadata["managedFields"] = old.get("managedFields", [])
        elif [entry for entry in fields if entry] != fields:
            # A client clears managedFields by sending a list with one empty entry.
            metadata["managedFields"] = []
        result = {**item, "metadata": metadata}
        if kind.subresource("status"):
            result.pop("status", None)
            if "status" in before:
                result["status"] = before["status"]
        self._check(kind, result)
        result = with_defaults(kind, _with_immutable(kind, before, result), self.now(), self._made)
        if "generation" in old and result.get("spec") != before.get("spec"):
            generation = old["generation"] + 1
            result["metadata"] = {**result["metadata"], "generation": generation}
            if kind.resource == "deployments":
                result["status"] = {**result["status"], "observedGeneration": generation}
        return result

    def _check(self, kind: ResourceType, item: Object) -> None:
        found = faults(kind, item)
        if found:
            raise invalid(kind, item["metadata"].get("name") or "", found)

    def delete(
        self,
        kind: ResourceType,
        namespace: str,
        name: str,
        *,
        grace_seconds: int | None = None,
        dry_run: bool = False,
    ) -> tuple[Object, bool]:
        """Delete an object; return its last state, and whether the answer is that state.

        Pods and namespaces are shown as terminating; objects with finalizers stay.
        Raises ApiError (403, 404).
        """
        before = self._storage.get(kind, namespace, name)
        if kind.resource == "namespaces" and name in _UNDELETABLE:
            message = f"namespaces {go_quote(name)} is forbidden: this namespace may not be deleted"
            details = StatusDetails(name=name, kind="namespaces")
            raise ApiError(failure(403, "Forbidden", message, details))
        grace = 0
        if kind.resource == "pods":
            grace = before["spec"].get("terminationGracePeriodSeconds", 30)
            grace = grace if grace_seconds is None else grace_seconds
        finalizers = before["metadata"].get("finalizers")
        if not (grace or finalizers or kind.resource == "namespaces"):
            return self._storage.delete(kind, namespace, name, dry_run=dry_run), False
        leaving = self._terminating(kind, before, grace)
        leaving = self._storage.update(kind, namespace, leaving, dry_run=dry_run)
        if dry_run:
            return leaving, True
        if kind.resource == "namespaces":
            for group, resource, inside in self._storage.in_namespace(name):
                self._storage.delete(kinds.of(resource, group), name, inside)
        if not finalizers:
            self._storage.delete(kind, namespace, name)
        return leaving, True

    def _terminating(self, kind: ResourceType, before: Object, grace: int) -> Object:
        if "deletionTimestamp" in before["metadata"]:
            return before
        metadata: dict[str, Any] = {
            **before["metadata"],
            "deletionTimestamp": rfc3339(self._clock() + grace * SECOND),
            "deletionGracePeriodSeconds": grace,
        }
        leaving = {**before, "metadata": metadata}
        if kind.resource == "namespaces":
            del metadata["deletionGracePeriodSeconds"]
            leaving["status"] = {**before.get("status", {}), "phase": "Terminating"}
        return leaving

    def now(self) -> str:
        """The time as objects carry it."""
        return rfc3339(self._clock())


def _with_immutable(kind: ResourceType, before: Object, item: Object) -> Object:
    """Return the object with the values the server assigned and the client left out."""
    if kind.resource == "services":
        kept = {
            name: before["spec"][name]
            for name in ("clusterIP", "clusterIPs")
            if name in before["spec"]
        }
        return {**item, "spec": {**kept, **(item.get("spec") or {})}}
    if kind.resource == "jobs" and "selector" in before["spec"]:
        spec = {"selector": before["spec"]["selector"], **(item.get("spec") or {})}
        return {**item, "spec": spec}
    return item


def _in_order(item: Object) -> Object:
    """The members in the order in which kube-apiserver writes them."""
    first = {name: item[name] for name in ("kind", "apiVersion", "metadata")}
    last = {"status": item["status"]} if "status" in item else {}
    rest = {name: item[name] for name in item if name not in first and name != "status"}
    return {**first, **rest, **last}
