"""Folders of spools are checked before the start."""

from pathlib import Path
from typing import Any

from auditproxy.app.spoolfaults import spool_faults
from auditproxy.options import Options
from tests.fakes.options import options
from tests.fakes.unprivileged import folder_with, unprivileged


def spooled(folder: Path, **more: Any) -> Options:
    """Options with a spool in a folder."""
    return options(
        audit_webhook_config_file="x", audit_webhook_spool_dir=str(folder), secure_port=1, **more
    )


def test_unusable_folders(tmp_path: Path) -> None:
    """--check-config finds them, and leaves nothing behind."""
    (tmp_path / "file").write_text("")
    (fault,) = spool_faults(spooled(tmp_path / "file"))
    assert f"{tmp_path}/file cannot be used: not a directory; name a folder" in fault
    assert spool_faults(spooled(tmp_path / "new" / "folder")) == []
    assert not (tmp_path / "new").exists()
    assert spool_faults(options()) == []
    workers = spooled(tmp_path / "spool", workers=2)
    (tmp_path / "spool-worker2").write_text("")
    (fault,) = spool_faults(workers)
    assert "spool-worker2" in fault
    lines = options(sessions_webhook_spool_dir=str(tmp_path / "file"))
    (fault,) = spool_faults(lines)
    assert fault.startswith(f"--session-webhook-spool-dir {tmp_path}/file cannot be used: not a")


def test_permissions() -> None:
    """A folder in which no file can be made is a fault, with what to do."""
    with unprivileged() as parent:
        for mode in (0o500, 0o300):
            folder = folder_with(parent, mode)
            (fault,) = spool_faults(spooled(folder))
            assert fault.startswith(
                f"--audit-webhook-spool-dir {folder} cannot be used: permission"
            )
        assert spool_faults(spooled(folder_with(parent, 0o700))) == []
