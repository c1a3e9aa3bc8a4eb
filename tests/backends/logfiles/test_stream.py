"""Streams: lines to pipes, whole and in order, whatever the reader does."""

import contextlib
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.backends.logfiles.stream import Stream


def read_all(descriptor: int) -> bytes:
    """Everything until the pipe is closed."""
    with os.fdopen(descriptor, "rb") as pipe:
        return pipe.read()


@pytest.mark.parametrize("blocking", [True, False], ids=["blocking", "non-blocking"])
def test_slow_reader(blocking: bool) -> None:
    """T259: a pipe smaller than a line makes the writer wait; nothing is lost or torn."""
    reading, writing = os.pipe()
    os.set_blocking(writing, blocking)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(read_all(reading)))
    stream = Stream(writing)
    line = b"x" * 300_000 + b"\n"
    reader.start()
    for _ in range(3):
        stream.write(line)
    os.close(writing)
    reader.join(30)
    assert received == [line * 3]


def test_two_writers() -> None:
    """Lines of two threads come out whole, though each takes many writes."""
    reading, writing = os.pipe()
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(read_all(reading)))
    stream = Stream(writing)
    lines = [letter * 300_000 for letter in (b"a", b"b")]

    def write(line: bytes) -> None:
        for _ in range(5):
            stream.write(line + b"\n")

    writers = [threading.Thread(target=write, args=(line,)) for line in lines]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join(30)
    os.close(writing)
    reader.join(30)
    assert sorted(received[0].splitlines()) == sorted(lines * 5)


@pytest.mark.parametrize(
    ("fails_at", "received"),
    [(0, b"next\n"), (1, b"first \nnext\n"), (2, b"first second \nnext\n")],
)
def test_parts(fails_at: int, received: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line in parts is torn where one of them fails; the next one begins on its own."""
    reading, writing = os.pipe()
    stream, real = Stream(writing), os.write
    left = [fails_at]

    def fail(descriptor: int, data: bytes) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OSError("no space")
        return real(descriptor, data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail)
        with pytest.raises(OSError, match="no space"):
            stream.write(b"first ", b"second ", b"third\n")
    stream.write(b"ne", b"xt\n")
    os.close(writing)
    assert read_all(reading) == received


def test_reader_gone() -> None:
    """A pipe that nobody reads any more is an error, also while waiting."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    stream = Stream(writing)

    def read_and_leave() -> None:
        os.read(reading, 1)
        os.close(reading)

    closing = threading.Thread(target=read_and_leave)
    closing.start()
    with pytest.raises(BrokenPipeError):
        stream.write(b"x" * 300_000 + b"\n")
    closing.join(30)
    os.close(writing)


@given(
    lines=st.lists(st.binary(min_size=1, max_size=20).map(lambda raw: raw.hex().encode() + b"\n")),
    failing=st.sets(st.integers(min_value=0, max_value=30)),
    taken=st.integers(min_value=0, max_value=10),
)
def test_a_torn_line_costs_no_other(lines: list[bytes], failing: set[int], taken: int) -> None:
    """Whatever write fails wherever, each line that was written whole is a line of its own."""
    reading, writing = os.pipe()
    stream = Stream(writing)
    real = os.write
    whole = []

    class Failing:
        """Takes a part, then fails."""

        def __init__(self) -> None:
            self.calls = 0

        def __call__(self, descriptor: int, data: memoryview) -> int:
            self.calls += 1
            if self.calls == 1 and taken:
                return real(descriptor, data[: min(taken, len(data) - 1)])
            raise OSError("no space")

    with pytest.MonkeyPatch.context() as patch:
        for number, line in enumerate(lines):
            if number in failing:
                patch.setattr(os, "write", Failing())
                with pytest.raises(OSError, match="no space"):
                    stream.write(line)
                patch.setattr(os, "write", real)
            else:
                stream.write(line)
                whole.append(line)
    os.close(writing)
    received = read_all(reading).splitlines(keepends=True)
    remaining = iter(received)
    assert all(line in remaining for line in whole)


def test_probe_and_stalls() -> None:
    """B7: what speaks against writing to a pipe, before it is tried."""
    reading, writing = os.pipe()
    stream = Stream(writing)
    assert stream.may_stall
    assert stream.probe() == ""
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    assert stream.probe() == "its reader does not read"
    os.close(reading)
    assert stream.probe() == "it has no reader"
    os.close(writing)
    assert stream.probe() == "it has no reader"
    assert not stream.may_stall


def test_a_file_does_not_stall(tmp_path: Path) -> None:
    """B3: standard output that is a file is written to at once."""
    with (tmp_path / "out").open("wb") as file:
        assert not Stream(file.fileno()).may_stall
