"""Rounds of chaos: a proxy in mode durable under load, ``kill -9`` at a random moment, the trail.

    journal   what reached the upstream, written down there before it is answered
    log       what is left of the log files, see platter.py and trail.py

With a loss of power the proxy has a Platter. All its OUTCOMES are compared with the journal, one of
them, by chance, is what the next proxy finds: it starts, cuts off half a line, and says so.
"""

import asyncio
import contextlib
import datetime
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from tests.chaos.nursery import Newborn, Nursery, nursery
from tests.chaos.platter import LOGS, OUTCOMES, in_order, put_back, survived
from tests.chaos.trail import Round, place, read
from tests.fakes.upstream import FakeConnection, FakeUpstream, answer
from tests.fakes.waiting import pause, until

CONFIG_MAP = b'{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"}%s}\n'
SMALL = CONFIG_MAP % b""
MEDIUM = CONFIG_MAP % b',"data":{"k":"%s"}' % (b"v" * 3000)
LARGE = CONFIG_MAP % b',"data":{"k":"%s"}' % (b"v" * 1_500_000)
OK = answer(200, SMALL, b"Content-Type: application/json")
FLAGS = ("--audit-log-mode=durable", "--audit-log-maxbackup=0")
LONGEST = 0.6
"""Seconds of load until the kill, at most, once there are answers."""
SLOWEST = 300.0
"""Seconds that a round may take on a machine that is busy."""


def nothing() -> None:
    """Nobody is told."""


@dataclass
class Chaos:
    """What all rounds have seen; ``faults`` are broken promises.

    ``power`` is whether kills are losses of power, ``lies`` what the disk says to have synced then,
    and has not. No kill comes before ``least`` answers of a round.
    """

    folder: Path
    seed: int = 1
    connections: int = 8
    power: bool = False
    lies: Sequence[str] = ()
    least: int = 0
    rounds: int = 0
    answered: int = 0
    events: int = 0
    rotated: int = 0
    cut: int = 0
    pattern: ClassVar[str] = LOGS
    longest: ClassVar[float] = LONGEST
    judged: Counter[str] = field(default_factory=Counter)
    torn: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._round = Round(0)

    async def run(self, rounds: int, told: Callable[[], None] = nothing) -> None:
        """Play so many rounds; what one leaves, the next begins with. ``told`` is called after
        each.
        """
        async with FakeUpstream(self._serve) as upstream, nursery() as proxies:
            for _ in range(rounds):
                self.rounds += 1
                await self._play(upstream.port, proxies)
                self._judge()
                told()

    async def _play(self, upstream_port: int, proxies: Nursery) -> None:
        """Start a proxy on what is there, and kill it under load."""
        files = logs_of(self._survived("killed"))
        half = len(files.get("audit.log", b"").rpartition(b"\n")[2])
        if half:
            files["audit.log"] = files["audit.log"][:-half]
        # Files that were renamed in a round before may be there still, and end within a line.
        before = b"".join(files[name] for name in in_order(files))
        self._round = Round(self.rounds, before, moved=self._round.moved)
        disk = (str(self.folder), str(self._platter), self.pattern, *self.lies)
        flags = (*self._flags(), f"--audit-log-maxsize={self._random.choice((2, 100))}")
        proxy = await proxies.birth(
            upstream_port, self.folder, *flags, disk=disk if self.power else ()
        )
        if half:
            await proxy.until_said(f"ended within a line: its {half} bytes were cut off")
            self.cut += 1
        clients = [
            asyncio.create_task(self._client(proxy, number)) for number in range(self.connections)
        ]
        await until(self._is_enough, "answers", seconds=SLOWEST)
        if self._random.random() < 0.3:
            await pause(self._random.uniform(0.02, self.longest / 2))
            self._move_away(proxy)
        # Now and then at once: a file was renamed, and none is opened again.
        await pause(max(0.0, self._random.uniform(-0.2, self.longest)))
        await proxies.kill()
        await asyncio.gather(*clients)

    def _is_enough(self) -> bool:
        """Whether the kill may come."""
        return len(self._round.answered) >= self.least

    @property
    def _platter(self) -> Path:
        return self.folder / "platter"

    def _survived(self, outcome: str) -> dict[str, bytes]:
        return survived(self.folder, self._platter, outcome, self._random, self.pattern)

    def _flags(self) -> tuple[str, ...]:
        return FLAGS

    def _move_away(self, proxy: Newborn) -> None:
        """Rotate the log as logrotate does."""
        now = datetime.datetime.now(datetime.UTC)
        name = f"audit-{now:%Y-%m-%dT%H-%M-%S}.{now.microsecond // 1000:03d}.log"
        if not (self.folder / name).exists():
            self._round.moved.add(name)
            (self.folder / "audit.log").rename(self.folder / name)
            proxy.reopen()

    # --- both ends ---------------------------------------------------------------

    async def _serve(self, connection: FakeConnection) -> None:
        """Write each request down, and then answer it."""
        with contextlib.suppress(EOFError, TimeoutError):
            while True:
                head = await next_request(connection)
                self._round.journal.add(place(head.split(b" ", 2)[1].decode()))
                connection.send(OK)

    async def _client(self, proxy: Newborn, number: int) -> None:
        """Send one request after the other, until the proxy is gone."""
        chance = random.Random(f"{self.seed} {self.rounds} {number}")
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await proxy.connect()
            try:
                for count in range(1_000_000):
                    target = f"/api/v1/namespaces/r{self.rounds}-c{number}/configmaps/n{count}"
                    writer.write(request_of(target, chance.random()))
                    head = await reader.readuntil(b"\r\n\r\n")
                    if not head.startswith(b"HTTP/1.1 200 "):
                        self.faults.append(f"{target} was answered {head[:30]!r}")
                    await reader.readexactly(len(SMALL))
                    self._round.answered.add(place(target))
            finally:
                writer.transport.abort()

    # --- what is left ------------------------------------------------------------

    def _judge(self) -> None:
        """Compare each outcome with the journal; one of them is what is left."""
        self.answered += len(self._round.answered)
        outcomes = OUTCOMES if self.power else OUTCOMES[:1]
        left = {outcome: self._survived(outcome) for outcome in outcomes}
        for outcome, files in left.items():
            trail = read(logs_of(files), self._round)
            self.judged[outcome] += 1
            self.torn[outcome] += trail.torn
            self.faults += (f"{outcome}: {fault}" for fault in trail.faults)
            self.faults += (f"{outcome}: {fault}" for fault in self._verified(files))
            if outcome == "killed":
                self.events += trail.found.total()
        files = left[self._random.choice(outcomes)]
        self.rotated += len(logs_of(files)) - ("audit.log" in files)
        put_back(self.folder, self._kept(files), self.pattern)

    def _verified(self, files: Mapping[str, bytes]) -> list[str]:
        """What else is wrong with what is left."""
        return []

    def _kept(self, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """What a collector leaves: it takes away what was rotated, now and then all."""
        names = () if self._random.random() < 0.1 else ("audit.log",)
        return {name: files[name] for name in names if name in files}

    def rows(self) -> list[tuple[str, int]]:
        """What was seen, row by row."""
        rows = [
            ("requests answered", self.answered),
            ("events in the logs", self.events),
            ("rotated files", self.rotated),
            ("starts that cut off half a line", self.cut),
        ]
        for outcome, count in self.judged.items():
            rows.append((f"logs compared, {outcome}", count))
            rows.append((f"ends within a line, {outcome}", self.torn[outcome]))
        return rows


def logs_of(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The log files among others."""
    return {name: content for name, content in files.items() if name.endswith(".log")}


async def next_request(connection: FakeConnection) -> bytes:
    """The head of the next request, however long the proxy has none; EOFError at the end."""
    await connection.until(
        lambda: bool(connection.unread) or connection.eof or connection.closed.is_set(),
        seconds=3600.0,
    )
    return (await connection.read_request())[0]


def request_of(target: str, chance: float) -> bytes:
    """A read, or a write with a body of some size."""
    method, body = "PUT", LARGE if chance < 0.005 else MEDIUM
    if chance >= 0.2:
        method, body = "GET", b""
    return (
        f"{method} {target} HTTP/1.1\r\nHost: p\r\nAuthorization: Bearer admin-token\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
