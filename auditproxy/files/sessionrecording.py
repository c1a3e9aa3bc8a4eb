"""Reads what recordings need: their policy, the recipients they are encrypted to, their upload."""

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from auditproxy.apis.faults import Unusable
from auditproxy.apis.units import MEBIBYTE
from auditproxy.files.trustedfile import Remarks, TrustedFile, named, parsed
from auditproxy.files.writable import fault_of_folder, fault_of_opening
from auditproxy.options import Options

if TYPE_CHECKING:
    from auditproxy.recordings.encryption import Encrypt
    from auditproxy.recordings.uploadsettings import UploadSettings
    from auditproxy.sessions.rules import RecordingPolicy

_FLAG = "--session-recording-config-file"
_DIR = "--session-recording-dir"

USABLE = "name a folder that the proxy's user can list and write to (mode 0700)"
"""What to do about a folder of recordings that cannot be used."""


def read_recording_policy(options: Options, remarks: Remarks) -> "RecordingPolicy | None":
    """The policy, None where there is none; raises Unusable, also for a folder that is missing."""
    sessions = options.sessions
    if not sessions.recording_config_file:
        return None
    from auditproxy.sessions.rules import load_recording_policy

    faults: list[str] = []
    advice: list[str] = []
    policy = None
    path = sessions.recording_config_file
    try:
        (policy,) = parsed((path,), _FLAG, lambda text: load_recording_policy(text, advice))
    except Unusable as error:
        faults += error.faults
    if not sessions.recording_dir:
        faults.append(f"{_FLAG} needs {_DIR}; name the folder of the recordings")
    elif fault := _fault_of(Path(sessions.recording_dir)):
        faults.append(f"{_DIR} {sessions.recording_dir} {fault}")
    if faults:
        raise Unusable(*faults)
    remarks.warnings += (f"{_FLAG} {path}: {text}" for text in advice)
    remarks.warnings += _room_advice(options, policy)
    mode = stat.S_IMODE(Path(sessions.recording_dir).stat().st_mode)
    if mode & 0o077:
        remarks.warnings.append(
            f"{_DIR} {sessions.recording_dir} has mode {mode:04o}: other users of this machine may "
            "list recordings, or add and remove some; run chmod 700 unless only the proxy sees it"
        )
    return policy


def _room_advice(options: Options, policy: "RecordingPolicy | None") -> list[str]:
    """A warning where the disk has not the room that must stay free of recordings."""
    folder, minimum = options.sessions.recording_dir, options.sessions.recording_min_free_space
    facts = os.statvfs(folder)
    if not minimum or not facts.f_blocks:
        # Some file systems do not say how large they are.
        return []
    flag = f"--session-recording-min-free-space ({minimum // MEBIBYTE} MiB)"
    size, free = (blocks * facts.f_frsize for blocks in (facts.f_blocks, facts.f_bavail))
    if minimum >= size:
        found = f"{flag} is more than the whole disk of {_DIR}, which has {size // MEBIBYTE} MiB"
    elif minimum >= free:
        found = f"{flag}: the disk of {_DIR} has only {free // MEBIBYTE} MiB free"
    else:
        return []
    denies = policy is not None and any(rule.deny for rule in policy.values)
    more = ", and sessions with onFailure: Deny are refused" if denies else ""
    return [f"{found}: nothing is recorded{more}"]


def _fault_of(folder: Path) -> str:
    """Why recordings cannot be kept in a folder, and what to do; "" when they can."""
    from auditproxy.recordings.appending import reason_of
    from auditproxy.recordings.names import LOCK

    try:
        if not folder.is_dir():
            fix = "name another" if folder.exists() else "create it with mode 0700"
            return f"is not a folder; {fix}"
    except OSError as error:
        return f"cannot be used: {reason_of(error)}; {USABLE}"
    if why := fault_of_folder(folder):
        return f"cannot be used: {why}; {USABLE}"
    if why := fault_of_opening(folder / LOCK):
        return f"cannot be used: its {LOCK} cannot be opened: {why}; remove this file"
    return ""


def read_recipients(options: Options, remarks: Remarks) -> "Encrypt | None":
    """What encrypts recordings, None where they are plain; raises Unusable."""
    path = options.sessions.recording_recipients_file
    if not path:
        return None
    flag = "--session-recording-recipients-file"
    (encrypt,) = parsed((path,), flag, _encryption)
    return encrypt


def _encryption(content: bytes) -> "Encrypt":
    from auditproxy.recordings.encryption import encryption_to, recipients_in

    return encryption_to(recipients_in(content.decode("utf-8", "replace")))


def read_upload(options: Options, remarks: Remarks) -> "UploadSettings | None":
    """Where recordings are uploaded to, None where they are not; raises Unusable."""
    path = options.sessions.recording_upload_config_file
    if not path:
        return None
    from auditproxy.recordings.uploadsettings import load_upload_settings

    flag = "--session-recording-upload-config-file"
    (settings,) = parsed(
        (path,), flag, lambda content: load_upload_settings(content, Path(path).parent)
    )
    return settings


RECORDING_RECIPIENTS = TrustedFile(
    flag="session-recording-recipients-file",
    field="recording_encryption",
    read=read_recipients,
    paths=None,
)

RECORDING_UPLOAD = TrustedFile(
    flag="session-recording-upload-config-file",
    field="recording_upload",
    read=read_upload,
    paths=None,
)

SESSION_RECORDING = TrustedFile(
    flag="session-recording-config-file",
    field="recording_policy",
    read=read_recording_policy,
    paths=lambda options, _: named(options.sessions.recording_config_file),
)
