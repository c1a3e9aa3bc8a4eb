"""Many files that end together: on the disk, then at their names, in little time."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from auditproxy.recordings.appending import AppendedFile
from auditproxy.recordings.settling import MOST, THREADS, Settling


class Synced:
    """What reaches the disk, in order, and on how many threads; ``refuse`` fails for a size."""

    def __init__(self, fsync: Callable[[int], None], folder: Path) -> None:
        self.files = 0
        self.folders = 0
        self.names_at_folder: list[str] = []
        self.unnamed_at_file = True
        self.refuse = -1
        self.together = threading.Barrier(THREADS)
        self.waits = False
        self._fsync = fsync
        self._folder = folder
        self._lock = threading.Lock()

    def __call__(self, descriptor: int) -> None:
        """An fsync."""
        facts = os.fstat(descriptor)
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            self.folders += 1
            self.names_at_folder = sorted(os.listdir(self._folder))
        else:
            if self.waits:
                self.together.wait(10)
            with self._lock:
                self.files += 1
                # The file that is given to the disk does not have its name yet.
                path = os.readlink(f"/proc/self/fd/{descriptor}")
                self.unnamed_at_file &= path.endswith(".part")
            if facts.st_size == self.refuse:
                raise OSError(5, "Input/output error")
        self._fsync(descriptor)


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Synced:
    """Follows fsync."""
    synced = Synced(os.fsync, tmp_path)
    monkeypatch.setattr(os, "fsync", synced)
    return synced


class Heard:
    """What became of files."""

    def __init__(self) -> None:
        self.named: list[str] = []
        self.failed: list[tuple[str, str]] = []

    def new(self) -> Settling:
        """One that this hears of."""
        return Settling(
            lambda path: self.named.append(path.name),
            lambda path, reason: self.failed.append((path.name, reason)),
        )


def add(
    settling: Settling,
    folder: Path,
    name: str,
    content: bytes = b"x",
    unsettled: Callable[[str], None] = lambda reason: None,
) -> None:
    """A file that is whole."""
    file = AppendedFile.create(folder / f"{name}.part")
    file.append(content)
    settling.add(file, folder / name, unsettled)


def test_many(tmp_path: Path, synced: Synced) -> None:
    """One fsync each, all before any name, several together, and one of the folder for all."""
    heard = Heard()
    settling = heard.new()
    for number in range(THREADS * 3):
        add(settling, tmp_path, f"{number:03d}")
    assert synced.files == 0
    assert heard.named == []
    synced.waits = True
    settling.settle()
    names = [f"{number:03d}" for number in range(THREADS * 3)]
    assert (synced.files, synced.folders) == (THREADS * 3, 1)
    assert synced.unnamed_at_file
    assert synced.names_at_folder == names
    assert heard.named == names
    assert heard.failed == []
    settling.settle()
    assert (synced.files, synced.folders) == (THREADS * 3, 1)


def test_one_that_the_disk_refuses(tmp_path: Path, synced: Synced) -> None:
    """It keeps its place; the others get their names."""
    heard = Heard()
    settling = heard.new()
    synced.refuse = 2
    for number, content in enumerate((b"1", b"22", b"333")):
        add(settling, tmp_path, str(number), content)
    settling.settle()
    assert heard.named == ["0", "2"]
    assert heard.failed == [("1.part", "input/output error")]
    assert sorted(os.listdir(tmp_path)) == ["0", "1.part", "2"]


def test_one_that_is_gone(tmp_path: Path) -> None:
    """What somebody removed has no name to get; whoever gave it hears of it."""
    heard = Heard()
    settling = heard.new()
    unsettled: list[str] = []
    add(settling, tmp_path, "a", unsettled=unsettled.append)
    (tmp_path / "a.part").unlink()
    settling.settle()
    assert heard.failed == [("a.part", "another program removed or moved it")]
    assert unsettled == ["another program removed or moved it"]
    assert heard.named == []


def test_descriptors_are_bounded(tmp_path: Path, synced: Synced) -> None:
    """So many wait that they settle by themselves; none is left open."""
    heard = Heard()
    settling = heard.new()
    before = len(os.listdir("/proc/self/fd"))
    for number in range(MOST - 1):
        add(settling, tmp_path, f"{number}")
    assert synced.files == 0
    add(settling, tmp_path, "last")
    assert synced.files == MOST
    assert len(heard.named) == MOST
    assert len(os.listdir("/proc/self/fd")) == before
