"""Lines that are appended part by part."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.backends.logfiles.appending import (
    STEP,
    MixedLineError,
    append_parts,
    cut_back,
)

AT_ONCE = 8
BEFORE = b"a line\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with a line."""
    made = tmp_path / "a.log"
    made.write_bytes(BEFORE)
    return made


@pytest.fixture
def descriptor(path: Path) -> Iterator[int]:
    """The file, open as a log is."""
    opened = os.open(path, os.O_WRONLY | os.O_APPEND)
    yield opened
    os.close(opened)


def then(
    monkeypatch: pytest.MonkeyPatch, calls: list[int], at: int, happens: Callable[[], None]
) -> None:
    """Let something happen after a call to the kernel; the bytes of each are in ``calls``."""
    write = os.writev

    def observed(descriptor: int, step: Sequence[bytes]) -> int:
        calls.append(sum(map(len, step)))
        written = write(descriptor, step)
        if len(calls) == at:
            happens()
        return written

    monkeypatch.setattr(os, "writev", observed)


@given(st.lists(st.integers(0, 2 * AT_ONCE), min_size=1, max_size=9))
def test_the_parts_are_one_line(sizes: list[int]) -> None:
    """Whatever the parts are, all of them are appended."""
    parts = [bytes([65 + number]) * size for number, size in enumerate(sizes)]
    with tempfile.TemporaryFile("a+b", buffering=0) as file:
        assert append_parts(file.fileno(), parts, AT_ONCE) == sum(sizes)
        assert os.pread(file.fileno(), sum(sizes) + 1, 0) == b"".join(parts)


def test_no_call_is_long(descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small parts are written together, large ones one at a time."""
    calls: list[int] = []
    then(monkeypatch, calls, 0, lambda: None)
    third = STEP // 3
    append_parts(descriptor, [b"x" * third] * 7 + [b"y" * STEP, b"\n"])
    assert calls == [3 * third, 3 * third, third, STEP, 1]


def test_lines_of_another_process(
    path: Path, descriptor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T252: A line with another one in its middle is not taken for a whole one."""
    calls: list[int] = []

    def other() -> None:
        with path.open("ab") as writer:
            writer.write(b"other\n")

    then(monkeypatch, calls, 1, other)
    with pytest.raises(MixedLineError):
        append_parts(descriptor, [b"x" * STEP, b"y\n"])
    assert path.read_bytes() == BEFORE + b"x" * STEP + b"other\ny\n"


def test_truncated_within_a_line(
    path: Path, descriptor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T256: A line whose beginning is gone is not taken for a whole one."""
    then(monkeypatch, [], 1, lambda: os.truncate(path, 0))
    with pytest.raises(MixedLineError):
        append_parts(descriptor, [b"x" * STEP, b"y\n"])
    assert path.read_bytes() == b"y\n"


FULL = """
import errno, os, resource, sys
from auditproxy.backends.logfiles.appending import STEP, BrokenOffError, append_parts, cut_back
file = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
before = os.fstat(file).st_size
room = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (before + room, before + room))
parts = [b"x" * STEP, b"y" * STEP, b"\\n"]
try:
    written = append_parts(file, parts)
    assert room % STEP, written
except BrokenOffError as error:
    assert error.errno == errno.EFBIG, error
    assert room in (STEP, 2 * STEP), error
    written = error.written
except OSError as error:
    assert error.errno == errno.EFBIG, error
    written = 0
assert written == room, written
assert not written or cut_back(file, written, 0) == (before, True)
"""


@pytest.mark.parametrize("room", [0, 1, STEP, STEP + 1, 2 * STEP])
def test_no_room_for_all_of_it(path: Path, room: int) -> None:
    """T252: What the kernel took is known wherever the disk is full, and can be cut off."""
    subprocess.run([sys.executable, "-c", FULL, str(path), str(room)], check=True)
    assert path.read_bytes() == BEFORE


def test_cut_back_leaves_what_is_behind(path: Path, descriptor: int) -> None:
    """T252: Bytes of another process are not cut off; the size is that of the file."""
    os.write(descriptor, b"torn")
    with path.open("ab") as writer:
        writer.write(b"other\n")
    assert cut_back(descriptor, 4, 0) == (len(BEFORE) + 10, False)
    assert path.read_bytes() == BEFORE + b"tornother\n"
