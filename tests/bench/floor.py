"""``python -m tests.bench.floor FOLDER PORT UPSTREAM``: what no proxy in Python can do without.

Bytes of a request go to the upstream as they come with the lines of an identity, bytes of its
answer to the client, over TLS and uvloop as in auditproxy, and one line of an event's length is
written to a file. Nothing is decided, and of an answer its end alone is looked for. It is the
floor below the figures of small requests and of large answers.
"""

import asyncio
import os
import re
import ssl
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import uvloop

from tests.bench.settings import Files

IDENTITY = b"\r\nImpersonate-User: jane@example.com\r\nImpersonate-Group: dev\r\n"
LINE = b"x" * 1000 + b"\n"
"""About what an event of level Metadata has."""
LAST_CHUNK = b"\r\n0\r\n\r\n"
LENGTH = re.compile(rb"\r\nContent-Length: (\d+)\r\n")
IN_CHUNKS = 1 << 62
"""Bytes that are left of an answer without a length."""


class Upstream(asyncio.Protocol):
    """A connection to the upstream."""

    transport: asyncio.Transport
    client: "Client"
    left = 0
    """Bytes that are still to come of an answer."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is written to."""
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Pass on an answer."""
        client = self.client
        if not self.left:
            head = data.find(b"\r\n\r\n") + 4
            length = LENGTH.search(data, 0, head)
            self.left = head + int(length[1]) if length else IN_CHUNKS
        self.left -= len(data)
        if self.left > IN_CHUNKS // 2 and data.endswith(LAST_CHUNK):
            self.left = 0
        if not self.left:
            client.floor.idle.append(self)
            os.write(client.floor.log, LINE)
        client.transport.write(data)


class Floor:
    """The connections and the log."""

    def __init__(self, files: Files, port: int, upstream: int) -> None:
        self.idle: list[Upstream] = []
        self.log = os.open(files.path(f"floor-{port}.log"), os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        self._upstream = upstream
        self._tls = ssl.create_default_context(cafile=files.path("cluster.crt"))
        self._tls.load_cert_chain(files.path("credential.crt"), files.path("credential.key"))

    async def connect(self) -> Upstream:
        """One more connection to the upstream."""
        _, made = await asyncio.get_running_loop().create_connection(
            Upstream, "127.0.0.1", self._upstream, ssl=self._tls, server_hostname="localhost"
        )
        return made


class Client(asyncio.Protocol):
    """A client's connection, which has one request at a time."""

    transport: asyncio.Transport
    upstream: Upstream

    def __init__(self, floor: Floor) -> None:
        self.floor = floor

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is written to."""
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Pass on a request."""
        if self.floor.idle:
            self._send(self.floor.idle.pop(), data)
        else:
            made = asyncio.ensure_future(self.floor.connect())
            made.add_done_callback(lambda done: self._send(done.result(), data))

    def pause_writing(self) -> None:
        """Stop the answer: the client is slower."""
        self.upstream.transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on with the answer."""
        self.upstream.transport.resume_reading()

    def _send(self, upstream: Upstream, data: bytes) -> None:
        upstream.client, self.upstream = self, upstream
        line, head = data.split(b"\r\n", 1)
        upstream.transport.write(b"".join((line, IDENTITY, head)))


async def serve(files: Files, port: int, upstream: int) -> None:
    """Serve until the process is killed."""
    floor = Floor(files, port, upstream)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.path("proxy.crt"), files.path("proxy.key"))
    context.load_verify_locations(files.path("clients.crt"))
    context.verify_mode = ssl.CERT_OPTIONAL
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Client(floor), "127.0.0.1", port, ssl=context)
    await server.serve_forever()


def main(words: Sequence[str]) -> None:
    """Run it; ``words`` are a folder of files, a port and the upstream's."""
    folder, port, upstream = words
    uvloop.run(serve(Files(Path(folder)), int(port), int(upstream)))


if __name__ == "__main__":
    main(sys.argv[1:])
