"""Which files are one log."""

from pathlib import Path

import pytest

from auditproxy import cli
from auditproxy.apis.faults import Unusable
from auditproxy.commands.verify.collecting import check_paths, collect

OLD, NEW = "audit-2026-11-23T13-16-39.368.log.gz", "audit-2026-11-24T13-16-39.368.log"
FILES = (
    OLD,
    NEW,
    f"{NEW}.gz",
    "audit.log",
    "audit.log.checkpoints",
    "audit.log-2026-11-23T13-16-39.368.checkpoints",
    "audit-worker1.log",
    "audit-worker1-2026-11-23T13-16-39.368.log",
    "audit.log.1",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two logs."""
    for name in FILES:
        (tmp_path / name).touch()
    return tmp_path


def named(folder: Path, *names: str) -> list[tuple[str, tuple[str, ...], bool]]:
    """The logs of files in the folder: names, files, and whether the end is there."""
    logs = collect(str(folder / name) for name in names)
    return [
        (Path(log.name).name, tuple(Path(file).name for file in log.files), log.is_live)
        for log in logs
    ]


def test_a_log_is_all_of_its_files(folder: Path) -> None:
    """The oldest first; of a file that is being compressed, the file."""
    whole = [("audit.log", (OLD, NEW, "audit.log"), True)]
    assert named(folder, "audit.log") == whole
    assert named(folder, "audit.log", NEW, OLD, "audit.log.checkpoints") == whole


def test_rotated_files_alone(folder: Path) -> None:
    """Only those that are named."""
    assert named(folder, NEW) == [("audit.log", (NEW,), False)]
    assert named(folder, NEW, OLD) == [("audit.log", (OLD, NEW), False)]


def test_several_logs(folder: Path) -> None:
    """Those of workers are logs of their own; so is a file of another form."""
    found = named(folder, "audit-worker1.log", "audit.log.1", OLD)
    assert [(name, len(files)) for name, files, _ in found] == [
        ("audit-worker1.log", 2),
        ("audit.log.1", 1),
        ("audit.log", 1),
    ]


def test_checkpoints(folder: Path) -> None:
    """Those beside the log, the oldest first."""
    (log,) = collect([str(folder / NEW)])
    assert [Path(path).name for path in log.checkpoints] == [
        "audit.log-2026-11-23T13-16-39.368.checkpoints",
        "audit.log.checkpoints",
    ]
    (other,) = collect([str(folder / "audit.log.1")])
    assert other.checkpoints == ()


def test_standard_input() -> None:
    """It is a log without checkpoints beside it."""
    (log,) = collect(["-"])
    assert (log.files, log.checkpoints, log.is_live) == (("-",), (), True)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    """A folder that is missing, and files that are no logs."""
    with pytest.raises(Unusable, match="missing cannot be read: No such file"):
        collect([str(tmp_path / "missing" / "audit.log")])
    with pytest.raises(Unusable, match="name the log"):
        collect([str(tmp_path / "audit.log.checkpoints")])


def test_paths_that_are_no_logs(folder: Path) -> None:
    """A folder, and a log of which there are those of workers; what to name is said."""
    check_paths([str(folder / name) for name in FILES] + ["-"])
    (folder / "audit.log").unlink()
    with pytest.raises(Unusable) as caught:
        check_paths([str(folder / name) for name in ("", "audit.log", "none.log")])
    is_folder, is_missing, is_nowhere = caught.value.faults
    nowhere = folder / "none.log"
    assert is_nowhere == f"{nowhere} cannot be read: No such file or directory; correct the path"
    assert is_folder.endswith(
        f"is a folder, and files are verified; run auditproxy verify {folder}/*.log*"
    )
    assert is_missing.endswith(f"name these: {folder / 'audit-worker1.log'}")


def test_they_are_checked_first(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the command: one line."""
    assert cli.main(["verify", str(folder)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"auditproxy: error: {folder} is a folder")


def test_a_log_that_was_renamed_and_not_made_again(folder: Path) -> None:
    """Its rotated files are the log, to its end; one without any is not there."""
    (folder / "audit.log").unlink()
    path = str(folder / "audit.log")
    assert named(folder, "audit.log") == [("audit.log", (OLD, NEW), True)]
    (log,) = collect([path])
    assert not log.is_there
    for name in (OLD, NEW, f"{NEW}.gz"):
        (folder / name).unlink()
    assert named(folder, "audit.log") == [("audit.log", ("audit.log",), True)]


def test_a_path_in_another_form(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log is there however it is named."""
    monkeypatch.chdir(folder)
    (log,) = collect(["./audit.log"])
    assert log.is_there
