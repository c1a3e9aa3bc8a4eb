"""Spools for tests: a store in a folder, a sender whose answers are scripted, and a whole backend."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from auditproxy.audit.encode import json_line
from auditproxy.audit.gaps import Gap, gap_event
from auditproxy.backends.logfiles.disk import Disk
from auditproxy.backends.sending import SendError
from auditproxy.backends.spool.backend import SpoolBackend, SpoolClocks, SpoolConfig
from auditproxy.backends.spool.drain import Batching
from auditproxy.backends.spool.dropping import DroppingStore
from auditproxy.backends.spool.records import EVENT, record
from tests.fakes.backends import Told, event
from tests.fakes.waiting import turns

TIME = "2026-11-28T21:00:00.000000Z"


def line(audit_id: str) -> bytes:
    """The line of a small event."""
    return json_line(event(audit_id))[:-1]


def gap_line(gap: Gap) -> bytes:
    """The line of a gap, at a fixed time."""
    return json_line(gap_event(gap, TIME))[:-1]


class Kept:
    """A store, and what it said to have lost."""

    def __init__(self, folder: Path, maximum_bytes: int = 2**20, disk: Disk | None = None) -> None:
        self.lost: list[tuple[int, int]] = []
        self.said: list[str] = []
        self.store = DroppingStore(
            folder,
            maximum_bytes=maximum_bytes,
            disk=disk or Disk(),
            gap_line=gap_line,
            lost=lambda events, size: self.lost.append((events, size)),
            said=lambda text: self.said.append(text),
        )
        self.store.open()

    def put(self, *audit_ids: str) -> None:
        """Append events, in one commit."""
        self.store.append([record(EVENT, line(each)) for each in audit_ids], len(audit_ids))

    def take(self, count: int = 1000, size: int = 2**24) -> list[str]:
        """The audit IDs of the next batch."""
        return ids(item.line for item in self.store.next_batch(count, size))


def ids(lines: Iterable[bytes]) -> list[str]:
    """The audit IDs of lines; what stands for a gap is ``gap N``."""
    found = []
    for each in lines:
        value = msgspec.json.decode(each)
        gap = value.get("annotations", {}).get("auditproxy.io/gap-events")
        found.append(value["auditID"] if gap is None else f"gap {gap}")
    return found


class FakeSender:
    """Keeps what it gets, once a script of errors is over; while ``gate`` is clear, it waits.

    ``refuses`` says of a batch of audit IDs whether it is poison.
    """

    name = "webhook"

    def __init__(self, *script: SendError | None) -> None:
        self.script = list(script)
        self.batches: list[list[str]] = []
        self.attempts = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.is_away = False
        self.is_closed = False
        self.refuses: Callable[[list[str]], bool] = lambda batch: False

    async def send(self, events: Sequence[bytes]) -> None:
        """Take a batch, or not."""
        self.attempts += 1
        await self.gate.wait()
        if self.is_away:
            raise SendError("unreachable", text="it is away")
        if self.script and (error := self.script.pop(0)) is not None:
            raise error
        batch = ids(events)
        if self.refuses(batch):
            raise SendError("status-4xx", is_poison=True, text="answered 413")
        self.batches.append(batch)

    async def close(self) -> None:
        """Remember it."""
        self.is_closed = True

    @property
    def got(self) -> list[str]:
        """The audit IDs of all batches."""
        return [each for batch in self.batches for each in batch]


class Spool(Told):
    """A backend over a folder, with metrics, lines, and waits that are over at once."""

    def __init__(
        self,
        folder: Path,
        sender: FakeSender,
        *,
        mode: str = "blocking-strict",
        full: str = "block",
        maximum_bytes: int = 2**20,
        maximum_events: int = 10_000,
        batch: int = 400,
        batching: Batching | None = None,
        disk: Disk | None = None,
    ) -> None:
        super().__init__("webhook")
        self.slept: list[float] = []
        self.dead_letters = 0
        self.sender = sender
        self.backend = SpoolBackend(
            sender,
            SpoolConfig(
                folder=folder,
                maximum_bytes=maximum_bytes,
                full=full,
                mode=mode,
                batching=batching or Batching(max_size=batch),
                maximum_events=maximum_events,
            ),
            losses=self.losses,
            report=self.lines.append,
            dead_letter=self._dead_letter,
            clocks=SpoolClocks(sleep=self._sleep, random=lambda: 0.5),
            disk=disk,
        )
        self.resumed = self.backend.open()

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        # A turn of the loop, so that an outage without end is one.
        await turns()

    def _dead_letter(self) -> None:
        self.dead_letters += 1

    async def put(self, *audit_ids: str) -> bool:
        """Give events to the backend, and await their outcome."""
        outcome = self.backend.process_events(tuple(event(each) for each in audit_ids))
        return outcome if isinstance(outcome, bool) else await outcome
