"""The ends of files of lines."""

import gzip
import os
import tracemalloc
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.backends.logfiles import tails
from auditproxy.backends.logfiles.tails import (
    NotLinesError,
    first_line,
    is_torn,
    last_line,
    whole_length,
)


@pytest.mark.parametrize("block", [1, 3, tails.BLOCK])
@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", b""),
        (b"\n", b"\n"),
        (b"one", b""),
        (b"one\n", b"one\n"),
        (b"one\ntwo", b"one\n"),
        (b"one\ntwo\n", b"two\n"),
        (b"one\n\n", b"\n"),
        (b"one\ntwo\nthree is torn", b"two\n"),
    ],
)
def test_the_last_line(
    content: bytes, line: bytes, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last whole one, of a file and of an archive alike."""
    monkeypatch.setattr(tails, "BLOCK", block)
    plain, packed = tmp_path / "a", tmp_path / "a.gz"
    plain.write_bytes(content)
    packed.write_bytes(gzip.compress(content))
    assert last_line([plain]) == line
    assert last_line([packed]) == line


def test_the_first_file_that_has_a_line(tmp_path: Path) -> None:
    """An empty one says nothing about where the log ended; nor does a torn line alone."""
    for name, content in (("a", b""), ("b", b"torn"), ("c", b"line\n"), ("d", b"older\n")):
        (tmp_path / name).write_bytes(content)
    assert last_line(tmp_path / name for name in "abcd") == b"line\n"
    assert last_line([]) == b""


@pytest.mark.parametrize("name", ["a", "a.gz"])
def test_what_is_no_file(tmp_path: Path, name: str) -> None:
    """A FIFO at the name of a rotated file is a fault too, and holds up nobody."""
    os.mkfifo(tmp_path / name)
    with pytest.raises(OSError, match="not a regular file"):
        last_line([tmp_path / name])
    with pytest.raises(OSError, match="not a regular file"):
        first_line(tmp_path / name)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """They are faults of the start, not ends."""
    with pytest.raises(FileNotFoundError):
        last_line([tmp_path / "missing"])
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"line\n" * 1000)[:-12])
    with pytest.raises(EOFError):
        last_line([tmp_path / "a.gz"])
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(OSError, match="No such file|Is a directory"):
            whole_length(path, 7)
        assert not is_torn(path, 7)


@given(st.binary(max_size=40).map(lambda data: data.replace(b"\x00", b"\n")))
def test_whole_length(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Up to the last newline."""
    path = tmp_path_factory.mktemp("tails") / "a"
    path.write_bytes(content)
    assert whole_length(path, len(content)) == content.rfind(b"\n") + 1
    assert is_torn(path, len(content)) == (content != b"" and not content.endswith(b"\n"))


@pytest.mark.parametrize("block", [1, 7, tails.BLOCK])
@pytest.mark.parametrize(
    ("content", "last", "first", "torn"),
    [
        (b"x" * 9 + b"\n", True, True, True),
        (b"one\n" + b"x" * 9 + b"\ntwo\n", True, True, True),
        (b"x" * 10 + b"\n", False, False, True),
        (b"one\n" + b"x" * 10 + b"\n", False, True, True),
        (b"one\n" + b"x" * 10, True, True, True),
        (b"one\n" + b"x" * 11, False, True, False),
        (b"x" * 20, False, False, False),
    ],
)
def test_a_line_that_is_too_long(
    content: bytes,
    last: bool,
    first: bool,
    torn: bool,
    block: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No more of it is read than a line may have, torn or not, packed or not; it is a fault."""
    monkeypatch.setattr(tails, "BLOCK", block)
    monkeypatch.setattr(tails, "LONGEST_LINE", 10)
    plain, packed = tmp_path / "a", tmp_path / "a.gz"
    plain.write_bytes(content)
    packed.write_bytes(gzip.compress(content))
    for path in (plain, packed):
        for read, fits in ((partial(last_line, [path]), last), (partial(first_line, path), first)):
            if fits:
                assert read().endswith(b"\n")
            else:
                with pytest.raises(NotLinesError, match="does not consist of lines"):
                    read()
    if torn:
        assert whole_length(plain, len(content)) == content.rfind(b"\n") + 1
    else:
        with pytest.raises(NotLinesError):
            whole_length(plain, len(content))


def test_an_archive_of_nothing_but_zeros(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few KiB on the disk, which unpack to as many MiB, are not held in memory."""
    monkeypatch.setattr(tails, "LONGEST_LINE", 100_000)
    (tmp_path / "a.gz").write_bytes(gzip.compress(bytes(50_000_000)))
    tracemalloc.start()
    try:
        for read in (first_line, lambda path: last_line([path])):
            with pytest.raises(NotLinesError):
                read(tmp_path / "a.gz")
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
