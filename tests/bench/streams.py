"""Measurements that are more than small requests: bulk, connections, watches, neighbours, start."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from itertools import cycle

from tests.bench.figures import Figures, percentile
from tests.bench.load import LIMIT, Asker, ask, connect
from tests.bench.measured import Measured
from tests.bench.traffic import Traffic, request_bytes
from tests.bench.upstream import LARGE, LARGE_LIST
from tests.fakes.waiting import pause, until

MEBIBYTE = 1 << 20
BULK = 20 * MEBIBYTE
BULK_CONNECTIONS, BULK_ANSWERS = 4, 8
NEW_CONNECTIONS = 100
WATCHES = 200
EVENTS = 10
SLOW_PAUSE = 0.05
"""Seconds that a slow reader takes for each MiB."""
NEIGHBOURS = 8
ALONE_SECONDS, BESIDE_SECONDS = 1.0, 2.5


class Reader(asyncio.Protocol):
    """Reads one answer to its end and counts its bytes; a watch has none."""

    def __init__(self, total: int) -> None:
        self.left = total
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.events: list[float] = []
        """Seconds from when each event of a watch was written to when it came."""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def connection_lost(self, error: Exception | None) -> None:
        for future in (self.begun, self.done):
            if not future.done():
                future.cancel()

    def data_received(self, data: bytes) -> None:
        if not self.begun.done():
            self.begun.set_result(None)
        if (at := data.find(b'"sent":')) >= 0:
            sent = int(data[at + 7 :].split(b"}", 1)[0])
            self.events.append((time.monotonic_ns() - sent) / 1e9)
        self.left -= len(data)
        if self.left <= 0 and not self.done.done():
            self.done.set_result(None)

    def pause_reading(self, seconds: float) -> None:
        """Take nothing for a while."""
        self.transport.pause_reading()
        asyncio.get_running_loop().call_later(seconds, self._resume)

    def _resume(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()


class SlowReader(Reader):
    """Takes a MiB, then waits."""

    def __init__(self, total: int) -> None:
        super().__init__(total)
        self._taken = 0

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._taken += len(data)
        if self._taken >= MEBIBYTE:
            self._taken = 0
            self.pause_reading(SLOW_PAUSE)


async def reader(
    port: int, tls: ssl.SSLContext, message: bytes, total: int, kind: type[Reader] = Reader
) -> Reader:
    """A connection of its own that asks for something long."""
    _, protocol = await asyncio.get_running_loop().create_connection(
        lambda: kind(total), "127.0.0.1", port, ssl=tls, server_hostname="localhost"
    )
    protocol.transport.write(message)
    return protocol


def target_message(traffic: Traffic, marker: str) -> bytes:
    """A GET of something that the stand-in of the upstream makes by its marker."""
    return request_bytes("GET", target(traffic) + marker, traffic.headers())


def target(traffic: Traffic) -> str:
    """A ConfigMap."""
    return f"/api/v1/namespaces/team/configmaps/{traffic.word(8)}"


def small_messages(traffic: Traffic) -> list[bytes]:
    """GETs of one client, who sends the same headers with each."""
    headers = traffic.headers()
    return [request_bytes("GET", f"{target(traffic)}.json-1024", headers) for _ in range(20)]


async def bulk(kind: str, measured: Measured) -> Figures:
    """CPU for a GB of answers, and MB a second."""
    traffic = Traffic(measured.seed, measured.round)
    tls = measured.files.client_context(certificate=True)
    message = target_message(traffic, f".{kind}-{BULK}")
    before, began = measured.subject.cpu, time.perf_counter()

    async def one() -> None:
        for _ in range(BULK_ANSWERS // BULK_CONNECTIONS):
            each = await reader(measured.subject.port, tls, message, BULK)
            await asyncio.wait_for(each.done, LIMIT)
            each.transport.abort()

    await asyncio.gather(*(one() for _ in range(BULK_CONNECTIONS)))
    seconds, cpu = time.perf_counter() - began, measured.subject.cpu - before
    total = BULK * BULK_ANSWERS
    return {"bulk": cpu / (total / 1e9), "speed": total / 1e6 / seconds}


async def new_connections(measured: Measured) -> Figures:
    """CPU of a connection with one request, four at once."""
    traffic = Traffic(measured.seed, measured.round)
    tls = measured.files.client_context(certificate=True)
    times: list[float] = []
    before, began = measured.subject.cpu, time.perf_counter()

    async def some() -> None:
        for _ in range(NEW_CONNECTIONS // 4):
            started = time.perf_counter()
            (asker,) = await connect(measured.subject.port, tls, 1)
            await asyncio.wait_for(asker.ask(cycle([target_message(traffic, "")]), 1, 1e12), LIMIT)
            times.append(time.perf_counter() - started)
            asker.close()

    await asyncio.gather(*(some() for _ in range(4)))
    seconds, cpu = time.perf_counter() - began, measured.subject.cpu - before
    return {
        "cpu": cpu / len(times) * 1e6,
        "p99": percentile(times, 0.99) * 1e6,
        "rate": len(times) / seconds,
    }


async def watches(measured: Measured) -> Figures:
    """Memory and CPU of a watch, CPU of an event to one of them, and how late it comes."""
    traffic = Traffic(measured.seed, measured.round)
    subject, files = measured.subject, measured.files
    tls = files.client_context(certificate=True)
    headers = traffic.headers()
    (warm,) = await connect(subject.port, tls, 1)
    await warm.ask(cycle([target_message(traffic, "")]), 50, 1e12)
    memory, cpu = subject.memory, subject.cpu
    readers: list[Reader] = []
    for _ in range(WATCHES):
        target = f"/api/v1/namespaces/team-{traffic.word(4)}/pods?watch=1&timeoutSeconds=3000"
        message = request_bytes("GET", target, headers)
        readers.append(await reader(subject.port, tls, message, MEBIBYTE))
        await asyncio.wait_for(readers[-1].begun, LIMIT)
    grown, opening = subject.memory - memory, subject.cpu - cpu
    # Straight to the upstream, as the proxy would ask.
    direct = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    direct.load_verify_locations(files.path("cluster.crt"))
    direct.load_cert_chain(files.path("credential.crt"), files.path("credential.key"))
    (events,) = await connect(measured.upstream_port, direct, 1)
    cpu = subject.cpu
    for number in range(1, EVENTS + 1):
        await events.ask(cycle([request_bytes("GET", "/event", headers)]), 1, 1e12)
        await until(
            lambda wanted=number: all(len(each.events) >= wanted for each in readers),  # type: ignore[misc]
            "an event to every watch",
        )
    spent = subject.cpu - cpu
    times = [each for one in readers for each in one.events]
    for each in readers:
        each.transport.abort()
    for asker in (warm, events):
        asker.close()
    return {
        "memory": grown * 1024 / WATCHES,
        "opening": opening / WATCHES * 1e6,
        "cpu": spent / (EVENTS * WATCHES) * 1e6,
        "p50": percentile(times, 0.5) * 1e6,
        "p99": percentile(times, 0.99) * 1e6,
    }


@contextlib.asynccontextmanager
async def neighbours(measured: Measured) -> AsyncIterator[list[Asker]]:
    """Connections with small requests."""
    tls = measured.files.client_context(certificate=True)
    askers = await connect(measured.subject.port, tls, NEIGHBOURS)
    try:
        yield askers
    finally:
        for asker in askers:
            asker.close()


async def beside(measured: Measured, message: bytes, total: int, kind: type[Reader]) -> Figures:
    """The latency of small requests alone, and while somebody reads something large."""
    traffic = Traffic(measured.seed, measured.round)
    own = [small_messages(traffic) for _ in range(NEIGHBOURS)]
    tls = measured.files.client_context(certificate=True)
    async with neighbours(measured) as askers:
        await ask(askers, own, 400, 1.0)
        alone = await ask(askers, own, 100_000, ALONE_SECONDS)
        large = await reader(measured.subject.port, tls, message, total, kind)
        # As long as the answer lasts, and while it is decoded after it.
        sample = await ask(askers, own, 100_000, BESIDE_SECONDS)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait_for(large.done, LIMIT)
        large.transport.abort()
    return {
        "p99": percentile(sample.times, 0.99) * 1e6,
        "alone": percentile(alone.times, 0.99) * 1e6,
    }


async def beside_list(measured: Measured) -> Figures:
    """Beside a LIST of 100 MiB of protobuf."""
    traffic = Traffic(measured.seed, measured.round)
    message = request_bytes("GET", LARGE_LIST, traffic.headers())
    return await beside(measured, message, LARGE, Reader)


async def beside_slow_reader(measured: Measured) -> Figures:
    """Beside a client that takes 40 MiB slowly."""
    traffic = Traffic(measured.seed, measured.round)
    message = target_message(traffic, f".bulk-{2 * BULK}")
    return await beside(measured, message, 2 * BULK, SlowReader)


async def start(measured: Measured) -> Figures:
    """How long a process took to listen, its CPU, and its memory then and after first answers."""
    await pause(0.1)
    begun = measured.subject.memory
    tls = measured.files.client_context(certificate=True)
    traffic = Traffic(measured.seed, measured.round)
    (asker,) = await connect(measured.subject.port, tls, 1)
    await asker.ask(cycle([target_message(traffic, "")]), 20, 1e12)
    asker.close()
    await pause(0.1)
    subject = measured.subject
    return {
        "start": subject.started,
        "starting": subject.cpu,
        "begun": begun,
        "resident": subject.memory,
    }
