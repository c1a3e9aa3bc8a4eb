"""Entries: what waits in memory until the disk has it, a line or what is missing in a place."""

import asyncio

from auditproxy.apis.audit import Event
from auditproxy.audit.encode import LARGE, body_bytes, json_line
from auditproxy.audit.gaps import Gap
from auditproxy.backends.log import EncodingError
from auditproxy.backends.spool.records import EVENT, RECORD_SIZE, record

SIZE_OF_GAP = 1024
"""Bytes that a gap is taken to have."""


class LineEntry:
    """A line; ``outcome`` is whether it was stored, for who waits for it.

    ``identity`` and ``time`` are what a gap in its place counts of it.
    """

    __slots__ = ("identity", "is_intent", "outcome", "record", "size", "time")

    def __init__(self, identity: str, time: str, line: bytes, *, is_intent: bool = False) -> None:
        self.identity = identity
        self.time = time
        self.is_intent = is_intent
        self.outcome: asyncio.Future[bool] | None = None
        self.record = record(EVENT, line) if line else b""
        self.size = len(self.record)

    def made(self) -> bytes:
        """The record; raises EncodingError."""
        return self.record


class EventEntry(LineEntry):
    """The line of an audit event; that of a large one is made a record when it is stored."""

    __slots__ = ("event",)

    def __init__(self, event: Event, *, is_intent: bool) -> None:
        """Make the record of a small event; raises EncodingError."""
        super().__init__(event.audit_id, event.stage_timestamp, b"", is_intent=is_intent)
        self.event: Event | None = event
        self.size = body_bytes(event) + RECORD_SIZE
        if self.size < LARGE:
            self.record = self.made()
            self.event = None
            self.size = len(self.record)

    def made(self) -> bytes:
        """The record; raises EncodingError. Nothing is kept: a large event's can be much longer."""
        if self.event is None:
            return self.record
        try:
            return record(EVENT, json_line(self.event)[:-1])
        except Exception as error:
            raise EncodingError(f"encoding failed: {type(error).__name__}") from None


class GapEntry:
    """Events that were dropped in this place."""

    __slots__ = ("gap", "size")

    def __init__(self) -> None:
        self.gap = Gap()
        self.size = SIZE_OF_GAP


Entry = LineEntry | GapEntry


def drop(entries: list[Entry], identity: str, time: str, reason: str) -> None:
    """Have the end of some entries say that a line of this identity and time is missing there."""
    last = entries[-1] if entries else None
    if not isinstance(last, GapEntry):
        last = GapEntry()
        entries.append(last)
    last.gap.add(identity, time, reason)


def join(entries: list[Entry], more: list[Entry]) -> list[Entry]:
    """Entries and those behind them; two gaps that meet become one if they can."""
    last, first = entries[-1] if entries else None, more[0] if more else None
    if isinstance(last, GapEntry) and isinstance(first, GapEntry) and last.gap.absorb(first.gap):
        return [*entries, *more[1:]]
    return [*entries, *more]
