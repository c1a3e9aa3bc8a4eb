"""app/logs/logchecks.py: what the start would stop at, and what the run could not do with its logs."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from auditproxy.app.logs.logbackend import open_line_file, session_rotation
from auditproxy.app.logs.logchecks import audit_log_fault, log_doubts, log_faults, session_log_fault
from auditproxy.options import AuditLogOptions, Options
from auditproxy.options.sessions import SessionOptions
from tests.fakes.unprivileged import folder_with, unprivileged


def audit(path: Path | str, **fields: Any) -> Options:
    """With an audit log."""
    return Options(audit_log=AuditLogOptions(path=str(path), **fields))


def test_session_log_that_cannot_be_written(tmp_path: Path) -> None:
    """Found without making it."""
    assert session_log_fault(Options()) == ""
    sound = Options(sessions=SessionOptions(log_path=str(tmp_path / "sessions.log")))
    assert session_log_fault(sound) == ""
    missing = Options(sessions=SessionOptions(log_path="/proc/nothing/sessions.log"))
    fault = session_log_fault(missing)
    assert fault.startswith("--session-log-path /proc/nothing/sessions.log cannot be written: ")
    assert list(tmp_path.iterdir()) == []


def test_two_logs_in_one_file(tmp_path: Path) -> None:
    """They would take each other's lines away; standard output may be shared."""
    path = tmp_path / "sessions.log"
    (tmp_path / "link").symlink_to(tmp_path)
    for other in (path, tmp_path / "link" / "sessions.log"):
        both = replace(audit(other), sessions=SessionOptions(log_path=str(path)))
        assert log_faults(both) == [
            f"--audit-log-path and --session-log-path name one file, {path}; give each its own"
        ]
    shared = replace(audit("-"), sessions=SessionOptions(log_path="-"))
    assert log_faults(shared) == []


@pytest.mark.parametrize(
    ("mode", "written", "doubts"),
    [
        (0o700, True, []),
        (0o300, True, ["rotated files will never be removed"]),
        (0o500, False, ["cannot be rotated"]),
        (0o100, False, ["cannot be rotated", "rotated files will never be removed"]),
    ],
)
def test_folders_by_mode(mode: int, written: bool, doubts: list[str]) -> None:
    """A log that is there can be written in folders in which none could be made."""
    with unprivileged() as parent:
        folder = folder_with(parent, mode)
        path = folder / "audit.log"
        assert (audit_log_fault(audit(path)) == "") is written
        if not written:
            folder.chmod(0o700)
            path.touch(0o600)
            folder.chmod(mode)
            assert audit_log_fault(audit(path)) == ""
        found = log_doubts(audit(path))
        assert len(found) == len(doubts)
        for text, part in zip(found, doubts, strict=True):
            assert text.startswith(f"--audit-log-path {path}")
            assert part in text
            assert ": permission denied; " in text
        assert log_doubts(audit(path, maxsize=0)) == ()


def test_what_is_not_wanted_is_no_doubt() -> None:
    """Nothing is removed where all are kept; a folder that is missing is made for its owner."""
    with unprivileged() as parent:
        folder = folder_with(parent, 0o300)
        kept = audit(folder / "audit.log", maxage=0, maxbackup=0)
        assert log_doubts(kept) == ()
        (text,) = log_doubts(audit(folder / "audit.log", maxage=0, maxbackup=0, compress=True))
        assert "rotated files will never be compressed" in text
        assert log_doubts(audit(parent / "new" / "audit.log")) == ()
        assert log_doubts(audit("-")) == log_doubts(Options()) == ()
        assert [path.name for path in parent.iterdir()] == ["0300"]


def test_a_log_that_is_not_a_file() -> None:
    """Nothing is rotated there."""
    assert log_doubts(audit("/dev/null")) == ()


def test_the_session_log_is_checked_likewise() -> None:
    """By its own flags; and the run meets what the check says."""
    with unprivileged() as parent:
        folder = folder_with(parent, 0o700)
        sessions = SessionOptions(log_path=str(folder / "s.log"), log_maxsize=1)
        faults: list[str] = []
        file = open_line_file(
            "--session-log-path",
            sessions.log_path,
            session_rotation(sessions),
            reopened=faults.append,
            report=faults.append,
        )
        folder.chmod(0o500)
        (text,) = log_doubts(Options(sessions=sessions))
        assert "will grow beyond --session-log-maxsize: permission denied; " in text
        for _ in range(2):
            file.write(b"x" * 600_000 + b"\n")
        assert "cannot be rotated and keeps growing: permission denied" in file.take_fault()
        file.close()
        assert faults == []
