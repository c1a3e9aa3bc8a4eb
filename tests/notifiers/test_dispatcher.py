"""Events in, alerts out, beside the requests."""

import asyncio
import time
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from auditproxy.alerts.alert import Alert, AlertState
from auditproxy.alerts.rules import AlertRule, AlertRules
from auditproxy.apis.audit import Event
from auditproxy.apis.session import SessionEvent
from auditproxy.metrics.alerts import AlertMetrics
from auditproxy.notifiers import dispatcher as room
from auditproxy.notifiers.dispatcher import AlertDispatcher
from tests.fakes.alertrules import (
    EXEC_RULE,
    audit_event,
    exec_event,
    rule_of,
    rules_of,
    session_event,
)
from tests.fakes.waiting import turns, until


class Kept:
    """A notifier that keeps what it gets."""

    def __init__(self) -> None:
        self.alerts: list[Alert] = []
        self.shut: float | None = None

    def put(self, alert: Alert) -> None:
        """Keep it."""
        self.alerts.append(alert)

    async def shutdown(self, grace: float) -> None:
        """Remember."""
        self.shut = grace


class Slow(Kept):
    """A notifier that never finishes, unless it is cut short."""

    cut = False

    async def shutdown(self, grace: float) -> None:
        """Wait for ever."""
        try:
            await asyncio.Event().wait()
        finally:
            self.cut = True


class Rig:
    """A dispatcher with a notifier."""

    def __init__(self, rules: AlertRules | None = None, **members: Any) -> None:
        self.registry = CollectorRegistry()
        self.kept = Kept()
        self.lines: list[str] = []
        self.dispatcher = AlertDispatcher(
            rules or rules_of(EXEC_RULE),
            [self.kept],
            AlertMetrics(self.registry),
            **{
                "clock": time.time_ns,
                "monotonic": time.monotonic,
                "report": self.lines.append,
                "queue_size": 100,
                **members,
            },
        )

    def dropped(self, reason: str) -> float | None:
        """How many events no rule has seen."""
        return self.registry.get_sample_value(
            "auditproxy_alerts_events_dropped_total", {"reason": reason}
        )


async def test_an_event_becomes_an_alert() -> None:
    """With the labels that all alerts have, and counted."""
    rig = Rig(labels={"cluster": "c1"})
    rig.dispatcher.offer(exec_event())
    rig.dispatcher.offer(audit_event())
    await rig.dispatcher.shutdown(5)
    (alert,) = rig.kept.alerts
    assert alert.labels["cluster"] == "c1"
    assert rig.kept.shut is not None
    assert (
        rig.registry.get_sample_value(
            "auditproxy_alerts_fired_total", {"rule": "Exec", "severity": "high"}
        )
        == 1
    )


async def test_session_lines() -> None:
    """They come the same way."""
    rig = Rig(rule_of(match={"sessionEvents": ["Command"]}))
    rig.dispatcher.offer(session_event())
    await until(lambda: rig.kept.alerts, "an alert")
    await rig.dispatcher.shutdown(5)


async def test_too_many_are_dropped_and_counted() -> None:
    """Offering neither waits nor raises; one line says so."""
    rig = Rig(queue_size=3)
    for _ in range(10):
        rig.dispatcher.offer(audit_event())
    assert rig.dispatcher.waiting == 3
    assert rig.dropped("queue-full") == 7
    assert len(rig.lines) == 1
    assert "--alert-queue-size" in rig.lines[0]
    await rig.dispatcher.shutdown(5)


async def test_bytes_are_bounded() -> None:
    """Large bodies fill the queue before its number does."""
    rig = Rig(queue_size=10_000)
    large = audit_event(requestObject={"a": "x" * (room.MAXIMUM_BYTES // 4)})
    for _ in range(6):
        rig.dispatcher.offer(large)
    assert rig.dispatcher.waiting == 3
    assert rig.dropped("queue-full") == 3
    await rig.dispatcher.shutdown(5)


async def test_a_flood_of_one_user_hides_nobody_else() -> None:
    """His own are dropped, counted by rule, and said with his name."""
    rules = rules_of(EXEC_RULE)
    rig = Rig(rules, queue_size=10)
    for number in range(100):
        rig.dispatcher.offer(exec_event(auditID=str(number), user={"username": "mallory"}))
    rig.dispatcher.offer(exec_event(user={"username": "alice"}))
    assert rig.dispatcher.waiting == 10
    assert rig.dropped("queue-full") == 91
    assert '"mallory" (1)' in rig.lines[0]
    await rig.dispatcher.shutdown(5)
    unseen = rig.registry.get_sample_value(
        "auditproxy_alerts_rule_events_dropped_total", {"rule": "Exec"}
    )
    assert unseen == 91
    assert {alert.labels["user"] for alert in rig.kept.alerts} == {"alice", "mallory"}


async def test_dropped_events_are_said_by_user() -> None:
    """Once a minute, with those who lost most since the last time."""
    now = [0.0]
    rig = Rig(queue_size=2, monotonic=lambda: now[0])
    for user, count in (("a", 5), ("b", 9), ("c", 2), ("d", 1), ("e" * 500, 12)):
        for _ in range(count):
            rig.dispatcher.offer(exec_event(user={"username": user}))
    now[0] = 61.0
    rig.dispatcher.offer(exec_event(user={"username": "a"}))
    first, second = rig.lines
    assert 'most of "a" (1);' in first
    assert f'most of "{"e" * 200}..." (12), "b" (' in second
    await rig.dispatcher.shutdown(5)


async def test_what_matters_most_has_a_reserve() -> None:
    """A user who floods with one thing does not hide the other, nor that it is not recorded."""
    worst = "{name: Worst, severity: critical, summary: x, match: {verbs: [delete]}}"
    match = "{sessionEvents: [RecordingStopped]}"
    unrecorded = f"{{name: Unrecorded, severity: high, summary: x, match: {match}}}"
    rules = rules_of(f"{EXEC_RULE}- {worst}\n- {unrecorded}\n")
    rig = Rig(rules, queue_size=10)
    for _ in range(100):
        rig.dispatcher.offer(exec_event())
    rig.dispatcher.offer(audit_event(verb="delete"))
    rig.dispatcher.offer(session_event(type="RecordingStopped", reason="no space"))
    rig.dispatcher.offer(session_event())
    assert rig.dispatcher.waiting == 12
    assert rig.dropped("queue-full") == 91
    await rig.dispatcher.shutdown(5)
    assert {alert.name for alert in rig.kept.alerts} == {"Exec", "Worst", "Unrecorded"}


async def test_the_reserve_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """And shared in the same way."""
    monkeypatch.setattr(room, "MOST_RESERVED", 5)
    rig = Rig(rules_of(EXEC_RULE.replace("high", "critical")), queue_size=10)
    for _ in range(100):
        rig.dispatcher.offer(exec_event(user={"username": "mallory"}))
    for _ in range(2):
        rig.dispatcher.offer(exec_event(user={"username": "alice"}))
    assert rig.dispatcher.waiting == 15
    await rig.dispatcher.shutdown(5)
    assert {alert.labels["user"] for alert in rig.kept.alerts} == {"alice", "mallory"}


async def test_after_the_shutdown() -> None:
    """What comes too late is counted."""
    rig = Rig()
    await rig.dispatcher.shutdown(1)
    rig.dispatcher.offer(exec_event())
    assert rig.dropped("shutdown") == 1
    assert rig.kept.alerts == []


async def test_repeated_and_resolved_by_the_clock() -> None:
    """Without any further event."""
    moments = {"wall": 0, "monotonic": 0.0}
    rig = Rig(clock=lambda: moments["wall"], monotonic=lambda: moments["monotonic"])
    rig.dispatcher.offer(exec_event())
    await until(lambda: rig.kept.alerts, "an alert")
    for wall in (70, 400):
        moments["wall"] = wall * 1_000_000_000
        moments["monotonic"] += room.TICK
        rig.dispatcher.offer(audit_event())
        await until(lambda: not rig.dispatcher.waiting, "evaluated")
        await turns(5)
    await until(lambda: len(rig.kept.alerts) == 3, "three sendings")
    assert [alert.state for alert in rig.kept.alerts] == list(AlertState)
    await rig.dispatcher.shutdown(5)


async def test_condition_errors_are_counted() -> None:
    """Of each rule, at the next tick."""
    moments = {"monotonic": 0.0}
    rig = Rig(rule_of(condition="event.no.x == 1"), monotonic=lambda: moments["monotonic"])
    rig.dispatcher.offer(audit_event())
    await until(lambda: not rig.dispatcher.waiting, "evaluated")
    moments["monotonic"] = room.TICK
    rig.dispatcher.offer(session_event())

    def errors() -> float | None:
        return rig.registry.get_sample_value(
            "auditproxy_alerts_condition_errors_total", {"rule": "Rule"}
        )

    await until(lambda: errors() == 1, "counted")
    await rig.dispatcher.shutdown(5)


async def test_replaced() -> None:
    """Other rules and destinations hold for what is evaluated from now on."""
    rig = Rig()
    other = Kept()
    rig.dispatcher.replace_rules(rule_of())
    rig.dispatcher.replace_notifiers([other], {"cluster": "c2"})
    rig.dispatcher.offer(audit_event())
    await rig.dispatcher.shutdown(5)
    assert [alert.name for alert in other.alerts] == ["Rule"]
    assert other.alerts[0].labels["cluster"] == "c2"
    assert rig.kept.alerts == []
    assert rig.kept.shut is not None


async def test_events_gather() -> None:
    """The first is evaluated at once; those that follow wake nobody for a while."""
    rests: list[float] = []
    over = asyncio.Event()

    async def sleep(seconds: float) -> None:
        rests.append(seconds)
        await over.wait()

    # A slice that is never over, however slow this machine is.
    rig = Rig(sleep=sleep, monotonic=lambda: 0.0)
    rig.dispatcher.offer(exec_event())
    await until(lambda: rests, "a rest: the first event has been evaluated by all rules")
    assert len(rig.kept.alerts) == 1
    for user in "abc":
        rig.dispatcher.offer(exec_event(user={"username": user}))
        await turns()
    assert rig.dispatcher.waiting == 3
    assert len(rests) == 1
    assert rests[0] >= room.GATHER
    over.set()
    await rig.dispatcher.shutdown(5)
    assert len(rig.kept.alerts) == 4


async def test_one_event_leaves_the_loop_to_others() -> None:
    """What it has left to do waits for the next slice, and is not lost."""
    moments = {"monotonic": 0.0}

    def monotonic() -> float:
        moments["monotonic"] += room.SLICE
        return moments["monotonic"]

    slices: list[float] = []

    async def sleep(seconds: float) -> None:
        slices.append(seconds)
        await turns()

    rules = "\n".join(
        f"- {{name: R{index}, severity: low, summary: s, condition: 'object.a == 1'}}"
        for index in range(10)
    )
    rig = Rig(rules_of(f"rules:\n{rules}"), monotonic=monotonic, sleep=sleep)
    rig.dispatcher.offer(audit_event(requestObject={"a": 1, "x": "y" * 100_000}))
    await until(lambda: len(slices) > 1, "a slice")
    assert rig.dispatcher.waiting == 1
    await until(lambda: not rig.dispatcher.waiting, "evaluated")
    assert len(rig.kept.alerts) == 10
    assert len(slices) > 20
    await rig.dispatcher.shutdown(5)


async def test_a_tick_that_crashes() -> None:
    """It is counted and reported, and evaluation goes on."""
    moments = {"monotonic": 0.0, "wall": 0}

    class Crashing(Kept):
        def put(self, alert: Alert) -> None:
            """Fail at what a tick sends."""
            if alert.state is not AlertState.FIRING:
                raise ValueError("secret")
            super().put(alert)

    rig = Rig(clock=lambda: moments["wall"], monotonic=lambda: moments["monotonic"])
    crashing = Crashing()
    rig.dispatcher.replace_notifiers([crashing], {})
    rig.dispatcher.offer(exec_event())
    await until(lambda: crashing.alerts, "an alert")
    moments.update(wall=70_000_000_000, monotonic=room.TICK)
    rig.dispatcher.offer(audit_event())
    await until(lambda: rig.dropped("crash") == 1, "the crash")
    moments["wall"] = 10_000_000_000_000
    rig.dispatcher.offer(exec_event())
    await until(lambda: len(crashing.alerts) == 2, "another alert")
    assert rig.lines == ["evaluating alert rules crashed: ValueError"]
    await rig.dispatcher.shutdown(5)


async def test_destinations_that_retire_do_not_hold_up_the_shutdown() -> None:
    """They have the grace of all others, whatever they had before."""
    rig = Rig()
    slow = Slow()
    rig.dispatcher.replace_notifiers([slow], {})
    rig.dispatcher.replace_notifiers([], {})
    await turns()
    async with asyncio.timeout(5):
        await rig.dispatcher.shutdown(0.01)
    assert slow.cut


async def test_a_flood_leaves_the_loop_to_others() -> None:
    """20,000 events at once: other tasks have their turn every few milliseconds, and all events
    are evaluated or counted."""
    now, step, burst = 0.0, 20e-6, 1_000

    def monotonic() -> float:
        """Let each event take the same time on any machine."""
        nonlocal now
        now += step
        return now

    rig = Rig(rule_of(condition="event.verb.matches('^x')"), queue_size=5_000, monotonic=monotonic)
    event = audit_event()
    longest = 0.0
    done = asyncio.Event()

    async def others() -> None:
        nonlocal longest
        before = now
        while not done.is_set():
            await turns()
            longest = max(longest, now - before)
            before = now

    watching = asyncio.ensure_future(others())
    for _ in range(20):
        for _ in range(burst):
            rig.dispatcher.offer(event)
        await turns()
    await rig.dispatcher.shutdown(30)
    done.set()
    await watching
    dropped = rig.dropped("queue-full")
    assert dropped is not None
    assert dropped > 0
    assert rig.dropped("shutdown") == 0
    # What is offered at once, which asks for the time when it is dropped, and a few slices.
    assert 0 < longest < burst * step + 10 * room.SLICE


async def test_counts_outlive_the_rules() -> None:
    """What a rule could not evaluate since the last tick is counted, though its file has changed."""
    rig = Rig(rule_of(condition="event.requestObject.absent == 1"))
    rig.dispatcher.offer(audit_event(requestObject={"a": 1}))
    await until(lambda: not rig.dispatcher.waiting, "evaluated")
    rig.dispatcher.replace_rules(rules_of(EXEC_RULE))
    name, labels = "auditproxy_alerts_condition_errors_total", {"rule": "Rule"}
    assert rig.registry.get_sample_value(name, labels) == 1
    await rig.dispatcher.shutdown(5)


async def test_an_end_that_fails() -> None:
    """A destination that cannot be closed takes nothing of the others' time."""

    class Failing(Kept):
        async def shutdown(self, grace: float) -> None:
            """Fail."""
            raise OSError("closing")

    class Later(Kept):
        async def shutdown(self, grace: float) -> None:
            """End a few turns later."""
            await turns(5)
            await super().shutdown(grace)

    rig, later = Rig(), Later()
    rig.dispatcher._notifiers = (Failing(), later)
    with pytest.raises(OSError, match="closing"):
        await rig.dispatcher.shutdown(5)
    assert later.shut is not None


async def test_what_the_reserve_drops_may_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours in looking at an event is no fault of the request that has another."""
    monkeypatch.setattr(room, "MOST_RESERVED", 2)
    rig = Rig(rule_of(severity="critical", match={"verbs": ["get"]}), queue_size=1)
    rig.dispatcher.offer(audit_event(user={"username": "carol"}))
    for _ in range(2):
        rig.dispatcher.offer(audit_event(user={"username": "alice"}))
    engine, asked = rig.dispatcher._engine, []
    selected = engine.selected

    def crash(event: Event | SessionEvent) -> list[AlertRule]:
        asked.append(event.user.username)
        if event.user.username == "alice":
            raise ValueError("secret")
        return list(selected(event))

    vars(engine)["selected"] = crash
    rig.dispatcher.offer(audit_event(user={"username": "bob"}))
    assert asked == ["bob", "alice"]
    assert (rig.dropped("crash"), rig.dropped("queue-full")) == (1, 0)
    assert rig.dispatcher.waiting == 3
    await rig.dispatcher.shutdown(5)
