"""Entries: what waits in memory until the disk has it, an event or what is missing in a place."""

import asyncio

from auditproxy.apis.audit import Event
from auditproxy.audit.encode import LARGE, body_bytes, json_line
from auditproxy.audit.gaps import Gap
from auditproxy.backends.log import EncodingError
from auditproxy.backends.spool.records import EVENT, RECORD_SIZE, record

SIZE_OF_GAP = 1024
"""Bytes that a gap is taken to have."""


class EventEntry:
    """An event; ``outcome`` is whether it was stored, for who waits for it.

    That of a large event is made a record when it is stored.
    """

    __slots__ = ("audit_id", "event", "is_intent", "outcome", "record", "size", "time")

    def __init__(self, event: Event, *, is_intent: bool) -> None:
        """Make the record of a small event; raises EncodingError."""
        self.audit_id = event.audit_id
        self.time = event.stage_timestamp
        self.is_intent = is_intent
        self.outcome: asyncio.Future[bool] | None = None
        self.event: Event | None = event
        self.record = b""
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


Entry = EventEntry | GapEntry


def drop(entries: list[Entry], event: Event | EventEntry, reason: str) -> None:
    """Have the end of some entries say that an event is missing there."""
    last = entries[-1] if entries else None
    if not isinstance(last, GapEntry):
        last = GapEntry()
        entries.append(last)
    time = event.time if isinstance(event, EventEntry) else event.stage_timestamp
    last.gap.add(event.audit_id, time, reason)


def join(entries: list[Entry], more: list[Entry]) -> list[Entry]:
    """Entries and those behind them; two gaps that meet become one if they can."""
    last, first = entries[-1] if entries else None, more[0] if more else None
    if isinstance(last, GapEntry) and isinstance(first, GapEntry) and last.gap.absorb(first.gap):
        return [*entries, *more[1:]]
    return [*entries, *more]
