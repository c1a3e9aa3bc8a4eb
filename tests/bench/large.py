"""``python -m tests.bench.large``: a protobuf LIST of 100 MiB at Metadata and at RequestResponse.

First byte, whole answer, memory of the proxy, how long small requests of others
wait meanwhile, and whether the event has every item.

    --mib 10 --mode durable --rounds 5      of another size, in another mode of the log
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from auditproxy.serializer.protobuf import envelope as protobuf
from tests.bench.processes import Process
from tests.conformance import corpus
from tests.fakes.waiting import pause

MEBIBYTE = 1 << 20
FLAGS = {"audit_capture_response_limit": 128 * MEBIBYTE, "audit_log_maxsize": 1000}
"""The flags of the proxy, and the mode of its log; everything else by default."""


def varint(number: int) -> bytes:
    """A number in protobuf's base 128."""
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number: int, value: bytes) -> bytes:
    """A length-delimited field."""
    return varint(number << 3 | 2) + varint(len(value)) + value


def pod_list(size: int) -> tuple[bytes, int]:
    """A PodList of at least ``size`` bytes, made of a recorded pod, and its number of items."""
    pod = max(
        (
            bytes(protobuf.envelope(e.response_body).raw)
            for e in corpus.read()
            if protobuf.is_protobuf(e.response_body)
            and protobuf.envelope(e.response_body).kind == "Pod"
        ),
        key=len,
    )
    item = field(2, pod)
    count = size // len(item) + 1
    kind = field(1, field(1, b"v1") + field(2, b"PodList"))
    return b"k8s\0" + kind + field(2, field(1, field(2, b"1")) + item * count), count


async def upstream(size: int) -> None:
    """An HTTP server: the list at /api/v1/pods, a small object elsewhere."""
    large, _ = pod_list(size)
    small = b'{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"}}\n'

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                is_list = head.split(b" ", 2)[1] == b"/api/v1/pods"
                body = large if is_list else small
                kind = b"vnd.kubernetes.protobuf" if is_list else b"json"
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/%b\r\n"
                    b"Content-Length: %d\r\n\r\n" % (kind, len(body))
                )
                for at in range(0, len(body), 65536):
                    writer.write(body[at : at + 65536])
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().create_future()


async def proxy(port: int, level: str, folder: str, mode: str) -> None:
    """The proxy, with large limits."""
    from tests.bench.processes import proxy

    await proxy(port, level, folder=Path(folder), audit_log_mode=mode, **FLAGS)


async def measure(level: str, upstream_port: int, size: int, items: int, mode: str) -> None:
    """One list, with small requests beside it, and a line of figures."""
    from tests.bench.small import client_context, connect, request

    tls = client_context()
    with tempfile.TemporaryDirectory() as folder:
        arguments = ("proxy", str(upstream_port), level, folder, mode)
        process = await Process.start(*arguments, module="tests.bench.large")
        try:
            waits: list[float] = []
            reader, writer = await connect(process.port, tls)
            small_reader, small_writer = await connect(process.port, tls)

            async def small() -> None:
                while True:
                    started = time.perf_counter()
                    small_writer.write(request("/api/v1/namespaces/d/configmaps/a"))
                    await small_reader.readuntil(b"}\n")
                    waits.append(time.perf_counter() - started)
                    await pause(0.002)

            log = Path(folder) / "audit.log"
            before = process.memory
            started = time.perf_counter()
            writer.write(request("/api/v1/pods"))
            await reader.readuntil(b"\r\n\r\n")
            first = time.perf_counter() - started
            left = size
            while left > 0:
                left -= len(await reader.read(MEBIBYTE))
            whole = time.perf_counter() - started
            others = asyncio.create_task(small())
            event = None
            while event is None and time.perf_counter() - started < 60:
                await pause(0.1)
                event = listed(log)
            took = time.perf_counter() - started
            others.cancel()
            found = "no event"
            if event is not None:
                count = len(event.get("responseObject", {}).get("items", ()))
                notes = [v for k, v in event["annotations"].items() if "omitted" in k]
                found = f"event with {count} of {items} items {' '.join(notes)}"
            print(
                f"{level:16} first byte {first * 1000:5.1f} ms, whole {whole * 1000:6.0f} ms, "
                f"event after {took:5.1f} s; memory {before:3.0f} -> at most "
                f"{process.peak_memory:5.0f} MiB; small requests meanwhile: p50 "
                f"{statistics.median(waits) * 1000:4.1f} ms, worst {max(waits) * 1000:5.0f} ms; "
                f"{found}"
            )
        finally:
            await process.stop()


def listed(log: Path) -> dict[str, Any] | None:
    """The last event of the list, once it is there."""
    with log.open("rb") as lines:
        for line in lines:
            start = line[:1000]
            if (
                b'"requestURI":"/api/v1/pods"' in start
                and b'"stage":"ResponseComplete"' in start
                and line.endswith(b"\n")
            ):
                return json.loads(line)  # type: ignore[no-any-return]
    return None


async def main(mib: int, mode: str, rounds: int) -> None:
    """Both levels."""
    large, items = pod_list(mib * MEBIBYTE)
    print(f"a protobuf LIST of {len(large) / MEBIBYTE:.0f} MiB, {items} pods; {mode}, {FLAGS}")
    server = await Process.start("upstream", str(mib), module="tests.bench.large")
    try:
        for _ in range(rounds):
            for level in ("Metadata", "RequestResponse"):
                await measure(level, server.port, len(large), items, mode)
    finally:
        await server.stop()


if __name__ == "__main__":
    if sys.argv[1:2] == ["upstream"]:
        asyncio.run(upstream(int(sys.argv[2]) * MEBIBYTE))
    elif sys.argv[1:2] == ["proxy"]:
        import uvloop

        uvloop.run(proxy(int(sys.argv[2]), *sys.argv[3:6]))
    else:
        parser = argparse.ArgumentParser(prog="python -m tests.bench.large")
        parser.add_argument("--mib", type=int, default=100)
        parser.add_argument("--mode", default="batch", help="of the log")
        parser.add_argument("--rounds", type=int, default=1)
        given = parser.parse_args()
        asyncio.run(main(given.mib, given.mode, given.rounds))
