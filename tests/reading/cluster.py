"""A small cluster for documents and tests: the trail of its proxy, and that of its API server.

python -m tests.reading.cluster FOLDER

    proxy/              what tests/reading/shop.py writes
    kube-apiserver.log  what the API server behind that proxy has: the proxy impersonates users, asks
                        for reviews of tokens, and others come directly
"""

import json
import sys
import uuid
from pathlib import Path
from typing import Any

from tests.fakes.trails import event, write
from tests.reading.shop import current, rotated, write_shop

PROXY = "system:serviceaccount:auditproxy:auditproxy"
ADDRESS = "10.1.0.5"


def _named(made: dict[str, Any]) -> dict[str, Any]:
    return made | {"auditID": str(uuid.uuid5(uuid.NAMESPACE_URL, made["auditID"]))}


def _as_the_server_has_it(made: dict[str, Any]) -> dict[str, Any]:
    """The same request, made by the proxy as its user, two milliseconds later."""
    acting = made.get("impersonatedUser") or made["user"]
    moments = {
        name: made[name].replace(".000000Z", ".002000Z")
        for name in ("requestReceivedTimestamp", "stageTimestamp")
    }
    return (
        made
        | moments
        | {"user": {"username": PROXY}, "impersonatedUser": acting, "sourceIPs": [ADDRESS]}
    )


def server() -> list[dict[str, Any]]:
    """The events of the API server."""
    # What the proxy refused never came here, and the server's policy has no watches.
    found = [
        _as_the_server_has_it(one)
        for one in (*rotated(), *current())
        if one["user"] and one["verb"] != "watch"
    ]
    for one in found:
        if one["verb"] == "patch" and one["requestReceivedTimestamp"].startswith(
            "2026-11-23T10:11"
        ):
            one["impersonatedUser"] = {"username": "mallory"}
    reused = found[0]["auditID"]
    review: dict[str, Any] = {
        "namespace": "",
        "group": "authentication.k8s.io",
        "userAgent": "auditproxy/1.0",
    }
    return [_named(one) for one in (
        *found,
        event("create", "tokenreviews", user=PROXY, code=201, at="09:30:00", sourceIPs=[ADDRESS], **review),
        event("update", "leases", "worker-1", user="system:node:worker-1", namespace="kube-node-lease",
              group="coordination.k8s.io", at="09:40:00", sourceIPs=["10.1.0.9"], userAgent="kubelet/v1.36.1"),
        event("get", "secrets", "db", user="mallory", at="09:33:10", sourceIPs=["10.1.0.66"]),
        event("list", "pods", user="mallory", at="09:45:00", audit_id=reused, sourceIPs=["10.1.0.66"],
              userAgent="curl/8.5.0"),
        event("get", "pods", "late", user="alice", at="11:30:00"),
    )]  # fmt: skip


def cloudwatch(events: list[dict[str, Any]]) -> str:
    """An export of EKS, as filter-log-events gives it."""
    return json.dumps({"events": [{"timestamp": 1, "message": json.dumps(one)} for one in events]})


def gke(made: dict[str, Any]) -> dict[str, Any]:
    """An event as an entry of Cloud Logging."""
    reference = made["objectRef"]
    group = reference.get("apiGroup", "")
    parts = [
        group or "core",
        "v1",
        "namespaces",
        reference.get("namespace", ""),
        reference["resource"],
    ]
    parts += [reference[name] for name in ("name", "subresource") if reference.get(name)]
    method = ".".join(("io.k8s", group or "core", "v1", reference["resource"], made["verb"]))
    return {
        "insertId": f"opaque-{made['auditID']}",
        "timestamp": made["requestReceivedTimestamp"],
        "protoPayload": {
            "serviceName": "k8s.io",
            "methodName": method,
            "resourceName": "/".join(parts),
            "authenticationInfo": {"principalEmail": made["user"].get("username", "")},
            "requestMetadata": {"callerIp": made["sourceIPs"][-1]},
            "status": {"code": 7} if made.get("responseStatus", {}).get("code") == 403 else {},
        },
    }


def write_cluster(folder: Path) -> None:
    """Write both trails, the server's as its log and as an export of EKS."""
    write_shop(folder / "proxy")
    write(folder / "kube-apiserver.log", server())
    (folder / "cloudwatch.json").write_text(cloudwatch(server()), encoding="utf-8")


if __name__ == "__main__":
    write_cluster(Path(sys.argv[1]))
