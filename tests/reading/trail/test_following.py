"""The lines of a log as they are written: each once, in order, across rotation."""

import gzip
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditproxy.reading.meaning.events import TOO_LONG, Counts
from auditproxy.reading.trail import following
from auditproxy.reading.trail.following import Follower, end_of_lines
from auditproxy.reading.trail.sources import trail_file
from tests.fakes.rotating import Clocks, rotating


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An empty log."""
    log = tmp_path / "audit.log"
    log.touch()
    return log


@pytest.fixture
def follower(path: Path) -> Iterator[Follower]:
    """A follower from the log's beginning."""
    made = Follower(trail_file(str(path)), 0, Counts())
    yield made
    made.close()


def add(path: Path, text: bytes) -> None:
    """Append to a log."""
    with path.open("ab") as file:
        file.write(text)


def test_whole_lines(path: Path, follower: Follower) -> None:
    """A line comes when it has its end."""
    add(path, b"one\ntw")
    assert list(follower.poll()) == [b"one"]
    assert list(follower.poll()) == []
    add(path, b"o\nthree\n")
    assert list(follower.poll()) == [b"two", b"three"]


def test_from_a_place(path: Path) -> None:
    """What was there is not repeated."""
    add(path, b"one\ntwo\nthr")
    start = end_of_lines(str(path))
    made = Follower(trail_file(str(path)), start, Counts())
    add(path, b"ee\n")
    assert list(made.poll()) == [b"three"]
    made.close()


@pytest.mark.parametrize(
    "text", [b"", b"x", b"x" * 3_000_000, b"\n", b"a\nb", b"a\n" + b"x" * 2_000_000]
)
def test_end_of_lines(path: Path, text: bytes) -> None:
    """Behind the last line end."""
    add(path, text)
    assert end_of_lines(str(path)) == text.rfind(b"\n") + 1


def test_rotation(path: Path, follower: Follower) -> None:
    """The rest of the old file, then the new one."""
    add(path, b"one\n")
    path.rename(path.with_name("audit-2026-11-23T10-00-00.000.log"))
    add(path, b"two\n")
    assert list(follower.poll()) == [b"one", b"two"]


def test_rotations_that_were_missed(path: Path, follower: Follower) -> None:
    """Files between two polls are read too, packed or not."""
    add(path, b"one\n")
    path.rename(path.with_name("audit-2026-11-23T10-00-00.000.log"))
    path.with_name("audit-2026-11-23T10-00-01.000.log.gz").write_bytes(gzip.compress(b"two\n"))
    path.with_name("audit-2026-11-23T10-00-02.000.log").write_bytes(b"three\n")
    add(path, b"four\n")
    assert list(follower.poll()) == [b"one", b"two", b"three", b"four"]
    path.rename(path.with_name("audit-2026-11-23T10-00-03.000.log"))
    add(path, b"five\n")
    assert list(follower.poll()) == [b"five"]


def test_ours_was_packed(path: Path, follower: Follower) -> None:
    """What is open is read from where it was, and not again from its packed copy."""
    add(path, b"one\n")
    path.unlink()
    path.with_name("audit-2026-11-23T10-00-00.000.log.gz").write_bytes(gzip.compress(b"one\n"))
    add(path, b"two\n")
    assert list(follower.poll()) == [b"one", b"two"]


def test_logrotate(path: Path, follower: Follower) -> None:
    """Numbers, twice between two polls."""
    add(path, b"one\n")
    path.rename(path.with_name("audit.log.2"))
    path.with_name("audit.log.1").write_bytes(b"two\n")
    add(path, b"three\n")
    assert list(follower.poll()) == [b"one", b"two", b"three"]


def test_truncation(path: Path, follower: Follower) -> None:
    """A file that was cut is read from its beginning."""
    add(path, b"one\ntwo\nthr")
    assert list(follower.poll()) == [b"one", b"two"]
    os.truncate(path, 0)
    add(path, b"new\n")
    assert list(follower.poll()) == [b"new"]


def test_no_file(path: Path, follower: Follower) -> None:
    """It may come later."""
    add(path, b"one\n")
    path.unlink()
    assert list(follower.poll()) == [b"one"]
    assert list(follower.poll()) == []
    add(path, b"two\n")
    assert list(follower.poll()) == [b"two"]
    late = Follower(trail_file(str(path.with_name("late.log"))), 0, Counts())
    assert list(late.poll()) == []
    add(path.with_name("late.log"), b"x\n")
    assert list(late.poll()) == [b"x"]
    late.close()


def test_a_line_without_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded."""
    monkeypatch.setattr(following, "LONGEST", 100)
    counts = Counts()
    made = Follower(trail_file(str(path)), 0, counts)
    add(path, b"x" * 3_000_000)
    assert list(made.poll()) == []
    assert counts[TOO_LONG] >= 1
    made.close()


@settings(max_examples=60)
@given(st.lists(st.sampled_from(["line", "part", "rotate", "pack", "poll"]), max_size=40))
def test_any_order(tmp_path_factory: pytest.TempPathFactory, steps: list[str]) -> None:
    """Whatever happens between two polls, each line comes once and in order."""
    path = tmp_path_factory.mktemp("follow") / "audit.log"
    path.touch()
    made = Follower(trail_file(str(path)), 0, Counts())
    got: list[bytes] = []
    written = b""
    count = 0
    for number, step in enumerate(steps):
        if step == "line":
            add(path, f"line {count}\n".encode())
            written += f"line {count}\n".encode()
            count += 1
        elif step == "part":
            add(path, b"part of ")
            written += b"part of "
        elif step == "poll":
            got += made.poll()
        elif not written or written.endswith(b"\n"):
            old = path.with_name(f"audit-2026-11-23T10-00-{number:02d}.000.log")
            path.rename(old)
            path.touch()
            if step == "pack":
                old.with_name(f"{old.name}.gz").write_bytes(gzip.compress(old.read_bytes()))
                old.unlink()
    got += made.poll()
    assert got == written.split(b"\n")[:-1]
    made.close()


def test_at_speed(tmp_path: Path) -> None:
    """The log of a proxy that rotates and packs while it is followed: no line lost or repeated."""
    path = tmp_path / "audit.log"
    count = 20_000
    clocks = Clocks()
    writer = rotating(path, clocks, size=100_000, compress=True)

    def write() -> None:
        for number in range(count):
            writer.write(b"%08d %s\n" % (number, b"x" * 100))
            clocks.pass_by(0.001)
        writer.close()

    writer.write(b"first\n")
    made = Follower(trail_file(str(path)), 0, Counts())
    thread = threading.Thread(target=write)
    thread.start()
    got: list[bytes] = []
    while thread.is_alive():
        got += made.poll()
    thread.join()
    got += made.poll()
    made.close()
    assert [line.split()[0] for line in got] == [
        b"first",
        *(b"%08d" % number for number in range(count)),
    ]
    assert len(list(tmp_path.iterdir())) > 10


def test_packed_since_the_folder_was_listed(tmp_path: Path) -> None:
    """A rotated file is read under its packed name where the plain one is gone by then."""
    path = tmp_path / "audit.log"
    path.write_bytes(b"first\n")
    made = Follower(trail_file(str(path)), 0, Counts())
    plain = tmp_path / "audit-2026-11-28T10-00-00.000.log"
    plain.with_name(plain.name + ".gz").write_bytes(gzip.compress(b"a\nb\n"))
    assert list(made._lines_of_rotated(str(plain))) == [b"a", b"b"]
    with pytest.raises(FileNotFoundError):
        list(made._lines_of_rotated(str(tmp_path / "none.log.gz")))
    made.close()
