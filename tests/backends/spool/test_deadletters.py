"""The file of dead letters: whole lines, on the disk, and no more than it may have."""

from pathlib import Path

import pytest

from auditproxy.backends.spool.deadletters import DeadLetters, DeadLettersFullError
from tests.fakes.durable import EIO, FaultyDisk


def test_lines(tmp_path: Path) -> None:
    """Each is a line that the disk has; the file is the owner's alone."""
    disk = FaultyDisk()
    letters = DeadLetters(tmp_path, disk)
    letters.append(b"a")
    letters.append(b"b")
    path = tmp_path / "dead-letters.jsonl"
    assert path.read_bytes() == b"a\nb\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert disk.did == ["file", "folder", "file"]


def test_half_a_line(tmp_path: Path) -> None:
    """What a crash has left gets a line of its own."""
    (tmp_path / "dead-letters.jsonl").write_bytes(b"a\nhalf")
    DeadLetters(tmp_path, FaultyDisk()).append(b"b")
    assert (tmp_path / "dead-letters.jsonl").read_bytes() == b"a\nhalf\nb\n"


def test_full(tmp_path: Path) -> None:
    """One alone may be larger than the file; others wait until there is room."""
    letters = DeadLetters(tmp_path, FaultyDisk(), maximum_bytes=10)
    letters.append(b"x" * 20)
    with pytest.raises(DeadLettersFullError):
        letters.append(b"y")
    (tmp_path / "dead-letters.jsonl").unlink()
    letters.append(b"y")


def test_faults(tmp_path: Path) -> None:
    """A disk that fails is said; a link is not followed."""
    with pytest.raises(OSError, match="Input/output"):
        DeadLetters(tmp_path, FaultyDisk(EIO)).append(b"a")
    (tmp_path / "dead-letters.jsonl").unlink()
    (tmp_path / "dead-letters.jsonl").symlink_to(tmp_path / "other")
    with pytest.raises(OSError, match="symbolic links"):
        DeadLetters(tmp_path, FaultyDisk()).append(b"a")
    assert not (tmp_path / "other").exists()
