"""Requests that two policies decide differently about."""

from auditproxy.audit.policy.simulation.difference import Difference, RequestDecision
from tests.fakes.loggedevents import logged
from tests.fakes.policies import policy_of

POD = "/api/v1/namespaces/shop/pods/x"


def difference(
    first: tuple[str, ...], second: tuple[str, ...], *events: tuple[object, int]
) -> Difference:
    """Events, decided about twice."""
    found = Difference(policy_of(*first), policy_of(*second))
    for event, _ in events:
        found.take(event)  # type: ignore[arg-type]
    return found


def test_groups() -> None:
    """By decision, verb and resource; a request counts once."""
    found = difference(
        ("",),
        ("level: None, verbs: [get]", ""),
        logged(POD, "get", stage="RequestReceived"),
        logged(POD, "get"),
        logged(POD, "get", auditID="b"),
        logged(),
        logged("/version", "get", auditID="c"),
    )
    groups = {(key.verb, key.resource): each.count for key, each in found.groups.items()}
    assert groups == {("get", "pods"): 2, ("get", "/version"): 1}
    assert (found.events, found.requests, found.differing, found.forgotten) == (5, 4, 3, 0)
    key = next(iter(found.groups))
    assert key.first == RequestDecision(
        0, "Metadata", ("RequestReceived", "ResponseComplete"), False
    )
    assert key.second == RequestDecision(0, "None", (), False)


def test_what_has_no_effect() -> None:
    """Other rules, stages that a request does not have, and fields of bodies that are not there."""
    assert not difference(("",), ("users: [a]", ""), logged()).groups
    assert not difference(("",), ("omitStages: [ResponseStarted]",), logged()).groups
    assert not difference(("",), ("omitManagedFields: true",), logged()).groups
    silent = ("level: Request, omitStages: [RequestReceived, ResponseComplete]",)
    assert not difference(("level: None",), silent, logged()).groups


def test_other_effects() -> None:
    """Stages and managed fields."""
    stages = difference(("",), ("omitStages: [RequestReceived]",), logged())
    (key,) = stages.groups
    assert key.second.stages == ("ResponseComplete",)
    fields = difference(("level: Request",), ("level: Request, omitManagedFields: true",), logged())
    (key,) = fields.groups
    assert key.second.omit_managed_fields
    unmatched = difference(("users: [a]",), ("",), logged())
    (key,) = unmatched.groups
    assert (key.first.rule, key.first.level) == (None, "None")
