"""meta.k8s.io Tables: the columns that kubectl get prints, per resource."""

from collections.abc import Callable, Iterable
from typing import Any

from auditproxy.apis.units import SECOND
from auditproxy.embedded.answers import Object
from auditproxy.embedded.kinds import ResourceType
from auditproxy.serializer.errors import SerializationError
from auditproxy.serializer.times import parse_time

Cells = Callable[[Object, int], list[Any]]
"""The cells of an object at a time in nanoseconds."""


def age(text: str | None, now: int) -> str:
    """The time since ``text`` as kubectl shows it: ``5s``, ``3m20s``, ``2d4h``."""
    if not text:
        return "<unknown>"
    try:
        seconds = max(0, (now - parse_time(text)) // SECOND)
    except SerializationError:
        return "<invalid>"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 10:
        return _two(minutes, "m", seconds % 60, "s")
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return _two(days, "d", hours % 24, "h")
    if days < 365 * 2:
        return f"{days}d"
    return _two(days // 365, "y", days % 365, "d")


def _two(large: int, unit: str, small: int, small_unit: str) -> str:
    return f"{large}{unit}{small}{small_unit}" if small else f"{large}{unit}"


def table(
    kind: ResourceType,
    items: Iterable[Object],
    list_metadata: Object,
    *,
    now: int,
    include: str = "Metadata",
    with_columns: bool = True,
) -> Object:
    """The Table of some objects; ``include`` says what goes along: Metadata, Object or None."""
    columns, cells = _TABLES.get(kind.resource, (_NAMED, _named))
    rows = []
    for item in items:
        row: Object = {"cells": [item["metadata"]["name"], *cells(item, now)]}
        if include == "Object":
            row["object"] = item
        elif include != "None":
            row["object"] = partial(item)
        rows.append(row)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": list_metadata,
        "columnDefinitions": [_NAME_COLUMN, *(_column(column) for column in columns)]
        if with_columns
        else None,
        "rows": rows,
    }


def partial(item: Object) -> Object:
    """An object's metadata alone."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": item["metadata"],
    }


_NAME_COLUMN = {
    "name": "Name",
    "type": "string",
    "format": "name",
    "description": "Name must be unique within a namespace.",
    "priority": 0,
}


def _column(name: str) -> Object:
    """A column of a name; an asterisk in front puts it into ``-o wide`` only."""
    kind = "integer" if name in ("Data", "Secrets", "Up-to-date", "Available") else "string"
    return {
        "name": name.lstrip("*"),
        "type": kind,
        "format": "",
        "description": "",
        "priority": int(name.startswith("*")),
    }


def _created(item: Object, now: int) -> str:
    return age(item["metadata"].get("creationTimestamp"), now)


_NAMED = ("Age",)


def _named(item: Object, now: int) -> list[Any]:
    return [_created(item, now)]


def _created_at(item: Object, now: int) -> list[Any]:
    return [item["metadata"].get("creationTimestamp", "")]


def _pod(item: Object, now: int) -> list[Any]:
    spec, status = item.get("spec", {}), item.get("status", {})
    statuses = status.get("containerStatuses", [])
    ready = sum(bool(entry.get("ready")) for entry in statuses)
    restarts = sum(entry.get("restartCount", 0) for entry in statuses)
    phase = "Terminating" if "deletionTimestamp" in item["metadata"] else status.get("phase", "")
    return [
        f"{ready}/{len(spec.get('containers', ()))}",
        phase or "Unknown",
        str(restarts),
        _created(item, now),
        status.get("podIP") or "<none>",
        spec.get("nodeName") or "<none>",
        status.get("nominatedNodeName") or "<none>",
        "<none>",
    ]


def _containers(template: Object) -> tuple[str, str]:
    containers = template.get("spec", {}).get("containers", [])
    names = ",".join(container.get("name", "") for container in containers)
    return names, ",".join(container.get("image", "") for container in containers)


def _selector(selector: Object | None) -> str:
    labels = (selector or {}).get("matchLabels") or {}
    return ",".join(f"{name}={value}" for name, value in sorted(labels.items())) or "<none>"


def _deployment(item: Object, now: int) -> list[Any]:
    spec, status = item.get("spec", {}), item.get("status", {})
    return [
        f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}",
        status.get("updatedReplicas", 0),
        status.get("availableReplicas", 0),
        _created(item, now),
        *_containers(spec.get("template", {})),
        _selector(spec.get("selector")),
    ]


def _node(item: Object, now: int) -> list[Any]:
    status = item.get("status", {})
    info = status.get("nodeInfo", {})
    ready = any(
        entry.get("type") == "Ready" and entry.get("status") == "True"
        for entry in status.get("conditions", ())
    )
    roles = sorted(
        label.partition("/")[2]
        for label in item["metadata"].get("labels", {})
        if label.startswith("node-role.kubernetes.io/")
    )
    state = "Ready" if ready else "NotReady"
    if item.get("spec", {}).get("unschedulable"):
        state += ",SchedulingDisabled"
    addresses = {entry.get("type"): entry.get("address") for entry in status.get("addresses", ())}
    return [
        state,
        ",".join(roles) or "<none>",
        _created(item, now),
        info.get("kubeletVersion", ""),
        addresses.get("InternalIP", "<none>"),
        addresses.get("ExternalIP", "<none>"),
        info.get("osImage", "<unknown>"),
        info.get("kernelVersion", "<unknown>"),
        info.get("containerRuntimeVersion", "<unknown>"),
    ]


def _service(item: Object, now: int) -> list[Any]:
    spec = item.get("spec", {})
    ports = ",".join(
        f"{port.get('port')}/{port.get('protocol', 'TCP')}" for port in spec.get("ports", ())
    )
    return [
        spec.get("type", ""),
        spec.get("clusterIP") or "<none>",
        spec.get("externalName") or "<none>",
        ports or "<none>",
        _created(item, now),
        _selector({"matchLabels": spec.get("selector")}),
    ]


def _event(item: Object, now: int) -> list[Any]:
    subject = item.get("involvedObject", {})
    seen = item.get("lastTimestamp") or item.get("eventTime")
    return [
        age(seen or item["metadata"].get("creationTimestamp"), now),
        item.get("type", ""),
        item.get("reason", ""),
        f"{subject.get('kind', '').lower()}/{subject.get('name', '')}",
        item.get("message", ""),
    ]


def _job(item: Object, now: int) -> list[Any]:
    spec, status = item.get("spec", {}), item.get("status", {})
    succeeded, wanted = status.get("succeeded", 0), spec.get("completions", 1)
    state = "Complete" if succeeded >= wanted else "Running"
    return [
        state,
        f"{succeeded}/{wanted}",
        "",
        _created(item, now),
        *_containers(spec.get("template", {})),
        _selector(spec.get("selector")),
    ]


def _binding(item: Object, now: int) -> list[Any]:
    role = item.get("roleRef", {})
    return [f"{role.get('kind', '')}/{role.get('name', '')}", _created(item, now)]


_CONTAINER_COLUMNS = ("*Containers", "*Images", "*Selector")
_NODE_ADDRESSES = ("*Internal-IP", "*External-IP")
_NODE_SOFTWARE = ("*OS-Image", "*Kernel-Version", "*Container-Runtime")
_NODE_COLUMNS = ("Status", "Roles", "Age", "Version", *_NODE_ADDRESSES, *_NODE_SOFTWARE)
_POD_PLACE = ("*IP", "*Node", "*Nominated Node", "*Readiness Gates")
_POD_COLUMNS = ("Ready", "Status", "Restarts", "Age", *_POD_PLACE)
_TABLES: dict[str, tuple[tuple[str, ...], Cells]] = {
    "clusterrolebindings": (("Role", "Age"), _binding),
    "clusterroles": (("Created At",), _created_at),
    "configmaps": (
        ("Data", "Age"),
        lambda item, now: [
            len(item.get("data") or {}) + len(item.get("binaryData") or {}),
            _created(item, now),
        ],
    ),
    "deployments": (
        ("Ready", "Up-to-date", "Available", "Age", *_CONTAINER_COLUMNS),
        _deployment,
    ),
    "events": (("Last Seen", "Type", "Reason", "Object", "Message"), _event),
    "jobs": (("Status", "Completions", "Duration", "Age", *_CONTAINER_COLUMNS), _job),
    "leases": (
        ("Holder", "Age"),
        lambda item, now: [
            item.get("spec", {}).get("holderIdentity") or "",
            _created(item, now),
        ],
    ),
    "namespaces": (
        ("Status", "Age"),
        lambda item, now: [item.get("status", {}).get("phase", ""), _created(item, now)],
    ),
    "nodes": (
        _NODE_COLUMNS,
        _node,
    ),
    "pods": (
        _POD_COLUMNS,
        _pod,
    ),
    "rolebindings": (("Role", "Age"), _binding),
    "roles": (("Created At",), _created_at),
    "secrets": (
        ("Type", "Data", "Age"),
        lambda item, now: [
            item.get("type", ""),
            len(item.get("data") or {}),
            _created(item, now),
        ],
    ),
    "serviceaccounts": (
        ("Secrets", "Age"),
        lambda item, now: [len(item.get("secrets") or ()), _created(item, now)],
    ),
    "services": (
        ("Type", "Cluster-IP", "External-IP", "Port(s)", "Age", "*Selector"),
        _service,
    ),
}
