"""The processes of ``python -m tests.bench.sessions``: an upstream of sessions, and its proxies.

shells                            what is typed comes back; B and P get BULK bytes; ports are forwarded
proxy PORT MODE LOOP FOLDER       a proxy in front of PORT, on a loop, with its files in FOLDER
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

from auditproxy.app.process import settle_memory
from auditproxy.sessions.wire.frames import BINARY, frame
from auditproxy.sessions.wire.spdy import SpdyFrames, StreamData, StreamOpened
from auditproxy.tunnel.protocols import websocket_accept
from tests.bench.processes import proxy
from tests.fakes.spdy import Client

BULK = 48 << 20
_LINES = Path(__file__).read_bytes().replace(b"\n", b"\r\n")
PIECES = {
    b"B": b"\x01" + b"the quick brown fox jumps over the lazy dog 0123456789 \x1b[0m\r\n" * 512,
    b"P": b"\x01" + (_LINES * 10)[: 32 * 1024],
}
"""What is shown over and over for a key: lines with a colour each, and a text without."""
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
SENT_BACK = 3000
"""Bytes that a forwarded connection gets."""

POLICY = """\
apiVersion: auditproxy.io/v1alpha1
kind: SessionRecordingPolicy
rules: [{{record: InputOutput, onFailure: {on_failure}}}]
"""
MODES = {"unrecorded": "", "recorded": "Allow", "whole": "Deny"}
"""Proxies, and what their rule does where a session cannot be recorded; "" knows no sessions."""

_SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"


async def shells() -> None:
    """An upstream of sessions; prints its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            await (_forward if b"/portforward" in head else _shell)(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 20)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().create_future()


async def _shell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A shell over WebSocket: what is typed comes back."""
    writer.write(
        _SWITCH + b"Upgrade: websocket\r\nSec-WebSocket-Accept: " + websocket_accept(KEY) + b"\r\n"
        b"Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n" + frame(BINARY, b"\x01$ ")
    )
    while True:
        head = await reader.readexactly(6)
        content = await reader.readexactly(head[1] & 0x7F)
        typed = bytes(a ^ b for a, b in zip(content, head[2:] * 8, strict=False))[1:]
        if typed not in PIECES:
            writer.write(frame(BINARY, b"\x01" + typed))
            continue
        output = frame(BINARY, PIECES[typed])
        for _ in range(BULK // len(PIECES[typed])):
            writer.write(output)
            await writer.drain()
        writer.write(frame(BINARY, b"\x01DONE"))


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A port-forward over SPDY: takes each stream, and answers data with SENT_BACK bytes."""
    writer.write(
        _SWITCH + b"Upgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: portforward.k8s.io\r\n\r\n"
    )
    frames, own = SpdyFrames(), Client()
    while received := await reader.read(1 << 16):
        for one in frames.feed(received):
            if isinstance(one, StreamOpened):
                writer.write(own.reply(one.stream))
            elif isinstance(one, StreamData) and one.data:
                writer.write(own.data(one.stream, b"y" * SENT_BACK))


async def proxy_of(port: int, mode: str, folder: Path) -> None:
    """A proxy in front of ``port`` that records every session, or none."""
    flags: dict[str, Any] = {}
    if on_failure := MODES[mode]:
        (folder / "recordings").mkdir(mode=0o700)
        (folder / "policy").write_text(POLICY.format(on_failure=on_failure), encoding="utf-8")
        flags = {
            "sessions_recording_config_file": str(folder / "policy"),
            "sessions_recording_dir": str(folder / "recordings"),
            "sessions_recording_max_session_size": 1 << 30,
            "sessions_recording_max_total_size": 0,
            "sessions_recording_min_free_space": 0,
            "sessions_log_path": str(folder / "sessions.log"),
        }
    # As the command does: what is free goes back, and large buffers are mapped by themselves.
    settle_memory()
    await proxy(port, "Metadata", folder=folder, **flags)


if __name__ == "__main__":
    role, *rest = sys.argv[1:]
    if role == "shells":
        asyncio.run(shells())
    elif rest[2] == "uvloop":
        import uvloop

        uvloop.run(proxy_of(int(rest[0]), rest[1], Path(rest[3])))
    else:
        asyncio.run(proxy_of(int(rest[0]), rest[1], Path(rest[3])))
