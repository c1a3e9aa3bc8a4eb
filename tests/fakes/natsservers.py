"""Real nats-servers with JetStream, one or a cluster, each a process with files of its own."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import nats
import nats.errors
import pytest
from nats.js.client import JetStreamContext

from tests.fakes.waiting import until

nats_server = shutil.which("nats-server", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
needs_nats_server = pytest.mark.skipif(nats_server is None, reason="there is no nats-server")


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class NatsServer:
    """One server; ``settings`` are those of its configuration file."""

    def __init__(self, folder: Path, port: int, **settings: Any) -> None:
        self.port = port
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._config = folder / "server.conf"
        self._config.write_text(
            json.dumps(
                {
                    "listen": f"127.0.0.1:{port}",
                    "jetstream": {"store_dir": str(folder / "store")},
                    "log_file": str(folder / "server.log"),
                    "debug": True,
                    **settings,
                }
            )
        )
        self._starts = 0
        self.process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """Where it listens, in clear."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def said(self) -> str:
        """Its log."""
        path = self.folder / "server.log"
        return path.read_text() if path.exists() else ""

    async def start(self) -> None:
        """Start it and wait until it listens."""
        assert nats_server is not None
        self.process = await asyncio.create_subprocess_exec(
            nats_server,
            "-c",
            str(self._config),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        self._starts += 1
        listening = "Listening for client connections"
        await until(lambda: self.said.count(listening) == self._starts, "a server starts")

    async def stop(self, number: int = signal.SIGKILL) -> None:
        """End it, at once unless another signal is given."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)
            await self.process.wait()


@contextlib.asynccontextmanager
async def one_server(folder: Path, **settings: Any) -> AsyncIterator[NatsServer]:
    """A server that runs while the block does."""
    (port,) = free_ports(1)
    server = NatsServer(folder / "nats", port, **settings)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def three_servers(folder: Path) -> AsyncIterator[list[NatsServer]]:
    """A cluster of three that runs while the block does, and has elected its leader."""
    ports, routes = free_ports(3), free_ports(3)
    names = ("a", "b", "c")
    servers = [
        NatsServer(
            folder / name,
            port,
            server_name=name,
            cluster={
                "name": "test",
                "listen": f"127.0.0.1:{route}",
                "routes": [f"nats://127.0.0.1:{each}" for each in routes],
            },
        )
        for name, port, route in zip(names, ports, routes, strict=True)
    ]
    try:
        await asyncio.gather(*(server.start() for server in servers))
        yield servers
    finally:
        for server in servers:
            await server.stop()


@contextlib.asynccontextmanager
async def jetstream(*servers: NatsServer, **login: Any) -> AsyncIterator[JetStreamContext]:
    """An ordinary client of the servers."""
    client = await nats.connect([server.url for server in servers], **login)
    try:
        yield client.jetstream(timeout=2)
    finally:
        await client.close()


async def stored(stream: JetStreamContext, name: str) -> list[dict[str, Any]]:
    """Every event of a stream, in its order, and that each is a message of its own."""
    count = 0
    consumers: list[JetStreamContext.PushSubscription] = []

    async def subscribed() -> bool:
        nonlocal count
        try:
            count = (await stream.stream_info(name)).state.messages
            consumers.append(await stream.subscribe("", stream=name, ordered_consumer=True))
        except nats.errors.Error:
            return False
        return True

    # A cluster may be choosing a leader, of its streams and of itself.
    await until(subscribed, "the stream can be read", seconds=30)
    (consumer,) = consumers
    found = [json.loads((await consumer.next_msg(timeout=10)).data) for _ in range(count)]
    await consumer.unsubscribe()
    return found
