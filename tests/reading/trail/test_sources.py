"""Which files arguments name, and in which order they were written."""

import io
import os
import sys
from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.backends.durable.checkpoints import CHECKPOINTS
from auditproxy.reading.trail.sources import files_of, trail_file

NAMES = (
    "audit-2026-11-23T09-00-00.000.log.gz",
    "audit-2026-11-23T10-00-00.000.log",
    "audit.log",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of logs with something hidden and something below."""
    logs = tmp_path / "logs"
    (logs / "below").mkdir(parents=True)
    (logs / ".git").mkdir()
    for name in (*NAMES, ".hidden", "below/other.log", ".git/config"):
        (logs / name).write_text("x\n")
    return logs


def names(arguments: list[str], spool: Path) -> list[str]:
    """The names of the files, in order."""
    return [os.path.basename(file.path) for file in files_of(arguments, str(spool))]


def test_checkpoints(folder: Path, tmp_path: Path) -> None:
    """They are no logs of a folder; one that is named is read."""
    checkpoints = folder / f"audit.log{CHECKPOINTS}"
    rotated = folder / f"audit.log-2026-11-23T13-16-39.368{CHECKPOINTS}.gz"
    for path in (checkpoints, rotated):
        path.write_text("x\n")
    assert names([str(folder)], tmp_path) == [*NAMES, "other.log"]
    assert names([str(checkpoints)], tmp_path) == [checkpoints.name]


def test_a_folder(folder: Path, tmp_path: Path) -> None:
    """Rotated files come before the one that they were rotated from; hidden ones are left out."""
    assert names([str(folder)], tmp_path) == [*NAMES, "other.log"]
    origins = {file.origin for file in files_of([str(folder)], str(tmp_path))}
    assert origins == {str(folder / "audit.log"), str(folder / "below" / "other.log")}


def test_globs_and_files(folder: Path, tmp_path: Path) -> None:
    """A pattern that the shell left is a pattern; a file that has its name is that file."""
    assert names([f"{folder}/audit*"], tmp_path) == [*NAMES]
    (folder / "a[1].log").write_text("x\n")
    assert names([f"{folder}/a[1].log"], tmp_path) == ["a[1].log"]


def test_each_once(folder: Path, tmp_path: Path) -> None:
    """However often it is named."""
    (folder / "link.log").symlink_to("audit.log")
    given = [str(folder / "audit.log"), str(folder / "audit.log"), str(folder / "link.log")]
    assert names(given, tmp_path) == ["audit.log"]


def test_standard_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is kept, because a trail is read more than once."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"line\n")))
    (file,) = files_of(["-"], str(tmp_path))
    assert Path(file.path).read_bytes() == b"line\n"
    assert Path(file.path).parent == tmp_path
    assert file.origin == "-"


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("nowhere.log", "nowhere.log does not exist; name a log"),
        ("nowhere*.log", "does not exist"),
        ("gs://bucket/key", "is a URL, and logs are read from files and from s3:// alone"),
    ],
)
def test_not_there(argument: str, said: str, tmp_path: Path) -> None:
    """One line that names it and what to do."""
    with pytest.raises(Unusable, match=said):
        files_of([argument], str(tmp_path))


def test_an_empty_folder(tmp_path: Path) -> None:
    """It is said."""
    with pytest.raises(Unusable, match="has no files"):
        files_of([str(tmp_path)], str(tmp_path))


def test_logrotate() -> None:
    """Numbers count backwards."""
    files = [trail_file(f"/x/audit.log{end}") for end in ("", ".1", ".2.gz", ".10")]
    ordered = sorted(files, key=lambda file: file.place)
    assert [os.path.basename(file.path) for file in ordered] == [
        "audit.log.10",
        "audit.log.2.gz",
        "audit.log.1",
        "audit.log",
    ]
    assert {file.origin for file in files} == {"/x/audit.log"}
