"""Blocks scanned abreast: the first ones here, and where there are many, the others in processes.

The processes get what to look for when they start, and give what they found; of each there is a
bounded number under way.
"""

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, TypeVar

from auditproxy.reading.trail.blocks import Block
from auditproxy.reading.trail.scanning import Scanned, Search, scan

ALONE = 256 * 1024 * 1024
"""Bytes that are scanned before processes are started; starting them takes as long."""
MOST_PROCESSES = 8
_AHEAD = 3
"""Blocks under way for each process."""


Task = TypeVar("Task")
Found = TypeVar("Found")


def scan_all(
    blocks: Sequence[Block], search: Search, *, alone: int = ALONE, processes: int = 0
) -> Generator[Scanned, None, None]:
    """What is found in each block, in their order; close it to end early. Raises OSError.

    ``processes`` 0 is as many as there are cores for this one.
    """
    yield from each_block(blocks, scan, search, alone=alone, processes=processes)


def each_block(
    blocks: Sequence[Block],
    work: Callable[[Block, Task], Found],
    task: Task,
    *,
    alone: int = ALONE,
    processes: int = 0,
) -> Generator[Found, None, None]:
    """What ``work`` makes of each block and the task, in order; it is a function of a module.

    As for ``scan_all``: close it to end early; raises OSError.
    """
    done = 0
    here = 0
    for block in blocks:
        if done >= alone:
            break
        yield work(block, task)
        done += block.size
        here += 1
    rest = blocks[here:]
    count = min(processes or len(os.sched_getaffinity(0)), MOST_PROCESSES, len(rest))
    if count < 2:
        for block in rest:
            yield work(block, task)
        return
    # Not a fork: they get nothing that this process has open or holds.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, context, _begin, (work, task)) as pool:
        under_way: deque[Future[Found]] = deque()
        try:
            for block in rest:
                under_way.append(pool.submit(_work_on, block))
                if len(under_way) >= count * _AHEAD:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()


_given: tuple[Callable[[Block, Any], Any], Any] | None = None


def _begin(work: Callable[[Block, Any], Any], task: Any) -> None:
    global _given
    _given = work, task


def _work_on(block: Block) -> Any:
    assert _given is not None
    work, task = _given
    return work(block, task)
