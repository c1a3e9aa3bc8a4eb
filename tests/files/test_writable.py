"""Whether a file could be written, without making it."""

import os
from pathlib import Path

import pytest

from auditproxy.files.writable import fault_of_writing


def test_what_can_be_written(tmp_path: Path) -> None:
    """C3: a file, a new one, one in folders that are not there yet; nothing is left behind."""
    there = tmp_path / "there"
    there.write_text("x")
    for path in (there, tmp_path / "new", tmp_path / "a" / "b" / "new"):
        assert fault_of_writing(path) == ""
    assert [each.name for each in tmp_path.iterdir()] == ["there"]
    assert there.read_text() == "x"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (".", "is a directory"),
        ("file/below", "not a directory"),
        ("file/below/that", "not a directory"),
        ("pipe", "no such device or address"),
        ("dangling/new", "no such file or directory"),
    ],
)
def test_what_cannot(path: str, why: str, tmp_path: Path) -> None:
    """C3: folders, what is below a file, a FIFO that nobody reads, a link to nowhere."""
    (tmp_path / "file").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere" / "deep")
    assert fault_of_writing(tmp_path / path) == why


def test_read_only(tmp_path: Path) -> None:
    """C3: a file system or kernel folder that takes no file."""
    assert fault_of_writing(Path("/proc/audit.log")) != ""
