"""Folders of spools are checked before the start."""

from pathlib import Path
from typing import Any

from auditproxy.app.sinks.spoolfaults import has_spools, spool_doubts, spool_faults
from auditproxy.backends.spool.store import SpoolStore
from auditproxy.options import Options
from tests.fakes.options import options
from tests.fakes.spool import Kept
from tests.fakes.unprivileged import folder_with, unprivileged


def spooled(folder: Path, **more: Any) -> Options:
    """Options with a spool in a folder."""
    return options(
        audit_webhook_config_file="x", audit_webhook_spool_dir=str(folder), secure_port=1, **more
    )


def stored(folder: Path, events: int) -> SpoolStore:
    """A spool with so many events."""
    kept = Kept(folder)
    if events:
        kept.put(*map(str, range(events)))
    return kept.store


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


def test_folders_of_another_number_of_workers(tmp_path: Path) -> None:
    """Events that nobody would send are told of; folders without any, and our own, are not."""
    folder = tmp_path / "spool"
    for name in ("spool", "spool-worker1", "spool-worker2", "spool-worker3"):
        (tmp_path / name).mkdir()
    for name in ("spool", "spool-worker1", "spool-worker3"):
        (tmp_path / name / f"{1:020d}.spool").write_bytes(bytes(100))
    said = spool_doubts(spooled(folder))
    assert [text.split()[2] for text in said] == [
        str(tmp_path / "spool-worker1"),
        str(tmp_path / "spool-worker3"),
    ]
    assert said[0].startswith(f"--audit-webhook-spool-dir {folder}: ")
    said = spool_doubts(spooled(folder, workers=2))
    assert [text.split()[2] for text in said] == [str(folder), str(tmp_path / "spool-worker3")]
    assert spool_doubts(options()) == ()
    assert (has_spools(spooled(folder)), has_spools(options())) == (True, False)


def test_alerts_of_no_destination(tmp_path: Path) -> None:
    """Alerts that nobody would send are told of; what was sent, and destinations of now, not."""
    folder = tmp_path / "alerts"
    store = stored(folder / "gone", 2)
    stored(folder / "pager", 1).close()
    stored(folder / "empty", 0).close()
    given = options(alerts_spool_dir=str(folder))
    (said,) = spool_doubts(given, ("pager",))
    assert said.startswith(f"--alert-spool-dir {folder}: gone has alerts, which nothing sends, as ")
    assert spool_faults(given) == []
    assert has_spools(given)
    (said,) = spool_doubts(options(alerts_spool_dir=str(folder), workers=2))
    assert said.startswith(f"--alert-spool-dir {folder}: {folder} has events of another number")
    store.next_batch(2, 2**20)
    store.acknowledge(1)
    assert spool_doubts(given, ("pager",)) != ()
    store.acknowledge(1)
    assert spool_doubts(given, ("pager",)) == ()
    store.close()


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
