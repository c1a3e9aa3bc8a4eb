"""How long to wait before asking again, as kube-apiserver's clients do."""

from collections.abc import Callable, Iterator

FACTOR = 1.5
"""How much longer each pause is than the one before."""

JITTER = 0.2
"""The largest part of a pause that is added to it at random."""


def pauses(
    first: float, attempts: int, random: Callable[[], float] | None = None
) -> Iterator[float]:
    """Seconds between ``attempts`` attempts, one less than these.

    ``random`` gives numbers from 0 to 1, None adds nothing at random.
    """
    for number in range(attempts - 1):
        spread = 0.0 if random is None else JITTER * random()
        yield first * FACTOR**number * (1 + spread)


def endless_pauses(
    first: float, longest: float, random: Callable[[], float] | None = None
) -> Iterator[float]:
    """Seconds between attempts that do not end; none is longer than ``longest`` and its share at
    random.
    """
    pause = first
    while True:
        spread = 0.0 if random is None else JITTER * random()
        yield min(pause, longest) * (1 + spread)
        pause = min(pause * FACTOR, longest)
