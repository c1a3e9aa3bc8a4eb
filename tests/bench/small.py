"""Small requests over asyncio's streams, for the benches of what a request is only a part of.

What a request itself costs is measured by ``python -m tests.bench``.
"""

import asyncio
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.processes import Process

REQUESTS = 4000
CONNECTIONS = 32


def client_context() -> ssl.SSLContext:
    """TLS without looking at the certificate: it is the benchmark's own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def request(target: str) -> bytes:
    """A request of the benchmark's user."""
    return f"GET {target} HTTP/1.1\r\nHost: p\r\nAuthorization: Bearer t\r\n\r\n".encode()


async def connect(
    port: int, tls: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the proxy, or without TLS to the upstream itself."""
    return await asyncio.open_connection("127.0.0.1", port, ssl=tls, limit=1 << 22)


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, message: bytes) -> float:
    """Seconds until a request has its whole answer."""
    started = time.perf_counter()
    writer.write(message)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    await reader.readexactly(length)
    return time.perf_counter() - started


@dataclass(frozen=True)
class Sample:
    """Requests of one measurement: seconds of each and of all, CPU microseconds of each."""

    times: Sequence[float]
    seconds: float
    cpu: float


async def small_sample(process: Process, tls: ssl.SSLContext | None, connections: int) -> Sample:
    """``REQUESTS`` over so many connections; the CPU is that of the process."""
    share = REQUESTS // connections
    took: list[float] = []
    message = request("/api/v1/namespaces/d/configmaps/a")

    async def one() -> None:
        reader, writer = await connect(process.port, tls)
        took.extend([await ask(reader, writer, message) for _ in range(share)])
        writer.close()

    cpu, started = process.cpu, time.perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    seconds = time.perf_counter() - started
    return Sample(took, seconds, (process.cpu - cpu) / len(took) * 1e6)
