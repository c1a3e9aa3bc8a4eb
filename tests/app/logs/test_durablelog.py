"""The log of mode durable as options describe it, and what it refuses at the start."""

import os
from pathlib import Path

import pytest

from auditproxy.app.logs.durablelog import fault_of_kind, open_durable_log
from auditproxy.app.logs.logbackend import LogFileError
from auditproxy.app.logs.logchecks import audit_log_fault
from auditproxy.backends.durable.backend import DurableLog
from auditproxy.options import AuditLogOptions, Options
from tests.fakes.backends import Told, event
from tests.fakes.durable import EIO, FaultyDisk
from tests.fakes.unprivileged import folder_with, unprivileged


def log_at(path: Path) -> AuditLogOptions:
    """Mode durable at a path."""
    return AuditLogOptions(path=str(path), mode="durable")


def opened(options: AuditLogOptions, disk: FaultyDisk | None = None) -> DurableLog:
    """The log, with losses of its own."""
    told = Told()
    return open_durable_log(options, told.metrics, told.losses, told.lines.append, disk)


async def test_legacy_format(tmp_path: Path) -> None:
    """Other formats are as durable."""
    path = tmp_path / "audit.log"
    log = opened(AuditLogOptions(path=str(path), mode="durable", format="legacy"))
    outcome = log.process_events((event(),))
    assert not isinstance(outcome, bool)
    assert await outcome
    assert ' AUDIT: id="a" stage="ResponseComplete"' in path.read_text()
    await log.shutdown(5.0)


@pytest.mark.parametrize("kind", ["fifo", "device", "link to a device", "folder"])
def test_what_is_no_file(tmp_path: Path, kind: str) -> None:
    """T258: refused at the start and by --check-config, without opening it, with flag and fix."""
    path = tmp_path / "audit.log"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path = Path("/dev/full")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/null")
    with pytest.raises(LogFileError) as raised:
        opened(log_at(path))
    (fault,) = raised.value.faults
    assert fault.startswith("--audit-log-mode durable needs a regular file")
    assert f"--audit-log-path {path} is none" in fault
    assert "choose --audit-log-mode=blocking-strict" in fault
    assert audit_log_fault(Options(audit_log=log_at(path))) == fault


def test_what_is_one(tmp_path: Path) -> None:
    """A file, a link to one, and a path where there is nothing yet."""
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "file")
    for name in ("file", "link", "new", "folder/new"):
        assert fault_of_kind(log_at(tmp_path / name)) == ""
        assert audit_log_fault(Options(audit_log=log_at(tmp_path / name))) == ""


def test_a_folder_that_cannot_be_read() -> None:
    """Its names could not be synced: the start and --check-config say so."""
    with unprivileged() as parent:
        path = folder_with(parent, 0o300) / "audit.log"
        fault = audit_log_fault(Options(audit_log=log_at(path)))
        assert fault.startswith(f"--audit-log-path {path} cannot be written: mode durable")
        assert fault.endswith("permission denied; let the proxy's user read the folder (mode 0700)")
        with pytest.raises(LogFileError, match="cannot be written: permission denied; "):
            opened(log_at(path))


def test_a_disk_that_fails_at_the_start(tmp_path: Path) -> None:
    """A disk that cannot even store the file's name ends the start."""
    disk = FaultyDisk()
    disk.folder_faults = [EIO]
    with pytest.raises(LogFileError, match="cannot be written: input/output error; "):
        opened(log_at(tmp_path / "audit.log"), disk)
