"""Lines of the session log, and the annotations of a session's audit events."""

from typing import Any

from msgspec.structs import replace

from auditproxy.apis.audit import ObjectReference
from auditproxy.apis.session import (
    SESSION_API_VERSION,
    RecordingReference,
    Session,
    SessionEvent,
    SessionEventType,
)
from auditproxy.serializer.json import encode
from auditproxy.serializer.times import micro_time

LONGEST_SHOWN = 1024
"""Characters of a command in lines other than SessionStarted, which has all of it."""
LONGEST_NAME = 256
"""Characters of a name in these lines; no object that exists has a longer one."""
MOST_ADDRESSES = 16
"""Source addresses in these lines: a client can name many."""
CUT = "...TRUNCATED"
"""Ends what was cut."""

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
    """Makes the lines of one session: what all of them share is put together once.

    What a client can make long is whole in SessionStarted, and short in all others.
    """

    def __init__(self, session: Session) -> None:
        self._shared: dict[str, Any] = {
            "kind": "SessionEvent",
            "api_version": SESSION_API_VERSION,
            "session_id": session.id,
            "audit_id": session.audit_id,
            "session": session.kind,
            "user": session.user,
            "impersonated_user": session.impersonated_user,
            "user_agent": session.user_agent,
            "tty": session.tty,
            "ephemeral": session.ephemeral,
        }
        self._whole: dict[str, Any] = {
            "source_ips": session.source_ips,
            "object_ref": session.object_ref,
            "node": session.node,
            "container": session.container,
            "command": session.command,
        }
        self._short: dict[str, Any] = {
            "source_ips": session.source_ips[:MOST_ADDRESSES],
            "object_ref": _short_reference(session.object_ref),
            "node": session.node[:LONGEST_NAME],
            "container": session.container[:LONGEST_NAME],
            "command": _short_command(session.command),
        }
        self._size = 0

    @property
    def size(self) -> int:
        """Bytes of a line without what its type adds; not of SessionStarted."""
        if not self._size:
            self._size = len(encode(self.line(SessionEventType.COMMAND, 0)))
        return self._size

    def line(self, kind: SessionEventType, moment: int, **members: Any) -> SessionEvent:
        """One line; ``moment`` is nanoseconds since the epoch, ``members`` those of its type."""
        own = self._whole if kind is SessionEventType.STARTED else self._short
        return SessionEvent(
            type=kind, timestamp=micro_time(moment), **self._shared, **own, **members
        )


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


def _short_command(command: tuple[str, ...]) -> tuple[str, ...]:
    """As many arguments as there is room for, and a mark behind them where there are more."""
    left = LONGEST_SHOWN
    for number, argument in enumerate(command):
        if len(argument) > left:
            return (*command[:number], argument[:left] + CUT)
        # With what a list in JSON has around each.
        left -= len(argument) + 3
        left = max(left, 0)
    return command


def _short_reference(reference: ObjectReference) -> ObjectReference:
    if len(reference.name) <= LONGEST_NAME and len(reference.namespace) <= LONGEST_NAME:
        return reference
    return replace(
        reference,
        name=reference.name[:LONGEST_NAME],
        namespace=reference.namespace[:LONGEST_NAME],
    )


def _command(command: tuple[str, ...]) -> str:
    """The arguments as a JSON list; cut where they are too long, with a mark."""
    text = encode(command).decode()
    if len(text) <= LONGEST_COMMAND:
        return text
    return text[:LONGEST_COMMAND] + CUT
