"""The columns of a request."""

from typing import Any

import pytest

from auditproxy.reading.meaning.facts import short_user
from auditproxy.reading.meaning.sentences import sentence
from tests.fakes.trails import COMPLETE, PANIC, RECEIVED, STARTED, event, facts


@pytest.mark.parametrize(
    ("stage", "code", "outcome"),
    [
        (COMPLETE, 200, "allowed"),
        (COMPLETE, 403, "forbidden"),
        (COMPLETE, 404, "failed"),
        (STARTED, 401, "unauthenticated"),
        (STARTED, 200, "open"),
        (RECEIVED, 0, "open"),
        (PANIC, 500, "failed"),
        (PANIC, 200, "failed"),
    ],
)
def test_outcomes(stage: str, code: int, outcome: str) -> None:
    """An error in ResponseStarted is an end, for failed logins have no other."""
    one = facts(event(stage=stage, code=code))
    assert one.outcome == outcome
    assert one.is_open == (outcome == "open")


@pytest.mark.parametrize(
    ("name", "kind", "short"),
    [
        ("alice", "human", "alice"),
        ("system:serviceaccount:shop:web", "serviceaccount", "shop/web"),
        ("system:serviceaccount:shop:web:x", "serviceaccount", "system:serviceaccount:shop:web:x"),
        ("system:node:n1", "node", "node/n1"),
        ("system:kube-scheduler", "control-plane", "system:kube-scheduler"),
        ("system:anonymous", "anonymous", "system:anonymous"),
        ("", "unknown", ""),
    ],
)
def test_users(name: str, kind: str, short: str) -> None:
    """What a name says of whose it is, and how it is shown."""
    assert facts(event(user=name)).kind == kind
    assert short_user(name) == short


def test_impersonation() -> None:
    """The actor is the one that was impersonated, and the groups are those of both."""
    one = facts(event(impersonatedUser={"username": "bob", "groups": ["ops"]}))
    assert (one.user, one.impersonated, one.actor) == ("alice", "bob", "bob")
    assert one.groups == ("system:authenticated", "ops")


def test_addresses() -> None:
    """The last address is the connection's, the first one the client's claim."""
    one = facts(event(sourceIPs=["198.51.100.1", "10.0.0.9"]))
    assert (one.claimed_address, one.peer) == ("198.51.100.1", "10.0.0.9")
    assert facts(event(sourceIPs=[])).peer == ""


def test_client() -> None:
    """The program of the user agent."""
    assert facts(event()).client == "kubectl/v1.36.1"
    assert facts(event(userAgent="")).client == ""


def test_command() -> None:
    """Every parameter, decoded, in order; only of a session."""
    one = facts(
        event("get", "pods/exec", "web-1", query="command=sh&command=-c&command=a%20%26+b&tty=true")
    )
    assert one.command == ("sh", "-c", "a & b")
    assert one.is_session
    assert facts(event("get", "pods", "web-1", query="command=sh")).command == ()


def test_binding() -> None:
    """What allowed it, of the reason that the authorizer gives."""
    reason = 'RBAC: allowed by ClusterRoleBinding "ops" of ClusterRole "admin" to Group "ops"'
    one = facts(event(annotations={"authorization.k8s.io/reason": reason}))
    assert one.granted_by == "ClusterRoleBinding/ops"
    assert facts(event(annotations={"authorization.k8s.io/reason": "Node"})).granted_by == ""


@pytest.mark.parametrize(
    ("members", "name"),
    [
        ({"requestObject": {"metadata": {"generateName": "web-"}}}, "web-*"),
        (
            {
                "requestObject": {"metadata": {"generateName": "web-"}},
                "responseObject": {"metadata": {"name": "web-x7k2p"}},
            },
            "web-x7k2p",
        ),
        ({"requestObject": {"metadata": {"name": "given"}}}, "given"),
        ({"requestObject": {"metadata": 5}}, ""),
        ({"requestObject": "text"}, ""),
        ({}, ""),
    ],
)
def test_recovered_names(members: dict[str, Any], name: str) -> None:
    """A created object's name is in the bodies where the URL has none."""
    assert facts(event("create", **members)).name == name


def test_durations() -> None:
    """From the arrival to the end; not known while it is open."""
    assert facts(event(took=2.5)).duration == 2_500_000_000
    assert facts(event(stage=STARTED)).duration is None
    assert facts(event(requestReceivedTimestamp="")).duration is None


def test_witnesses() -> None:
    """Two servers are two witnesses."""
    one = facts(event(), others=[event()])
    assert one.witnesses == 2
    assert sentence(one).endswith("(2 witnesses)")


def test_dry_run() -> None:
    """Of the query, and of a deletion also of its options, where kubectl has it."""
    assert facts(event("create", query="dryRun=All")).is_dry_run
    assert facts(event("delete", requestObject={"dryRun": ["All"]})).is_dry_run
    assert facts(event("deletecollection", requestObject={"dryRun": ["All"]})).is_dry_run
    assert not facts(event("create", requestObject={"dryRun": ["All"]})).is_dry_run
    others: tuple[Any, ...] = ({}, {"dryRun": []}, {"dryRun": "All"}, {"dryRun": None}, ["dryRun"])
    for other in others:
        assert not facts(event("delete", requestObject=other)).is_dry_run
    assert not facts(event("create")).is_dry_run
