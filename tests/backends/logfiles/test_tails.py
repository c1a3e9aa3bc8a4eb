"""The ends of files of lines."""

import gzip
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.backends.logfiles import tails
from auditproxy.backends.logfiles.tails import first_line, last_line, whole_length


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
    assert whole_length(tmp_path / "missing", 7) == 7
    assert whole_length(tmp_path, 7) == 7


@given(st.binary(max_size=40).map(lambda data: data.replace(b"\x00", b"\n")))
def test_whole_length(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Up to the last newline."""
    path = tmp_path_factory.mktemp("tails") / "a"
    path.write_bytes(content)
    assert whole_length(path, len(content)) == content.rfind(b"\n") + 1
