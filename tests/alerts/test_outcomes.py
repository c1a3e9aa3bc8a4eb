"""Outcomes: what a client cannot hide by leaving, and what was refused."""

from typing import Any

import pytest

from auditproxy.alerts.engine import AlertEngine
from auditproxy.alerts.outcomes import UNKNOWN, codes_of, is_unknown
from auditproxy.files.alerts import read_rules
from tests.fakes.alertrules import audit_event, exec_event

CLOSED_EARLY = {
    "metadata": {},
    "status": "Success",
    "message": "Connection closed early",
    "code": 200,
}
PANIC = {"metadata": {}, "status": "Failure", "message": "APIServer panic'd: boom", "code": 500}
ENDED_UNSEEN = {"auditproxy.io/session-id": "i", "auditproxy.io/session-reason": "it was ended"}


def code(number: int) -> dict[str, Any]:
    """The status of an answer with this code."""
    return {"metadata": {}, "code": number}


@pytest.mark.parametrize(
    ("written", "codes", "faults"),
    [
        ([101, "403"], {101, 403}, ()),
        (["unknown", "Unknown"], {UNKNOWN}, ()),
        ([True, 600, "6xx", "known", 0], set(), ("True", "600", "6xx", "known", "0")),
        ([], set(), ()),
    ],
)
def test_codes_of(written: list[Any], codes: set[int], faults: tuple[str, ...]) -> None:
    """Numbers, ranges, the word, and what is none of them."""
    assert codes_of(written) == (frozenset(codes), faults)
    assert codes_of(["5xx"])[0] == set(range(500, 600))


@pytest.mark.parametrize(
    ("stage", "status", "annotations", "unknown"),
    [
        ("ResponseStarted", CLOSED_EARLY, {}, True),
        ("ResponseComplete", CLOSED_EARLY, {}, True),
        ("ResponseComplete", code(200), {}, False),
        ("ResponseComplete", {**CLOSED_EARLY, "code": 201}, {}, False),
        ("ResponseComplete", {**CLOSED_EARLY, "code": 403}, {}, False),
        ("ResponseComplete", None, {}, True),
        ("RequestReceived", None, {}, False),
        ("Panic", PANIC, {}, True),
        ("ResponseComplete", PANIC, {}, False),
        ("ResponseStarted", code(504), {}, True),
        ("ResponseStarted", code(502), {}, True),
        ("ResponseStarted", code(503), {}, False),
        ("ResponseStarted", code(503), ENDED_UNSEEN, True),
        ("ResponseStarted", code(503), {"auditproxy.io/session-id": "i"}, False),
        *(("ResponseStarted", code(number), {}, False) for number in (101, 400, 401, 403, 404)),
    ],
)
def test_is_unknown(
    stage: str, status: dict[str, Any] | None, annotations: dict[str, str], unknown: bool
) -> None:
    """What may have taken place though no answer says so; a refusal is known."""
    event = audit_event(stage=stage, responseStatus=status, annotations=annotations)
    assert is_unknown(event) is unknown


def fired(event: Any) -> set[str]:
    """The shipped rules that fire."""
    return {alert.name for alert in AlertEngine(read_rules("builtin").rules).take(event, 0)}


@pytest.mark.parametrize(
    "seen",
    [
        {"responseStatus": code(101)},
        {"responseStatus": CLOSED_EARLY},
        {"responseStatus": code(504)},
        {"responseStatus": code(502)},
        {"responseStatus": code(503), "annotations": ENDED_UNSEEN},
        {"responseStatus": PANIC, "stage": "Panic"},
    ],
)
def test_an_exec_that_may_have_run(seen: dict[str, Any]) -> None:
    """It raises the same alerts in whichever way its client leaves."""
    uri = "/api/v1/namespaces/kube-system/pods/box/exec?command=sh&tty=1"
    place = {"resource": "pods", "namespace": "kube-system", "name": "box", "subresource": "exec"}
    event = exec_event(requestURI=uri, objectRef=place, **seen)
    assert fired(event) == {"ExecIntoPod", "ExecInKubeSystem", "ShellInContainer"}


@pytest.mark.parametrize("number", [400, 401, 403, 404, 429, 500, 503])
def test_an_exec_that_was_refused(number: int) -> None:
    """It did not run."""
    assert fired(exec_event(responseStatus=code(number))) == set()


@pytest.mark.parametrize(
    ("status", "stage", "fires"),
    [
        (code(201), "ResponseComplete", True),
        (CLOSED_EARLY, "ResponseComplete", True),
        (code(504), "ResponseComplete", True),
        (PANIC, "Panic", True),
        (code(403), "ResponseComplete", False),
        (code(409), "ResponseComplete", False),
    ],
)
def test_a_change_that_may_have_been_made(status: Any, stage: str, fires: bool) -> None:
    """A deadline that the client chooses (?timeout=) does not undo what is stored."""
    event = audit_event(
        verb="create",
        stage=stage,
        objectRef={"apiGroup": "rbac.authorization.k8s.io", "resource": "clusterrolebindings"},
        requestObject={"kind": "ClusterRoleBinding", "roleRef": {"name": "cluster-admin"}},
        responseStatus=status,
    )
    assert fired(event) == ({"ClusterAdminBound", "RightsChanged"} if fires else set())


def test_streams_that_are_not_exec() -> None:
    """A watch by WebSocket reads as one by HTTP does, and shows when it begins."""
    watch = {"verb": "watch", "stage": "ResponseStarted", "responseStatus": code(101)}
    secrets = audit_event(objectRef={"resource": "secrets"}, **watch)
    assert fired(secrets) == {"SecretsListed"}
    anonymous = {"username": "system:anonymous", "groups": ["system:unauthenticated"]}
    assert fired(audit_event(user=anonymous, **watch)) == {"AnonymousRequestAllowed"}
    administrator = {"username": "kubernetes-admin"}
    assert fired(audit_event(impersonatedUser=administrator, **watch)) == {"AdminImpersonated"}


@pytest.mark.parametrize(("verb", "subresource"), [("get", "exec"), ("get", "attach")])
def test_an_exec_into_the_proxy_by_websocket(verb: str, subresource: str) -> None:
    """It is a get."""
    place = {"resource": "pods", "namespace": "auditproxy", "name": "p", "subresource": subresource}
    assert "AuditTrailTouched" in fired(exec_event(verb=verb, objectRef=place))


def test_a_401_has_one_event() -> None:
    """At ResponseStarted; 50 of them are a search."""
    engine = AlertEngine(read_rules("builtin").rules)
    refused = {"stage": "ResponseStarted", "responseStatus": code(401), "user": {}}
    found = [alert for _ in range(50) for alert in engine.take(audit_event(**refused), 0)]
    assert [alert.name for alert in found] == ["ManyRefusedRequests"]


def test_claimed_addresses_do_not_keep_refusals_apart() -> None:
    """The first of sourceIPs is the client's word; the last is where it is."""
    engine = AlertEngine(read_rules("builtin").rules)
    found: list[str] = []
    for number in range(50):
        event = audit_event(
            responseStatus=code(403), sourceIPs=[f"198.51.100.{number}", "192.0.2.1"]
        )
        found += [alert.name for alert in engine.take(event, 0)]
    assert found == ["ManyRefusedRequests"]
