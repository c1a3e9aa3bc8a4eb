"""A small trail for the documents: a morning in the namespace shop, in two files.

python -m tests.reading.shop FOLDER
"""

import gzip
import sys
import uuid
from pathlib import Path
from typing import Any

from tests.fakes.trails import COMPLETE, RECEIVED, STARTED, event, line_of

_ALLOWED = {
    "authorization.k8s.io/decision": "allow",
    "authorization.k8s.io/reason": 'RBAC: allowed by RoleBinding "developers/shop" of Role "edit" '
    'to Group "developers"',
}
_REFUSED = {"authorization.k8s.io/decision": "forbid", "authorization.k8s.io/reason": ""}
_MANAGER = "kube-controller-manager/v1.36.1 (linux/amd64) kubernetes/1d9f0a4/system:serviceaccount"
_REPLICASET = "system:serviceaccount:kube-system:replicaset-controller"


def _deployment(replicas: int, image: str) -> dict[str, Any]:
    container = {"name": "app", "image": image}
    return {
        "kind": "Deployment",
        "apiVersion": "apps/v1",
        "metadata": {"name": "web", "namespace": "shop", "generation": replicas},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [container]}}},
    }


def _refused(verb: str, resource: str, name: str, user: str, at: str) -> dict[str, Any]:
    message = f'{resource} "{name}" is forbidden: User "{user}" cannot {verb} resource "{resource}"'
    status = {
        "metadata": {},
        "status": "Failure",
        "reason": "Forbidden",
        "code": 403,
        "message": message,
    }
    return event(
        verb,
        resource,
        name,
        user=user,
        code=403,
        at=at,
        responseStatus=status,
        annotations=_REFUSED,
    )


def rotated() -> list[dict[str, Any]]:
    """The events of the first file, which was rotated and packed."""
    apps: dict[str, Any] = {"group": "apps", "level": "RequestResponse", "annotations": _ALLOWED}
    return [
        event("list", "pods", at="09:00:01", annotations=_ALLOWED),
        event(
            "create", "deployments", "web", at="09:01:12", code=201, requestObject=_deployment(2, "shop:1.0"),
            responseObject=_deployment(2, "shop:1.0"), query="fieldManager=kubectl-client-side-apply", **apps,
        ),
        event("create", "pods", "web-7d4b9", user=_REPLICASET, at="09:01:13", code=201, userAgent=_MANAGER),
        event("create", "pods", "web-x7k2p", user=_REPLICASET, at="09:01:13.2", code=201, userAgent=_MANAGER),
        event(
            "patch", "deployments", "web", at="09:20:40", requestObject={"spec": {"replicas": 5}},
            responseObject=_deployment(5, "shop:1.0"), **apps,
        ),
        _refused("get", "secrets", "db", "bob", "09:31:07"),
    ]  # fmt: skip


def current() -> list[dict[str, Any]]:
    """The events of the file that is being written."""
    watch: dict[str, Any] = {"audit_id": "0f2e7b1a-watch", "at": "10:02:00", "query": "watch=true"}
    shell: dict[str, Any] = {
        "audit_id": "6a1c9d3e-shell", "at": "10:05:30", "annotations": _ALLOWED,
        "query": "command=sh&command=-c&command=cat%20%2Fetc%2Fpasswd&container=app&stdout=true",
    }  # fmt: skip
    login = {"metadata": {}, "status": "Failure", "reason": "Unauthorized", "code": 401}
    return [
        event("watch", "pods", stage=RECEIVED, **watch),
        event("watch", "pods", stage=STARTED, **watch),
        event("get", "pods/exec", "web-7d4b9", stage=RECEIVED, **shell),
        event("get", "pods/exec", "web-7d4b9", stage=STARTED, code=101, **shell),
        event("get", "pods/exec", "web-7d4b9", stage=COMPLETE, code=101, took=42.5, **shell),
        event(
            "list", "secrets", at="10:07:00", user="carol", impersonatedUser={"username": "admin"},
            annotations=_ALLOWED,
        ),
        event(
            "list", "pods", stage=STARTED, at="10:08:15", user="", code=401, responseStatus=login,
            sourceIPs=["198.51.100.9"], userAgent="curl/8.5.0", namespace="",
        ),
        _refused("delete", "deployments", "web", "bob", "10:09:00") | {
            "userAgent": "\x1b[2Jbob\u202e/1.0",
        },
        event(
            "patch", "deployments", "web", at="10:11:02", group="apps", level="RequestResponse",
            requestObject={"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "shop:1.1"}]}}}},
            responseObject=_deployment(5, "shop:1.1"), annotations=_ALLOWED,
        ),
        event("delete", "pods", "web-x7k2p", at="10:12:44", query="dryRun=All", annotations=_ALLOWED),
    ]  # fmt: skip


def _with_id(made: dict[str, Any]) -> dict[str, Any]:
    """The event with an audit ID as servers make them: a UUID, the same every time."""
    return made | {"auditID": str(uuid.uuid5(uuid.NAMESPACE_URL, made["auditID"]))}


def write_shop(folder: Path) -> None:
    """Write the two files into a folder, as a log that is rotated and packed has them."""
    folder.mkdir(parents=True, exist_ok=True)
    first, second = (
        b"".join(line_of(_with_id(one)) + b"\n" for one in events)
        for events in (rotated(), current())
    )
    packed = folder / "audit-2026-11-23T10-00-00.000.log.gz"
    packed.write_bytes(gzip.compress(first, mtime=0))
    (folder / "audit.log").write_bytes(second)


if __name__ == "__main__":
    write_shop(Path(sys.argv[1]))
