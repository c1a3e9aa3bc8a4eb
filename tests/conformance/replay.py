"""Replays a recording through the proxy and measures parity: ``python -m tests.conformance.replay``.

Each request is sent to a real listener of the proxy, forwarded to an upstream
that answers as recorded, and every event is compared with the one that
kube-apiserver wrote for it.
"""

import argparse
import asyncio
import collections
import contextlib
import csv
import json
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from auditproxy.apis.audit import Event
from auditproxy.app.proxy import Proxy, build
from auditproxy.audit.encode import json_line
from auditproxy.options import Options
from tests.conformance import corpus
from tests.conformance.client import Answer, replay, replay_again
from tests.conformance.compare import differences
from tests.conformance.corpus import Exchange
from tests.conformance.upstream import RecordedUpstream
from tests.fakes.options import options

POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- level: RequestResponse
"""


class Collector:
    """A backend that keeps every event as the JSON a log would hold."""

    def __init__(self) -> None:
        self.events: dict[str, list[dict[str, Any]]] = collections.defaultdict(list)

    def process_events(self, events: tuple[Event, ...]) -> bool:
        """Keep the events, by Audit-ID."""
        for event in events:
            self.events[event.audit_id].append(json.loads(json_line(event)))
        return True

    async def shutdown(self, grace: float) -> None:
        """Nothing is buffered."""

    def __str__(self) -> str:
        return "collector"


@dataclass
class Figures:
    """How many of what were equal."""

    recorded: int = 0
    equal: int = 0
    details: list[str] = field(default_factory=list)

    @property
    def parity(self) -> float:
        """Equal events per recorded one, in percent."""
        return 100 * self.equal / self.recorded if self.recorded else 100.0


@dataclass
class Outcome:
    """The result of one replay."""

    answers: Figures = field(default_factory=Figures)
    without_protobuf: Figures = field(default_factory=Figures)
    without_objects: Figures = field(default_factory=Figures)
    everything: Figures = field(default_factory=Figures)
    extra: list[str] = field(default_factory=list)
    sent: dict[str, int] = field(default_factory=dict)
    """How often each exchange was sent."""


@contextlib.asynccontextmanager
async def proxy_before(
    exchanges: list[Exchange],
    users: dict[str, Any],
    collector: Collector,
    *,
    annotations: str = "review",
) -> AsyncIterator[tuple[Proxy, RecordedUpstream]]:
    """A proxy in front of the recording, with the recording's users."""
    upstream = RecordedUpstream(exchanges, users)
    port = await upstream.start()
    with tempfile.TemporaryDirectory() as folder:
        prepared = _prepare(Path(folder), port, users, annotations)
        proxy = await build(prepared, sink=collector, listener_tls=False)
        try:
            await proxy.start()
            yield proxy, upstream
        finally:
            await proxy.close()
            await upstream.close()


def _prepare(folder: Path, port: int, users: dict[str, Any], annotations: str) -> Options:
    """The proxy's files: policy, static tokens, kubeconfig."""
    (folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
    with (folder / "tokens.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        for token, user in users.items():
            # Users with extra fields cannot stand in a token file: they are found by review.
            if "extra" in user or token.startswith("Basic "):
                continue
            groups = [g for g in user.get("groups", ()) if g != "system:authenticated"]
            table.writerow([token, user["username"], user.get("uid", ""), ",".join(groups)])
    (folder / "kubeconfig").write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "recorded",
                "contexts": [
                    {"name": "recorded", "context": {"cluster": "recorded", "user": "proxy"}}
                ],
                "clusters": [
                    {"name": "recorded", "cluster": {"server": f"http://127.0.0.1:{port}"}}
                ],
                "users": [{"name": "proxy", "user": {"token": "proxy-credential"}}],
            }
        ),
        encoding="utf-8",
    )
    return options(
        kubeconfig=str(folder / "kubeconfig"),
        audit_policy_file=str(folder / "policy.yaml"),
        token_auth_file=str(folder / "tokens.csv"),
        audit_authorization_annotations=annotations,
        # Parity is with a server that redacts nothing.
        audit_redact="none",
    )


async def measure(exchanges: list[Exchange], users: dict[str, Any], *, times: int = 1) -> Outcome:
    """Replay every exchange, one after the other, and compare.

    With ``times`` each that is not a tunnel is sent so often on a connection that is kept, and once
    more on another one: what is remembered of a request must change nothing.
    """
    outcome = Outcome()
    collector = Collector()
    async with proxy_before(exchanges, users, collector) as (proxy, _):
        for exchange in exchanges:
            async with asyncio.timeout(20):
                answers = [await replay(exchange, proxy.port)]
                if times > 1 and exchange.tunnel is None:
                    answers += await replay_again(exchange, proxy.port, times)
            outcome.sent[exchange.audit_id] = len(answers)
            for answer in answers:
                _compare_answer(exchange, answer, outcome)
        await proxy.settle()
    for exchange in exchanges:
        _compare_events(exchange, collector.events[exchange.audit_id], outcome)
    return outcome


def _compare_answer(exchange: Exchange, answer: Answer, outcome: Outcome) -> None:
    """The code and the bytes that the client got."""
    outcome.answers.recorded += 1
    expected = exchange.response_body
    if exchange.tunnel is not None:
        expected = b"".join(data for side, data in exchange.tunnel if side == "s")
    if answer.status == exchange.status and answer.body == expected:
        outcome.answers.equal += 1
        return
    outcome.answers.details.append(
        f"{exchange.audit_id} {exchange.method} {exchange.target[:80]}: "
        f"{exchange.status} with {len(expected)} bytes became "
        f"{answer.status} with {len(answer.body)} bytes"
    )


def _compare_events(exchange: Exchange, ours: list[dict[str, Any]], outcome: Outcome) -> None:
    """Each recorded event with ours of the same stage."""
    by_stage: dict[str, list[dict[str, Any] | None]] = collections.defaultdict(list)
    for event in ours:
        by_stage[event["stage"]].append(event)
    for recorded in exchange.events:
        found_here = by_stage.pop(recorded["stage"], [])
        missing = outcome.sent[exchange.audit_id] - len(found_here)
        for mine in (*found_here, *[None] * missing):
            _compare_event(exchange, recorded, mine, outcome)
    outcome.extra += [
        f"{exchange.audit_id} {stage} {exchange.method} {exchange.target[:80]}"
        for stage in by_stage
    ]


def _compare_event(
    exchange: Exchange, recorded: dict[str, Any], mine: dict[str, Any] | None, outcome: Outcome
) -> None:
    """One recorded event with one of ours."""
    for figures, with_objects in (
        (outcome.without_objects, False),
        (outcome.everything, True),
        *(() if exchange.speaks_protobuf else ((outcome.without_protobuf, True),)),
    ):
        figures.recorded += 1
        if mine is None:
            found = ["no event"]
        else:
            found = differences(recorded, mine, with_objects=with_objects)
        if not found:
            figures.equal += 1
        else:
            figures.details.append(
                f"{exchange.audit_id} {recorded['stage']} {exchange.method} "
                f"{exchange.target[:80]}: " + "; ".join(found)
            )


def main() -> int:
    """Print the figures and every difference; exit 1 when a figure is below its goal."""
    parser = argparse.ArgumentParser(prog="make conformance", description=__doc__)
    parser.add_argument("--corpus", type=Path, default=corpus.DATA / "exchanges.jsonl.gz")
    parser.add_argument("--users", type=Path, default=corpus.DATA / "users.json")
    parser.add_argument("--times", type=int, default=1, help="send each so often, and once more")
    parser.add_argument("--details", type=int, default=40, help="differences to print per figure")
    arguments = parser.parse_args()
    exchanges = list(corpus.read(arguments.corpus))
    outcome = asyncio.run(measure(exchanges, corpus.users(arguments.users), times=arguments.times))
    print(f"{len(exchanges)} exchanges replayed")
    for name, figures in (
        ("answers: code and body as recorded", outcome.answers),
        ("events of exchanges without protobuf", outcome.without_protobuf),
        ("all events, requestObject and responseObject left aside", outcome.without_objects),
        ("all events", outcome.everything),
    ):
        print(f"{figures.parity:7.2f} %  {figures.equal}/{figures.recorded}  {name}")
        for detail in figures.details[: arguments.details]:
            print(f"    {detail[:600]}")
    print(f"{len(outcome.extra)} events that kube-apiserver lost or did not write")
    for detail in outcome.extra:
        print(f"    {detail}")
    reached = not (
        outcome.answers.details
        or outcome.everything.details
        or outcome.without_protobuf.details
        or outcome.without_objects.details
    )
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
