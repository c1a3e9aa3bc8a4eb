"""A rolling update: two replicas behind a load balancer are replaced in turn, under load."""

import asyncio
import contextlib
import itertools
import signal
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.conformance.client import read_answer
from tests.fakes.processes import Started, started
from tests.fakes.proxy import request
from tests.fakes.upgrades import SWITCH_SPDY
from tests.fakes.upstream import FakeConnection, FakeUpstream
from tests.fakes.waiting import until

CLIENTS = 4
DELAY = 2
"""Seconds of --shutdown-delay-duration: in the second half clients are sent elsewhere."""

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
EXEC = request(
    "POST",
    "/api/v1/namespaces/d/pods/p/exec?command=sh",
    "Connection: Upgrade",
    "Upgrade: SPDY/3.1",
)


@dataclass
class Balancer:
    """Passes connections on, in turn to those replicas that say that they are ready."""

    replicas: list[Started] = field(default_factory=list)
    port: int = 0
    _turn: "itertools.count[int]" = field(default_factory=itertools.count)
    _copying: set[asyncio.Task[None]] = field(default_factory=set)

    @contextlib.asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        """Listen on a port of the loopback."""
        server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            for task in self._copying:
                task.cancel()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        count, first = len(self.replicas), next(self._turn)
        for number in range(count):
            replica = self.replicas[(first + number) % count]
            with contextlib.suppress(OSError):
                if (await replica.health("/readyz")).status == 200:
                    theirs = await asyncio.open_connection("127.0.0.1", replica.port)
                    for source, sink in ((reader, theirs[1]), (theirs[0], writer)):
                        self._copying.add(asyncio.create_task(copy(source, sink)))
                    return
        writer.close()


async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Pass bytes on as they come, and the end."""
    with contextlib.suppress(OSError):
        while piece := await source.read(65536):
            sink.write(piece)
            await sink.drain()
    sink.close()


@dataclass
class Load:
    """Clients that send one request after the other, and try none again."""

    port: int
    tls: ssl.SSLContext
    done: list[str] = field(default_factory=list)
    """Audit-IDs of the requests that were answered 200."""
    moved: int = 0
    """Connections that a replica ended with an answer that said so."""
    stops: bool = False

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection over TLS to whatever replica the balancer chooses."""
        return await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.tls, server_hostname="localhost"
        )

    async def client(self, number: int) -> None:
        """Requests with bodies and without, until the load stops; raises what fails."""
        for count in itertools.count():
            reader, writer = await self.connect()
            is_kept = True
            while is_kept and not self.stops:
                audit_id = f"{number}-{count}-{len(self.done)}"
                body = b"{}" if len(self.done) % 2 else b""
                asked = ("POST", "/api/v1/namespaces/d/pods") if body else ("GET", "/api/v1/pods")
                writer.write(request(*asked, f"Audit-ID: {audit_id}", body=body))
                async with asyncio.timeout(30):
                    answer = await read_answer(reader, asked[0])
                assert (answer.status, answer.complete) == (200, True)
                self.done.append(audit_id)
                is_kept = answer.header("connection").lower() != "close"
                self.moved += not is_kept
            writer.close()
            if self.stops:
                return

    async def goes_on(self) -> None:
        """Wait for another 50 answers."""
        before = len(self.done)
        await until(lambda: len(self.done) >= before + 50, "the load goes on", seconds=45)


async def test_rolling_update(tmp_path: Path) -> None:
    """T262: two replicas are replaced under load: no request fails, each has its events once."""
    released = asyncio.Event()

    async def script(connection: FakeConnection) -> None:
        with contextlib.suppress(EOFError):
            while True:
                head, _ = await connection.read_request()
                if b"/exec" not in head:
                    connection.send(OK)
                    continue
                connection.send(SWITCH_SPDY)
                await released.wait()
                connection.send(b"the command has ended")
                connection.transport.close()

    balancer = Balancer()
    flags = (
        f"--cert-dir={tmp_path}/certs",
        f"--shutdown-delay-duration={DELAY}s",
        "--shutdown-session-grace-period=60s",
    )
    folders = [tmp_path / name for name in ("a", "b")]
    async with contextlib.AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(FakeUpstream(script))

        async def start(folder: Path) -> Started:
            return await stack.enter_async_context(started(upstream.port, folder, *flags))

        for folder in folders:
            folder.mkdir()
            balancer.replicas.append(await start(folder))
        await stack.enter_async_context(balancer.serve())
        trusted = ssl.create_default_context(cafile=f"{tmp_path}/certs/auditproxy.crt")
        load = Load(balancer.port, trusted)
        session, session_writer = await load.connect()
        session_writer.write(EXEC)
        async with asyncio.timeout(30):
            assert (await read_answer(session, "GET")).status == 101
        clients = [asyncio.create_task(load.client(number)) for number in range(CLIENTS)]
        await load.goes_on()
        for number, folder in enumerate(folders):
            old = balancer.replicas[number]
            old.process.send_signal(signal.SIGTERM)
            if number == 0:
                await until(lambda: load.moved >= 1, "clients go to the other one", seconds=45)
                # A replica with a session waits for it, until it has ended by itself.
                await load.goes_on()
                released.set()
                async with asyncio.timeout(30):
                    assert await session.read() == b"the command has ended"
                session_writer.close()
            assert await old.ended(60) == 0
            balancer.replicas[number] = await start(folder)
            await load.goes_on()
        load.stops = True
        async with asyncio.timeout(30):
            await asyncio.gather(*clients)
        for each in balancer.replicas:
            each.process.send_signal(signal.SIGTERM)
        for each in balancer.replicas:
            assert await each.ended(60) == 0
        events = [event for each in balancer.replicas for event in each.events()]
    stages = Counter((event["auditID"], event["stage"]) for event in events)
    for audit_id in load.done:
        assert stages.pop((audit_id, "RequestReceived")) == 1
        assert stages.pop((audit_id, "ResponseComplete")) == 1
    # What is left is the session.
    assert sorted(str(stage) for _, stage in stages) == [
        "RequestReceived",
        "ResponseComplete",
        "ResponseStarted",
    ]
