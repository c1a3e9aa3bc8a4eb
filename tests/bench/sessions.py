"""``python -m tests.bench.sessions``: what recording a session costs, against the same unrecorded.

    keys     an interactive shell: CPU of the proxy for each key and its echo
    bulk     the output of a large file on a terminal: MiB a second
    many     500 sessions at once: memory of each beside the tunnel

Two proxies run side by side, one with `record: InputOutput` and one that knows no sessions; each
round measures both, and the ratio is the median of the rounds.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from auditproxy.sessions.wire.frames import BINARY, frame
from auditproxy.tunnel.protocols import websocket_accept
from tests.bench.processes import Process, proxy
from tests.bench.small import client_context, connect
from tests.fakes.waiting import pause
from tests.fakes.websocket import masked

ROUNDS = 5
KEYS = 3000
BULK = 48 << 20
PIECE = b"\x01" + b"the quick brown fox jumps over the lazy dog 0123456789 \x1b[0m\r\n" * 512
SESSIONS = 500
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
POLICY = """\
apiVersion: auditproxy.io/v1alpha1
kind: SessionRecordingPolicy
rules: [{record: InputOutput}]
"""


async def shells() -> None:
    """An upstream of shells: what is typed comes back; a client that types B gets BULK bytes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Accept: " + websocket_accept(KEY) + b"\r\n"
                b"Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n" + frame(BINARY, b"\x01$ ")
            )
            while True:
                head = await reader.readexactly(6)
                content = await reader.readexactly(head[1] & 0x7F)
                typed = bytes(a ^ b for a, b in zip(content, head[2:] * 8, strict=False))[1:]
                if typed != b"B":
                    writer.write(frame(BINARY, b"\x01" + typed))
                    continue
                output = frame(BINARY, PIECE)
                for _ in range(BULK // len(PIECE)):
                    writer.write(output)
                    await writer.drain()
                writer.write(frame(BINARY, b"\x01DONE"))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 20)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().create_future()


async def recording(port: int, mode: str) -> None:
    """A proxy in front of ``port`` that records every session, or none."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        flags: dict[str, Any] = {}
        if mode == "recorded":
            (folder / "recordings").mkdir()
            (folder / "policy").write_text(POLICY, encoding="utf-8")
            flags = {
                "sessions_recording_config_file": str(folder / "policy"),
                "sessions_recording_dir": str(folder / "recordings"),
                "sessions_recording_max_session_size": 1 << 30,
                "sessions_recording_max_total_size": 0,
                "sessions_recording_min_free_space": 0,
                "sessions_log_path": str(folder / "sessions.log"),
            }
        await proxy(port, "Metadata", folder=folder, **flags)


async def session(process: Process, tls: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A shell that has shown its prompt."""
    reader, writer = await connect(process.port, tls)
    target = "/api/v1/namespaces/d/pods/p/exec?command=sh&stdin=true&stdout=true&tty=true"
    writer.write(
        f"GET {target} HTTP/1.1\r\nHost: p\r\nAuthorization: Bearer t\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: {KEY.decode()}\r\n"
        "Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n".encode()
    )
    await reader.readuntil(b"\x01$ ")
    return reader, writer


async def keys(process: Process, tls: Any) -> float:
    """Microseconds of CPU for a key and its echo."""
    reader, writer = await session(process, tls)
    cpu = process.cpu
    for number in range(KEYS):
        key = b"\r" if number % 40 == 39 else b"x"
        writer.write(masked(BINARY, b"\x00" + key))
        await reader.readuntil(b"\x01" + key)
    used = process.cpu - cpu
    writer.close()
    return used / KEYS * 1e6


async def bulk(process: Process, tls: Any) -> float:
    """MiB a second of output."""
    reader, writer = await session(process, tls)
    started = time.perf_counter()
    writer.write(masked(BINARY, b"\x00B"))
    tail = b""
    while not tail.endswith(b"\x01DONE"):
        tail = (tail[-8:] + await reader.read(1 << 20))[-16:]
    seconds = time.perf_counter() - started
    writer.close()
    return BULK / seconds / (1 << 20)


async def many(process: Process, tls: Any) -> float:
    """KiB of memory of each of SESSIONS sessions, each with a screen of output and a command."""
    before = process.memory
    opened = [await session(process, tls) for _ in range(SESSIONS)]
    for reader, writer in opened:
        for key in b"ls -l\r":
            writer.write(masked(BINARY, bytes((0, key))))
            await reader.readuntil(bytes((1, key)))
    await pause(1)
    grown = process.memory - before
    for _, writer in opened:
        writer.transport.abort()
    await pause(1)
    return grown * 1024 / SESSIONS


async def main() -> None:
    """Print a line for each figure."""
    tls = client_context()
    module = "tests.bench.sessions"
    upstream = await Process.start("shells", module=module)
    started = [
        await Process.start("proxy", str(upstream.port), mode, module=module)
        for mode in ("plain", "recorded")
    ]
    try:
        for name, measure, unit in (("keys", keys, "us CPU a key"), ("bulk", bulk, "MiB/s")):
            found: list[tuple[float, float]] = []
            for _ in range(ROUNDS):
                plain, recorded = [await measure(process, tls) for process in started]
                found.append((plain, recorded))
            plain, recorded = (statistics.median(side) for side in zip(*found, strict=True))
            ratio = statistics.median(two / one for one, two in found)
            print(f"{name:5} unrecorded {plain:6.0f}, recorded {recorded:6.0f} {unit}, {ratio:.2f}")
        plain, recorded = [await many(process, tls) for process in started]
        print(
            f"many  {SESSIONS} sessions: unrecorded {plain:4.0f}, recorded {recorded:4.0f} KiB each"
        )
    finally:
        for process in (*started, upstream):
            await process.stop()


if __name__ == "__main__":
    if sys.argv[1:2] == ["shells"]:
        asyncio.run(shells())
    elif sys.argv[1:2] == ["proxy"]:
        asyncio.run(recording(int(sys.argv[2]), sys.argv[3]))
    else:
        asyncio.run(main())
