"""A round of chaos: a proxy in mode durable under load, ``kill -9`` at a random moment, the trail.

    journal   what reached the upstream, written down there before it is answered
    log       what the killed proxy left: the file and those that it rotated

No request is in the journal without its RequestReceived in the log. When a request is in the
journal, the one before it on its connection has its ResponseComplete in the log. Each event is
there once, and all lines but the very last are whole.

A target names round, connection and place: ``/api/v1/namespaces/r7-c3/configmaps/n17``.
"""

import asyncio
import contextlib
import json
import random
import re
from dataclasses import dataclass, field
from pathlib import Path

from tests.fakes.processes import Started, started
from tests.fakes.upstream import FakeConnection, FakeUpstream, answer
from tests.fakes.waiting import pause

POD = b'{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"}}\n'
OK = answer(200, POD, b"Content-Type: application/json")
TARGET = re.compile(r"/api/v1/namespaces/r(\d+)-c(\d+)/configmaps/n(\d+)")
FLAGS = ("--audit-log-mode=durable", "--audit-log-maxsize=1", "--audit-log-maxbackup=0")
LONGEST = 0.6
"""Seconds of load until the kill, at most."""

Place = tuple[int, int, int]
"""Round, connection and number of a request."""


@dataclass
class Chaos:
    """What all rounds have seen; ``faults`` are broken promises."""

    folder: Path
    seed: int = 1
    connections: int = 8
    rounds: int = 0
    answered: int = 0
    torn: int = 0
    events: int = 0
    rotated: int = 0
    journal: set[Place] = field(default_factory=set)
    found: dict[tuple[Place, str], int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    async def run(self, rounds: int) -> None:
        """Play so many rounds; the log is one for all of them."""
        async with FakeUpstream(self._serve) as upstream:
            for _ in range(rounds):
                self.rounds += 1
                async with started(upstream.port, self.folder, *FLAGS) as proxy:
                    await self._load_and_kill(proxy)
                self._read()
                self._check()
                self.journal.clear()
                self.found.clear()

    async def _serve(self, connection: FakeConnection) -> None:
        """Write each request down, and then answer it."""
        with contextlib.suppress(EOFError, TimeoutError):
            while True:
                head = await connection.read_head()
                self.journal.add(place(head.split(b" ", 2)[1].decode()))
                connection.send(OK)

    async def _load_and_kill(self, proxy: Started) -> None:
        clients = [
            asyncio.create_task(self._client(proxy, number)) for number in range(self.connections)
        ]
        await pause(self._random.uniform(0.02, LONGEST))
        proxy.process.kill()
        await proxy.process.wait()
        await asyncio.gather(*clients)

    async def _client(self, proxy: Started, number: int) -> None:
        """Send one request after the other, until the proxy is gone."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await proxy.connect()
            try:
                for count in range(1_000_000):
                    target = f"/api/v1/namespaces/r{self.rounds}-c{number}/configmaps/n{count}"
                    writer.write(
                        f"GET {target} HTTP/1.1\r\nHost: p\r\n"
                        "Authorization: Bearer admin-token\r\n\r\n".encode()
                    )
                    head = await reader.readuntil(b"\r\n\r\n")
                    if not head.startswith(b"HTTP/1.1 200 "):
                        self.faults.append(f"{target} was answered {head[:30]!r}")
                    await reader.readexactly(len(POD))
                    self.answered += 1
            finally:
                writer.transport.abort()

    def _read(self) -> None:
        """Read what this round has left; what was rotated is removed, as a collector would."""
        current = self.folder / "audit.log"
        for path in (*sorted(self.folder.glob("audit-*.log")), current):
            *lines, rest = path.read_bytes().split(b"\n")
            if rest and path != current:
                self.faults.append(f"{path.name} was rotated with half a line")
            self.torn += bool(rest)
            for line in lines:
                self._take(line, path)
            if path != current:
                path.unlink()
                self.rotated += 1

    def _take(self, line: bytes, path: Path) -> None:
        try:
            event = json.loads(line)
        except ValueError:
            self.faults.append(f"{path.name} has a line that is no event: {line[:80]!r}")
            return
        where = place(event["requestURI"])
        if where[0] == self.rounds:
            key = (where, event["stage"])
            self.found[key] = self.found.get(key, 0) + 1
            self.events += 1

    def _check(self) -> None:
        """Compare the journal with the log."""
        for key, count in self.found.items():
            if count > 1:
                self.faults.append(f"{key} is in the log {count} times")
        for where in sorted(self.journal):
            if (where, "RequestReceived") not in self.found:
                self.faults.append(f"{where} was forwarded without a record")
            number, connection, count = where
            before = ((number, connection, count - 1), "ResponseComplete")
            if count and before not in self.found:
                self.faults.append(f"{where} was forwarded before {before} was stored")


def place(target: str) -> Place:
    """The place of a target."""
    found = TARGET.fullmatch(target)
    assert found is not None, target
    number, connection, count = map(int, found.groups())
    return number, connection, count
