"""Mode durable in front of clients: what waits for the disk, what is refused, and what is not sent.

Each scene is played by the chain, and on the short way.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from auditproxy.app.logs import durablelog
from auditproxy.backends.durable import backend as durable
from auditproxy.backends.durable.backend import DurableLog
from tests.fakes.durable import EIO, FaultyDisk
from tests.fakes.proxy import RunningProxy, proxy_before, request
from tests.fakes.upstream import FakeConnection, FakeUpstream, answer, dial
from tests.fakes.waiting import pause, until

BOTH_LOOPS = True

POD = b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"box"}}\n'
OK = answer(200, POD, b"Content-Type: application/json")
GET = request()
UNRECORDED = request("GET", "/healthz")
POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, nonResourceURLs: ["/healthz*"]}
- {level: LEVEL}
"""
REFUSED = b"failed to store audit event"


@dataclass
class Scene:
    """A proxy in mode durable, its disk, its upstream and one client."""

    proxy: RunningProxy
    disk: FaultyDisk
    upstream: FakeUpstream
    client: FakeConnection
    path: Path

    @property
    def asked(self) -> int:
        """Requests that reached the upstream."""
        return sum(bytes(one.received).count(b" HTTP/1.1\r\n") for one in self.upstream.connections)

    @property
    def answers(self) -> int:
        """Answers that the client has."""
        return bytes(self.client.received).count(b"HTTP/1.1 ")

    @property
    def log(self) -> DurableLog:
        """The backend."""
        backend = self.proxy.proxy.backend
        assert isinstance(backend, DurableLog)
        return backend

    def events(self) -> list[dict[str, Any]]:
        """What is in the log."""
        return [json.loads(line) for line in self.path.read_bytes().splitlines()]

    def stages(self) -> list[str]:
        """The stages in the log, RR for RequestReceived and so on."""
        return ["".join(c for c in event["stage"] if c.isupper()) for event in self.events()]

    async def until_answers(self, count: int) -> None:
        """Wait for so many answers."""
        await self.client.until(lambda: self.answers >= count)

    async def until_settled(self) -> None:
        """Wait until nothing is on its way to the disk."""
        await self.proxy.proxy.settle()
        await until(lambda: not self.log.waiting, "everything is stored")


@contextlib.asynccontextmanager
async def scene(
    folder: Path, *, short: bool, level: str = "Metadata", hook: Any = None, **flags: Any
) -> AsyncIterator[Scene]:
    """The scene after one request, so that the short way knows the next ones; ``hook`` is called
    before the upstream answers."""
    disk = FaultyDisk()

    async def script(connection: FakeConnection) -> None:
        while True:
            head, _ = await connection.read_request()
            if hook is not None:
                await hook(of, connection, head)
            connection.send(OK)

    path = folder / "audit.log"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(durablelog, "Disk", lambda: disk)
        async with (
            FakeUpstream(script) as upstream,
            proxy_before(
                upstream.port,
                folder,
                policy=POLICY.replace("LEVEL", level),
                own_backend=True,
                audit_log_path=str(path),
                audit_log_mode="durable",
                **flags,
            ) as proxy,
        ):
            if not short:
                proxy.proxy._serving.server._take = None
            client = await dial("127.0.0.1", proxy.proxy.port)
            of = Scene(proxy, disk, upstream, client, path)
            try:
                client.send(GET)
                await of.until_answers(1)
                await of.until_settled()
                assert of.stages() == ["RR", "RC"]
                yield of
                assert bool(proxy.proxy.handler.short.taken) is short
            finally:
                disk.gate.set()
                await client.stop()


SHORT = pytest.mark.parametrize("short", [False, True], ids=["chain", "short way"])


@SHORT
async def test_not_sent_before_it_is_stored(tmp_path: Path, short: bool) -> None:
    """T269: RequestReceived is on the disk before the first byte goes upstream; the answer does not
    wait for ResponseComplete. An omitted RequestReceived is written all the same."""
    async with scene(tmp_path, short=short) as of:
        of.disk.gate.clear()
        of.disk.arrived.clear()
        of.client.send(GET)
        await until(of.disk.arrived.is_set, "the commit begins")
        await pause(0.05)
        assert of.asked == 1
        of.disk.gate.set()
        await of.until_answers(2)
        await of.until_settled()
        assert of.stages() == ["RR", "RC"] * 2
        assert of.disk.survived(of.path) == of.path.read_bytes()


@SHORT
async def test_refused(tmp_path: Path, short: bool) -> None:
    """T251: T253: a request whose arrival cannot be stored gets kube-apiserver's 500, is not sent, and
    is counted; the next one is served on the same connection."""
    async with scene(tmp_path, short=short) as of:
        of.disk.faults = [EIO]
        of.client.send(GET)
        await of.until_answers(2)
        assert REFUSED in of.client.received
        assert b"HTTP/1.1 500 Internal Server Error" in of.client.received
        assert of.asked == 1
        assert of.proxy.metric("apiserver_audit_requests_rejected_total") == 1
        of.client.send(GET)
        await of.until_answers(3)
        await of.until_settled()
        assert of.asked == 2
        assert of.stages() == ["RR", "RC"] * 2
        dropped = of.proxy.metric(
            "auditproxy_audit_events_dropped_total", plugin="log", reason="write-error"
        )
        generated = of.proxy.metric("auditproxy_audit_events_generated_total")
        written = of.proxy.metric("auditproxy_audit_events_written_total", plugin="log")
        assert (generated, written, dropped) == (5, 4, 1)


@SHORT
@pytest.mark.parametrize("next_one", [GET, UNRECORDED], ids=["recorded", "unrecorded"])
@pytest.mark.parametrize("level", ["Metadata", "RequestResponse"])
async def test_the_next_request_waits(
    tmp_path: Path, short: bool, next_one: bytes, level: str
) -> None:
    """ResponseComplete is on the disk before the connection's next request is sent, also if nothing
    of that is recorded."""
    held = [False]

    async def hook(of: Scene, connection: FakeConnection, head: bytes) -> None:
        if held[0]:
            of.disk.gate.clear()
            held[0] = False

    async with scene(tmp_path, short=short, level=level, hook=hook) as of:
        of.client.send(UNRECORDED)
        await of.until_answers(2)
        held[0] = True
        of.client.send(GET)
        await of.until_answers(3)
        of.client.send(next_one)
        await pause(0.05)
        assert of.asked == 3
        assert of.disk.survived(of.path).count(b"\n") == 3
        of.disk.gate.set()
        await of.until_answers(4)
        await of.until_settled()
        assert of.asked == 4
        assert of.stages() == ["RR", "RC"] * (3 if next_one is GET else 2)


@SHORT
async def test_the_next_request_waits_for_what_is_decoded(tmp_path: Path, short: bool) -> None:
    """An event whose bodies are decoded aside comes later, and is waited for as well."""
    body = json.dumps({"kind": "Lease", "a": ["x" * 10] * 20_000}).encode()
    target = "/apis/coordination.k8s.io/v1/namespaces/a/leases/b"
    put = request("PUT", target, "Content-Type: application/json", body=body)
    stored = []

    async def hook(of: Scene, connection: FakeConnection, head: bytes) -> None:
        on_disk = [json.loads(line) for line in of.disk.survived(of.path).splitlines()]
        stored.append([(event["verb"], event["stage"]) for event in on_disk])

    async with scene(tmp_path, short=short, level="RequestResponse", hook=hook) as of:
        of.client.send(put + GET)
        await of.until_answers(3)
        await of.until_settled()
        assert len(of.events()) == 6
        assert ("update", "ResponseComplete") not in stored[1]
        assert ("update", "ResponseComplete") in stored[2]
        of.client.send(GET)
        await of.until_answers(4)


@SHORT
async def test_a_connection_that_lost_an_event_ends(tmp_path: Path, short: bool) -> None:
    """Where ResponseComplete is not even taken, nothing more is served there; it is counted."""
    full = [False]

    async def hook(of: Scene, connection: FakeConnection, head: bytes) -> None:
        if full[0]:
            of.log.maximum_lines = 0

    async with scene(tmp_path, short=short, hook=hook) as of:
        full[0] = True
        of.client.send(GET)
        await of.client.wait_closed()
        assert of.answers == 2
        assert of.stages() == ["RR", "RC", "RR"]
        dropped = of.proxy.metric(
            "auditproxy_audit_events_dropped_total", plugin="log", reason="buffer-full"
        )
        assert dropped == 1


@SHORT
async def test_full_queue(tmp_path: Path, short: bool) -> None:
    """Requests above the bound are refused and counted, and not sent."""
    async with scene(tmp_path, short=short) as of:
        of.log.maximum_lines = 0
        of.client.send(GET)
        await of.until_answers(2)
        assert REFUSED in of.client.received
        assert of.asked == 1
        of.log.maximum_lines = 100
        of.client.send(GET)
        await of.until_answers(3)


@SHORT
async def test_a_client_that_leaves(tmp_path: Path, short: bool) -> None:
    """Nothing is sent for a client that left while it waited; its events say that it was here."""
    async with scene(tmp_path, short=short) as of:
        of.disk.gate.clear()
        of.disk.arrived.clear()
        of.client.send(GET)
        await until(of.disk.arrived.is_set, "the commit begins")
        of.client.reset()
        await until(lambda: not of.proxy.proxy.handler.under_way, "the request is over")
        of.disk.gate.set()
        await of.until_settled()
        assert of.asked == 1
        assert of.stages() == ["RR", "RC"] * 2


@SHORT
async def test_a_disk_that_hangs(tmp_path: Path, short: bool, monkeypatch: Any) -> None:
    """A request's time is over while it waits: 504, and nothing is sent, nor more served there."""
    monkeypatch.setattr("auditproxy.server.exchange.UPSTREAM_GRACE", 0.0)
    monkeypatch.setattr("auditproxy.server.short.shorttarget.UPSTREAM_GRACE", 0.0)
    timed = request("GET", "/api/v1/namespaces/default/pods/box?timeout=200ms")
    async with scene(tmp_path, short=short) as of:
        of.client.send(timed)
        await of.until_answers(2)
        await of.until_settled()
        of.disk.gate.clear()
        of.client.send(timed)
        await of.until_answers(3)
        assert b"HTTP/1.1 504 Gateway Timeout" in of.client.received
        of.disk.gate.set()
        await of.until_settled()
        assert of.asked == 2
        assert of.stages() == ["RR", "RC"] * 3


@SHORT
async def test_many_connections(tmp_path: Path, short: bool) -> None:
    """Requests of many connections share commits, and each has its record before it is sent."""
    seen: list[bool] = []

    async def hook(of: Scene, connection: FakeConnection, head: bytes) -> None:
        audit_id = head.partition(b"\r\nAudit-ID: ")[2].partition(b"\r\n")[0]
        seen.append(audit_id in of.disk.survived(of.path))

    async with scene(tmp_path, short=short, hook=hook) as of:
        before = of.disk.syncs

        def has(client: FakeConnection, count: int) -> bool:
            return bytes(client.received).count(b"HTTP/1.1 200") >= count

        async def one() -> None:
            client = await dial("127.0.0.1", of.proxy.proxy.port)
            try:
                for count in range(1, 11):
                    client.send(GET)
                    await client.until(partial(has, client, count))
            finally:
                await client.stop()

        await asyncio.gather(*(one() for _ in range(8)))
        await of.until_settled()
        assert seen == [True] * 81
        assert len(of.events()) == 162
        assert of.disk.syncs - before < 160


async def test_refused_without_being_sent(tmp_path: Path) -> None:
    """A request that is refused before it is sent waits for no record, but for the one before."""
    stranger = request("GET", "/api/v1/pods", token="nobody")
    async with scene(tmp_path, short=False, anonymous_auth=False) as of:
        of.client.send(stranger)
        await of.until_answers(2)
        await of.until_settled()
        assert of.stages() == ["RR", "RC", "RS"]
        of.disk.gate.clear()
        of.client.send(stranger + stranger)
        await of.until_answers(3)
        of.disk.gate.set()
        await of.until_answers(4)
        of.client.send(GET)
        await of.until_answers(5)
        await of.until_settled()
        assert of.stages() == ["RR", "RC", "RS", "RS", "RS", "RR", "RC"]


async def test_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """T254: /readyz fails with the reason while nothing could be stored, without any request."""
    monkeypatch.setattr(durable, "WATCH_INTERVAL", 0.01)
    folder = tmp_path / "logs"
    folder.mkdir()
    async with scene(folder, short=False) as of:

        def faults() -> tuple[str, ...]:
            return of.proxy.proxy.health.readiness().faults

        assert faults() == ()
        of.path.unlink()
        moved = tmp_path / "moved"
        folder.rename(moved)
        folder.touch()
        await until(faults, "it is not ready")
        assert faults() == ("audit-log: file exists",)
        of.client.send(GET)
        await of.until_answers(2)
        assert REFUSED in of.client.received
        folder.unlink()
        moved.rename(folder)
        of.client.send(GET)
        await of.until_answers(3)
        await until(lambda: not faults(), "it is ready again")
        assert of.asked == 2
