"""An API server with one pod, for ``python -m tests.bench.sessions``: exec runs a command, really.

``python -m tests.bench.pods`` prints its port. What is executed gets a terminal of its own, as from
a kubelet, and comes over WebSocket in messages of what the terminal gives at once, 4 KiB at most.
It answers no more than ``kubectl exec`` asks for.
"""

import asyncio
import contextlib
import json
import os
import pty
import re
import subprocess
import sys
from urllib.parse import parse_qs

from auditproxy.embedded.pods.streams import exit_status
from auditproxy.sessions.wire.frames import BINARY, frame
from auditproxy.tunnel.protocols import websocket_accept

CHUNK = 4096
_CLOSE = 8
_POD = {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "p", "namespace": "d"}}
_POD |= {"spec": {"containers": [{"name": "c", "image": "i"}]}, "status": {"phase": "Running"}}
_PODS = {"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod", "verbs": ["get"]}
_ANSWERS = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": "v1",
        "resources": [_PODS],
    },
    "/api/v1/namespaces/d/pods/p": _POD,
}
_KEY = re.compile(rb"\r\nsec-websocket-key: *([^\r]*)", re.IGNORECASE)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            path, _, query = head.split(b" ", 2)[1].decode("ascii").partition("?")
            if path.endswith("/exec"):
                await _execute(head, parse_qs(query)["command"], reader, writer)
                break
            writer.write(_answer(path))
    writer.close()


def _answer(path: str) -> bytes:
    found = _ANSWERS.get(path)
    body = json.dumps(found or {"kind": "Status", "apiVersion": "v1", "code": 404}).encode()
    status = b"200 OK" if found else b"404 Not Found"
    return (
        b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        % (status, len(body))
    ) + body


async def _execute(
    head: bytes, command: list[str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Run a command on a terminal, and send what that shows."""
    key = _KEY.search(head)
    assert key is not None
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n"
        % websocket_accept(key.group(1))
    )
    terminal, other = pty.openpty()
    process = subprocess.Popen(command, stdin=other, stdout=other, stderr=other, close_fds=True)
    os.close(other)
    shown = asyncio.StreamReader(limit=CHUNK)
    protocol = asyncio.StreamReaderProtocol(shown)
    side = os.fdopen(terminal, "rb", buffering=0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, side)
    sizes = asyncio.create_task(_discard(reader))
    try:
        # A terminal whose program has ended gives an error, and no end.
        with contextlib.suppress(OSError):
            while data := await shown.read(CHUNK):
                writer.write(frame(BINARY, b"\x01" + data))
                await writer.drain()
        code = await asyncio.to_thread(process.wait)
        writer.write(frame(BINARY, b"\x03" + exit_status(code)) + frame(_CLOSE, b"\x03\xe8"))
        await writer.drain()
    finally:
        process.kill()
        transport.close()
        sizes.cancel()


async def _discard(reader: asyncio.StreamReader) -> None:
    """Read what the client sends: the size of its terminal."""
    while await reader.read(1 << 16):
        pass


async def main() -> None:
    """Serve until the process is killed."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
