"""G: the upstream's name, its restarts, and reviews that it is slow to answer."""

import asyncio
import contextlib
import json
import socket
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from auditproxy.clients.apiserver import CONCURRENCY
from tests.conformance.client import Answer, read_answer
from tests.fakes.proxy import ADMIN, ALICE, BOB, RunningProxy, proxy_before, request
from tests.fakes.upstream import FakeConnection, FakeUpstream, answer
from tests.fakes.waiting import until

JSON = b"Content-Type: application/json"
NAME = "api.example.test"
USERS = {ALICE: "alice", BOB: "bob", ADMIN: "admin"}
WATCH = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


# --- T240: the name -------------------------------------------------------------------


@dataclass
class Resolver:
    """What the system says of NAME; every other name is looked up as ever."""

    addresses: list[str] = field(default_factory=list)
    asked: int = 0

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Take the place of the system's."""
        system = socket.getaddrinfo

        def getaddrinfo(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
            if host != NAME:
                return system(host, port, *rest, **more)
            self.asked += 1
            stream = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
            return [(*stream, (address, port)) for address in self.addresses]

        patch.setattr(socket, "getaddrinfo", getaddrinfo)


def named(port: int, kubeconfig: dict[str, Any]) -> None:
    """Have the kubeconfig name its server."""
    kubeconfig["clusters"][0]["cluster"]["server"] = f"http://{NAME}:{port}"


async def replying_once(connection: FakeConnection) -> None:
    """Answer one request, and close."""
    await connection.read_request()
    connection.send(answer(200, connection.transport.get_extra_info("sockname")[0].encode()))
    connection.close()


async def test_addresses_that_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """T240: each connection goes where the name leads then; no answer is kept."""
    resolver = Resolver(["127.0.0.1"])
    resolver.install(monkeypatch)
    async with FakeUpstream(replying_once) as first:
        second = FakeUpstream(replying_once)
        second.host, second.port = "127.0.0.2", first.port
        async with (
            second,
            proxy_before(
                first.port, tmp_path, change=lambda config: named(first.port, config)
            ) as proxy,
        ):
            before = resolver.asked
            assert (await proxy.ask(request())).body == b"127.0.0.1"
            resolver.addresses = ["127.0.0.2"]
            assert (await proxy.ask(request())).body == b"127.0.0.2"
            assert resolver.asked == before + 2
            resolver.addresses = []
            assert (await proxy.ask(request())).status in (502, 503)
            resolver.addresses = ["127.0.0.1"]
            assert (await proxy.ask(request())).body == b"127.0.0.1"


async def test_a_thousand_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """T240: addresses where nobody listens are passed over, within the time for one connection."""
    nobody = [f"127.1.{number // 250}.{number % 250 + 1}" for number in range(999)]
    resolver = Resolver([*nobody, "127.0.0.1"])
    resolver.install(monkeypatch)
    async with (
        FakeUpstream(replying_once) as upstream,
        proxy_before(
            upstream.port, tmp_path, change=lambda config: named(upstream.port, config)
        ) as proxy,
    ):
        assert (await proxy.ask(request())).body == b"127.0.0.1"
        assert len(upstream.connections) == 1


# --- T241: restarts --------------------------------------------------------------------


@dataclass
class ApiServer:
    """A kube-apiserver that is replaced on its port, as in a rolling restart of one."""

    seen: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Whose namespace was asked for, and as whom."""
    stops: asyncio.Event = field(default_factory=asyncio.Event)
    upstream: FakeUpstream | None = None

    async def script(self, connection: FakeConnection) -> None:
        """Answer until the stop; watches end with their last chunk then."""
        while True:
            head, _ = await connection.read_request()
            text = head.decode("latin-1")
            user = text.partition("Impersonate-User: ")[2].partition("\r\n")[0]
            self.seen[text.split("/")[4], user] += 1
            if "watch=1" in text:
                connection.send(WATCH + b"2\r\n{}\r\n")
                await self.stops.wait()
                connection.send(b"0\r\n\r\n")
            else:
                connection.send(answer(200, user.encode(), JSON))
            if self.stops.is_set():
                connection.close()
                return

    async def start(self, port: int = 0) -> int:
        """Serve on the port, 0 for any; the port."""
        self.stops = asyncio.Event()
        self.upstream = FakeUpstream(self.script)
        self.upstream.port = port
        await self.upstream.start()
        return self.upstream.port

    async def stop(self) -> None:
        """Stop as kube-apiserver does: no new connection, watches end, then all is closed."""
        upstream = self.upstream
        assert upstream is not None
        upstream.stop_listening()
        self.stops.set()
        for connection in upstream.connections:
            if b"watch=1" not in connection.received:
                connection.close()
        await upstream.until(lambda: all(each.closed.is_set() for each in upstream.connections))
        await upstream.close()


@contextlib.asynccontextmanager
async def restarting(folder: Path) -> AsyncIterator[tuple[ApiServer, RunningProxy, int]]:
    """The API server, the proxy before it, and the port that it keeps."""
    server = ApiServer()
    port = await server.start()
    try:
        async with proxy_before(port, folder) as proxy:
            yield server, proxy, port
    finally:
        await server.stop()


async def get(proxy: RunningProxy, token: str, more: str = "") -> Answer:
    """One request for pods of the user's own namespace, on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.proxy.port)
    writer.write(request("GET", f"/api/v1/namespaces/{USERS[token]}/pods{more}", token=token))
    try:
        async with asyncio.timeout(30):
            return await read_answer(reader, "GET")
    finally:
        writer.close()


@dataclass
class Load:
    """Clients that ask for their own pods, until they are stopped."""

    server: ApiServer
    proxy: RunningProxy
    port: int
    codes: Counter[int] = field(default_factory=Counter)
    stops: bool = False

    async def client(self, token: str) -> None:
        """One request after the other."""
        while not self.stops:
            found = await get(self.proxy, token)
            self.codes[found.status] += 1
            if found.status == 200:
                assert found.body == USERS[token].encode()

    async def restart(self) -> None:
        """Restart the API server while the load and watches run."""
        watches = [
            asyncio.create_task(get(self.proxy, token, "?watch=1"))
            for token in USERS
            for _ in range(5)
        ]
        handler = self.proxy.proxy.handler
        await until(
            lambda: sum(each.long_running for each in handler.under_way) == len(watches),
            "watches are open",
        )
        await self.server.stop()
        for watch in await asyncio.gather(*watches):
            # Begun, and ended by the last chunk; or not begun, and refused.
            assert watch.complete
            assert watch.status in (200, 502, 503)
        refused = self.codes[502] + self.codes[503]
        await until(lambda: self.codes[502] + self.codes[503] > refused, "requests are refused")
        await self.server.start(self.port)
        served = self.codes[200]
        await until(lambda: self.codes[200] > served + 20, "requests are served")


async def test_restarts_of_the_api_server(tmp_path: Path) -> None:
    """T241: while it restarts under load nobody acts as another, watches end cleanly, and what fails
    may be tried again."""
    async with restarting(tmp_path) as (server, proxy, port):
        load = Load(server, proxy, port)
        clients = [asyncio.create_task(load.client(token)) for token in USERS for _ in range(2)]
        for _ in range(3):
            await load.restart()
        load.stops = True
        await asyncio.gather(*clients)
    assert set(load.codes) <= {200, 502, 503}
    assert all(namespace == user for namespace, user in server.seen), server.seen


# --- T243: slow reviews ------------------------------------------------------------------


@dataclass
class SlowReviews:
    """Reviews wait until they are let go; all else is answered at once."""

    under_way: int = 0
    most: int = 0
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, connection: FakeConnection) -> None:
        """Answer each request of a connection in turn."""
        while True:
            head, body = await connection.read_request()
            if b"/tokenreviews " not in head:
                connection.send(answer(200, b"{}", JSON))
                continue
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            await self.released.wait()
            self.under_way -= 1
            spec = json.loads(body)["spec"]
            status = {
                "authenticated": True,
                "user": {"username": spec["token"]},
                "audiences": spec.get("audiences", []),
            }
            review = json.dumps({"kind": "TokenReview", "status": status}).encode()
            connection.send(answer(201, review, JSON))


async def test_slow_reviews(tmp_path: Path) -> None:
    """T243: while reviews take long, other users are served, and so many are under way at most."""
    slow = SlowReviews()
    async with (
        FakeUpstream(slow) as upstream,
        proxy_before(upstream.port, tmp_path, authentication_token_review=True) as proxy,
    ):

        async def ask(token: str) -> int:
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.proxy.port)
            writer.write(request("GET", "/api/v1/pods", token=token))
            async with asyncio.timeout(30):
                status = (await read_answer(reader, "GET")).status
            writer.close()
            return status

        waiting = [asyncio.create_task(ask(f"slow-{number}")) for number in range(CONCURRENCY + 20)]
        await until(lambda: slow.under_way == CONCURRENCY, "as many reviews wait as may")
        for _ in range(20):
            assert await ask(ADMIN) == 200
        assert not any(task.done() for task in waiting)
        slow.released.set()
        assert set(await asyncio.gather(*waiting)) == {200}
        assert slow.most == CONCURRENCY
