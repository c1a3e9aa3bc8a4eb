"""Blocks scanned abreast: the first ones here, and where there are many, the others in processes.

The processes get what to look for when they start, and give what they found; of each there is a
bounded number under way.
"""

import multiprocessing
import os
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor

from auditproxy.reading.trail.blocks import Block
from auditproxy.reading.trail.scanning import Scanned, Search, scan

ALONE = 256 * 1024 * 1024
"""Bytes that are scanned before processes are started; starting them takes as long."""
MOST_PROCESSES = 8
_AHEAD = 3
"""Blocks under way for each process."""


def scan_all(
    blocks: Sequence[Block], search: Search, *, alone: int = ALONE, processes: int = 0
) -> Generator[Scanned, None, None]:
    """What is found in each block, in their order; close it to end early. Raises OSError.

    ``processes`` 0 is as many as there are cores for this one.
    """
    done = 0
    here = 0
    for block in blocks:
        if done >= alone:
            break
        yield scan(block, search)
        done += block.size
        here += 1
    rest = blocks[here:]
    count = min(processes or len(os.sched_getaffinity(0)), MOST_PROCESSES, len(rest))
    if count < 2:
        for block in rest:
            yield scan(block, search)
        return
    # Not a fork: they get nothing that this process has open or holds.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, context, _begin, (search,)) as pool:
        under_way: deque[Future[Scanned]] = deque()
        try:
            for block in rest:
                under_way.append(pool.submit(_scan, block))
                if len(under_way) >= count * _AHEAD:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()


_search = Search()


def _begin(search: Search) -> None:
    global _search
    _search = search


def _scan(block: Block) -> Scanned:
    return scan(block, _search)
