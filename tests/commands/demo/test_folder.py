"""The demo's folder: whose it is, who uses it, and what is left of it (faults from outside, D, C4)."""

import os
import stat
from pathlib import Path

import pytest

from auditproxy.commands.demo.cluster import make_files
from auditproxy.commands.demo.folder import MARK, FolderError, demo_folder


def test_temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --dir nothing is left."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with demo_folder(None) as folder:
        (folder / "key").touch()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert [folder] == list(tmp_path.iterdir())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_others(tmp_path: Path) -> None:
    """A folder that is not a demo's is never touched."""
    (tmp_path / "file").touch()
    with pytest.raises(FolderError, match="has files that are not a demo's"), demo_folder(tmp_path):
        pass
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_an_empty_folder(tmp_path: Path) -> None:
    """D: an existing empty folder is taken, and is its owner's alone from then on."""
    tmp_path.chmod(0o755)
    with demo_folder(tmp_path) as folder:
        assert folder == tmp_path.resolve()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_an_earlier_demo(tmp_path: Path) -> None:
    """What an earlier demo left is removed."""
    (tmp_path / "policy").write_text("mine")
    with demo_folder(tmp_path / "demo") as folder:
        make_files(folder)
        (folder / "audit.log").touch()
        (folder / "audit-2026-11-23T13-16-39.368.log").touch()
        (folder / "sessions.log").touch()
        for name in ("2026-11-28T02-13-20.1Z_a_b_c_d.cast", ".auditproxy-recordings.lock"):
            (folder / "recordings" / name).touch()
        (folder / "policy.yaml").unlink()
        (folder / "policy.yaml").symlink_to(tmp_path / "policy")
    with demo_folder(tmp_path / "demo") as folder:
        assert [entry.name for entry in folder.iterdir()] == [MARK]
    assert (tmp_path / "policy").read_text() == "mine"


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt",
        "audit-old.log",
        "pki/bob.key",
        "audit.log/mine",
        "pki/ca.crt/mine",
        "recordings/holiday.mp4",
    ],
)
def test_files_of_the_user(tmp_path: Path, name: str) -> None:
    """What no demo makes is refused, and nothing is removed."""
    with demo_folder(tmp_path / "demo") as folder:
        (folder / "tokens.csv").touch()
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("mine")
    with (
        pytest.raises(FolderError, match="has a file that is not a demo's, .*; move it away"),
        demo_folder(tmp_path / "demo"),
    ):
        pass
    assert (folder / name).read_text() == "mine"
    assert (folder / "tokens.csv").exists()


def test_a_folder_in_use(tmp_path: Path) -> None:
    """D: a second demo is refused with one line, and takes nothing from the first."""
    with demo_folder(tmp_path / "demo") as folder:
        (folder / "key").touch()
        with pytest.raises(FolderError) as caught, demo_folder(tmp_path / "demo"):
            pass
        assert str(caught.value) == (
            f"--dir {tmp_path / 'demo'} is in use by another demo; "
            "end that one, or give another folder"
        )
        assert (folder / "key").exists()


@pytest.mark.parametrize(
    ("name", "reason"), [("file", "File exists"), ("file/below", "Not a directory")]
)
def test_what_is_no_folder(tmp_path: Path, name: str, reason: str) -> None:
    """C4: one line names the flag and the reason."""
    (tmp_path / "file").touch()
    with pytest.raises(FolderError) as caught, demo_folder(tmp_path / name):
        pass
    assert str(caught.value) == (
        f"--dir {tmp_path / name} cannot be used: {reason}; give another folder"
    )


def test_a_zero_byte() -> None:
    """No path has one."""
    with pytest.raises(FolderError, match="not a valid path"), demo_folder(Path("a\0b")):
        pass


def test_no_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """C4: no room for a temporary folder is one line, too."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(FolderError, match="name a folder with --dir"), demo_folder(None):
        pass


def test_the_mark_is_no_way_out(tmp_path: Path) -> None:
    """A mark that is a link is not followed."""
    (tmp_path / "demo").mkdir()
    os.symlink(tmp_path / "elsewhere", tmp_path / "demo" / MARK)
    with pytest.raises(FolderError, match="cannot be used"), demo_folder(tmp_path / "demo"):
        pass
    assert not (tmp_path / "elsewhere").exists()
