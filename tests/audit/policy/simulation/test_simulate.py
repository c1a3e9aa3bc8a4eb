"""What a policy would have written of a log, by rule, and what would change."""

from typing import Any

import pytest

from auditproxy.audit.policy.simulation import simulate
from auditproxy.audit.policy.simulation.simulate import Estimate, Simulation
from tests.fakes.loggedevents import logged
from tests.fakes.policies import policy_of, resources

PODS = "/api/v1/namespaces/shop/pods"
POD = f"{PODS}/x"
BODY = {"kind": "Pod", "spec": "x" * 50}


def simulated(
    rules: tuple[str, ...], *events: tuple[Any, int], against: tuple[str, ...] = ()
) -> Simulation:
    """A simulation of events."""
    used = policy_of(*against) if against else None
    simulation = Simulation(policy_of(*rules, head="omitStages: [RequestReceived]\n"), used)
    for event, size in events:
        simulation.take(event, size)
    return simulation


def estimates(simulation: Simulation) -> dict[int | None, Estimate]:
    """By rule, without rules that decide nothing."""
    return {rule: each for rule, each in simulation.estimates() if each.requests}


def test_by_rule() -> None:
    """Requests, events and bytes of each; what no rule matches is last."""
    list_size = logged()[1]
    received = logged(PODS, "list", stage="RequestReceived", auditID="b")
    simulation = simulated(
        ("level: None, " + resources("events"), resources("pods")),
        logged(),
        received,
        logged(auditID="b"),
        logged("/api/v1/events", "list", auditID="c"),
        logged("/version", "get", auditID="d"),
    )
    assert [rule for rule, _ in simulation.estimates()] == [0, 1, None]
    found = estimates(simulation)
    assert (found[0].requests, found[0].events, found[0].bytes) == (1, 0, 0)
    assert (found[1].requests, found[1].events, found[1].bytes) == (2, 2, 2 * list_size)
    assert (found[None].requests, found[None].events) == (1, 0)
    assert (simulation.events, simulation.stages_omitted.total()) == (5, 1)
    assert simulation.forgotten == 0


def test_changes() -> None:
    """Requests that are lost, with less and with more; grouped, with an example."""
    simulation = simulated(
        ("level: None, verbs: [get]", "level: RequestResponse, verbs: [list]", ""),
        logged(POD, "get"),
        logged(POD, "get", auditID="b"),
        logged(),
        logged(POD, "update", level="Request", requestObject=BODY),
    )
    changes = {key: (g.count, g.example) for key, g in simulation.changes.items()}
    assert changes == {
        ("Metadata", "None", "get", "pods", ""): (2, f"bob: get {POD}"),
        ("Metadata", "RequestResponse", "list", "pods", ""): (1, f"bob: list {PODS}"),
        ("Request", "Metadata", "update", "pods", ""): (1, f"bob: update {POD}"),
    }
    less = simulation.changes["Request", "Metadata", "update", "pods", ""].bytes
    assert less == logged(POD, "update")[1] - logged(POD, "update", level="Request",
                                                     requestObject=BODY)[1]  # fmt: skip


def test_against() -> None:
    """The policy in use says what was recorded; a log that it cannot have written is noticed."""
    simulation = simulated(
        ("",),
        logged(),
        logged(POD, "get"),
        logged(POD, "delete", level="Request"),
        against=("level: None, verbs: [get]", "level: Request, verbs: [delete]", ""),
    )
    assert set(simulation.changes) == {
        ("None", "Metadata", "get", "pods", ""),
        ("Request", "Metadata", "delete", "pods", ""),
    }
    assert simulation.contradictions == 1
    omitted = simulated(("",), logged(), against=("omitStages: [ResponseComplete]",))
    assert omitted.contradictions == 1


def test_lacking_bodies() -> None:
    """Estimated by others of the kind, or unknown."""
    simulation = simulated(
        ("level: Request",),
        logged(POD, "update", level="Request", requestObject=BODY),
        logged(POD, "update", auditID="b"),
        logged(POD, "patch", auditID="c"),
    )
    (found,) = estimates(simulation).values()
    assert (found.events, found.bodies_estimated, found.bodies_unknown) == (3, 1, 1)
    known = logged(POD, "update", level="Request", requestObject=BODY)[1]
    without = logged(POD, "patch", level="Request")[1]
    # The member's own name is not part of the estimate.
    assert found.bytes == 2 * known + without - len(',"requestObject":')


def test_kinds_of_bodies_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not kept by its kind is unknown."""
    monkeypatch.setattr(simulate, "MAXIMUM_KINDS", 1)
    simulation = simulated(
        ("level: Request",), logged(POD, "update"), logged(POD, "patch"), logged(POD, "patch")
    )
    (found,) = estimates(simulation).values()
    assert found.bodies_unknown == 3


def test_lacking_arrivals() -> None:
    """A log without RequestReceived, and a policy that records it: one more for each request."""
    policy = policy_of("")
    simulation = Simulation(policy)
    status = {"responseStatus": {"metadata": {}, "code": 200}}
    for audit_id in "ab":
        simulation.take(*logged(auditID=audit_id, **status))
    simulation.take(*logged(auditID="c", stage="RequestReceived"))
    simulation.take(*logged(auditID="c", **status))
    (found,) = estimates(simulation).values()
    assert (found.requests, found.events, found.events_lacking) == (3, 6, 2)
    assert found.bytes == 3 * logged(**status)[1] + logged(stage="RequestReceived")[1] + (
        2 * logged()[1]
    )


def test_failed_authentication() -> None:
    """It has one event, whatever its stages."""
    simulation = Simulation(policy_of("userGroups: [dev]", ""))
    simulation.take(*logged(user={}, stage="ResponseStarted"))
    found = estimates(simulation)
    assert list(found) == [1]
    assert (found[1].events, found[1].events_lacking) == (1, 0)
