"""Recorded requests several times without an Audit-ID: ``python -m tests.conformance.again``.

Each is sent on a fresh connection, which the chain serves, then several times on a second one and
on a third. Answers and events must be those of the first but for ids and times.
"""

import argparse
import asyncio
import sys
from dataclasses import dataclass, field
from typing import Any

from auditproxy.app.proxy import Proxy
from tests.conformance import corpus
from tests.conformance.client import Answer, replay_again
from tests.conformance.compare import SERVERS_OWN
from tests.conformance.corpus import Exchange
from tests.conformance.replay import Collector, proxy_before
from tests.conformance.upstream import RecordedUpstream

_OWN = frozenset({"auditID", "requestReceivedTimestamp", "stageTimestamp"})
_OWN_HEADERS = frozenset({"audit-id", "date"})


@dataclass
class Again:
    """How often requests were sent, how many began on the short way, and what differed."""

    sent: int = 0
    short: int = 0
    targets: int = 0
    """Recorded requests of which one or more did."""
    details: list[str] = field(default_factory=list)


def without_id(exchange: Exchange) -> Exchange:
    """The same request of a client that brings no Audit-ID."""
    headers = [header for header in exchange.request_headers if header[0].lower() != "audit-id"]
    return Exchange({**exchange.raw, "requestHeaders": headers})


async def measure_again(exchanges: list[Exchange], users: dict[str, Any], times: int) -> Again:
    """Send every exchange that is no tunnel so often on each of two connections, and compare."""
    found = Again()
    collector = Collector()
    async with proxy_before(exchanges, users, collector, annotations="infer") as (proxy, upstream):
        for exchange in exchanges:
            if exchange.tunnel is None:
                async with asyncio.timeout(20):
                    await _send(exchange, proxy, upstream, collector, times, found)
    found.short = proxy.handler.short.taken
    return found


async def _send(
    exchange: Exchange,
    proxy: Proxy,
    upstream: RecordedUpstream,
    collector: Collector,
    times: int,
    found: Again,
) -> None:
    """Send one exchange, and note where a later answer or event is not the first one's."""
    upstream.unnamed = exchange
    asked = without_id(exchange)
    short = proxy.handler.short.taken
    answers = await replay_again(asked, proxy.port, 1)
    for _ in range(2):
        answers += await replay_again(asked, proxy.port, times)
    await proxy.settle()
    found.sent += len(answers)
    found.targets += proxy.handler.short.taken > short
    events = [
        [_shape(event) for event in collector.events.pop(answer.header("audit-id"), [])]
        for answer in answers
    ]
    name = f"{exchange.audit_id} {exchange.method} {exchange.target[:80]}"
    for answer, shown in zip(answers, events, strict=True):
        if _read(answer) != _read(answers[0]):
            found.details.append(f"{name}: {_read(answers[0])!r} became {_read(answer)!r}"[:400])
        if shown != events[0]:
            found.details.append(f"{name}: {events[0]!r} became {shown!r}"[:2000])


def _read(answer: Answer) -> tuple[int, list[tuple[str, str]], bytes, bool]:
    """An answer without what each has of its own."""
    headers = [header for header in answer.headers if header[0].lower() not in _OWN_HEADERS]
    return answer.status, headers, answer.body, answer.complete


def _shape(event: dict[str, Any]) -> dict[str, Any]:
    """An event without what each has of its own."""
    shape = {key: value for key, value in event.items() if key not in _OWN}
    if "annotations" in shape:
        shape["annotations"] = {
            key: value for key, value in shape["annotations"].items() if not SERVERS_OWN.match(key)
        }
    return shape


def main() -> int:
    """Print the figures and every difference; exit 1 where there is one."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.again", description=__doc__)
    parser.add_argument("--times", type=int, default=5, help="send each so often a connection")
    arguments = parser.parse_args()
    exchanges = list(corpus.read())
    found = asyncio.run(measure_again(exchanges, corpus.users(), arguments.times))
    print(f"{found.sent} requests of {len(exchanges)} exchanges")
    print(f"{found.short} of them, of {found.targets} exchanges, began on the short way")
    for detail in found.details:
        print(f"    {detail}")
    return 1 if found.details else 0


if __name__ == "__main__":
    sys.exit(main())
