"""What alerts add to a request: ``python -m tests.bench.alertlatency [ROUNDS]``.

Small requests, one after the other, through a process of the proxy with a flood of RATE events a
second beside them in the same event loop: none, offered to nobody, and offered to the shipped
rules, all of them of one kind. Rounds alternate, as the machine is not alone; the medians over the
rounds are printed, and how much CPU the process took.
"""

import asyncio
import ssl
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry

from auditproxy.apis.audit import Event
from auditproxy.files.alerts import read_rules
from auditproxy.metrics.alerts import AlertMetrics
from auditproxy.notifiers.dispatcher import AlertDispatcher
from auditproxy.notifiers.outbox import LineNotifier
from auditproxy.sockets.tasks import spawn
from tests.bench.processes import Process, proxy
from tests.bench.small import ask, client_context, connect, request
from tests.fakes.alertrules import audit_event, exec_event

RATE = 10_000
STEP = 0.002
"""Seconds between two bursts of events."""
REQUESTS = 1500

EVENTS = {"matching": exec_event(), "other": audit_event(stage="RequestReceived")}
CASES = (
    ("no alerts", "", "", ""),
    ("no alerts, events to nobody", "", "nobody", "other"),
    ("builtin", "builtin", "", ""),
    ("builtin, other events", "builtin", "rules", "other"),
    ("builtin, matching events", "builtin", "rules", "matching"),
)
"""A name, the file of rules of the proxy, who gets the flood, and of what."""


async def flood(offer: Callable[[Event], None], event: Event) -> None:
    """Offer events at RATE, for ever."""
    began, offered = time.monotonic(), 0
    while True:
        due = int((time.monotonic() - began) * RATE)
        for _ in range(due - offered):
            offer(event)
        offered = due
        await asyncio.sleep(STEP)  # noqa: TID251 - the rate


def dispatcher() -> AlertDispatcher:
    """The shipped rules, as the proxy has them, and lines that are not written."""
    metrics = AlertMetrics(CollectorRegistry())
    return AlertDispatcher(
        read_rules("builtin"),
        [LineNotifier("bench", lambda alert: None, metrics)],
        metrics,
        clock=time.time_ns,
        monotonic=time.monotonic,
        report=lambda _: None,
        queue_size=10_000,
    )


async def serve(port: int, rules: str, receiver: str, kind: str) -> None:
    """The proxy with a flood beside it."""
    flooding = None
    if receiver:
        offer = dispatcher().offer if receiver == "rules" else lambda event: None
        flooding = spawn(flood(offer, EVENTS[kind]), "flood")
    flags: dict[str, Any] = {"alerts_rules_file": rules} if rules else {}
    await asyncio.gather(proxy(port, "Metadata", **flags), *filter(None, [flooding]))


async def latencies(process: Process, tls: ssl.SSLContext) -> list[float]:
    """Seconds of each of REQUESTS requests over one connection."""
    reader, writer = await connect(process.port, tls)
    message = request("/api/v1/namespaces/d/configmaps/a")
    took = [await ask(reader, writer, message) for _ in range(REQUESTS)]
    writer.close()
    return sorted(took)


async def main(rounds: int) -> None:
    """Print the table."""
    tls = client_context()
    upstream = await Process.start("upstream")
    processes = {}
    results: dict[str, list[tuple[float, float, float]]] = {}
    try:
        for _ in range(rounds):
            for name, *arguments in CASES:
                process = processes[name] = await Process.start(
                    "serve", str(upstream.port), *arguments, module="tests.bench.alertlatency"
                )
                try:
                    await latencies(process, tls)
                    cpu, began = process.cpu, time.monotonic()
                    took = await latencies(process, tls)
                    share = (process.cpu - cpu) / (time.monotonic() - began)
                finally:
                    await process.stop()
                figures = (took[len(took) // 2], took[int(len(took) * 0.99)], share)
                results.setdefault(name, []).append(figures)
    finally:
        await upstream.stop()
    for name, found in results.items():
        median, high, share = (statistics.median(column) for column in zip(*found, strict=True))
        print(
            f"{name:<28} p50 {median * 1e3:5.2f} ms, p99 {high * 1e3:5.2f} ms, "
            f"CPU of the process {share:4.0%}"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        asyncio.run(serve(int(sys.argv[2]), *sys.argv[3:6]))
    else:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
