"""Lines of the session log, and the annotations of a session's audit events."""

from typing import Any

from auditproxy.apis.session import (
    SESSION_API_VERSION,
    RecordingReference,
    Session,
    SessionEvent,
    SessionEventType,
)
from auditproxy.serializer.json import encode
from auditproxy.serializer.times import micro_time

LONGEST_COMMAND = 16 * 1024
"""Bytes of a command in an annotation; a longer one is cut. requestURI has all of it."""

SESSION_ID = "auditproxy.io/session-id"
SESSION_COMMAND = "auditproxy.io/session-command"
SESSION_CONTAINER = "auditproxy.io/session-container"
SESSION_TTY = "auditproxy.io/session-tty"
SESSION_EPHEMERAL = "auditproxy.io/session-ephemeral"
SESSION_RECORDING = "auditproxy.io/session-recording"
SESSION_EXIT_CODE = "auditproxy.io/session-exit-code"
SESSION_REASON = "auditproxy.io/session-reason"
SESSION_BYTES_IN = "auditproxy.io/session-bytes-in"
SESSION_BYTES_OUT = "auditproxy.io/session-bytes-out"
SESSION_MISSING_BYTES = "auditproxy.io/session-missing-bytes"
SESSION_DURATION = "auditproxy.io/session-duration"
EPHEMERAL_CONTAINERS = "auditproxy.io/ephemeral-containers"
"""What a request to pods/ephemeralcontainers adds."""

UNRECORDED = "unrecorded"
"""The flag of a RecordingStopped before which nothing of its session was recorded."""

REPAIRED = "repaired"
"""The flag of a SessionEnded that was written when a recording was found at a start."""

Annotations = tuple[tuple[str, str], ...]


class SessionLines:
    """Makes the lines of one session: what all of them share is put together once."""

    def __init__(self, session: Session) -> None:
        self._shared: dict[str, Any] = {
            "kind": "SessionEvent",
            "api_version": SESSION_API_VERSION,
            "session_id": session.id,
            "audit_id": session.audit_id,
            "session": session.kind,
            "user": session.user,
            "impersonated_user": session.impersonated_user,
            "source_ips": session.source_ips,
            "user_agent": session.user_agent,
            "object_ref": session.object_ref,
            "node": session.node,
            "container": session.container,
            "command": session.command,
            "tty": session.tty,
            "ephemeral": session.ephemeral,
        }

    def line(self, kind: SessionEventType, moment: int, **members: Any) -> SessionEvent:
        """One line; ``moment`` is nanoseconds since the epoch, ``members`` those of its type."""
        return SessionEvent(type=kind, timestamp=micro_time(moment), **self._shared, **members)


def annotations_at_start(session: Session, recording: str, refusal: str = "") -> Annotations:
    """What every event of a session's request shows.

    ``recording`` is its path, "" without one; ``refusal`` says why there is none where there
    should be.
    """
    found = [(SESSION_ID, session.id)]
    if session.command:
        found.append((SESSION_COMMAND, _command(session.command)))
    if session.container:
        found.append((SESSION_CONTAINER, session.container))
    found.append((SESSION_TTY, "true" if session.tty else "false"))
    if session.ephemeral:
        found.append((SESSION_EPHEMERAL, "true"))
    if recording or refusal:
        found.append((SESSION_RECORDING, recording or f"none: {refusal}"))
    return tuple(found)


def annotations_at_end(
    *,
    exit_code: int | None,
    reason: str,
    bytes_in: int,
    bytes_out: int,
    missing: int,
    seconds: float,
    recording: RecordingReference | None,
) -> Annotations:
    """What ResponseComplete shows in addition; bytes are those of the streams."""
    found = [
        (SESSION_BYTES_IN, str(bytes_in)),
        (SESSION_BYTES_OUT, str(bytes_out)),
        (SESSION_DURATION, f"{seconds:.3f}s"),
    ]
    if missing:
        found.append((SESSION_MISSING_BYTES, str(missing)))
    if exit_code is not None:
        found.append((SESSION_EXIT_CODE, str(exit_code)))
    if reason:
        found.append((SESSION_REASON, reason))
    if recording is not None and recording.path:
        digest = f" sha256:{recording.sha256}" if recording.sha256 else ""
        state = "" if recording.state == "Complete" else f" ({recording.state})"
        found.append((SESSION_RECORDING, f"{recording.path}{digest}{state}"))
    return tuple(found)


def _command(command: tuple[str, ...]) -> str:
    """The arguments as a JSON list; cut where they are too long, with a mark."""
    text = encode(command).decode()
    if len(text) <= LONGEST_COMMAND:
        return text
    return text[:LONGEST_COMMAND] + "...TRUNCATED"
