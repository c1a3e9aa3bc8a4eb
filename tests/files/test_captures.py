"""Where copies of bodies may go."""

from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.files.captures import read_captures
from auditproxy.files.trustedfile import Remarks
from tests.fakes.options import options


def test_a_named_folder(tmp_path: Path) -> None:
    """It must take a file, unless none is ever made."""
    good = read_captures(options(audit_capture_spill_dir=str(tmp_path)), Remarks())
    assert good.folder == str(tmp_path)
    assert good.files > 0
    missing = str(tmp_path / "missing")
    with pytest.raises(
        Unusable, match=f"^--audit-capture-spill-dir {missing} cannot hold temporary"
    ):
        read_captures(options(audit_capture_spill_dir=missing), Remarks())
    none = options(audit_capture_spill_dir=missing, audit_capture_spill_limit=0)
    assert read_captures(none, Remarks()).files == 0


def test_the_systems_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is not writable, copies stay in memory, and that is noted."""
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    remarks = Remarks()
    assert read_captures(options(), remarks).files == 0
    (note,) = remarks.notes
    assert note.startswith("the system's temporary folder is not writable (")
