"""A session: one exec, attach or port-forward, and what happens in it.

    Session        what is known when it begins
    StreamEvent    what its streams carry, read from the wire in either protocol
    SessionEvent   one line of the session log

A StreamEvent is the unit between the reader of the wire, the recording and whatever follows
the terminal; a SessionEvent is what operators, alerts and webhooks see.
"""

import enum
from typing import Literal

import msgspec

from auditproxy.apis.audit import ObjectReference
from auditproxy.apis.user import NOBODY, UserInfo

SESSION_API_VERSION = "auditproxy.io/v1alpha1"


class SessionKind(enum.StrEnum):
    """What a session is, by what its streams are."""

    EXEC = "exec"
    ATTACH = "attach"
    PORT_FORWARD = "portforward"
    UNKNOWN = "unknown"
    """A tunnel whose streams follow no protocol that Kubernetes has for containers."""


class Record(enum.StrEnum):
    """How much of a session is recorded, in the words of the recording policy."""

    NONE = "None"
    METADATA = "Metadata"
    """Who, where, when, and how it ended; no byte of its streams."""
    OUTPUT = "Output"
    """And what the container wrote."""
    INPUT_OUTPUT = "InputOutput"
    """And what the client sent, passwords included."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One session as its request describes it; strings are as kube-apiserver decodes them.

    ``id`` is ours and unique; ``audit_id`` may be the client's own choice. ``started`` is
    nanoseconds since the epoch. ``container`` is "" where the request names none. ``node`` is
    set where the session runs through ``nodes/{name}/proxy``.
    """

    id: str
    audit_id: str
    kind: SessionKind
    started: int
    user: UserInfo
    impersonated_user: UserInfo | None = None
    source_ips: tuple[str, ...] = ()
    user_agent: str = ""
    object_ref: ObjectReference
    namespace: str = ""
    pod: str = ""
    node: str = ""
    container: str = ""
    command: tuple[str, ...] = ()
    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    tty: bool = False
    ephemeral: bool = False
    """Whether the container is one of ``kubectl debug`` that was added through this proxy."""


class Channel(enum.IntEnum):
    """A stream of a container, by its number in the WebSocket protocols."""

    STDIN = 0
    STDOUT = 1
    STDERR = 2


class Carried(msgspec.Struct, frozen=True, gc=False):
    """Bytes of a container's stream, in the order in which they were sent on it."""

    channel: Channel
    data: bytes


class InputClosed(msgspec.Struct, frozen=True, gc=False):
    """The client closed standard input."""


class Resized(msgspec.Struct, frozen=True, gc=False):
    """The client's terminal has this size."""

    columns: int
    rows: int


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """How the container's side says that the session ended.

    ``exit_code`` is None where it does not say; ``reason`` and ``message`` are those of the Status.
    """

    exit_code: int | None
    reason: str = ""
    message: str = ""


class PortOpened(msgspec.Struct, frozen=True, gc=False):
    """A connection of a port-forward began; ``connection`` counts from 0 within the session."""

    connection: int
    port: int


class PortCarried(msgspec.Struct, frozen=True, gc=False):
    """Bytes of a forwarded connection; their content is not kept."""

    connection: int
    from_client: bool
    size: int


class PortClosed(msgspec.Struct, frozen=True, gc=False):
    """A connection of a port-forward ended; ``error`` is the text of its error stream."""

    connection: int
    error: str = ""


class Unreadable(msgspec.Struct, frozen=True, gc=False):
    """One direction cannot be read any further; nothing follows from it. ``reason`` says why."""

    from_client: bool
    reason: str


StreamEvent = (
    Carried | InputClosed | Resized | Outcome | PortOpened | PortCarried | PortClosed | Unreadable
)


class SessionEventType(enum.StrEnum):
    """What a line of the session log says."""

    STARTED = "SessionStarted"
    COMMAND = "Command"
    """A line that was entered on a terminal, as it stood there."""
    INPUT = "Input"
    """What was sent on standard input without a terminal, as size and digest."""
    FORWARDED = "ForwardedConnection"
    """A connection of a port-forward has ended."""
    RECORDING_STOPPED = "RecordingStopped"
    """The rest of the session is not recorded, or not reported; ``reason`` says why."""
    ENDED = "SessionEnded"


class RecordingReference(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Where a recording is, and what it is worth; Unfinished is one whose proxy was killed."""

    path: str = ""
    state: Literal["Complete", "Cut", "Failed", "Unfinished", "None"] = "None"
    sha256: str = ""
    bytes: int = 0


class ForwardedConnection(
    msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, rename="camel"
):
    """One connection of a port-forward."""

    port: int
    bytes_in: int = 0
    bytes_out: int = 0
    duration_seconds: float = 0.0
    error: str = ""


class FoldedLines(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Lines that had no line of their own, as there were too many of them.

    ``first`` and ``last`` are the beginnings of those that had a text.
    """

    count: int
    first: str = ""
    last: str = ""


class MissingLines(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, rename="camel"):
    """Lines that a receiver will never get: how many, of which times, of which sessions.

    ``session_ids_sha256`` is SHA-256 over the session IDs, one for each line, each with a newline
    behind it, in their order; "" where they are not known. ``bytes`` are bytes of a damaged file in
    which no line was found.
    """

    lines: int = 0
    first: str = ""
    last: str = ""
    session_ids_sha256: str = msgspec.field(default="", name="sessionIDsSHA256")
    reason: str = ""
    bytes: int = 0


class SessionGap(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The line in the place of missing ones; it is of no session, and only receivers of a spool
    get it.
    """

    kind: Literal["SessionEvent"]
    api_version: str
    type: Literal["Gap"]
    timestamp: str
    gap: MissingLines


class SessionEvent(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, rename="camel"):
    """One line of the session log: what happened, and in which session.

    Every line carries who and where, so that each is understood alone. Times are RFC 3339 in UTC
    with six digits. ``bytes_in`` is what the client sent.
    """

    kind: Literal["SessionEvent"]
    api_version: str
    type: SessionEventType
    timestamp: str
    session_id: str = msgspec.field(name="sessionID")
    audit_id: str = msgspec.field(name="auditID")
    session: SessionKind
    user: UserInfo = NOBODY
    """Absent where it is not known: at the end of an encrypted recording of a killed proxy."""
    impersonated_user: UserInfo | None = None
    source_ips: tuple[str, ...] = msgspec.field(default=(), name="sourceIPs")
    user_agent: str = ""
    object_ref: ObjectReference | None = None
    node: str = ""
    container: str = ""
    command: tuple[str, ...] = ()
    """The request's own, decoded; whole in SessionStarted, and its beginning in other lines."""
    tty: bool = False
    ephemeral: bool = False
    """Whether the container was added by ``kubectl debug``."""
    line: str | None = None
    """Command: what stood on the terminal; absent where it was hidden."""
    flags: tuple[str, ...] = ()
    """Command: what is uncertain about ``line``, or why there is none. SessionEnded: "repaired"
    where it was written at a start, from a recording that was found; "unreadable" and "gap" where
    the session was not followed to its end or without a gap. RecordingStopped: "unrecorded" where
    nothing was recorded. Command and SessionEnded: "terminal?" where the request names no terminal
    and its streams have shown one."""
    folded: FoldedLines | None = None
    """Command and ForwardedConnection: this line stands for so many, which came too fast."""
    input_bytes: int = 0
    input_sha256: str = ""
    forwarded: ForwardedConnection | None = None
    exit_code: int | None = None
    reason: str = ""
    bytes_in: int = 0
    bytes_out: int = 0
    missing_bytes: int = 0
    """SessionEnded: bytes that passed and are not in the recording; without one, that were not
    accounted for."""
    missing_connections: int = 0
    """SessionEnded: connections of a port-forward that are in no line, for lack of time."""
    duration_seconds: float | None = None
    """SessionEnded; absent where it is not known."""
    recording: RecordingReference | None = None
