"""The queue of one destination."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from auditproxy.alerts.alert import Alert, AlertState
from auditproxy.alerts.engine import REPEAT
from auditproxy.apis.units import SECOND
from auditproxy.clients.webhook import WebhookError
from auditproxy.metrics.alerts import AlertMetrics
from auditproxy.notifiers.dispatcher import TICK
from auditproxy.notifiers.outbox import (
    EXPIRES,
    LATE,
    LATE_FIRING,
    NOTIFIED,
    LineNotifier,
    Outbox,
)
from tests.fakes.alertrules import alert
from tests.fakes.waiting import turns, until

NOW = alert().starts_at


class Server:
    """A client whose answers are scripted: a number refused, or an error."""

    def __init__(self, *script: int | Exception, final: bool = False, batch: int = 64) -> None:
        self.batch = batch
        self.sent: list[list[Alert]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.closed = False
        self._script = list(script)
        self._final = final

    async def send(self, alerts: Sequence[Alert]) -> int:
        """Take the next step of the script."""
        self.sent.append(list(alerts))
        await self.gate.wait()
        step = self._script.pop(0) if self._script else 0
        if isinstance(step, Exception):
            raise step
        return step

    def is_final(self, error: WebhookError) -> bool:
        """As the test wants."""
        return self._final

    async def close(self) -> None:
        """Remember."""
        self.closed = True


class Rig:
    """An outbox, what it waits for, and what it says."""

    def __init__(self, server: Server, **members: Any) -> None:
        self.registry = CollectorRegistry()
        self.pauses: list[float] = []
        self.lines: list[str] = []
        self.server = server
        self.outbox = Outbox(
            "d",
            server,
            AlertMetrics(self.registry),
            **{
                "clock": lambda: NOW,
                "sleep": self._sleep,
                "random": lambda: 0.0,
                "report": self.lines.append,
                **members,
            },
        )

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await turns()

    def count(self, name: str, **labels: str) -> float | None:
        """The value of a counter of the destination."""
        labels["destination"] = "d"
        return self.registry.get_sample_value(f"auditproxy_alerts_{name}_total", labels)


def of(user: str, **members: Any) -> Alert:
    """An alert of a user."""
    return alert(labels={"alertname": "Exec", "user": user}, **members)


async def test_sent_in_order() -> None:
    """What waits goes together, as far as it fits."""
    rig = Rig(Server(batch=2))
    for user in "abc":
        rig.outbox.put(of(user))
    await rig.outbox.shutdown(5)
    assert [[a.labels["user"] for a in batch] for batch in rig.server.sent] == [["a", "b"], ["c"]]
    assert rig.count("sent") == 3
    assert rig.server.closed


async def test_repeated_until_it_is_taken() -> None:
    """Pauses grow to a minute; one line says that it fails, one that it works again."""
    failures = [WebhookError("unreachable", "http://x: refused") for _ in range(9)]
    rig = Rig(Server(*failures))
    rig.outbox.put(of("a"))
    await until(lambda: rig.count("sent") == 1, "sent")
    assert rig.pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert rig.lines == [
        "alerts cannot be sent to d: http://x: refused; trying again",
        "alerts are sent to d again",
    ]
    assert rig.count("attempts_failed", reason="unreachable") == 9
    await rig.outbox.shutdown(1)


async def test_the_latest_takes_the_place_of_those_before() -> None:
    """While it fails, one alert of the same labels waits, and the newest is sent."""
    rig = Rig(Server(WebhookError("x", "x")), every_state=True)
    rig.server.gate.clear()
    rig.outbox.put(of("a", count=1))
    await until(lambda: rig.server.sent, "the first attempt")
    rig.outbox.put(of("a", count=2, state=AlertState.REPEATED))
    rig.outbox.put(of("a", count=3, state=AlertState.REPEATED))
    rig.server.gate.set()
    await rig.outbox.shutdown(5)
    assert [[a.count for a in batch] for batch in rig.server.sent] == [[1], [3]]


async def test_final_refusals_are_lost_and_reported() -> None:
    """A 404 of a webhook will not change by sending again."""
    rig = Rig(Server(WebhookError("status-4xx", "http://x: answered 404"), final=True))
    rig.outbox.put(of("a"))
    await until(lambda: rig.count("failed", reason="refused") == 1, "lost")
    assert rig.lines == ["1 alerts for d are lost: http://x: answered 404"]
    await rig.outbox.shutdown(1)


async def test_refused_in_part() -> None:
    """An Alertmanager refuses some; they are counted and not sent again."""
    rig = Rig(Server(1))
    rig.outbox.put(of("a"))
    rig.outbox.put(of("b"))
    await rig.outbox.shutdown(5)
    assert rig.count("sent") == 1
    assert rig.count("failed", reason="refused") == 1


async def test_full() -> None:
    """The oldest goes first, counted."""
    rig = Rig(Server(), limit=2)
    rig.server.gate.clear()
    rig.outbox.put(of("first"))
    await until(lambda: rig.server.sent, "the first attempt")
    for user in "abcd":
        rig.outbox.put(of(user))
    assert rig.count("failed", reason="queue-full") == 2
    rig.server.gate.set()
    await rig.outbox.shutdown(5)
    assert [a.labels["user"] for a in rig.server.sent[1]] == ["c", "d"]


async def test_what_ended_long_ago_is_not_sent() -> None:
    """Nobody needs it after an hour."""
    rig = Rig(Server(), clock=lambda: alert().ends_at + EXPIRES + 1)
    rig.outbox.put(of("a"))
    await until(lambda: rig.count("failed", reason="expired") == 1, "expired")
    await rig.outbox.shutdown(1)
    assert rig.server.sent == []


async def test_a_late_beginning_is_sent_as_firing() -> None:
    """Alertmanager was away for longer than the alert fired: it arrives as one that fires, and
    its end does not come with it; both would be one alert that is over."""
    moments = {"now": NOW}
    rig = Rig(Server(*[WebhookError("x", "x")] * 2), every_state=True, clock=lambda: moments["now"])
    rig.server.gate.clear()
    rig.outbox.put(of("a"))
    await until(lambda: rig.server.sent, "the first attempt")
    rig.outbox.put(of("a", state=AlertState.REPEATED, count=2))
    rig.outbox.put(of("a", state=AlertState.RESOLVED, count=3))
    moments["now"] = now = alert().ends_at + 60 * SECOND
    rig.server.gate.set()
    await until(lambda: rig.count("sent") == 1, "sent")
    (late,) = rig.server.sent[-1]
    assert (late.count, late.ends_at) == (2, now + LATE_FIRING)
    moments["now"] += SECOND
    rig.outbox.put(of("a", state=AlertState.RESOLVED))
    rig.outbox.put(of("b", state=AlertState.RESOLVED))
    await until(lambda: rig.count("sent") == 2, "sent")
    moments["now"] += NOTIFIED
    rig.outbox.put(of("a", state=AlertState.RESOLVED))
    await until(lambda: rig.count("sent") == 3, "the end, once that time is over")
    assert [sent.labels["user"] for batch in rig.server.sent[-2:] for sent in batch] == ["b", "a"]
    await rig.outbox.shutdown(5)


async def test_a_short_alert_is_resolved() -> None:
    """One that fires for a minute is not over before it is sent again, and ends when it ends."""
    moments = {"now": NOW}
    rig = Rig(Server(), every_state=True, clock=lambda: moments["now"])
    short = NOW + 60 * SECOND
    rig.outbox.put(of("a", ends_at=short))
    await until(lambda: rig.count("sent") == 1, "the beginning")
    moments["now"] = short - SECOND
    rig.outbox.put(of("a", ends_at=short, state=AlertState.REPEATED))
    await until(lambda: rig.count("sent") == 2, "once more")
    moments["now"] = short
    rig.outbox.put(of("a", ends_at=short, state=AlertState.RESOLVED))
    await until(lambda: rig.count("sent") == 3, "the end")
    sent = [one.ends_at for batch in rig.server.sent for one in batch]
    assert sent == [NOW + LATE_FIRING, short - SECOND + LATE_FIRING, short]
    await rig.outbox.shutdown(5)


async def test_no_repetition_of_what_is_over() -> None:
    """Its end may be in the same batch."""
    rig = Rig(Server(), every_state=True)
    over = NOW - SECOND
    rig.outbox.put(of("a", starts_at=over, ends_at=over, state=AlertState.REPEATED))
    await until(lambda: rig.count("sent") == 1, "sent")
    assert rig.server.sent[0][0].ends_at == over
    await rig.outbox.shutdown(5)


def test_what_fires_is_sent_again_in_time() -> None:
    """Before Alertmanager ends it; and a rule fires for long enough to be notified of."""
    assert REPEAT + TICK * SECOND < LATE < LATE_FIRING
    assert NOTIFIED < 60 * SECOND


async def test_a_late_beginning_expires_too() -> None:
    """Attempts that fail do not keep it alive."""
    moments = {"now": alert().ends_at}
    rig = Rig(Server(WebhookError("x", "x")), every_state=True, clock=lambda: moments["now"])
    rig.server.gate.clear()
    rig.outbox.put(of("a"))
    await until(lambda: rig.server.sent, "the first attempt")
    moments["now"] += EXPIRES + 1
    rig.server.gate.set()
    await until(lambda: rig.count("failed", reason="expired") == 1, "expired")
    await rig.outbox.shutdown(1)


async def test_shutdown_ends_a_pause() -> None:
    """What waits for its next attempt has it within the grace."""
    rig = Rig(Server(WebhookError("x", "x")), sleep=lambda _: asyncio.Event().wait())
    rig.outbox.put(of("a"))
    await until(lambda: rig.lines, "the failure")
    await rig.outbox.shutdown(5)
    assert rig.count("sent") == 1


async def test_shutdown_that_is_cut_short() -> None:
    """What waits is counted, and the client is closed."""
    rig = Rig(Server())
    rig.server.gate.clear()
    rig.outbox.put(of("a"))
    await until(lambda: rig.server.sent, "the first attempt")
    rig.outbox.put(of("b"))
    ending = asyncio.ensure_future(rig.outbox.shutdown(100))
    await turns()
    ending.cancel()
    await asyncio.wait({ending})
    await until(lambda: rig.count("failed", reason="shutdown") == 2, "counted")
    assert rig.server.closed


async def test_shutdown_counts_what_is_left() -> None:
    """The grace is kept to, and nothing is lost without being counted."""
    rig = Rig(Server())
    rig.server.gate.clear()
    rig.outbox.put(of("a"))
    await until(lambda: rig.server.sent, "the first attempt")
    rig.outbox.put(of("b"))
    await rig.outbox.shutdown(0.01)
    rig.outbox.put(of("c"))
    assert rig.count("failed", reason="shutdown") == 3


async def test_a_crash_loses_one_batch() -> None:
    """The worker goes on."""
    rig = Rig(Server(ValueError("secret")))
    rig.outbox.put(of("a"))
    await until(lambda: rig.count("failed", reason="refused") == 1, "lost")
    rig.outbox.put(of("b"))
    await rig.outbox.shutdown(5)
    assert rig.count("sent") == 1
    assert "secret" not in "".join(rig.lines)


@pytest.mark.parametrize(
    ("members", "states"),
    [
        ({}, ["firing"]),
        ({"resolved": True}, ["firing", "resolved"]),
        ({"every_state": True}, ["firing", "repeated", "resolved"]),
        ({"minimum_severity": "critical"}, []),
    ],
)
async def test_what_a_destination_wants(members: dict[str, Any], states: list[str]) -> None:
    """Repetitions are for Alertmanagers; severities below its own are not for it."""
    rig = Rig(Server(batch=1), **members)
    for state in AlertState:
        rig.outbox.put(of(state.value, state=state))
    await rig.outbox.shutdown(5)
    assert [batch[0].state.value for batch in rig.server.sent] == states


async def test_lines() -> None:
    """One for each alert that begins, and ends when that is wanted."""
    written: list[Alert] = []
    metrics = AlertMetrics(CollectorRegistry())
    plain = LineNotifier("a", written.append, metrics)
    both = LineNotifier("b", written.append, metrics, resolved=True)
    high = LineNotifier("c", written.append, metrics, minimum_severity="critical")
    for notifier in (plain, both, high):
        for state in AlertState:
            notifier.put(alert(state=state))
        await notifier.shutdown(0)
    assert [a.state.value for a in written] == ["firing", "firing", "resolved"]
