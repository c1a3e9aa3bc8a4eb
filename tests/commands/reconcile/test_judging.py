"""What it means that one trail has a request and the other one has not."""

from typing import Any

import pytest

from auditproxy.audit.redaction.redactor import MARKER
from auditproxy.commands.reconcile import judging
from auditproxy.commands.reconcile.judging import OTHERS, Known, PairVerdict, VerdictTally, judge
from tests.commands.reconcile.records import record

PROXY = "system:serviceaccount:auditproxy:auditproxy"
KNOWN = Known(0, 1000, frozenset(("10.1.0.5",)), PROXY, frozenset({("get", "", "pods", "")}))


OWN_QUESTION = {"client": "auditproxy/1", "peer": "10.1.0.5", "uri": "/version"}


def of(ours: Any, theirs: Any, known: Known = KNOWN) -> str:
    """The verdict about a pair."""
    return judge((ours, theirs), known, lambda user: user.startswith("system:node:")).what


EXEC = "/api/v1/namespaces/shop/pods/p/exec"
CLOSED_EARLY = "Connection closed early"


@pytest.mark.parametrize(
    ("members", "verdict"),
    [
        ({}, "bypassed"),
        ({"username": None, "code": 401}, "bypassed"),
        ({"username": "system:node:n"}, "ignored"),
        ({"username": "mallory", "impersonated": "system:node:n"}, "bypassed"),
        ({"received": -1}, "outside"),
        ({"ended": 1001}, "outside"),
        ({**OWN_QUESTION, "username": PROXY}, "own"),
        (OWN_QUESTION, "bypassed"),
        ({"client": "auditproxy/1", "peer": "10.1.0.6", "uri": "/version"}, "bypassed"),
        ({"client": "curl/8", "peer": "10.1.0.5", "uri": "/version"}, "bypassed"),
        ({"client": "auditproxy/1", "peer": "10.1.0.5", "uri": "/api/v1/secrets"}, "bypassed"),
    ],
)
def test_theirs_alone(members: dict[str, Any], verdict: str) -> None:
    """Only a question of the proxy's own, from where it is, is one."""
    assert of(None, record(False, **members)) == verdict


@pytest.mark.parametrize(
    ("members", "verdict"),
    [
        ({}, "missing"),
        ({"verb": "list"}, "unrecorded"),
        ({"code": 401}, "refused"),
        ({"code": 403}, "refused"),
        ({"code": 429}, "refused"),
        ({"code": 503}, "refused"),
        ({"code": None}, "missing"),
        ({"code": 401, "received": -1}, "outside"),
    ],
)
def test_ours_alone(members: dict[str, Any], verdict: str) -> None:
    """None of it is a finding."""
    assert of(record(True, **members), None) == verdict


@pytest.mark.parametrize(
    ("ours", "theirs", "members"),
    [
        ({}, {}, []),
        ({}, {"username": PROXY, "impersonated": "alice"}, []),
        ({"impersonated": "bob"}, {"username": PROXY, "impersonated": "bob"}, []),
        ({"impersonated": "bob"}, {"impersonated": "bob"}, []),
        ({}, {"username": PROXY, "impersonated": "mallory"}, ["user"]),
        ({}, {"username": "mallory", "impersonated": "alice"}, ["impersonator"]),
        ({}, {"username": "mallory"}, ["user"]),
        ({}, {"verb": "delete", "code": 404}, ["verb", "code"]),
        ({"code": None}, {"code": 404}, []),
        ({}, {"uri": "/api/v1/namespaces/shop/pods/p?dryRun=All"}, ["query"]),
        ({}, {"uri": "/api/v1/secrets"}, ["path"]),
        ({"uri": f"{EXEC}?command=true"}, {"uri": f"{EXEC}?command=sh"}, ["query"]),
        ({"uri": f"{EXEC}?command=true"}, {"uri": f"{EXEC}?command=true"}, []),
        ({"uri": EXEC}, {"uri": f"{EXEC}?command=sh"}, ["query"]),
        ({"uri": f"{EXEC}?token={MARKER}0&a=1"}, {"uri": f"{EXEC}?token=secret&a=1"}, []),
        ({"uri": f"{EXEC}?token={MARKER}0&a=1"}, {"uri": f"{EXEC}?token=secret&a=2"}, ["query"]),
        ({"message": CLOSED_EARLY}, {}, ["end"]),
        ({"message": CLOSED_EARLY}, {"message": CLOSED_EARLY}, []),
        ({}, {"message": CLOSED_EARLY}, []),
    ],
)
def test_both(ours: dict[str, Any], theirs: dict[str, Any], members: list[str]) -> None:
    """The user that the request was made as, the verb, the path, the code, and who made it so."""
    verdict = judge((record(True, **ours), record(False, **theirs)), KNOWN, lambda _: False)
    assert [member for member, _, _ in verdict.differences] == members
    assert verdict.what == ("different" if members else "matched")


def test_codes_that_are_inferred() -> None:
    """Are not compared, and neither are queries and ends, which such a trail does not have."""
    known = Known(0, 1000, has_codes=False)
    assert of(record(True), record(False, code=201), known) == "matched"
    cut = record(True, uri="/api/v1/namespaces/shop/pods/p?a=1", message=CLOSED_EARLY)
    assert of(cut, record(False), known) == "matched"


def test_own_questions_are_of_the_account() -> None:
    """Another one at the proxy's address does not ask for it."""
    members = {"uri": "/version", "client": "auditproxy/1", "peer": "192.0.2.9"}
    for account, user, what in (
        (None, "mallory", "own"),
        ("proxy", "proxy", "own"),
        ("proxy", "mallory", "bypassed"),
    ):
        known = Known(0, 1000, peers=frozenset({"192.0.2.9"}), account=account)
        assert of(None, record(False, username=user, **members), known) == what


def test_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """By user, as far as there are not too many, and when they bypassed the proxy."""
    monkeypatch.setattr(judging, "MOST_USERS", 2)
    tally = VerdictTally()
    for user, at in (("a", 5), ("a", 3), ("b", 4), ("c", 9)):
        tally.add(PairVerdict("bypassed", record(False, username=user, received=at)))
    tally.add(PairVerdict("matched", record(True, username="x", impersonated="a")))
    assert tally.together == {"bypassed": 4, "matched": 1}
    assert tally.by_user == {
        "a": {"bypassed": 2, "matched": 1},
        "b": {"bypassed": 1},
        OTHERS: {"bypassed": 1},
    }
    assert tally.times == {"a": (3, 5), "b": (4, 4), OTHERS: (9, 9)}
