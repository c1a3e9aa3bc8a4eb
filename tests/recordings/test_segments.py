"""The archive of an encrypted recording: whole segments, whatever comes behind them."""

import io
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.recordings.segments import LARGEST_SEGMENT, SealedForm, segments


def turned(content: bytes) -> bytes:
    """Stands for encryption."""
    return content[::-1]


def found(path: Path) -> list[tuple[str, bytes]]:
    """The segments of a file."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return [
            (one.seconds, os.pread(descriptor, one.size, one.offset))
            for one in segments(descriptor)
        ]
    finally:
        os.close(descriptor)


def test_an_archive(tmp_path: Path) -> None:
    """What the standard library reads as one, in order."""
    form = SealedForm(turned)
    content = form.piece(b"one\n", "0.000000") + form.piece(b"two" * 400, "1.500000")
    path = tmp_path / "x"
    path.write_bytes(content)
    assert found(path) == [("0.000000", b"\neno"), ("1.500000", b"owt" * 400)]
    resumed = form.resumed(2)
    path.write_bytes(content + resumed.piece(b"", "2.000000") + resumed.ending())
    assert found(path)[2] == ("2.000000", b"")
    with tarfile.open(fileobj=io.BytesIO(path.read_bytes())) as tar:
        assert tar.getnames() == [
            "00000000-0.000000.age",
            "00000001-1.500000.age",
            "00000002-2.000000.age",
        ]


@pytest.mark.parametrize("cut", [1, 100, 511, 512, 513, 515, 1023])
def test_a_segment_that_is_not_whole(tmp_path: Path, cut: int) -> None:
    """It is left out."""
    form = SealedForm(turned)
    path = tmp_path / "x"
    path.write_bytes(form.piece(b"one\n", "0.000000") + form.piece(b"two\n", "1.000000")[:cut])
    assert found(path) == [("0.000000", b"\neno")]


def test_what_is_too_large(tmp_path: Path) -> None:
    """A size that is nonsense is not a segment."""
    member = tarfile.TarInfo("00000000-0.000000.age")
    member.size = LARGEST_SEGMENT + 1
    path = tmp_path / "x"
    with path.open("wb") as file:
        file.write(member.tobuf())
        file.truncate(LARGEST_SEGMENT * 2)
    assert found(path) == []


@given(st.binary(max_size=1500), st.integers(0, 1000), st.integers(0, 255))
def test_nonsense(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, place: int, value: int
) -> None:
    """Nothing raises."""
    path = tmp_path_factory.getbasetemp() / "nonsense"
    path.write_bytes(content)
    found(path)
    form = SealedForm(turned)
    whole = bytearray(form.piece(b"one\n", "0.000000") + form.piece(b"two\n", "1.000000"))
    whole[place] = value
    path.write_bytes(whole)
    assert len(found(path)) <= 2
