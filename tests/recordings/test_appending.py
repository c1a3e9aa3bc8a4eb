"""Whole pieces or nothing: files on a disk that refuses."""

import hashlib
import os
import resource
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from auditproxy.recordings.appending import AppendedFile


@pytest.fixture
def largest_file() -> Iterator[None]:
    """No file may have more than 1000 bytes; what is over is refused as a full disk refuses it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_pieces(tmp_path: Path) -> None:
    """What was appended is there under the last name, with its digest."""
    file = AppendedFile.create(tmp_path / "a.part")
    file.append(b"one\n")
    file.append(b"two\n")
    file.finish(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"one\ntwo\n"
    assert (file.size, file.sha256) == (8, hashlib.sha256(b"one\ntwo\n").hexdigest())
    assert file.path == tmp_path / "a"
    assert not (tmp_path / "a.part").exists()


@pytest.mark.usefixtures("largest_file")
def test_a_piece_that_does_not_fit(tmp_path: Path) -> None:
    """It is taken back, and the next one that fits stands behind the last whole one."""
    path = tmp_path / "a"
    file = AppendedFile.create(path)
    file.append(b"x" * 900)
    with pytest.raises(OSError, match="File too large"):
        file.append(b"y" * 200)
    assert path.read_bytes() == b"x" * 900
    file.append(b"z" * 50)
    file.close()
    content = b"x" * 900 + b"z" * 50
    assert path.read_bytes() == content
    assert (file.size, file.sha256) == (950, hashlib.sha256(content).hexdigest())


def test_new_files_only(tmp_path: Path) -> None:
    """Ours alone; no file and no link is written through."""
    path = tmp_path / "a"
    AppendedFile.create(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for taken in (path, tmp_path / "link"):
        with pytest.raises(FileExistsError):
            AppendedFile.create(taken)


def _remove(path: Path) -> None:
    path.unlink()


def _move(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))


def _move_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))


def _replace(path: Path) -> None:
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)


def _link(path: Path) -> None:
    _move(path)
    path.symlink_to(path.with_name("elsewhere"))


def _cut(path: Path) -> None:
    os.truncate(path, 0)


def _lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"more")


TAMPERED = [
    (_remove, "another program removed or moved it"),
    (_move, "another program removed or moved it"),
    (_move_folder, "another program removed or moved it"),
    (_replace, "another program put something else in its place"),
    (_link, "another program put something else in its place"),
    (_cut, "another program changed its length"),
    (_lengthen, "another program changed its length"),
]


@pytest.mark.parametrize(("tamper", "reason"), TAMPERED)
def test_what_others_did_to_it(tmp_path: Path, tamper: Callable[[Path], None], reason: str) -> None:
    """A file that is not there as it was written gets no name."""
    (tmp_path / "folder").mkdir()
    file = AppendedFile.create(tmp_path / "folder" / "a.part")
    file.append(b"one\n")
    file.check()
    tamper(file.path)
    with pytest.raises(OSError, match=reason):
        file.check()
    with pytest.raises(OSError, match=reason):
        file.finish(tmp_path / "folder" / "a")
    assert not (tmp_path / "folder" / "a").exists()


def test_a_name_that_is_taken(tmp_path: Path) -> None:
    """Nothing of others is overwritten."""
    file = AppendedFile.create(tmp_path / "a.part")
    (tmp_path / "a").write_text("old")
    with pytest.raises(FileExistsError, match="there is another a already"):
        file.finish(tmp_path / "a")
    assert (tmp_path / "a").read_text() == "old"
