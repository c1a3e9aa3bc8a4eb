"""One scene played by the chain alone and with the short way, and all that can be seen of it.

    seen = await both(tmp_path, steps, play)

With the short way it is played twice, the second time as if other requests were always under way.
Proxies and upstreams are new ones. What the client, the upstream, the events, the metrics and
the pool show must be equal but for ids and times; then a probe on the same connection must be
answered alike too.
"""

import contextlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from auditproxy.server.deadline import Ends
from auditproxy.upstream.pool import PoolStats
from tests.fakes.proxy import RunningProxy, proxy_before, request
from tests.fakes.upstream import FakeConnection, FakeUpstream, Script, answer, dial
from tests.fakes.waiting import steady, until

JSON = b"Content-Type: application/json"
POD = b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"box"}}\n'
ECHOED = b"{id}"
"""Stands for the Audit-ID that came with the request."""
DATE = b"Date: Sat, 28 Nov 2026 10:00:00 GMT"


def kube(status: int, body: bytes, *headers: bytes, date: bytes = DATE) -> bytes:
    """An answer with the head of kube-apiserver's, which tells the Audit-ID that came."""
    return (
        b"HTTP/1.1 %d OK\r\nAudit-Id: %b\r\nCache-Control: no-cache, private\r\n"
        b"Content-Type: application/json\r\n%b%b\r\nContent-Length: %d\r\n\r\n%b"
        % (status, ECHOED, b"".join(line + b"\r\n" for line in headers), date, len(body), body)
    )


OK = kube(200, POD)
PROBED = b"the probe was answered"

Step = bytes | Callable[[FakeConnection], Awaitable[None]]
"""What the upstream does about one request: the bytes of its answer, or something else."""


def script_of(steps: Sequence[Step]) -> Script:
    """Take a step for each request, over all connections; probes and all further ones get OK."""
    left = list(steps)

    async def script(connection: FakeConnection) -> None:
        while True:
            head, _ = await connection.read_request()
            if b" /api/v1/nodes/probe " in head.partition(b"\r\n")[0]:
                connection.send(answer(200, PROBED))
                continue
            step = left.pop(0) if left else OK
            if isinstance(step, bytes):
                audit_id = head.partition(b"\r\nAudit-ID: ")[2].partition(b"\r\n")[0]
                connection.send(step.replace(ECHOED, audit_id))
            else:
                await step(connection)

    return script


@dataclass
class Scene:
    """A proxy, its upstream, and one client whose first request is what the scene began with."""

    proxy: RunningProxy
    upstream: FakeUpstream
    client: FakeConnection
    answers: int = 0

    @property
    def handler(self) -> Any:
        """The proxy's handler."""
        return self.proxy.proxy.handler

    async def ask(self, raw: bytes) -> None:
        """Send a request as one segment, and wait until it is answered and over."""
        self.client.send(raw)
        await self.answered()

    async def answered(self, count: int = 1) -> None:
        """Wait for so many more answers, and until nothing is under way."""
        self.answers += count
        client = self.client
        await client.until(
            lambda: client.received.count(b"HTTP/1.1 ") >= self.answers or client.closed.is_set()
        )
        await self.over()

    async def over(self) -> None:
        """Wait until no request is under way and every event is out."""
        await until(lambda: not self.handler.under_way, "no request is under way")
        await self.proxy.proxy.settle()


@dataclass
class Seen:
    """What a scene showed; ``short`` is how many requests began on the short way."""

    client: bytes
    events: list[dict[str, Any]]
    upstream: list[bytes]
    pool: PoolStats
    metrics: dict[str, float]
    said: list[str]
    short: int = field(compare=False)

    @property
    def is_kept(self) -> bool:
        """Whether the probe was answered on the same connection."""
        return self.client.endswith(PROBED)

    def codes(self) -> list[tuple[str, int | None]]:
        """Stage and code of each event but the probe's and the first request's."""
        found = [(e["stage"], e.get("responseStatus", {}).get("code")) for e in self.events]
        return found[: -2 if self.is_kept else None]


Play = Callable[[Scene], Awaitable[object]]

_CLIENTS_OWN = re.compile(rb"(?<=\r\n)((?:Audit-Id|Date): )[^\r]*")
_UPSTREAMS_OWN = re.compile(rb"(?<=\r\nAudit-ID: )[^\r]*|(?<=\r\nHost: 127.0.0.1:)\d+")
_IDS = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_KEYED = re.compile("hmac-sha256:[0-9a-f]{16}")
"""What stands for a secret follows from a key of the process."""
_TIMES = ("_bucket", "_sum", "_created", "_stalled_seconds")


def shape(event: dict[str, Any]) -> dict[str, Any]:
    """An event without its id and times; of latencies and secrets it keeps that there are any."""
    own = ("auditID", "requestReceivedTimestamp", "stageTimestamp")
    event = json.loads(_KEYED.sub("secret", json.dumps(event)))
    found = {key: value for key, value in event.items() if key not in own}
    if "annotations" in found:
        found["annotations"] = {
            key: "some time" if key.startswith("apiserver.latency.k8s.io/") else value
            for key, value in found["annotations"].items()
        }
    return found


def figures(proxy: RunningProxy) -> dict[str, float]:
    """Every metric of requests, events and connections that is no time."""
    found = {}
    for family in proxy.proxy.handler.shared.metrics.registry.collect():
        for sample in family.samples:
            is_time = sample.name.endswith(_TIMES) or "timestamp" in sample.name
            if is_time or sample.name.startswith(("process_", "python_")):
                continue
            found[sample.name + json.dumps(sample.labels, sort_keys=True)] = sample.value
    return found


class Several(Ends[Any]):
    """The ends of requests of which another one is always under way."""

    __slots__ = ()
    are_several = True


@contextlib.asynccontextmanager
async def scene(
    folder: Path, steps: Sequence[Step], *, short: bool, several: bool = False, **flags: Any
) -> AsyncIterator[tuple[Scene, list[str]]]:
    """A proxy that has the short way, or has it not, before an upstream; and what it reports.

    ``several``: it is as if other requests were under way.
    """
    context = flags.pop("client_context", None)
    async with (
        FakeUpstream(script_of(steps)) as upstream,
        proxy_before(upstream.port, folder, **flags) as proxy,
    ):
        if not short:
            proxy.proxy._serving.server._take = None
        if several:
            proxy.proxy.handler.ends = Several()
        said: list[str] = []
        shared = proxy.proxy.handler.shared
        shared.report = said.append
        # Else a machine that is slow for a moment puts latencies into events of one way.
        shared.monotonic_clock = lambda: 0
        client = await dial("127.0.0.1", proxy.proxy.port, context=context)
        try:
            yield Scene(proxy, upstream, client), said
        finally:
            await client.stop()


async def played(
    folder: Path,
    steps: Sequence[Step],
    play: Play,
    *,
    short: bool,
    several: bool = False,
    log: bool = False,
    **flags: Any,
) -> Seen:
    """Play a scene and return what it showed; with ``log`` events go to a log, as a proxy's do."""
    path = folder / f"{short}-{several}.log"
    if log:
        flags |= {"own_backend": True, "audit_log_path": str(path)}
    async with scene(folder, steps, short=short, several=several, **flags) as (of, said):
        await play(of)
        await of.over()
        client = of.client
        await steady(lambda: len(client.received), "what the client gets", looks=5)
        if not client.closed.is_set():
            client.send(request("GET", "/api/v1/nodes/probe"))
            await client.until(lambda: PROBED in client.received or client.closed.is_set())
        await of.over()
        backend = of.proxy.proxy.backend
        await until(lambda: not getattr(backend, "waiting", 0), "every event is stored")
        pool = of.handler.services.upstream.pool
        await until(lambda: not pool.stats.active, "no connection to the upstream is in use")
        seen = Seen(
            client=_CLIENTS_OWN.sub(rb"\1own", bytes(client.received)),
            events=of.proxy.events,
            upstream=[
                _UPSTREAMS_OWN.sub(b"own", bytes(connection.received))
                for connection in of.upstream.connections
            ],
            pool=pool.stats,
            metrics=figures(of.proxy),
            said=[_IDS.sub("own", str(line)) for line in said],
            short=of.handler.short.taken,
        )
    if log:
        # A log that is written in batches is whole once the proxy has ended.
        seen.events = [json.loads(line) for line in path.read_bytes().splitlines()]
    seen.events = [shape(event) for event in seen.events]
    return seen


async def both(
    folder: Path, steps: Sequence[Step], play: Play, *, took: int = 1, **flags: Any
) -> Seen:
    """Play a scene both ways, and among others; all that is seen must be equal.

    At least ``took`` requests of the scene began on the short way; the probe is not counted on.
    """
    chain = await played(folder, steps, play, short=False, **flags)
    assert chain.short == 0
    for several in (True, False):
        short = await played(folder, steps, play, short=True, several=several, **flags)
        assert short.short >= took
        for what in ("client", "events", "upstream", "pool", "metrics", "said"):
            ours, theirs = getattr(short, what), getattr(chain, what)
            assert ours == theirs, f"{what}, {several=}: {apart(theirs, ours)}"
    return short


def apart(chain: Any, short: Any) -> str:
    """Where two of them differ, for a test that fails."""
    if isinstance(chain, dict):
        keys = [key for key in chain.keys() | short.keys() if chain.get(key) != short.get(key)]
        return "; ".join(f"{key}: {chain.get(key)} became {short.get(key)}" for key in keys)
    if isinstance(chain, list) and len(chain) == len(short):
        pairs = zip(chain, short, strict=True)
        return "; ".join(apart(one, other) for one, other in pairs if one != other)
    return f"{chain!r} became {short!r}"
