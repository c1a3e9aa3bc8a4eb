"""Events as kube-apiserver writes them, for tests that read trails."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from auditproxy.reading.meaning.events import TrailEvent
from auditproxy.reading.meaning.facts import RequestFacts
from auditproxy.reading.meaning.requests import SeenEvent, TrailRequest, seen_event

DAY = "2026-11-23T"
COMPLETE, STARTED, RECEIVED, PANIC = (
    "ResponseComplete",
    "ResponseStarted",
    "RequestReceived",
    "Panic",
)


def event(
    verb: str = "get",
    resource: str = "pods",
    name: str = "",
    *,
    user: str = "alice",
    namespace: str = "shop",
    code: int = 200,
    at: str = "10:00:00",
    took: float = 0.004,
    stage: str = COMPLETE,
    audit_id: str = "",
    query: str = "",
    group: str = "",
    **members: Any,
) -> dict[str, Any]:
    """An event; ``resource`` may have a subresource, ``at`` is when the request came."""
    plural, _, subresource = resource.partition("/")
    version = "v1"
    path = f"/apis/{group}/{version}" if group else f"/api/{version}"
    path += f"/namespaces/{namespace}" if namespace else ""
    path += "".join(f"/{part}" for part in (plural, name, subresource) if part)
    reference = {
        "resource": plural,
        "namespace": namespace,
        "name": name,
        "apiGroup": group,
        "apiVersion": version,
        "subresource": subresource,
    }
    hours, minutes, seconds = at.split(":")
    ended = int(hours) * 3600 + int(minutes) * 60 + float(seconds) + took
    clock = f"{int(ended // 3600):02d}:{int(ended // 60 % 60):02d}:{ended % 60:09.6f}"
    made: dict[str, Any] = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": audit_id or f"{verb}-{plural}-{name}-{at}",
        "stage": stage,
        "requestURI": path + (f"?{query}" if query else ""),
        "verb": verb,
        "user": {"username": user, "groups": ["system:authenticated"]} if user else {},
        "sourceIPs": ["192.0.2.7"],
        "userAgent": "kubectl/v1.36.1 (linux/amd64) kubernetes/1d9f0a4",
        "objectRef": {key: value for key, value in reference.items() if value},
        "responseStatus": {"metadata": {}, "code": code},
        "requestReceivedTimestamp": f"{DAY}{at}" + ("Z" if "." in at else ".000000Z"),
        "stageTimestamp": f"{DAY}{clock}Z",
    }
    if stage == RECEIVED:
        del made["responseStatus"]
        made["stageTimestamp"] = made["requestReceivedTimestamp"]
    return made | members


def line_of(members: dict[str, Any]) -> bytes:
    """An event as one line, spelled as kube-apiserver spells it."""
    return json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode()


def write(path: Path, events: Iterable[dict[str, Any]]) -> Path:
    """Write a log."""
    path.write_bytes(b"".join(line_of(one) + b"\n" for one in events))
    return path


def read(members: dict[str, Any]) -> TrailEvent:
    """An event as it is read."""
    import msgspec

    return msgspec.json.decode(line_of(members), type=TrailEvent)


def seen(members: dict[str, Any], origin: str = "") -> SeenEvent:
    """An event as it was found in a trail."""
    return seen_event(read(members), origin)


def request(*stages: dict[str, Any], others: Sequence[dict[str, Any]] = ()) -> TrailRequest:
    """A request of the events of one witness, and of another one."""
    accounts = [tuple(seen(one, "a") for one in stages)]
    if others:
        accounts.append(tuple(seen(one, "b") for one in others))
    return TrailRequest(tuple(accounts))


def facts(*stages: dict[str, Any], others: Sequence[dict[str, Any]] = ()) -> RequestFacts:
    """What is known of such a request."""
    return RequestFacts(request(*stages, others=others))
