"""Reads --session-recording-config-file: which sessions are recorded."""

from pathlib import Path

from auditproxy.apis.faults import Unusable
from auditproxy.files.trustedfile import Remarks, TrustedFile, named, parsed
from auditproxy.options import Options
from auditproxy.sessions.rules import RecordingPolicy, load_recording_policy

_FLAG = "--session-recording-config-file"
_DIR = "--session-recording-dir"


def read_recording_policy(options: Options, remarks: Remarks) -> RecordingPolicy | None:
    """The policy, None where there is none; raises Unusable, also for a folder that is missing."""
    sessions = options.sessions
    if not sessions.recording_config_file:
        return None
    faults: list[str] = []
    policy = None
    try:
        (policy,) = parsed((sessions.recording_config_file,), _FLAG, load_recording_policy)
    except Unusable as error:
        faults += error.faults
    if not sessions.recording_dir:
        faults.append(f"{_FLAG} needs {_DIR}; name the folder of the recordings")
    elif not Path(sessions.recording_dir).is_dir():
        faults.append(f"{_DIR} {sessions.recording_dir} is not a folder; create it with mode 0700")
    if faults:
        raise Unusable(*faults)
    return policy


SESSION_RECORDING = TrustedFile(
    flag="session-recording-config-file",
    field="recording_policy",
    read=read_recording_policy,
    paths=lambda options, _: named(options.sessions.recording_config_file),
)
