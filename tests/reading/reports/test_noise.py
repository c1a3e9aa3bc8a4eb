"""``report noise``: parts of a log, their rules, and what has none."""

from typing import Any

import pytest

from auditproxy.reading.reports.noise import keys_of as part_of
from auditproxy.reading.reports.noise import rule_of
from tests.fakes.trails import event, read
from tests.reading.reports.made import sections

RBAC = "rbac.authorization.k8s.io"


@pytest.mark.parametrize(
    ("made", "kept"),
    [
        (event("update", "leases", user="system:kube-scheduler"), ""),
        (event("delete", "events", user="system:kube-scheduler"), "changes"),
        (event("create", "events", user="system:kube-scheduler"), ""),
        (event("create", "pods", user="system:serviceaccount:a:b"), "changes"),
        (event("patch", "nodes/status", user="system:node:a"), ""),
        (event("list", "pods", user="system:serviceaccount:a:b"), ""),
        (event("list", "pods"), "people"),
        (event("list", "pods", user="system:anonymous"), "no user"),
        (event("list", "secrets", user="system:serviceaccount:a:b"), "secrets"),
        (event("get", "pods/exec", user="system:serviceaccount:a:b"), "sessions"),
        (event("list", "roles", group=RBAC, user="system:serviceaccount:a:b"), "rights"),
        (event("list", "pods", user="system:serviceaccount:a:b", code=403), "refused"),
    ],
)
def test_what_is_kept(made: dict[str, Any], kept: str) -> None:
    """No rule would hide what an auditor asks about."""
    (row,) = sections("noise", made)["parts"].rows
    assert row["kept"] == kept
    assert (row["rule"] is None) == bool(kept)


def test_nodes_and_paths_are_one_part() -> None:
    """Every kubelet is in one group, and paths have a common beginning."""
    groups = ["system:nodes", "system:authenticated"]
    keys = {
        part_of(read(event(user=f"system:node:{n}", name=n) | {"user": {"username": f"system:node:{n}", "groups": groups}}), "")
        for n in "ab"
    }  # fmt: skip
    assert len(keys) == 1
    assert rule_of(next(iter(keys))[0]) == {
        "level": "None",
        "userGroups": ["system:nodes"],
        "verbs": ["get"],
        "resources": [{"group": "", "resources": ["pods"]}],
    }
    path = event(user="system:kube-scheduler", objectRef=None, requestURI="/openapi/v3/apis?x=1")
    assert rule_of(part_of(read(path), "")[0]) == {
        "level": "None",
        "users": ["system:kube-scheduler"],
        "verbs": ["get"],
        "nonResourceURLs": ["/openapi/*"],
    }


def test_amounts() -> None:
    """Shares of the whole, and bytes of a day where days are known."""
    robot: dict[str, Any] = {"user": "system:kube-scheduler"}
    made = [event("list", "pods", **robot)] * 3 + [event("list", "nodes", **robot)]
    rows = sections("noise", *made)["parts"].rows
    assert [(row["share"], row["bytes"]) for row in rows] == [(0.75, 3000), (0.25, 1000)]
    assert rows[0]["bytesPerDay"] == 1500
    assert sections("noise", *made, days=None)["parts"].rows[0]["bytesPerDay"] is None
