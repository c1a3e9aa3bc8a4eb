"""What is done inside exec, attach and port-forward: recordings, the session log, annotations."""

from dataclasses import dataclass
from typing import Annotated

from auditproxy.apis.units import GIBIBYTE, MEBIBYTE
from auditproxy.options.declared import Declared
from auditproxy.options.spool import SMALLEST_SPOOL
from auditproxy.options.values import choice

SESSION_ANNOTATIONS = ("auto", "always", "never")
SESSION_SPOOL_POLICIES = ("drop-oldest", "block")
"""No refuse: a line is of a session that runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """Sessions: what is kept of them, where, and within which bounds."""

    annotations: Annotated[
        str,
        Declared(
            "audit-session-annotations",
            "string",
            "Whether the events of exec, attach and port-forward have annotations "
            "auditproxy.io/session-...: command, container, tty, exit code, bytes, duration, "
            "recording. auto adds them if sessions are recorded, logged or sent, or if alert rules "
            "read them; or always, never.",
            choices=SESSION_ANNOTATIONS,
        ),
    ] = "auto"
    """One of SESSION_ANNOTATIONS."""
    recording_config_file: Annotated[
        str,
        Declared(
            "session-recording-config-file",
            "path",
            "Which sessions are recorded, and how; an auditproxy.io/v1alpha1 "
            "SessionRecordingPolicy. Empty means that none is. docs/sessions.md has the format.",
        ),
    ] = ""
    recording_dir: Annotated[
        str,
        Declared(
            "session-recording-dir",
            "path",
            "Folder of the recordings, a file per session.",
        ),
    ] = ""
    recording_max_session_size: Annotated[
        int,
        Declared(
            "session-recording-max-session-size",
            "bytes",
            "Largest recording of one session; the rest is cut off, with a marker. A plain "
            "number, or with KiB, MiB or GiB.",
        ),
    ] = 64 * MEBIBYTE
    recording_max_total_size: Annotated[
        int,
        Declared(
            "session-recording-max-total-size",
            "bytes",
            "Largest size of all recordings in the folder; the oldest finished ones are deleted "
            "for new ones. 0 means no bound.",
        ),
    ] = 10 * 1024 * MEBIBYTE
    recording_min_free_space: Annotated[
        int,
        Declared(
            "session-recording-min-free-space",
            "bytes",
            "Free space that recordings leave on their disk; below it nothing more is recorded.",
        ),
    ] = 512 * MEBIBYTE
    recording_max_age: Annotated[
        int,
        Declared(
            "session-recording-maxage",
            "int",
            "Number of days to keep recordings after they were finished. 0 keeps all.",
        ),
    ] = 366
    recording_recipients_file: Annotated[
        str,
        Declared(
            "session-recording-recipients-file",
            "path",
            "Public keys of age (age1...) or SSH (ssh-ed25519, ssh-rsa), one a line, to which "
            "recordings are encrypted; the proxy cannot read what it wrote. Empty means plain "
            "recordings. Needs the extra encryption.",
        ),
    ] = ""
    recording_upload_config_file: Annotated[
        str,
        Declared(
            "session-recording-upload-config-file",
            "path",
            "Where finished recordings are uploaded to, an auditproxy.io/v1alpha1 "
            "SessionRecordingUpload. Empty keeps them in the folder. Needs the extra s3.",
        ),
    ] = ""
    log_path: Annotated[
        str,
        Declared(
            "session-log-path",
            "path",
            "File to append the session log to: starts, commands and ends of sessions, a JSON "
            "object a line; - is standard output. Empty means no session log.",
        ),
    ] = ""
    log_maxsize: Annotated[
        int,
        Declared(
            "session-log-maxsize",
            "int",
            "Size in MiB at which the session log is rotated. 0 disables rotation.",
        ),
    ] = 100
    log_maxage: Annotated[
        int,
        Declared(
            "session-log-maxage",
            "int",
            "Number of days to keep rotated session logs. 0 keeps all.",
        ),
    ] = 366
    log_maxbackup: Annotated[
        int,
        Declared(
            "session-log-maxbackup", "int", "Number of rotated session logs to keep. 0 keeps all."
        ),
    ] = 100
    log_compress: Annotated[
        bool, Declared("session-log-compress", "bool", "Compress rotated session logs with gzip.")
    ] = False
    webhook_config_file: Annotated[
        str,
        Declared(
            "session-webhook-config-file",
            "path",
            "Kubeconfig with a receiver of the session log's lines, in batches, as an "
            "auditproxy.io/v1alpha1 SessionEventList. Empty disables it.",
        ),
    ] = ""
    webhook_spool_dir: Annotated[
        str,
        Declared(
            "session-webhook-spool-dir",
            "path",
            "Folder in which lines of the session log are kept on the disk until the receiver of "
            "--session-webhook-config-file has acknowledged them, across restarts; sending is "
            "tried without end. One process uses it. Empty means no spool: lines wait in memory.",
        ),
    ] = ""
    webhook_spool_max_bytes: Annotated[
        int,
        Declared(
            "session-webhook-spool-max-bytes",
            "bytes",
            "Maximum size of the files in the session webhook's spool.",
        ),
    ] = GIBIBYTE
    webhook_spool_full_policy: Annotated[
        str,
        Declared(
            "session-webhook-spool-full-policy",
            "string",
            "What happens to lines when the session webhook's spool is full; sessions never wait: "
            "drop-oldest (the oldest ones make room, and a line with their number takes their "
            "place) or block (new ones wait in memory, and are dropped when too many do).",
            choices=SESSION_SPOOL_POLICIES,
        ),
    ] = "drop-oldest"
    """One of SESSION_SPOOL_POLICIES."""

    @property
    def is_kept(self) -> bool:
        """Whether sessions are recorded, or their lines go anywhere."""
        return bool(self.recording_config_file or self.log_path or self.webhook_config_file)

    def annotates(self, *, heard: bool = False) -> bool:
        """Whether events get annotations; ``heard``: something else takes lines of sessions."""
        return self.annotations == "always" or (
            self.annotations == "auto" and (self.is_kept or heard)
        )


def session_faults(sessions: SessionOptions) -> list[str]:
    """Faults of what is kept of sessions, in the order of the flags."""
    faults = choice("audit-session-annotations", sessions.annotations, SESSION_ANNOTATIONS)
    for flag, value in (
        ("dir", sessions.recording_dir),
        ("recipients-file", sessions.recording_recipients_file),
        ("upload-config-file", sessions.recording_upload_config_file),
    ):
        if value and not sessions.recording_config_file:
            faults.append(
                f"--session-recording-{flag} has no effect without "
                "--session-recording-config-file; give both, or remove it"
            )
    defaults = SessionOptions()
    for flag, changed in (
        ("maxsize", sessions.log_maxsize != defaults.log_maxsize),
        ("maxage", sessions.log_maxage != defaults.log_maxage),
        ("maxbackup", sessions.log_maxbackup != defaults.log_maxbackup),
        ("compress", sessions.log_compress),
    ):
        if changed and not sessions.log_path:
            faults.append(
                f"--session-log-{flag} has no effect without --session-log-path; give both, or "
                "remove it"
            )
    faults += _spool_faults(sessions, defaults)
    if sessions.recording_max_session_size < MEBIBYTE // 16:
        faults.append(
            f"--session-recording-max-session-size {sessions.recording_max_session_size} is less "
            "than 64KiB; give a size such as 64MiB"
        )
    for flag, number in (
        ("recording-max-total-size", sessions.recording_max_total_size),
        ("recording-min-free-space", sessions.recording_min_free_space),
        ("recording-maxage", sessions.recording_max_age),
        ("log-maxsize", sessions.log_maxsize),
        ("log-maxage", sessions.log_maxage),
        ("log-maxbackup", sessions.log_maxbackup),
    ):
        if number < 0:
            faults.append(f"--session-{flag} {number} can't be a negative number")
    total = sessions.recording_max_total_size
    if 0 < total < sessions.recording_max_session_size:
        faults.append(
            f"--session-recording-max-total-size {total} is less than "
            f"--session-recording-max-session-size {sessions.recording_max_session_size}; "
            "no session could be recorded whole"
        )
    return faults


def _spool_faults(sessions: SessionOptions, defaults: SessionOptions) -> list[str]:
    flag, size = "session-webhook-spool", sessions.webhook_spool_max_bytes
    policy = sessions.webhook_spool_full_policy
    faults = choice(f"{flag}-full-policy", policy, SESSION_SPOOL_POLICIES)
    if sessions.webhook_spool_dir and not sessions.webhook_config_file:
        faults.append(
            f"--{flag}-dir has no effect without --session-webhook-config-file; give both, or "
            "remove it"
        )
    for name, changed in (
        ("max-bytes", size != defaults.webhook_spool_max_bytes),
        ("full-policy", policy != defaults.webhook_spool_full_policy),
    ):
        if changed and not sessions.webhook_spool_dir:
            faults.append(
                f"--{flag}-{name} has no effect without --{flag}-dir; give both, or remove it"
            )
    if size < SMALLEST_SPOOL:
        faults.append(f"--{flag}-max-bytes must be at least 1Mi; the default is 1Gi")
    return faults
