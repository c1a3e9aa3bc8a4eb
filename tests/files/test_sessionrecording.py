"""files/sessionrecording.py: the recording policy and the folder that it needs."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.files.sessionrecording import read_recording_policy
from auditproxy.files.trustedfile import Remarks
from auditproxy.options import Options
from auditproxy.options.sessions import SessionOptions
from auditproxy.recordings.names import LOCK
from tests.fakes.unprivileged import folder_with, unprivileged

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
        "that the proxy's user can list and write to (mode 0700)"
    )
    with pytest.raises(Unusable, match="needs --session-recording-dir; name the folder"):
        read_recording_policy(options(file, ""), Remarks())
    with pytest.raises(Unusable, match="cannot be read: No such file"):
        read_recording_policy(options(tmp_path / "none", tmp_path), Remarks())


@pytest.mark.parametrize("mode", [0o000, 0o300, 0o500, 0o600, 0o700])
def test_folders_by_mode(mode: int) -> None:
    """What the start or a recording could not use does not pass; nor does one inside of it."""
    with unprivileged() as parent:
        file = parent / "policy.yaml"
        file.write_text(POLICY)
        folder = folder_with(parent, mode)
        if mode == 0o700:
            assert read_recording_policy(options(file, folder), Remarks()) is not None
            return
        refused = [folder] if mode & 0o100 else [folder, folder / "below"]
        for each in refused:
            with pytest.raises(Unusable) as caught:
                read_recording_policy(options(file, each), Remarks())
            assert caught.value.faults == (
                f"--session-recording-dir {each} cannot be used: permission denied; name a folder "
                "that the proxy's user can list and write to (mode 0700)",
            )


def test_the_lock_of_another_user() -> None:
    """A proxy that ran as another user left it; no recording could begin."""
    with unprivileged() as folder:
        file = folder / "policy.yaml"
        file.write_text(POLICY)
        recordings = folder_with(folder, 0o700)
        (recordings / LOCK).touch(0o400)
        with pytest.raises(Unusable) as caught:
            read_recording_policy(options(file, recordings), Remarks())
        assert caught.value.faults == (
            f"--session-recording-dir {recordings} cannot be used: its {LOCK} cannot be opened: "
            "permission denied; remove this file",
        )


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
    folder.chmod(0o755)
    remarks = Remarks()
    read_recording_policy(options(file, folder), remarks)
    assert f"--session-recording-dir {folder} has mode 0755: other users" in remarks.warnings[1]
    assert remarks.notes == []


@pytest.mark.parametrize("denies", [True, False])
def test_no_room(tmp_path: Path, denies: bool) -> None:
    """What must stay free is more than there is: nothing could be recorded, which is warned of."""
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY.replace("Output", "Output, onFailure: Deny") if denies else POLICY)
    folder = tmp_path / "recordings"
    folder.mkdir(0o700)
    facts = os.statvfs(folder)
    size, free = facts.f_blocks * facts.f_frsize, facts.f_bavail * facts.f_frsize
    more = ", and sessions with onFailure: Deny are refused" if denies else ""
    found = []
    for minimum in (0, free // 2, (free + size) // 2, 2 * size):
        sessions = replace(options(file, folder).sessions, recording_min_free_space=minimum)
        remarks = Remarks()
        read_recording_policy(Options(sessions=sessions), remarks)
        found.append(remarks.warnings)
    none, half, (little,), (much,) = found
    assert none == half == []
    assert f"--session-recording-min-free-space ({(free + size) // 2 >> 20} MiB): " in little
    assert "MiB free: nothing is recorded" in little
    assert little.endswith(f"nothing is recorded{more}")
    assert much.endswith(
        f"is more than the whole disk of --session-recording-dir, which has {size >> 20} MiB: "
        f"nothing is recorded{more}"
    )
