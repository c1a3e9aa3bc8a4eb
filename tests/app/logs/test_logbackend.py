"""The log backend as options describe it."""

import stat
from pathlib import Path

import pytest

from auditproxy.app.logs.logbackend import LogFileError, OpenLog, Rotation, open_line_file
from auditproxy.app.logs.logbackend import open_log as open_log_with
from auditproxy.options import AuditLogOptions
from tests.fakes.backends import Told, event


def open_log(options: AuditLogOptions, told: Told | None = None) -> OpenLog:
    """The log, with losses of its own."""
    told = told or Told()
    return open_log_with(options, told.metrics, told.losses, told.lines.append)


def test_file(tmp_path: Path) -> None:
    """The file exists from the start, 0600, and takes lines."""
    path = tmp_path / "logs" / "audit.log"
    sink = open_log(AuditLogOptions(path=str(path)))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sink.backend.process_events((event(),)) is True
    assert path.read_bytes().count(b"\n") == 1
    assert str(sink.backend) == "log"


def test_reopen(tmp_path: Path) -> None:
    """SIGHUP's effect: the next line goes to a new file at the path."""
    path = tmp_path / "audit.log"
    told = Told()
    sink = open_log(AuditLogOptions(path=str(path)), told)
    sink.backend.process_events((event("a"),))
    path.rename(tmp_path / "moved")
    sink.reopen()
    sink.backend.process_events((event("b"),))
    assert b'"auditID":"b"' in path.read_bytes()
    value = told.metrics.registry.get_sample_value
    assert value("auditproxy_audit_log_reopened_total", {"reason": "signal"}) == 1


def test_probe(tmp_path: Path) -> None:
    """B7: a file is opened by a probe only where no thread has it."""
    path = tmp_path / "audit.log"
    for mode, fault in (("batch", ""), ("blocking-strict", "is a directory")):
        sink = open_log(AuditLogOptions(path=str(path), mode=mode))
        assert sink.probe() == ""
        sink.reopen()
        path.unlink()
        path.mkdir()
        assert sink.probe() == fault
        path.rmdir()
    assert open_log(AuditLogOptions()).probe() in (
        "",
        "its reader does not read",
        "it has no reader",
    )


@pytest.mark.parametrize("path", ["", "-"])
def test_standard_output(path: str) -> None:
    """Without a file events go to standard output, and reopening is nothing."""
    sink = open_log(AuditLogOptions(path=path, mode="blocking-strict"))
    assert sink.file is None
    sink.reopen()
    assert str(sink.backend) == "log"


def test_unusable_path(tmp_path: Path) -> None:
    """A path that cannot be made is one line that names the flag, before anything listens."""
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "audit.log"
    with pytest.raises(LogFileError, match=r"--audit-log-path .*audit\.log cannot be written: "):
        open_log(AuditLogOptions(path=str(path)))


def test_a_file_of_another(tmp_path: Path) -> None:
    """C: the fix fits the cause, another proxy on the same file."""
    options = AuditLogOptions(path=str(tmp_path / "audit.log"))
    open_log(options)
    with pytest.raises(LogFileError, match="writes to it; stop it, or name another file$"):
        open_log(options)


def test_legacy_format(tmp_path: Path) -> None:
    """--audit-log-format=legacy writes kube-apiserver's old lines."""
    path = tmp_path / "audit.log"
    sink = open_log(AuditLogOptions(path=str(path), format="legacy"))
    sink.backend.process_events((event(),))
    assert ' AUDIT: id="a" stage="ResponseComplete"' in path.read_text()


def test_standard_output_is_shared() -> None:
    """Two logs that go there take turns: a line of one never lies within a line of the other."""
    rotation = Rotation(0, 0, 0, False)
    told = Told()
    audit, sessions = (
        open_line_file(flag, "-", rotation, reopened=told.lines.append, report=told.lines.append)
        for flag in ("--audit-log-path", "--session-log-path")
    )
    assert audit is sessions
