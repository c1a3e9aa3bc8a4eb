"""What alerts cost: ``python -m tests.bench.alerts [SECONDS]``.

events     microseconds of the engine for an event, with the shipped rules
large      the longest time for which one event with large bodies holds the loop
flood      10,000 events a second for SECONDS through the dispatcher: what is evaluated, what
           is dropped, and how late other tasks of the loop are
"""

import asyncio
import sys
import time
import timeit
from functools import partial

from prometheus_client import CollectorRegistry

from auditproxy.alerts.alert import Alert
from auditproxy.alerts.engine import AlertEngine
from auditproxy.apis.audit import Event
from auditproxy.files.alerts import read_rules
from auditproxy.metrics.alerts import AlertMetrics
from auditproxy.notifiers.dispatcher import AlertDispatcher
from tests.fakes.alertrules import audit_event, exec_event

RATE = 10_000
STEP = 0.005
"""Seconds between two bursts of events."""

CASES = {
    "get pods": audit_event(),
    "create pods": audit_event(verb="create"),
    "RequestReceived": audit_event(stage="RequestReceived"),
    "update leases": audit_event(
        verb="update",
        objectRef={"resource": "leases", "name": "x", "apiGroup": "coordination.k8s.io"},
    ),
    "/healthz": audit_event(objectRef=None, requestURI="/healthz"),
    "exec": exec_event(),
}


def events() -> None:
    """Print the cost of each kind of event."""
    engine = AlertEngine(read_rules("builtin").rules)
    for name, event in CASES.items():
        best = min(timeit.repeat(partial(engine.take, event, 10**18), number=2000, repeat=5))
        print(f"{name:<16} {best / 2000 * 1e6:8.2f} us")


class Counted:
    """A notifier that counts."""

    def __init__(self) -> None:
        self.count = 0

    def put(self, alert: Alert) -> None:
        """Count it."""
        self.count += 1

    async def shutdown(self, grace: float) -> None:
        """Nothing waits."""


def new_dispatcher(registry: CollectorRegistry, counted: Counted) -> AlertDispatcher:
    """The shipped rules, as the proxy has them."""
    return AlertDispatcher(
        read_rules("builtin"),
        [counted],
        AlertMetrics(registry),
        clock=time.time_ns,
        monotonic=time.monotonic,
        report=lambda _: None,
        queue_size=10_000,
    )


async def large(size: int) -> float:
    """Milliseconds of the longest turn of the loop while one event is evaluated.

    It is the creation of a privileged pod, with so many bytes of environment in both bodies.
    """
    padding = [{"name": f"N{index}", "value": "some value here"} for index in range(size // 46)]
    container = {"name": "c", "securityContext": {"privileged": True}, "env": padding}
    pod = {"kind": "Pod", "spec": {"containers": [container]}}
    event = audit_event(verb="create", requestObject=pod, responseObject=pod)
    dispatcher = new_dispatcher(CollectorRegistry(), Counted())
    dispatcher.offer(event)
    longest, last = 0.0, time.perf_counter()
    while dispatcher.waiting:
        await asyncio.sleep(0)  # noqa: TID251 - a measure of the loop
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    await dispatcher.shutdown(10)
    return longest * 1e3


async def flood(seconds: float, event: Event | None, name: str) -> None:
    """Offer events at RATE, and measure how late a task is that wakes every STEP."""
    registry, counted = CollectorRegistry(), Counted()
    dispatcher = new_dispatcher(registry, counted)
    late: list[float] = []
    cpu, began = time.process_time(), time.monotonic()
    offered = 0
    while (now := time.monotonic()) < began + seconds:
        if event is not None:
            due = int((now - began) * RATE)
            for _ in range(due - offered):
                dispatcher.offer(event)
            offered = due
        woken = time.monotonic()
        await asyncio.sleep(STEP)  # noqa: TID251 - a measure of the loop
        late.append(time.monotonic() - woken - STEP)
    spent = (time.process_time() - cpu) / seconds
    await dispatcher.shutdown(10)
    dropped = registry.get_sample_value(
        "auditproxy_alerts_events_dropped_total", {"reason": "queue-full"}
    )
    late.sort()
    print(
        f"{name:<16} {offered} events, {dropped:.0f} dropped, {counted.count} alerts sent, "
        f"CPU {spent:.0%}, wakes late by {late[len(late) // 2] * 1e3:.2f} ms (median), "
        f"{late[int(len(late) * 0.99)] * 1e3:.2f} ms (99 of 100)"
    )


async def floods(seconds: float) -> None:
    """Nothing, events that no rule means, and execs alone."""
    await flood(seconds, None, "nothing")
    await flood(seconds, CASES["get pods"], "get pods")
    await flood(seconds, CASES["exec"], "exec")


if __name__ == "__main__":
    events()
    for size in (316_000, 790_000, 3_000_000):
        held = min(asyncio.run(large(size)) for _ in range(5))
        print(f"pod of {size} bytes: the loop is held for {held:.1f} ms at most")
    asyncio.run(floods(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0))
