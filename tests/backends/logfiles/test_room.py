"""Whether there is room for a line: in the folder, or where the file itself is."""

import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from auditproxy.backends.logfiles.room import fault_of_room

FULL = "no space left on device"


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    """An open file in the folder of the test."""
    number = os.open(tmp_path / "audit.log", os.O_WRONLY | os.O_CREAT, 0o600)
    yield number
    os.close(number)


def full(**settings: object) -> BinaryIO:
    """A file on a disk that has room for names only."""
    return open("/dev/full", "wb", buffering=0)


def read_only(**settings: object) -> BinaryIO:
    """A file cannot be made."""
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def test_sound(descriptor: int, tmp_path: Path) -> None:
    """Nothing is left behind."""
    assert fault_of_room(descriptor, tmp_path) == ""
    assert [each.name for each in tmp_path.iterdir()] == ["audit.log"]


def test_full(descriptor: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes are tried, not the name alone."""
    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    assert fault_of_room(descriptor, tmp_path) == FULL


@pytest.mark.parametrize(
    ("flags", "free", "blocks", "fault"),
    [
        (0, 16, 100, ""),
        (0, 15, 100, FULL),
        (0, 0, 0, ""),
        (os.ST_RDONLY, 16, 100, "read-only file system"),
    ],
)
def test_read_only_around_the_file(
    flags: int,
    free: int,
    blocks: int,
    fault: str,
    descriptor: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file that is mounted into a read-only root is judged by its own file system."""
    monkeypatch.setattr(tempfile, "TemporaryFile", read_only)

    def facts(asked: int) -> os.statvfs_result:
        assert asked == descriptor
        return os.statvfs_result((4096, 4096, blocks, free, free, 0, 0, 0, flags, 255))

    monkeypatch.setattr(os, "fstatvfs", facts)
    assert fault_of_room(descriptor, tmp_path) == fault


def test_another_file_system(
    descriptor: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full folder says nothing of a file that is elsewhere."""
    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        if os.stat(elsewhere).st_dev == tmp_path.stat().st_dev:
            pytest.skip("there is one file system only")
        assert fault_of_room(descriptor, Path(elsewhere)) == ""


def test_no_folder(descriptor: int, tmp_path: Path) -> None:
    """What is gone is told."""
    assert fault_of_room(descriptor, tmp_path / "gone") == "no such file or directory"
