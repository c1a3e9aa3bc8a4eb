"""The newest requests of a trail: blocks from its end, until no older one can be among them."""

import contextlib
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from auditproxy.reading.meaning.conditions import admits_all
from auditproxy.reading.meaning.events import Counts
from auditproxy.reading.meaning.requests import SeenEvent, TrailRequest, joined
from auditproxy.reading.trail.abreast import scan_all
from auditproxy.reading.trail.blocks import NEVER, SIZE, Block, blocks_of
from auditproxy.reading.trail.scanning import Scanned, Search
from auditproxy.reading.trail.sources import TrailFile

MOST = 100_000
"""Requests that one search may ask for: they are held in memory."""
_PER_REQUEST = 4
"""Events of one request, with one for a second witness."""


class Newest(NamedTuple):
    """The requests, oldest first, and what was met on the way."""

    requests: list[TrailRequest]
    counts: Counts
    forms: Counts
    read: int
    """Bytes of files that were read."""
    size: int
    """Bytes of all files."""


def newest(files: Sequence[TrailFile], search: Search, limit: int, size: int = SIZE) -> Newest:
    """The newest requests that a search admits, at most ``limit``; raises OSError.

    The events of a request are looked for again where a condition may admit some of them only.
    """
    blocks = blocks_of(files, size)
    total = sum(block.size for block in blocks)
    wanted = limit
    while True:
        found, counts, forms, read, dropped = _collect(blocks, search, wanted)
        requests = _requests(found, blocks, search)
        # Of those that came when an event was dropped or not read some may be missing.
        sure = sum(request.received > dropped for request in requests)
        if sure >= limit or dropped == NEVER or wanted >= MOST:
            return Newest(requests[-limit:], counts, forms, read, total)
        wanted = min(MOST, wanted * 8)


def _collect(
    blocks: Sequence[Block], search: Search, limit: int
) -> tuple[list[SeenEvent], Counts, Counts, int, int]:
    counts, forms = Counts(), Counts()
    most = limit * _PER_REQUEST
    search = msgspec.structs.replace(search, most=most)
    kept: list[SeenEvent] = []
    read, dropped = 0, NEVER
    horizon = _horizons(blocks)
    wanted = [place for place, block in enumerate(blocks) if not _is_before(block, search)]
    with contextlib.closing(scan_all([blocks[place] for place in wanted], search)) as scans:
        for place, scanned in zip(wanted, scans, strict=True):
            _add(counts, forms, scanned)
            kept = sorted([*kept, *scanned.events], key=lambda seen: seen.received)
            dropped = max(dropped, scanned.dropped, *(seen.received for seen in kept[:-most]))
            kept = kept[-most:]
            read += blocks[place].size
            if _is_enough(kept, limit, max(dropped, horizon[place])):
                dropped = max(dropped, horizon[place])
                break
    return kept, counts, forms, read, dropped


def _add(counts: Counts, forms: Counts, scanned: Scanned) -> None:
    counts.update(scanned.counts)
    forms.update(scanned.forms)


def _is_before(block: Block, search: Search) -> bool:
    """Whether nothing in a block can be of a request that came since then."""
    return search.since is not None and block.last < search.since


def _horizons(blocks: Sequence[Block]) -> list[int]:
    """For each block when the last event of all behind it was written, at the latest."""
    found: list[int] = []
    latest = -(1 << 62)
    for block in reversed(blocks):
        found.append(latest)
        latest = max(latest, block.last)
    return found[::-1]


def _is_enough(kept: Sequence[SeenEvent], limit: int, horizon: int) -> bool:
    """Whether the newest requests are all there: none of them can have come before the horizon."""
    ids = {(seen.event.audit_id, seen.received) for seen in kept if seen.received > horizon}
    return len(ids) > limit


def _requests(
    found: list[SeenEvent], blocks: Sequence[Block], search: Search
) -> list[TrailRequest]:
    """The requests of events, whole, without those that as a whole are not admitted."""
    if not found or not any(condition.varies for condition in search.conditions):
        return joined(found)
    ids = frozenset(seen.event.audit_id for seen in found)
    earliest = min((seen.received for seen in found), default=0)
    again = msgspec.structs.replace(
        search, conditions=(), ids=ids, since=earliest, until=None, most=len(ids) * _PER_REQUEST * 2
    )
    whole: list[SeenEvent] = []
    left = [block for block in blocks if not _is_before(block, again)]
    with contextlib.closing(scan_all(left, again)) as scans:
        for scanned in scans:
            whole += scanned.events
    requests = joined(whole)
    return [one for one in requests if admits_all(search.conditions, one.event)]
