"""What a loss of power leaves of a log folder."""

import os
import random
from pathlib import Path

import pytest

from auditproxy.backends.logfiles.disk import Disk
from tests.chaos.platter import SPOOL, Platter, put_back, survived


def written(path: Path, text: bytes) -> int:
    """Append to a file; its descriptor."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, text)
    return descriptor


def test_what_is_left(tmp_path: Path) -> None:
    """What was there, what was synced, and by chance some of what was not; the names before."""
    folder, platter = tmp_path / "logs", tmp_path / "platter"
    folder.mkdir()
    current = folder / "audit.log"
    disk = Platter(folder, platter)
    descriptor = written(current, b"ab")
    disk.sync(descriptor)
    chance = random.Random(1)
    assert survived(folder, platter, "names lost", chance) == {}
    disk.sync_folder(tmp_path)
    assert survived(folder, platter, "names lost", chance) == {}
    disk.sync_folder(folder)
    os.write(descriptor, b"cd")
    current.rename(folder / "audit-1.log")
    os.close(written(current, b"ef"))
    os.close(descriptor)
    assert survived(folder, platter, "killed", chance) == {
        "audit-1.log": b"abcd",
        "audit.log": b"ef",
    }
    assert survived(folder, platter, "tail lost", chance) == {
        "audit-1.log": b"ab",
        "audit.log": b"",
    }
    assert survived(folder, platter, "names lost", chance) == {"audit.log": b"ab"}
    torn = {survived(folder, platter, "tail torn", chance)["audit-1.log"] for _ in range(50)}
    assert torn == {b"ab", b"abc", b"abcd"}
    put_back(folder, {"audit.log": b"g"})
    assert survived(folder, platter, "killed", chance) == {"audit.log": b"g"}
    # A new start finds all of it on the disk.
    Platter(folder, tmp_path / "another")
    assert survived(folder, tmp_path / "another", "names lost", chance) == {"audit.log": b"g"}


def test_a_file_that_was_cut(tmp_path: Path) -> None:
    """What is cut off and written anew is another promise once it is synced, and not before."""
    (tmp_path / "audit.log").write_bytes(b"abc")
    platter = tmp_path / "platter"
    disk = Platter(tmp_path, platter)
    os.truncate(tmp_path / "audit.log", 1)
    descriptor = written(tmp_path / "audit.log", b"BCD")
    chance = random.Random(1)
    assert survived(tmp_path, platter, "tail torn", chance) == {"audit.log": b"abc"}
    disk.sync(descriptor)
    os.close(descriptor)
    assert survived(tmp_path, platter, "tail torn", chance) == {"audit.log": b"aBCD"}


def test_lies(tmp_path: Path) -> None:
    """A disk that lies promises what was there at first."""
    (tmp_path / "audit.log").write_bytes(b"a")
    disk = Platter(tmp_path, tmp_path / "platter", lies=("files", "names"))
    descriptor = written(tmp_path / "audit.log", b"b")
    (tmp_path / "audit.log").rename(tmp_path / "audit-1.log")
    disk.sync(descriptor)
    os.close(descriptor)
    disk.sync_folder(tmp_path)
    left = survived(tmp_path, tmp_path / "platter", "names lost", random.Random(1))
    assert left == {"audit.log": b"a"}


def test_torn_names_and_pages(tmp_path: Path) -> None:
    """Of a spool's folder: files that come and go, in their order, and pages that never came."""
    folder, platter = tmp_path / "spool", tmp_path / "platter"
    disk = Platter(folder, platter, SPOOL)
    for name in "123":
        descriptor = written(folder / name, name.encode())
        disk.sync(descriptor)
        os.close(descriptor)
    disk.sync_folder(folder)
    for name in "12":
        (folder / name).unlink()
    descriptor = written(folder / "4", b"4")
    disk.sync(descriptor)
    chance = random.Random(1)

    def left(outcome: str) -> list[dict[str, bytes]]:
        return [survived(folder, platter, outcome, chance, SPOOL) for _ in range(50)]

    assert {"".join(sorted(found)) for found in left("names torn")} == {
        "123", "1234", "23", "234", "3", "34",
    }  # fmt: skip
    os.write(descriptor, b"x" * 10_000)
    os.close(descriptor)
    torn = [found["4"] for found in left("pages torn")]
    assert all(found.startswith(b"4") and len(found) <= 10_001 for found in torn)
    assert any(b"\0x" in found for found in torn)
    assert any(b"x\0" in found for found in torn)
    assert {found["3"] for found in left("pages torn")} == {b"3"}


def test_no_file_gets_the_promises_of_another(tmp_path: Path) -> None:
    """The number of a file that was removed is given to no other."""
    disk = Platter(tmp_path / "spool", tmp_path / "platter", SPOOL)
    for count in range(50):
        descriptor = written(tmp_path / "spool" / "a", b"old")
        if count % 2:
            disk.sync(descriptor)
        os.close(descriptor)
        found = survived(
            tmp_path / "spool", tmp_path / "platter", "tail lost", random.Random(1), SPOOL
        )
        assert found == {"a": b"old" if count % 2 else b""}
        (tmp_path / "spool" / "a").unlink()


def test_every_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each Disk of a process can be this one."""
    monkeypatch.setattr(Disk, "sync", Disk.sync)
    monkeypatch.setattr(Disk, "sync_folder", Disk.sync_folder)
    Platter(tmp_path / "logs", tmp_path / "platter").be_every_disk()
    descriptor = written(tmp_path / "logs" / "audit.log", b"a")
    Disk().sync(descriptor)
    Disk().sync_folder(tmp_path / "logs")
    os.close(descriptor)
    left = survived(tmp_path / "logs", tmp_path / "platter", "names lost", random.Random(1))
    assert left == {"audit.log": b"a"}
