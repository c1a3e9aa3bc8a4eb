"""Which rights a request needed, and of whom."""

from typing import Any

import pytest

from auditproxy.reading.rbac.rights import groups_in, keys_of, right_of
from auditproxy.reading.rbac.rules import AskedRight
from tests.fakes.trails import event, read

ALLOW = {"authorization.k8s.io/decision": "allow"}
FORBID = {"authorization.k8s.io/decision": "forbid"}


def needed(made: dict[str, Any]) -> list[tuple[str, str, AskedRight]]:
    """Outcome, user and right of each."""
    return [(key[0], key[1], right_of(key)) for key in keys_of(read(made), "")]


@pytest.mark.parametrize(
    ("made", "outcomes"),
    [
        (event(annotations=ALLOW), ["allowed"]),
        # Admission, a quota or a nested check: RBAC had allowed it.
        (event(code=403, annotations=ALLOW), ["allowed"]),
        (event(code=403, annotations=FORBID), ["refused"]),
        # An impersonation that was refused has no annotation.
        (event(code=403), ["refused"]),
        (event(code=404), ["allowed"]),
        (event(code=401, user=""), []),
        (event(stage="RequestReceived"), []),
    ],
)
def test_outcome(made: dict[str, Any], outcomes: list[str]) -> None:
    """By the decision of the authorizer, and else by the code."""
    assert [outcome for outcome, _, _ in needed(made)] == outcomes


def test_the_name_is_that_of_the_path() -> None:
    """objectRef of a created object has the name of its body."""
    made = event("create", "configmaps", "x") | {"requestURI": "/api/v1/namespaces/shop/configmaps"}
    assert needed(made) == [("allowed", "alice", AskedRight("create", "", "configmaps", "shop"))]
    made = event("list", "pods", query="fieldSelector=metadata.name%3Dx")
    assert needed(made) == [("allowed", "alice", AskedRight("list", "", "pods", "shop", "x"))]


def test_what_is_asked_besides() -> None:
    """A session is also asked as create, and so is what an apply creates; a watch may be a list."""
    exec_right = AskedRight("get", "", "pods/exec", "shop", "p")
    assert [right for _, _, right in needed(event("get", "pods/exec", "p", code=101))] == [
        exec_right,
        AskedRight("create", "", "pods/exec", "shop", "p"),
    ]
    applied = needed(event("patch", "deployments", "web", group="apps", code=201))
    assert [right.verb for _, _, right in applied] == ["patch", "create"]
    assert len(needed(event("patch", "deployments", "web", group="apps"))) == 1
    watched = needed(event("watch", "secrets", query="sendInitialEvents=true&watch=true"))
    assert [right.verb for _, _, right in watched] == ["watch", "list"]
    assert len(needed(event("watch", "secrets", query="watch=true"))) == 1


def test_impersonation() -> None:
    """The rest is the other user's right; groups that servers add are not asked for."""
    acting = {"username": "admin", "groups": ["ops", "system:authenticated"], "extra": {"a": ["b"]}}
    assert needed(event("list", "secrets", impersonatedUser=acting)) == [
        ("allowed", "admin", AskedRight("list", "", "secrets", "shop")),
        ("allowed", "alice", AskedRight("impersonate", "", "users", "", "admin")),
        ("allowed", "alice", AskedRight("impersonate", "", "groups", "", "ops")),
        (
            "allowed",
            "alice",
            AskedRight("impersonate", "authentication.k8s.io", "userextras/a", "", "b"),
        ),
    ]
    robot = {
        "username": "system:serviceaccount:shop:web",
        "groups": ["system:serviceaccounts", "system:serviceaccounts:shop"],
    }
    assert needed(event("list", "secrets", impersonatedUser=robot))[1:] == [
        ("allowed", "alice", AskedRight("impersonate", "", "serviceaccounts", "shop", "web"))
    ]


def test_groups() -> None:
    """Those of the user who is meant."""
    (key,) = keys_of(read(event()), "")
    assert groups_in(key) == ("system:authenticated",)


def test_paths_and_forms_without_a_request_uri() -> None:
    """A path is asked for as it is; without requestURI there is objectRef."""
    made = event(objectRef=None, requestURI="/version?x=1")
    assert needed(made) == [("allowed", "alice", AskedRight("get", path="/version"))]
    made = event("get", "pods/log", "p", requestURI="")
    assert needed(made) == [("allowed", "alice", AskedRight("get", "", "pods/log", "shop", "p"))]
