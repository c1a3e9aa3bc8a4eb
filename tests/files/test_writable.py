"""Whether a file could be written, without making it."""

import os
import select
from pathlib import Path

import pytest

from auditproxy.files.writable import (
    fault_of_folder,
    fault_of_listing,
    fault_of_opening,
    fault_of_renaming,
    fault_of_writing,
)
from tests.fakes.unprivileged import folder_with, unprivileged


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
        ("dangling/new", "no such file or directory"),
    ],
)
def test_what_cannot(path: str, why: str, tmp_path: Path) -> None:
    """C3: folders, what is below a file, a link to nowhere."""
    (tmp_path / "file").write_text("x")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere" / "deep")
    assert fault_of_writing(tmp_path / path) == why


def test_read_only(tmp_path: Path) -> None:
    """C3: a file system or kernel folder that takes no file."""
    assert fault_of_writing(Path("/proc/audit.log")) != ""


def test_a_fifo_is_not_opened(tmp_path: Path) -> None:
    """Its reader would come to the end of it and leave before it is written to."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    assert fault_of_writing(path) == ""
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    hung_up = select.poll()
    hung_up.register(reader, select.POLLIN)
    assert fault_of_writing(path) == ""
    assert hung_up.poll(0) == []
    os.close(reader)


def test_a_folder(tmp_path: Path) -> None:
    """It is listed, and takes files; nothing is left in it."""
    assert fault_of_folder(tmp_path) == ""
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    assert fault_of_folder(tmp_path / "file") == "not a directory"
    assert fault_of_folder(Path("/proc/self")) != ""


def test_a_folder_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files may be made in it, and those that are there are not found."""

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    assert fault_of_folder(tmp_path) == "permission denied"


@pytest.mark.parametrize("mode", [0o000, 0o100, 0o200, 0o300, 0o400, 0o500, 0o600, 0o700])
def test_a_folder_by_mode(mode: int) -> None:
    """Each of read, write and search is needed to list it, and to make and rename files."""
    with unprivileged() as parent:
        folder = folder_with(parent, mode)
        may_rename = mode & 0o300 == 0o300
        assert fault_of_renaming(folder) == ("" if may_rename else "permission denied")
        assert fault_of_listing(folder) == ("" if mode & 0o400 else "permission denied")
        assert fault_of_folder(folder) == ("" if mode == 0o700 else "permission denied")
        folder.chmod(0o700)
        assert list(folder.iterdir()) == []


def test_a_folder_in_which_nothing_is_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was made is removed."""

    def refuse(source: str, target: str) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "rename", refuse)
    assert fault_of_folder(tmp_path) == "operation not permitted"
    assert list(tmp_path.iterdir()) == []


def test_opening(tmp_path: Path) -> None:
    """A file of another user, a folder and a link are faults; one that is not there is made."""
    assert fault_of_opening(tmp_path / "new") == ""
    (tmp_path / "there").touch()
    assert fault_of_opening(tmp_path / "there") == ""
    (tmp_path / "link").symlink_to("there")
    assert fault_of_opening(tmp_path / "link") == "too many levels of symbolic links"
    assert fault_of_opening(tmp_path) == "is a directory"
    assert [each.name for each in sorted(tmp_path.iterdir())] == ["link", "there"]
    with unprivileged() as folder:
        (folder / "file").touch(0o400)
        assert fault_of_opening(folder / "file") == "permission denied"


def test_a_fifo_of_another() -> None:
    """Its permissions are checked."""
    with unprivileged() as folder:
        os.mkfifo(folder / "pipe", 0o400)
        assert fault_of_writing(folder / "pipe") == "permission denied"
