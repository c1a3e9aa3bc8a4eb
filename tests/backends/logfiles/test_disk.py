"""The real disk: what it syncs, and what cannot be."""

import errno
import os
from pathlib import Path

import pytest

from auditproxy.backends.logfiles.disk import Disk


def test_files_and_folders(tmp_path: Path) -> None:
    """Both are synced, and no descriptor is left open."""
    disk, before = Disk(), len(os.listdir("/proc/self/fd"))
    with (tmp_path / "file").open("wb") as file:
        file.write(b"a")
        file.flush()
        disk.sync(file.fileno())
    disk.sync_folder(tmp_path)
    assert len(os.listdir("/proc/self/fd")) == before


def test_what_cannot_be_synced(tmp_path: Path) -> None:
    """A pipe has no disk, a file is no folder, and a missing one is none."""
    disk = Disk()
    reading, writing = os.pipe()
    try:
        with pytest.raises(OSError, match="Invalid argument") as raised:
            disk.sync(writing)
        assert raised.value.errno == errno.EINVAL
    finally:
        os.close(reading)
        os.close(writing)
    (tmp_path / "file").touch()
    for name, error in (("file", NotADirectoryError), ("missing", FileNotFoundError)):
        with pytest.raises(error):
            disk.sync_folder(tmp_path / name)
