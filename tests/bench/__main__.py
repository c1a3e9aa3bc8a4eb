"""``make bench``: requests per second, added CPU, a gibibyte streamed, open watches; a minute in all.

Loads loopback only, with bounded counts. Figures are of one machine at one
moment: compare them with another run on the same machine, as ratios.
"""

import asyncio
import ssl
import statistics
import sys
import sysconfig
import time

from tests.bench.processes import GIBIBYTE, Process

REQUESTS = 4000
CONNECTIONS = 32
WATCHES = 500


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


async def small_requests(
    process: Process, tls: ssl.SSLContext | None, connections: int
) -> tuple[float, float, float]:
    """Requests per second, CPU microseconds of the process per request, median milliseconds."""
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
    count = share * connections
    return count / seconds, (process.cpu - cpu) / count * 1e6, statistics.median(took) * 1000


async def gibibyte(process: Process, tls: ssl.SSLContext) -> tuple[float, float, float]:
    """MiB per second of a 1 GiB answer, memory before and at most, in MiB."""
    reader, writer = await connect(process.port, tls)
    before = process.memory
    started = time.perf_counter()
    writer.write(request("/big"))
    await reader.readuntil(b"\r\n\r\n")
    left = GIBIBYTE
    while left:
        piece = await reader.read(1 << 20)
        if not piece:
            raise RuntimeError("the answer ended early")
        left -= len(piece)
    seconds = time.perf_counter() - started
    writer.close()
    return 1024 / seconds, before, process.peak_memory


async def watches(process: Process, tls: ssl.SSLContext) -> float:
    """KiB of memory per open watch."""
    before = process.memory
    writers = []
    for _ in range(WATCHES):
        reader, writer = await connect(process.port, tls)
        writer.write(request("/api/v1/pods?watch=1"))
        await reader.readuntil(b"{}\r\n")
        writers.append(writer)
    grown = process.memory - before
    for writer in writers:
        writer.transport.abort()
    return grown * 1024 / WATCHES


async def main() -> None:
    """Run everything on both event loops and print a table."""
    tls = client_context()
    optimised = "--enable-optimizations" in str(sysconfig.get_config_var("CONFIG_ARGS"))
    print(f"Python {sys.version.split()[0]}{'' if optimised else ' (built without PGO)'}")
    upstream = await Process.start("upstream")
    try:
        rate, cpu, latency = await small_requests(upstream, None, CONNECTIONS)
        print(f"upstream alone, plain HTTP, c={CONNECTIONS}: {rate:7.0f}/s")
        for loop in ("uvloop", "asyncio"):
            extra = ("--uvloop",) if loop == "uvloop" else ()
            for level in ("None", "Metadata", "RequestResponse"):
                proxy = await Process.start("proxy", str(upstream.port), level, *extra)
                try:
                    await small_requests(proxy, tls, CONNECTIONS)
                    rate, cpu, latency = await small_requests(proxy, tls, CONNECTIONS)
                    _, _, single = await small_requests(proxy, tls, 1)
                    print(
                        f"{loop:8} {level:16} c={CONNECTIONS}: {rate:6.0f}/s, "
                        f"{cpu:4.0f} us CPU/request, p50 {latency:5.2f} ms; c=1: {single:5.2f} ms"
                    )
                finally:
                    await proxy.stop()
            proxy = await Process.start("proxy", str(upstream.port), "Metadata", *extra)
            try:
                speed, before, peak = await gibibyte(proxy, tls)
                print(
                    f"{loop:8} 1 GiB streamed: {speed:5.0f} MiB/s, "
                    f"memory {before:4.0f} -> at most {peak:4.0f} MiB"
                )
                per_watch = await watches(proxy, tls)
                print(f"{loop:8} {WATCHES} open watches: {per_watch:4.0f} KiB each")
            finally:
                await proxy.stop()
        from tests.bench.backends import modes

        await modes(upstream)
    finally:
        await upstream.stop()


if __name__ == "__main__":
    asyncio.run(main())
