"""One pass: every request of a trail counted once, block by block, in several processes.

    in a block        events before the end wait for it, by the beginnings of their lines
    from block to     what has no end in its block waits for one in a later block; ends without a
    block             beginning are known for some blocks more, because events may be out of order
    at the end        what still waits is a request without an end, or a failed login
    saved trails      are counted by the database first (savedpass.py)

An event that was written twice is counted twice, and so is a request in the logs of two servers:
``twins`` says how many there are, of some sampled audit IDs.
"""

import contextlib
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from auditproxy.reading.meaning.events import Counts
from auditproxy.reading.reports.blockpass import (
    Begun,
    PassedBlock,
    PassTask,
    RequestCounter,
    pass_block,
    together,
)
from auditproxy.reading.reports.savedpass import SavedPass
from auditproxy.reading.reports.tallies import Key, RequestTally, Tallies
from auditproxy.reading.trail.abreast import each_block
from auditproxy.reading.trail.blocks import SIZE, blocks_of
from auditproxy.reading.trail.lines import is_saved
from auditproxy.reading.trail.savedsets import SavedTrails
from auditproxy.reading.trail.sources import TrailFile

MOST_OPEN = 100_000
"""Requests whose end is waited for; of more the oldest are counted as they are."""
_BLOCKS_KNOWN = 64
"""Blocks for which an end without a beginning is known."""
_SAMPLED = 64
"""Of so many audit IDs one is compared between servers, in a large trail."""
_SMALL = 64 * 1024 * 1024
"""Bytes of a trail of which all are."""
_LARGE = 1 << 30
"""Bytes of a trail of which fewer are enough."""


class Passed(NamedTuple):
    """A trail that was counted."""

    tallies: Tallies
    counts: Counts
    forms: Counts
    open: int
    """Requests without an end."""
    twins: int
    """About how many requests are in the logs of several servers."""
    size: int
    """Bytes of the files."""


def pass_once(
    files: Sequence[TrailFile], task: PassTask, size: int = SIZE, processes: int = 0
) -> Passed:
    """Count what a trail has; raises OSError and Unusable. Memory does not grow with the trail."""
    saved = [file.path for file in files if _is_saved(file.path)]
    blocks = blocks_of([file for file in files if file.path not in saved], size)[::-1]
    with contextlib.ExitStack() as stack:
        sets = SavedPass(stack.enter_context(SavedTrails(saved))) if saved else None
        total = sum(block.size for block in blocks) + (sets.size if sets else 0)
        origins = {block.origin for block in blocks} | (sets.origins if sets else frozenset())
        if len(origins) > 1:
            one_of = 1 if total <= _SMALL else _SAMPLED if total <= _LARGE else 8 * _SAMPLED
            task = msgspec.structs.replace(task, one_of=one_of)
        whole = _Whole(task)
        for part in sets.blocks(task) if sets else ():
            whole.take(part)
    with contextlib.closing(each_block(blocks, pass_block, task, processes=processes)) as passed:
        for block in passed:
            whole.take(block)
    return whole.finish(total)


def _is_saved(path: str) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return is_saved(path)
    return False


class _Whole:
    """Blocks put together, in the order of time."""

    def __init__(self, task: PassTask) -> None:
        self._task = task
        self._tallies = Tallies(task.most_groups)
        self._counts, self._forms = Counts(), Counts()
        self._waiting: dict[bytes, Begun] = {}
        self._recent: deque[frozenset[bytes]] = deque(maxlen=_BLOCKS_KNOWN)
        self._sampled: dict[int, str] = {}
        self._twins = 0
        self._open = 0

    def take(self, block: PassedBlock) -> None:
        self._tallies.add_all(block.groups)
        self._counts.update(block.counts)
        self._forms.update(block.forms)
        ends = frozenset(block.ends)
        self._recent.append(ends)
        for key in ends:
            begun = self._waiting.pop(key, None)
            if begun is not None:
                self._count(begun, has_end=True)
        for begun in block.begun:
            if any(begun.key in known for known in self._recent):
                self._count(begun, has_end=True)
                continue
            earlier = self._waiting.pop(begun.key, None)
            if earlier is not None:
                begun = together(earlier, begun)
            self._waiting[begun.key] = begun
            if len(self._waiting) > MOST_OPEN:
                self._count(self._waiting.pop(next(iter(self._waiting))), has_end=False)
        for number in block.sampled:
            self._twins += self._sampled.setdefault(number, block.origin) != block.origin

    def finish(self, size: int) -> Passed:
        for begun in self._waiting.values():
            self._count(begun, has_end=False)
        twins = self._twins * max(1, self._task.one_of)
        return Passed(self._tallies, self._counts, self._forms, self._open, twins, size)

    def _count(self, begun: Begun, *, has_end: bool) -> None:
        """Count events of a request whose end was counted, or will not come."""
        groups: dict[Key, RequestTally] = {}
        counting = RequestCounter(self._task, groups)
        counting.add(begun.event, 0 if has_end else 1, begun.events, begun.size)
        self._tallies.add_all(groups)
        if not has_end and groups:
            status = begun.event.response_status
            self._open += status is None or status.code < 400
