"""files/sessionrecording.py: the recording policy and the folder that it needs."""

from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.files.sessionrecording import read_recording_policy
from auditproxy.files.trustedfile import Remarks
from auditproxy.options import Options
from auditproxy.options.sessions import SessionOptions

POLICY = """\
apiVersion: auditproxy.io/v1alpha1
kind: SessionRecordingPolicy
rules: [{record: Output}]
"""


def options(config: Path | str, folder: Path | str) -> Options:
    """Options with a policy and a folder."""
    return Options(
        sessions=SessionOptions(recording_config_file=str(config), recording_dir=str(folder))
    )


def test_read(tmp_path: Path) -> None:
    """Nothing is configured by default."""
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY)
    assert read_recording_policy(options(file, tmp_path), Remarks()) is not None
    assert read_recording_policy(Options(), Remarks()) is None


def test_faults_come_together(tmp_path: Path) -> None:
    """Those of the file, each behind the flag and the path, and that of the folder."""
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY.replace("Output", "All").replace("v1alpha1", "v2"))
    flag = f"--session-recording-config-file {file}: "
    with pytest.raises(Unusable) as caught:
        read_recording_policy(options(file, tmp_path / "missing"), Remarks())
    assert caught.value.faults == (
        flag + 'apiVersion: must be auditproxy.io/v1alpha1; is "auditproxy.io/v2"',
        flag + 'rules[0].record: must be one of None, Metadata, Output, InputOutput; is "All"',
        f"--session-recording-dir {tmp_path}/missing is not a folder; create it with mode 0700",
    )
    with pytest.raises(Unusable) as caught:
        read_recording_policy(options(file, "/proc"), Remarks())
    assert caught.value.faults[-1] == (
        "--session-recording-dir /proc cannot be used: no such file or directory; name a folder "
        "that can be written"
    )
    with pytest.raises(Unusable, match="needs --session-recording-dir; name the folder"):
        read_recording_policy(options(file, ""), Remarks())
    with pytest.raises(Unusable, match="cannot be read: No such file"):
        read_recording_policy(options(tmp_path / "none", tmp_path), Remarks())


def test_remarks(tmp_path: Path) -> None:
    """A namespace that looks like a pattern, and a folder that others can read."""
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY.replace("record:", "namespaces: [prod-*], record:"))
    folder = tmp_path / "recordings"
    folder.mkdir(0o700)
    remarks = Remarks()
    read_recording_policy(options(file, folder), remarks)
    (warning,) = remarks.warnings
    assert warning.startswith(
        f'--session-recording-config-file {file}: rules[0].namespaces has "prod-*", and its'
    )
    assert remarks.notes == []
    folder.chmod(0o755)
    read_recording_policy(options(file, folder), remarks)
    (note,) = remarks.notes
    assert f"--session-recording-dir {folder} has mode 0755: other users" in note
