"""Rounds of chaos for the spool: a proxy under load, ``kill -9`` at a random moment, the receiver.

    answered   requests of which a client has the answer, and had before its next one
    receiver   answers 200, fails, or breaks the connection, by chance; what it answered 200 counts

What one round leaves on the disk the next one sends. In the end a proxy without load sends the rest.
"""

import asyncio
import contextlib
import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.chaos.nursery import Newborn, nursery
from tests.chaos.rounds import LARGE, LONGEST, OK, SMALL, request_of
from tests.chaos.trail import Place, place
from tests.fakes.upstream import FakeConnection, FakeUpstream
from tests.fakes.waiting import pause, until
from tests.fakes.webhook import OK as TAKEN
from tests.fakes.webhook import RESET, Receiver, Step, answer

POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
rules: [{level: RequestResponse, verbs: [update]}, {level: Metadata}]
"""


class ChanceReceiver(Receiver):
    """A receiver whose answers are up to chance; ``is_kind`` ends that."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance
        self.is_kind = False
        self.taken: list[bytes] = []
        self.failed = 0

    async def _play(self, step: Step, writer: asyncio.StreamWriter) -> bool:
        # A proxy sends one batch after the other: this answer is that of the last.
        body, drawn = self.received.pop().body, self._chance.random()
        if self.is_kind or drawn < 0.6:
            self.taken.append(body)
            step = TAKEN
        else:
            self.failed += 1
            step = RESET if drawn < 0.8 else answer(503)
        if step == TAKEN and drawn < 0.1 and not self.is_kind:
            # It has them, and its answer is lost: they come again.
            return False
        return await super()._play(step, writer)


class SpoolChaos:
    """What all rounds have seen; ``faults`` are broken promises."""

    def __init__(self, folder: Path, seed: int, connections: int = 8) -> None:
        self._folder = folder
        self._chance = random.Random(seed)
        self._connections = connections
        self._seed = seed
        self.rounds = self.resumed = 0
        self.forwarded: set[Place] = set()
        self.answered: set[Place] = set()
        self._large: set[Place] = set()
        self.events: Counter[tuple[Place, str]] = Counter()
        self.failed = 0
        self.faults: list[str] = []

    async def run(self, rounds: int, *, least: int = 0) -> None:
        """Play so many rounds, none ended before ``least`` answers, and judge."""
        receiver = ChanceReceiver(self._chance)
        async with FakeUpstream(self._serve) as upstream, receiver, nursery() as proxies:
            flags = self._flags(receiver.url)
            for _ in range(rounds):
                self.rounds += 1
                self.resumed += self._segments() > 0
                proxy = await proxies.birth(upstream.port, self._folder, *flags)
                clients = [
                    asyncio.create_task(self._client(proxy, number))
                    for number in range(self._connections)
                ]
                wanted = len(self.answered) + least
                await until(lambda: len(self.answered) >= wanted, "answers", seconds=60)  # noqa: B023
                await pause(self._chance.uniform(0.02, LONGEST))
                await proxies.kill()
                await asyncio.gather(*clients)
            receiver.is_kind = True
            await proxies.birth(upstream.port, self._folder, *flags)
            with contextlib.suppress(AssertionError):
                # What is missing then is a broken promise.
                await until(lambda: not self._missing(receiver), "all arrive", seconds=20)
        self.failed = receiver.failed
        self._judge(receiver)

    def _segments(self) -> int:
        return sum(path.stat().st_size > 32 for path in self._folder.glob("spool/*.spool"))

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
            f"--audit-webhook-spool-dir={self._folder}/spool",
            "--audit-webhook-spool-max-bytes=8Mi",
            "--audit-webhook-initial-backoff=0",
        )

    # --- both ends ---------------------------------------------------------------

    async def _serve(self, connection: FakeConnection) -> None:
        with contextlib.suppress(EOFError, TimeoutError):
            while True:
                head, _ = await connection.read_request()
                self.forwarded.add(place(head.split(b" ", 2)[1].decode()))
                connection.send(OK)

    async def _client(self, proxy: Newborn, number: int) -> None:
        chance = random.Random(f"{self._seed} {self.rounds} {number}")
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await proxy.connect()
            try:
                for count in range(1_000_000):
                    target = f"/api/v1/namespaces/r{self.rounds}-c{number}/configmaps/n{count}"
                    request = request_of(target, chance.random())
                    if len(request) > len(LARGE):
                        self._large.add(place(target))
                    writer.write(request)
                    head = await reader.readuntil(b"\r\n\r\n")
                    if not head.startswith(b"HTTP/1.1 200 "):
                        self.faults.append(f"{target} was answered {head[:30]!r}")
                    await reader.readexactly(len(SMALL))
                    self.answered.add(place(target))
            finally:
                writer.transport.abort()

    # --- what arrived ------------------------------------------------------------

    def _promised(self) -> set[tuple[Place, str]]:
        """What was stored before the upstream, or the client's next request, heard of it."""
        promised = {(where, "RequestReceived") for where in self.forwarded}
        for number, connection, count in self.answered:
            before = (number, connection, count - 1)
            # The last event of a large body comes when that is decoded, which no request awaits.
            if count and before not in self._large:
                promised.add((before, "ResponseComplete"))
        return promised

    def _missing(self, receiver: ChanceReceiver) -> set[tuple[Place, str]]:
        return self._promised() - {key for key, _ in _events(receiver)}

    def _judge(self, receiver: ChanceReceiver) -> None:
        self.faults += (f"{key} never arrived" for key in sorted(self._missing(receiver)))
        seen: dict[tuple[int, int], int] = {}
        for (where, stage), is_gap in _events(receiver):
            if is_gap:
                self.faults.append("an event says that others are missing")
                continue
            key = (where, stage)
            self.events[key] += 1
            if stage == "RequestReceived" and self.events[key] == 1:
                connection, count = where[:2], where[2]
                if count != seen.get(connection, -1) + 1:
                    self.faults.append(f"{where} arrived out of order")
                seen[connection] = count


def _events(receiver: ChanceReceiver) -> Iterator[tuple[tuple[Place, str], bool]]:
    for body in receiver.taken:
        for item in json.loads(body)["items"]:
            is_gap = "auditproxy.io/gap-events" in item.get("annotations", {})
            where = (0, 0, 0) if is_gap else place(item["requestURI"])
            yield (where, item["stage"]), is_gap
