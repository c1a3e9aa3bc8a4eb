"""Rounds of chaos for the spool: a proxy under load, ``kill -9`` at a random moment, the receiver.

    owed       events that were stored before the upstream, or the client's next request, heard of it
    receiver   answers 200, fails, refuses, or breaks the connection, by chance (receiving.py)
    left       what the next proxy would read of the spool (leftspool.py)

After each kill all that is owed and has not arrived is left, or a dead letter. With a loss of power
that is asked of each of SPOOL_OUTCOMES (platter.py), and one of them, by chance, is what the next
proxy sends. In the end a proxy without load sends the rest.
"""

import asyncio
import contextlib
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.chaos.leftspool import left_in
from tests.chaos.nursery import Newborn, nursery
from tests.chaos.platter import SPOOL, SPOOL_OUTCOMES, put_back, survived
from tests.chaos.receiving import FIRST, Arrivals, ChanceReceiver, Key
from tests.chaos.rounds import LARGE, LONGEST, OK, SLOWEST, SMALL, next_request, nothing, request_of
from tests.chaos.trail import Place, place
from tests.fakes.upstream import FakeConnection, FakeUpstream
from tests.fakes.waiting import pause, until

POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
rules: [{level: RequestResponse, verbs: [update]}, {level: Metadata}]
"""
PATIENCE = "1h"
"""A request may wait so long for room in a full spool, which is empty once a receiver that fails has
taken it. No answer for SLOWEST is a broken promise before that: a spool that never has room.
"""


class SpoolChaos:
    """What all rounds have seen; ``faults`` are broken promises.

    ``power`` is whether kills are losses of power, ``lies`` what the disk says to have synced then,
    and has not. No round ends before ``least`` answers; with these, the receiver has shown by then
    all that it does. ``sizes`` are bounds of the spool. A round that has not ended so in ``slowest``
    seconds is a fault.
    """

    def __init__(
        self,
        folder: Path,
        seed: int,
        connections: int = 8,
        *,
        power: bool = False,
        lies: Sequence[str] = (),
        least: int = 0,
        sizes: Sequence[str] = ("4Mi", "8Mi"),
        slowest: float = SLOWEST,
    ) -> None:
        self._folder = folder
        self._chance = random.Random(seed)
        self._connections = connections
        self._power = power
        self._lies = lies
        self._least = least
        self._sizes = sizes
        self._slowest = slowest
        self.longest_wait = 0.0
        self.seed = seed
        self.rounds = self.resumed = self.answered = self.failed = 0
        self.dead: set[Key] = set()
        self.judged: Counter[str] = Counter()
        self.damaged: Counter[str] = Counter()
        self.faults: list[str] = []
        self.arrivals = Arrivals(faults=self.faults)
        self._owed: set[Key] = set()
        self._forwarded: set[Place] = set()
        self._answers: set[Place] = set()

    async def run(self, rounds: int, told: Callable[[], None] = nothing) -> None:
        """Play so many rounds, and have the rest sent; ``told`` is called after each."""
        receiver = ChanceReceiver(self._chance, self.arrivals)
        async with FakeUpstream(self._serve) as upstream, receiver, nursery() as proxies:
            flags = self._flags(receiver.url)
            disk = (str(self._spool), str(self._platter), SPOOL, *self._lies) if self._power else ()
            for _ in range(rounds):
                self.rounds += 1
                self.resumed += self._segments() > 0
                self._forwarded, self._answers = set(), set()
                # A small one is full now and then, and holds requests up.
                bound = f"--audit-webhook-spool-max-bytes={self._chance.choice(self._sizes)}"
                proxy = await proxies.birth(upstream.port, self._folder, *flags, bound, disk=disk)
                clients = [
                    asyncio.create_task(self._client(proxy, number))
                    for number in range(self._connections)
                ]
                await self._until_enough(receiver)
                await pause(self._chance.uniform(0.02, LONGEST))
                await proxies.kill()
                await asyncio.gather(*clients)
                self._judge()
                told()
            if not self.faults:
                receiver.is_kind = True
                await proxies.birth(upstream.port, self._folder, *flags)
                await self._until_sent()
        self.failed += receiver.failed

    async def _until_sent(self) -> None:
        with contextlib.suppress(AssertionError):
            await until(self._has_all, "all arrive", seconds=30)
        self.faults += (f"{key} never arrived" for key in sorted(self._owed))

    async def _until_enough(self, receiver: ChanceReceiver) -> None:
        try:
            await until(lambda: self._is_enough(receiver), "answers", seconds=self._slowest)
        except AssertionError:
            self.faults.append(
                f"round {self.rounds}: {len(self._answers)} answers within {self._slowest:g} seconds"
            )

    def _is_enough(self, receiver: ChanceReceiver) -> bool:
        """Whether the round may end."""
        has_shown = not self._least or receiver.batches > len(FIRST)
        return has_shown and len(self._answers) >= self._least

    @property
    def _spool(self) -> Path:
        return self._folder / "spool"

    @property
    def _platter(self) -> Path:
        return self._folder / "platter"

    def _segments(self) -> int:
        return sum(path.stat().st_size > 32 for path in self._spool.glob("*.spool"))

    def _flags(self, url: str) -> tuple[str, ...]:
        (self._folder / "all.yaml").write_text(POLICY)
        hook = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": url}}],
            "users": [{"name": "u", "user": {}}],
        }
        (self._folder / "hook").write_text(json.dumps(hook))
        return (
            f"--audit-policy-file={self._folder}/all.yaml",
            f"--audit-webhook-config-file={self._folder}/hook",
            "--audit-webhook-mode=blocking-strict",
            f"--audit-webhook-spool-dir={self._spool}",
            "--audit-webhook-initial-backoff=0",
            f"--request-timeout={PATIENCE}",
        )

    # --- both ends ---------------------------------------------------------------

    async def _serve(self, connection: FakeConnection) -> None:
        with contextlib.suppress(EOFError, TimeoutError):
            while True:
                head = await next_request(connection)
                self._forwarded.add(place(head.split(b" ", 2)[1].decode()))
                connection.send(OK)

    async def _client(self, proxy: Newborn, number: int) -> None:
        chance, clock = random.Random(f"{self.seed} {self.rounds} {number}"), time.monotonic
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await proxy.connect()
            try:
                for count in range(1_000_000):
                    target = f"/api/v1/namespaces/r{self.rounds}-c{number}/configmaps/n{count}"
                    request = request_of(target, chance.random())
                    if len(request) > len(LARGE):
                        # Its last event comes when it is decoded, which no request awaits.
                        self.arrivals.late.add(place(target))
                    began = clock()
                    writer.write(request)
                    head = await reader.readuntil(b"\r\n\r\n")
                    self.longest_wait = max(self.longest_wait, clock() - began)
                    if not head.startswith(b"HTTP/1.1 200 "):
                        self.faults.append(f"{target} was answered {head[:30]!r}")
                    await reader.readexactly(len(SMALL))
                    self._answers.add(place(target))
            finally:
                writer.transport.abort()

    # --- what is owed, and what is left ------------------------------------------

    def _promised(self) -> set[Key]:
        """What was stored in this round before the upstream, or a next request, heard of it."""
        promised = {(where, "RequestReceived") for where in self._forwarded}
        for number, connection, count in self._answers:
            before = (number, connection, count - 1)
            if count and before not in self.arrivals.late:
                promised.add((before, "ResponseComplete"))
        return promised

    def _judge(self) -> None:
        """Look for all that is owed in each outcome; one of them is what is left."""
        self.answered += len(self._answers)
        self._owed |= self._promised()
        self._owed -= self.arrivals.events.keys() | self.dead
        outcomes = SPOOL_OUTCOMES if self._power else SPOOL_OUTCOMES[:1]
        files = {
            outcome: survived(self._spool, self._platter, outcome, self._chance, SPOOL)
            for outcome in outcomes
        }
        left = {outcome: left_in(found) for outcome, found in files.items()}
        for outcome, found in left.items():
            self.judged[outcome] += 1
            self.damaged[outcome] += found.damaged > 0
            gone = sorted(self._owed - found.waiting - found.dead)
            self.faults += (f"{outcome}: {key} is not left" for key in gone)
            if found.missing:
                self.faults.append(f"{outcome}: {found.missing} events are missing in the spool")
        if self._power:
            chosen = self._chance.choice(outcomes)
            put_back(self._spool, files[chosen], SPOOL)
            self.dead |= left[chosen].dead
        else:
            self.dead |= left["killed"].dead

    def _has_all(self) -> bool:
        """Whether nothing is owed any more."""
        letters = {path.name: path.read_bytes() for path in self._spool.glob("dead-letters.jsonl")}
        self.dead |= left_in(letters).dead
        self._owed -= self.arrivals.events.keys() | self.dead
        return not self._owed

    def rows(self) -> list[tuple[str, int]]:
        """What was seen, row by row."""
        rows = [
            ("requests answered", self.answered),
            ("longest wait for an answer, in seconds", round(self.longest_wait)),
            ("events that arrived", len(self.arrivals.events)),
            ("of these more than once", sum(each > 1 for each in self.arrivals.events.values())),
            ("dead letters", len(self.dead)),
            ("gap events, for damaged bytes alone", self.arrivals.gaps),
            ("batches that the receiver failed", self.failed),
        ]
        for outcome, count in self.judged.items():
            rows.append((f"spools compared, {outcome}", count))
            rows.append((f"with damaged bytes, {outcome}", self.damaged[outcome]))
        return rows
