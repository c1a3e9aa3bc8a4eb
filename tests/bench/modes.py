"""What each backend in each mode costs a request, and how many events it takes in a second."""

import contextlib
import ssl
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench import sinks
from tests.bench.figures import Figures, Row, number, percentile, summary
from tests.bench.processes import Process
from tests.bench.small import CONNECTIONS, Sample, client_context, small_sample
from tests.fakes.waiting import until

LOG = "--audit-log-path={folder}/audit.log"
WEBHOOK = "--audit-webhook-config-file={folder}/webhook"
SPOOL = "--audit-webhook-spool-dir={folder}/spool"
CHAIN = (
    "--audit-log-hash-chain",
    "--audit-log-checkpoint-key-file={folder}/checkpoint.key",
    "--audit-log-checkpoint-interval=1s",
)
"""With sixty times as many checkpoints as by default."""

NO_AUDIT, REFERENCE = "no event", "log blocking"
DELIVERED = 60.0
"""Seconds in which all events of a measurement must be where they go."""


@dataclass(frozen=True)
class Mode:
    """A backend in a mode."""

    name: str
    plugin: str
    flags: tuple[str, ...]
    level: str = "Metadata"


def _batch(plugin: str) -> tuple[str, ...]:
    """Mode ``batch`` that drops nothing, and ends as soon as all is delivered."""
    return (
        f"--audit-{plugin}-mode=batch",
        f"--audit-{plugin}-batch-buffer-size=100000",
        f"--audit-{plugin}-batch-max-wait=100ms",
        f"--audit-{plugin}-batch-throttle-enable=false",
    )


MODES = (
    Mode(NO_AUDIT, "log", (LOG,), level="None"),
    Mode(REFERENCE, "log", (LOG, "--audit-log-mode=blocking")),
    Mode("log batch", "log", (LOG, *_batch("log"))),
    Mode("log blocking-strict", "log", (LOG, "--audit-log-mode=blocking-strict")),
    Mode("log durable", "log", (LOG, "--audit-log-mode=durable")),
    Mode("log blocking chain", "log", (LOG, "--audit-log-mode=blocking", *CHAIN)),
    Mode("log durable chain", "log", (LOG, "--audit-log-mode=durable", *CHAIN)),
    Mode("webhook batch", "webhook", (WEBHOOK, *_batch("webhook"))),
    Mode("webhook blocking", "webhook", (WEBHOOK, "--audit-webhook-mode=blocking")),
    Mode("spool batch", "webhook", (WEBHOOK, SPOOL, *_batch("webhook"))),
    Mode("spool blocking", "webhook", (WEBHOOK, SPOOL, "--audit-webhook-mode=blocking")),
    Mode("nats batch", "nats", _batch("nats")),
    Mode("nats blocking", "nats", ("--audit-nats-mode=blocking",)),
)

COLUMNS = {
    "events": "events/s",
    "delivered": "delivered/s",
    "cpu": "us CPU a request",
    "p50-1": "p50, c=1",
    "p99-1": "p99, c=1",
    "p50-32": "p50, c=32",
    "p99-32": "p99, c=32",
}
"""Figures and how a table calls them; latencies are ms more than without the proxy."""
WHOLE = "whole-p50-32"
"""The whole p50 at 32 connections in ms, of which the ratio is shown."""


def chosen(only: str) -> tuple[Mode, ...]:
    """The modes of a list of names; raises SystemExit for a name that is none."""
    names = [name for name in only.split(",") if name]
    known = {mode.name: mode for mode in MODES}
    for name in names:
        if name not in known:
            raise SystemExit(f"--only {name}: the modes are {', '.join(known)}")
    return tuple(known[name] for name in names) or MODES


async def _delivered(health: int, plugin: str) -> None:
    """Wait until a backend has written every event that there was."""

    async def are_there() -> bool:
        generated, written, dropped = sinks.events_of(await sinks.metrics(health), plugin)
        if dropped:
            raise SystemExit(f"the backend {plugin} dropped {dropped:.0f} events")
        return written == generated

    await until(are_there, "all events are delivered", seconds=DELIVERED)


@dataclass(frozen=True)
class Run:
    """What the modes of one call have in common."""

    upstream: Process
    webhook: Process
    tls: ssl.SSLContext

    async def alone(self) -> dict[int, Sample]:
        """The same requests without the proxy, by connections."""
        return {count: await small_sample(self.upstream, None, count) for count in (1, CONNECTIONS)}

    async def measure(self, mode: Mode, alone: Mapping[int, Sample]) -> Figures:
        """One measurement of a mode."""
        async with contextlib.AsyncExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            flags = list(mode.flags)
            if mode.plugin == "nats":
                url = await stack.enter_async_context(sinks.nats(folder))
                flags += [f"--audit-nats-servers={url}", f"--audit-nats-stream={sinks.STREAM}"]
            proxy, health = await stack.enter_async_context(
                sinks.serving(self.upstream, mode.level, flags, self.webhook, folder)
            )
            await small_sample(proxy, self.tls, CONNECTIONS)
            await _delivered(health, mode.plugin)
            before, *_ = sinks.events_of(await sinks.metrics(health), mode.plugin)
            begun = time.perf_counter()
            many = await small_sample(proxy, self.tls, CONNECTIONS)
            await _delivered(health, mode.plugin)
            seconds = time.perf_counter() - begun
            after, *_ = sinks.events_of(await sinks.metrics(health), mode.plugin)
            single = await small_sample(proxy, self.tls, 1)
        figures = {
            "events": (after - before) / many.seconds,
            "delivered": (after - before) / seconds,
            "cpu": many.cpu,
            WHOLE: percentile(many.times, 0.5) * 1e3,
        }
        for count, sample in ((1, single), (CONNECTIONS, many)):
            for name, share in (("p50", 0.5), ("p99", 0.99)):
                more = percentile(sample.times, share) - percentile(alone[count].times, share)
                figures[f"{name}-{count}"] = more * 1e3
        return figures


async def measured(upstream: Process, only: str, rounds: int) -> dict[str, list[Figures]]:
    """What each round found, by mode; each round begins with another mode."""
    modes = list(chosen(only))
    why = sinks.why_no_nats()
    if why and any(mode.plugin == "nats" for mode in modes):
        print(f"nats is skipped: {why}", file=sys.stderr, flush=True)
        modes = [mode for mode in modes if mode.plugin != "nats"]
    found: dict[str, list[Figures]] = {mode.name: [] for mode in modes}
    webhook = await sinks.start_receiver()
    try:
        run = Run(upstream, webhook, client_context())
        for turn in range(rounds):
            alone = await run.alone()
            begin = turn % len(modes) if modes else 0
            for mode in modes[begin:] + modes[:begin]:
                print(f"round {turn + 1} of {rounds}, {mode.name}", file=sys.stderr, flush=True)
                found[mode.name].append(await run.measure(mode, alone))
    finally:
        await webhook.stop()
    return found


def table(found: Mapping[str, Sequence[Figures]]) -> list[str]:
    """A Markdown table: a row for each mode, the medians of its rounds."""
    rows = summary(found, REFERENCE)
    heads = ["backend and mode", *COLUMNS.values(), f"p50, c=32, times {REFERENCE}"]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for name, rounds in found.items():
        if rounds:
            cells = [number(rows[figure][name].median) for figure in COLUMNS]
            lines.append(f"| {name} | {' | '.join(cells)} | {_ratio(rows[WHOLE][name])} |")
    return lines


def _ratio(row: Row) -> str:
    return "" if row.ratio is None else f"{row.ratio:.2f}"


async def compare(upstream: Process, only: str, rounds: int) -> None:
    """Measure modes and print the table."""
    found = await measured(upstream, only, rounds)
    if rounds > 1:
        print(f"medians of {rounds} rounds; the ratio is one within a round")
    print("latencies are milliseconds more than the same request takes without the proxy")
    print("\n".join(table(found)))
