"""Packed files, whatever is in them."""

import contextlib
import gzip
import io
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.reading.meaning.events import Counts
from auditproxy.reading.trail import packing
from auditproxy.reading.trail.lines import DAMAGED, TOO_MUCH, beginning_of, lines_of
from auditproxy.reading.trail.packing import is_packed, unpacked

PACK = zstandard.ZstdCompressor().compress
LINES = b"".join(b"line %d\n" % n for n in range(3000))


def read(path: Path) -> tuple[bytes, Counts]:
    """The lines, and what was counted."""
    counts = Counts()
    return b"".join(line + b"\n" for line in lines_of(str(path), counts)), counts


@pytest.mark.parametrize(
    "content",
    [
        PACK(LINES),
        PACK(LINES[:1000]) + PACK(LINES[1000:]),
        zstandard.ZstdCompressor(level=19, write_checksum=True).compress(LINES),
        gzip.compress(LINES),
        gzip.compress(gzip.compress(LINES)),
    ],
)
def test_whole_files(tmp_path: Path, content: bytes) -> None:
    """By their first bytes, of several frames too."""
    path = tmp_path / "log"
    path.write_bytes(content)
    assert is_packed(str(path))
    assert read(path) == (LINES, Counts())
    assert beginning_of(str(path), 10) == LINES[:10]


@pytest.mark.parametrize("rest", [-20, -1])
def test_an_end_that_is_missing(tmp_path: Path, rest: int) -> None:
    """What can be read is, and the damage is counted."""
    path = tmp_path / "log.zst"
    path.write_bytes(PACK(LINES) + PACK(LINES)[:rest])
    text, counts = read(path)
    assert text.startswith(LINES)
    assert counts == {DAMAGED: 1}


@given(st.binary(max_size=60), st.integers(0, 200))
def test_any_bytes(rest: bytes, place: int) -> None:
    """Other bytes in it are a damage, and nothing else."""
    packed = bytearray(PACK(LINES))
    packed[place : place + len(rest)] = rest
    packed[:4] = b"\x28\xb5\x2f\xfd"
    with contextlib.suppress(*packing.DAMAGES):
        unpacked(io.BytesIO(bytes(packed))).read()


def test_far_more_than_a_log_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read up to a bound, in little memory, and said."""
    monkeypatch.setattr(packing, "MOST_UNASKED", 1 << 20)
    path = tmp_path / "bomb.zst"
    path.write_bytes(PACK(b"\n" * (64 << 20)))
    counts = Counts()
    read_lines = sum(1 for _ in lines_of(str(path), counts))
    assert counts == {TOO_MUCH: 1}
    assert read_lines < 64 << 20


def test_without_the_extra(tmp_path: Path) -> None:
    """One line that says which."""
    path = tmp_path / "a.zst"
    path.write_bytes(PACK(LINES))
    program = (
        "import sys; sys.modules['zstandard'] = None\n"
        "from auditproxy.cli import main\n"
        f"sys.exit(main(['events', 'list', {str(path)!r}]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=50
    )
    assert done.returncode == 2
    assert f"{path} is packed with Zstandard, which needs the extra explore" in done.stderr
    assert done.stderr.count("\n") == 1
