"""A small trail for the documents of reports and of RBAC: some days in the namespace shop.

python -m tests.reading.week FILE
"""

import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.fakes.trails import RECEIVED, STARTED, event, line_of

_ALLOW = {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": ""}
_FORBID = {"authorization.k8s.io/decision": "forbid", "authorization.k8s.io/reason": ""}
_REPORTER = "system:serviceaccount:shop:reporter"
_WEB = "system:serviceaccount:shop:web"
_SCHEDULER = "system:kube-scheduler"
_PYTHON = "OpenAPI-Generator/33.1.0/python"
DAYS = range(23, 28)


def _on(day: int, made: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An event of a day, with what its answer has."""
    code = made.get("responseStatus", {}).get("code", 0)
    changed: dict[str, Any] = {}
    if code not in (0, 401):
        changed["annotations"] = _FORBID if code == 403 else _ALLOW
    for member in ("requestReceivedTimestamp", "stageTimestamp"):
        changed[member] = made[member].replace("2026-11-23", f"2026-11-{day}")
    if made["verb"] == "create":
        # The name of a new object is in the body alone.
        changed["requestURI"] = made["requestURI"].rpartition("/")[0]
    name = f"{day}-{made['auditID']}-{made['user'].get('username', '')}-{made['sourceIPs']}"
    changed["auditID"] = str(uuid.uuid5(uuid.NAMESPACE_URL, name))
    return made | changed | more


def _requests(day: int) -> Iterator[dict[str, Any]]:
    """The last events of the requests of a day."""
    for minute in range(0, 60, 5):
        yield _on(
            day,
            event(
                "update", "leases", "kube-scheduler", user=_SCHEDULER, namespace="kube-system",
                group="coordination.k8s.io", at=f"08:{minute:02d}:00", userAgent="kube-scheduler/v1.36.1",
            ),
        )  # fmt: skip
    for node in ("1", "2"):
        user: dict[str, Any] = {
            "username": f"system:node:node-{node}",
            "groups": ["system:nodes", "system:authenticated"],
        }
        for minute in (1, 11, 21):
            made = event(
                "get",
                "configmaps",
                "settings",
                at=f"08:{minute}:0{node}",
                user=user["username"],
            )
            yield _on(
                day, made, user=user, sourceIPs=[f"10.0.0.{node}"], userAgent="kubelet/v1.36.1"
            )
    service: dict[str, Any] = {"user": _REPORTER, "sourceIPs": ["10.1.0.9"], "userAgent": _PYTHON}
    yield _on(day, event("list", "pods", at="08:30:00", **service))
    yield _on(day, event("get", "configmaps", "settings", at="08:30:01", **service))
    yield _on(
        day,
        event("list", "cronjobs", group="batch", at="08:30:02", **service),
        annotations=_ALLOW | {"k8s.io/deprecated": "true", "k8s.io/removed-release": "1.40"},
    )
    yield _on(day, event("get", "secrets", "db", at="08:30:03", code=403, **service))
    home = ["192.0.2.7"] if day < 26 else ["203.0.113.80"]
    yield _on(day, event("list", "deployments", group="apps", at="09:00:00", sourceIPs=home))
    yield _on(day, event("get", "deployments", "web", group="apps", at="09:01:00", sourceIPs=home))
    if day % 2:
        patched = event("patch", "deployments", "web", group="apps", at="09:02:00", sourceIPs=home)
        yield _on(day, patched)
        yield _on(day, event("get", "pods/log", f"web-{day}", at="09:03:00", sourceIPs=home))
    if day == 24:
        shell = event(
            "get", "pods/exec", "web-24", code=101, at="09:10:00", query="command=sh&tty=true"
        )
        yield _on(day, shell)
        yield _on(
            day,
            event(
                "list",
                "secrets",
                user="carol",
                at="09:20:00",
                impersonatedUser={"username": "admin"},
            ),
        )
    if day == 25:
        yield _on(
            day,
            event(
                "delete", "deployments", "web", user="bob", group="apps", code=403, at="09:30:00"
            ),
        )
        bound = event(
            "create", "rolebindings", "web", user="carol", group="rbac.authorization.k8s.io", code=201, at="09:40:00",
        )  # fmt: skip
        yield _on(day, bound)
    if day == 26:
        login = event(
            "list", "pods", user="", namespace="", stage=STARTED, code=401, at="09:50:00",
            sourceIPs=["198.51.100.9"], userAgent="curl/8.5.0",
        )  # fmt: skip
        yield _on(day, login)
    yield _on(
        day,
        event(
            "create",
            "configmaps",
            "state",
            user=_WEB,
            code=201,
            at="10:00:00",
            sourceIPs=["10.1.0.4"],
        ),
    )
    path = event("get", "", "", user=_WEB, at="10:00:01", sourceIPs=["10.1.0.4"], objectRef=None)
    yield _on(day, path, requestURI="/version")


def lines() -> Iterator[bytes]:
    """The lines of the log."""
    for day in DAYS:
        for made in _requests(day):
            if made["stage"] != STARTED:
                before = made | {
                    "stage": RECEIVED,
                    "stageTimestamp": made["requestReceivedTimestamp"],
                }
                gone = ("responseStatus", "annotations", "impersonatedUser")
                yield line_of({key: value for key, value in before.items() if key not in gone})
            yield line_of(made)


def write_week(path: Path) -> Path:
    """Write the log."""
    path.write_bytes(b"".join(line + b"\n" for line in lines()))
    return path


if __name__ == "__main__":
    write_week(Path(sys.argv[1]))
