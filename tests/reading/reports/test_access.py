"""``report access``: which table a request is in, and their order."""

from typing import Any

import pytest

from auditproxy.reading.reports.access import keys_of as access_of
from tests.fakes.trails import event, read
from tests.reading.reports.made import sections

RBAC = "rbac.authorization.k8s.io"


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (event("list", "secrets"), {"secrets"}),
        (event("get", "secrets", group="example.com"), set()),
        (event("get", "secrets", code=403), {"secrets", "refused"}),
        (event("get", "pods/exec"), {"sessions"}),
        (event("create", "pods/attach"), {"sessions"}),
        (event("create", "pods/portforward", code=403), {"sessions", "refused"}),
        (event("patch", "pods/ephemeralcontainers"), {"sessions"}),
        (event("get", "pods/ephemeralcontainers"), set()),
        (event("get", "nodes/proxy"), {"sessions"}),
        (event("get", "pods/log"), set()),
        (event("create", "rolebindings", group=RBAC), {"rights"}),
        (event("list", "rolebindings", group=RBAC), set()),
        (event("create", "serviceaccounts/token"), {"rights"}),
        (event("get", "serviceaccounts"), set()),
        (
            event("update", "certificatesigningrequests/approval", group="certificates.k8s.io"),
            {"rights"},
        ),
        (event("get", impersonatedUser={"username": "admin"}), {"rights"}),
        (event("get", impersonatedUser={"username": "alice"}), set()),
        (event("get", user="", code=401), {"refused"}),
        (event("get"), set()),
    ],
)
def test_access(made: dict[str, Any], expected: set[str]) -> None:
    """Which sections a request is in."""
    assert {key[0] for key in access_of(read(made), "")} == expected


def test_people_come_first() -> None:
    """And then the controllers, who read secrets all day."""
    robot = "system:serviceaccount:argocd:server"
    found = sections(
        "access", *[event("get", "secrets", user=robot)] * 9, event("list", "secrets"),
    )["secrets"]  # fmt: skip
    assert [(row["who"], row["requests"]) for row in found.rows] == [
        ("alice", 1),
        ("argocd/server", 9),
    ]
