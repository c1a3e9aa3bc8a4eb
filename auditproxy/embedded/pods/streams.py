"""exec, attach, port-forward and logs of the embedded API server's pods.

exec, attach   WebSocket with numbered channels, or SPDY with a stream per channel
port-forward   SPDY streams in pairs, on the connection itself or inside WebSocket messages
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from auditproxy.embedded.http1 import RawConnection, Request
from auditproxy.embedded.pods.channels import Channels, open_spdy_channels, open_websocket_channels
from auditproxy.embedded.pods.containers import Container, Process, new_container
from auditproxy.embedded.pods.journal import ContainerSession
from auditproxy.embedded.pods.portforward import forward_ports
from auditproxy.embedded.pods.terminal import Terminal
from auditproxy.sockets.tasks import spawn
from auditproxy.tunnel.protocols import websocket_accept
from auditproxy.tunnel.spdy import SpdyError
from auditproxy.tunnel.websocket import WebSocket

CHANNEL_PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io", "channel.k8s.io")
SPDY_PROTOCOLS = ("v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io")
TUNNELLED = "SPDY/3.1+portforward.k8s.io"
PORTFORWARD = "portforward.k8s.io"

LOG_LINES = 3
FOLLOWED_LINES = 1000
FOLLOW_INTERVAL = 0.2
PROMPT = b"$ "

_containers: dict[str, Container] = {}


def container_of(pod: dict[str, Any]) -> Container:
    """A pod's container, the same for as long as the pod lives."""
    metadata = pod["metadata"]
    key = metadata.get("uid") or metadata["name"]
    if key not in _containers:
        _containers[key] = new_container(metadata["name"], "c")
    return _containers[key]


async def log_lines(
    pod: dict[str, Any], follow: bool, tail: int | None = None
) -> AsyncIterator[bytes]:
    """What the container wrote, and a line now and then when it is followed.

    Of the lines that are already there, only the last ``tail`` if it is given.
    """
    name = pod["metadata"]["name"]
    for number in range(0 if tail is None else max(0, LOG_LINES - tail), LOG_LINES):
        yield f"{name} log line {number}\n".encode()
    if follow:
        for number in range(LOG_LINES, FOLLOWED_LINES):
            await asyncio.sleep(FOLLOW_INTERVAL)
            yield f"{name} log line {number}\n".encode()


async def serve(
    request: Request, pod: dict[str, Any], connection: RawConnection, session: ContainerSession
) -> None:
    """Answer an upgrade and hold its session; returns when it is over."""
    # After the 101 there is no HTTP to answer a fault with: the connection ends.
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, SpdyError):
        if request.headers["upgrade"].lower() == "websocket":
            await _over_websocket(request, pod, connection, session)
        else:
            await _over_spdy(request, pod, connection, session)
    connection.writer.close()
    session.is_over = True


async def _over_websocket(
    request: Request, pod: dict[str, Any], connection: RawConnection, session: ContainerSession
) -> None:
    offered = [p.strip() for p in request.headers.get("sec-websocket-protocol", "").split(",")]
    known = (TUNNELLED,) if session.subresource == "portforward" else CHANNEL_PROTOCOLS
    protocol = next((p for p in known if p in offered), None)
    if protocol is None:
        _refuse(connection)
        return
    session.protocol = protocol
    key = request.headers.get("sec-websocket-key", "")
    _switch(
        connection,
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Accept", websocket_accept(key.encode()).decode()),
        ("Sec-WebSocket-Protocol", protocol),
    )
    socket = WebSocket(connection.reader, connection.writer)
    if session.subresource == "portforward":
        await forward_ports(pod, socket.receive, socket.send, session)
        return
    await _converse(request, pod, await open_websocket_channels(socket, session), session)
    await socket.close()


async def _over_spdy(
    request: Request, pod: dict[str, Any], connection: RawConnection, session: ContainerSession
) -> None:
    offered = [p.strip() for p in request.headers.get("x-stream-protocol-version", "").split(",")]
    known = (PORTFORWARD,) if session.subresource == "portforward" else SPDY_PROTOCOLS
    protocol = next((p for p in known if p in offered), None)
    if request.headers["upgrade"].lower() != "spdy/3.1" or protocol is None:
        _refuse(connection)
        return
    session.protocol = protocol
    _switch(connection, ("Upgrade", "SPDY/3.1"), ("X-Stream-Protocol-Version", protocol))

    async def receive() -> bytes:
        data = await connection.reader.read(65536)
        if not data:
            raise ConnectionResetError
        return data

    async def send(data: bytes) -> None:
        connection.writer.write(data)
        await connection.writer.drain()

    if session.subresource == "portforward":
        await forward_ports(pod, receive, send, session)
        return
    wanted = {"error"}
    wanted |= {name for name in ("stdin", "stdout", "stderr") if request.first(name) in _TRUE}
    if request.first("tty") in _TRUE:
        wanted.discard("stderr")
    channels = await open_spdy_channels(receive, send, wanted, session)
    await _converse(request, pod, channels, session)


_TRUE = ("true", "1")


async def _converse(
    request: Request, pod: dict[str, Any], channels: Channels, session: ContainerSession
) -> None:
    """Run the command of an exec, or play the container that is attached to."""
    with_input = request.first("stdin") in _TRUE
    if not with_input:
        channels.end_of_input()
    process = Process(container_of(pod), channels.stdin, channels.out, channels.err)
    editing: asyncio.Task[None] | None = None
    try:
        if request.first("tty") in _TRUE:
            terminal = Terminal(channels.stdin, channels.out)
            editing = spawn(_edit(terminal), "edit lines of a terminal")
            process = Process(process.container, terminal.stdin, terminal.out, terminal.out, PROMPT)
        if session.subresource == "attach":
            code = await _attached(pod, process, with_input=with_input)
        else:
            code = await process.run(request.query.get("command", []))
        session.exit_code = code
        await channels.finish(exit_status(code))
    finally:
        if editing is not None:
            editing.cancel()
            await asyncio.wait({editing})
        await channels.stop()


async def _edit(terminal: Terminal) -> None:
    with contextlib.suppress(ConnectionError):
        await terminal.run()


async def _attached(pod: dict[str, Any], process: Process, *, with_input: bool) -> int:
    """What the container writes, then the client's lines back."""
    async for line in log_lines(pod, follow=False):
        await process.out(line)
    while with_input and (line := await process.stdin.readline()):
        await process.out(line)
    return 0


def exit_status(code: int) -> bytes:
    """Return the Status from which kubectl learns the result of a command."""
    if code == 0:
        return json.dumps({"metadata": {}, "status": "Success"}).encode()
    return json.dumps(
        {
            "metadata": {},
            "status": "Failure",
            "message": f"command terminated with non-zero exit code: exit status {code}",
            "reason": "NonZeroExitCode",
            "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
        }
    ).encode()


def _switch(connection: RawConnection, *headers: tuple[str, str]) -> None:
    lines = ["HTTP/1.1 101 Switching Protocols", "Connection: Upgrade"]
    lines += [f"{name}: {value}" for name, value in headers]
    connection.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())


def _refuse(connection: RawConnection) -> None:
    body = b"unable to negotiate a protocol\n"
    connection.writer.write(
        b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nConnection: close\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )
