"""Lines of a file, however long, broken or packed."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.reading.meaning.events import TOO_LONG, Counts
from auditproxy.reading.trail.lines import DAMAGED, is_packed, lines_of


def read(path: Path, longest: int = 1000) -> tuple[list[bytes], Counts]:
    """The lines and what was counted."""
    counts = Counts()
    return list(lines_of(str(path), counts, longest)), counts


def test_lines(tmp_path: Path) -> None:
    """With either line end, and without one at the end of the file."""
    path = tmp_path / "a"
    path.write_bytes(b"one\r\n\ntwo\nthree")
    assert read(path) == ([b"one", b"", b"two", b"three"], Counts())
    assert not is_packed(str(path))


def test_gzip(tmp_path: Path) -> None:
    """Whatever its name; several members are one file."""
    path = tmp_path / "a.log"
    path.write_bytes(gzip.compress(b"one\n") + gzip.compress(b"two\n"))
    assert read(path) == ([b"one", b"two"], Counts())
    assert is_packed(str(path))


def test_a_name_that_lies(tmp_path: Path) -> None:
    """A plain file with the name of a packed one is plain."""
    path = tmp_path / "a.gz"
    path.write_bytes(b"one\n")
    assert read(path) == ([b"one"], Counts())


def test_long_lines(tmp_path: Path) -> None:
    """One that is too long is left out, and the next one is read."""
    path = tmp_path / "a"
    path.write_bytes(
        b"x" * 10 + b"\n" + b"y" * 11 + b"\n" + b"z" * 5_000_000 + b"\nend\n" + b"w" * 11
    )
    assert read(path, longest=10) == ([b"x" * 10, b"end"], Counts({TOO_LONG: 3}))


@pytest.mark.parametrize("damage", [b"", b"garbage that is no gzip member", b"\x1f\x8b"])
def test_damaged(tmp_path: Path, damage: bytes) -> None:
    """What stands before the damage is read, to the last whole line."""
    text = b"".join(b"line %06d\n" % number for number in range(20_000))
    packed = gzip.compress(text)
    path = tmp_path / "a"
    path.write_bytes((packed if damage else packed[: -len(packed) // 2]) + damage)
    lines, counts = read(path)
    assert counts == {DAMAGED: 1}
    assert lines[:3] == [b"line 000000", b"line 000001", b"line 000002"]
    if damage:
        assert len(lines) == 20_000
    else:
        assert len(lines) > 5_000


def test_not_there(tmp_path: Path) -> None:
    """An error of the system, for whoever named the file."""
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "a")


@given(st.binary(max_size=300))
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Nothing raises but for the system's errors."""
    path = tmp_path_factory.mktemp("lines") / "a"
    path.write_bytes(data)
    lines, counts = read(path)
    if not data.startswith(b"\x1f\x8b"):
        assert counts == {}
        assert b"\n".join(lines).replace(b"\r", b"") == data.removesuffix(b"\n").replace(b"\r", b"")
