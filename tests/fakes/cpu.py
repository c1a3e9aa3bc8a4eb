"""What work takes of the CPU, for tests that compare one with another."""

import time
from collections.abc import Callable


def fastest(work: Callable[[], object]) -> float:
    """Seconds of this thread's CPU that something takes when nothing comes between."""
    taken = []
    for _ in range(5):
        started = time.thread_time()
        work()
        taken.append(time.thread_time() - started)
    return min(taken)
