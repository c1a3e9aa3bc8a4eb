"""B3: lines for operators go out on a thread, in order, and are bounded."""

import contextlib
import os
import threading
from collections.abc import Iterator

import pytest

from auditproxy.app.operatorlines import MAXIMUM_LINE, OperatorLines

DEADLINE = 10.0


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Both ends of a pipe."""
    reading, writing = os.pipe()
    yield reading, writing
    for end in (reading, writing):
        with contextlib.suppress(OSError):
            os.close(end)


def fill(writing: int) -> int:
    """Leave no room in a pipe; how many bytes that took."""
    os.set_blocking(writing, False)
    taken = 0
    for size in (4096, 1):
        with contextlib.suppress(BlockingIOError):
            while True:
                taken += os.write(writing, b"x" * size)
    os.set_blocking(writing, True)
    return taken


def test_in_order(pipe: tuple[int, int]) -> None:
    """Lines come whole and in order; finish waits for them."""
    lines = OperatorLines(pipe[1])
    for number in range(100):
        lines.write(f"{number}\n")
    lines.flush()
    assert lines.finish(DEADLINE)
    assert os.read(pipe[0], 1 << 16).split() == [str(n).encode() for n in range(100)]
    assert lines.dropped == 0


@pytest.mark.parametrize("blocking", [True, False])
def test_nobody_reads(pipe: tuple[int, int], blocking: bool) -> None:
    """B3: writing never waits; what does not fit is counted, and told when there is room again."""
    reading, writing = pipe
    taken = fill(writing)
    os.set_blocking(writing, blocking)
    lines = OperatorLines(writing, maximum=5)
    counted: list[int] = []
    told = threading.Event()
    gaps: list[str] = []

    def on_gap(text: str) -> None:
        gaps.append(text)
        told.set()

    lines.on_dropped = lambda: counted.append(1)
    lines.on_gap = on_gap
    for number in range(100):
        lines.write(f"{number}\n")
    # The thread may or may not have taken the first one out of the queue.
    assert lines.dropped in (94, 95)
    assert len(counted) == lines.dropped
    assert not lines.finish(0.01)
    os.set_blocking(reading, True)
    while taken:
        taken -= len(os.read(reading, taken))
    assert told.wait(DEADLINE)
    assert gaps == [
        f"{lines.dropped} lines before this one were left out: standard error was not read"
    ]
    assert lines.finish(DEADLINE)
    left = os.read(reading, 1 << 16).split()
    assert left == [str(number).encode() for number in range(100 - lines.dropped)]


def test_the_reader_is_gone(pipe: tuple[int, int]) -> None:
    """B3: a closed standard error loses lines, which are counted, and nothing goes round in circles."""
    os.close(pipe[0])
    lines = OperatorLines(pipe[1])
    lines.on_gap = lines.write
    for _ in range(3):
        lines.write("lost\n")
    # A line about the loss would come behind what the first one waits for.
    for _ in range(2):
        assert lines.finish(DEADLINE)
    assert lines.dropped == 3
    counted: list[int] = []
    lines.count(lambda: counted.append(1))
    lines.write("lost\n")
    assert lines.finish(DEADLINE)
    assert len(counted) == lines.dropped


def test_long_lines(pipe: tuple[int, int]) -> None:
    """A line has a bound; what cannot be encoded is spelled out."""
    lines = OperatorLines(pipe[1])
    lines.write("\udc80" + "x" * MAXIMUM_LINE + "\n")
    assert lines.finish(DEADLINE)
    line = os.read(pipe[0], 1 << 16)
    assert line.startswith(b"\\udc80xxx")
    assert line.endswith(b"x\n")
    assert len(line) < MAXIMUM_LINE + 8
