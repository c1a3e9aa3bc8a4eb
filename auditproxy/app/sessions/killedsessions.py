"""The line of the session log for a session whose proxy was killed: its end, as far as known.

    killed while it ran                the recording has no end: neither has the line
    killed between its end and line    the line says what the recording's end says

The proxy that finds the recording writes it, so that a log has the SHA-256 of every recording: the
recording gets its name behind that, so that a proxy that is killed first leaves both to the next.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from auditproxy.apis.audit import ObjectReference
from auditproxy.apis.session import (
    RecordingReference,
    Session,
    SessionEvent,
    SessionEventType,
    SessionKind,
)
from auditproxy.apis.units import MEBIBYTE
from auditproxy.apis.user import NOBODY, UserInfo
from auditproxy.recordings.names import RecordingName, take_apart
from auditproxy.recordings.reading import UnreadableRecording, summary_of
from auditproxy.sessions.castreader import CastSession
from auditproxy.sessions.lines import REPAIRED, SessionLines

KILLED = "its proxy was killed"
"""The reason of such an end."""
TAIL = 16 * MEBIBYTE
"""Bytes at the end of a session log in which the lines of the last ends are looked for."""
_ENDED = b'"SessionEnded"'


class _Ended(msgspec.Struct):
    """What is read of a line."""

    type: str = ""
    recording: RecordingReference | None = None


_LINE = msgspec.json.Decoder(_Ended)


@dataclass(frozen=True, slots=True)
class LoggedEnds:
    """What the last lines of a session log say of ends: by the name of the recording, its SHA-256
    in each of them.
    """

    digests: Mapping[str, frozenset[str]]

    def has(self, reference: RecordingReference) -> bool:
        """Whether the log has the end of a recording, as it is.

        One that was cut may have a line from before that, when it was longer.
        """
        digests = self.digests.get(os.path.basename(reference.path), frozenset())
        return bool(digests) and (reference.state != "Unfinished" or reference.sha256 in digests)


def logged_ends(path: str) -> LoggedEnds:
    """The ends that the last TAIL bytes of a session log have; raises nothing.

    What is not a regular file has none. Lines of rotated files are not read.
    """
    found: dict[str, frozenset[str]] = {}
    for reference in filter(None, map(_ended, _tail(path).split(b"\n"))):
        name = os.path.basename(reference.path)
        found[name] = found.get(name, frozenset()) | {reference.sha256}
    return LoggedEnds(found)


def _tail(path: str) -> bytes:
    if path in ("", "-"):
        return b""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode):
                return b""
            return os.pread(descriptor, TAIL, max(0, facts.st_size - TAIL))
        finally:
            os.close(descriptor)
    except OSError:
        return b""


def _ended(line: bytes) -> RecordingReference | None:
    """The recording of a SessionEnded; None of any other line."""
    if _ENDED not in line:
        return None
    try:
        found = _LINE.decode(line)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return None
    return found.recording if found.type == SessionEventType.ENDED else None


def end_of_killed(
    reference: RecordingReference, moment: int, at: Path | None = None
) -> SessionEvent:
    """Its SessionEnded; ``moment`` is nanoseconds since the epoch, the time of the repair. ``at``
    is where the recording is as long as it has no name.

    Who and where are from the recording's header, of an encrypted one from its name. Bytes, exit
    code and reason are those of its end, where it has one that can be read. A header that cannot be
    read leaves what the name says; what is not known is absent.
    """
    path = Path(reference.path)
    end = None
    try:
        summary = summary_of(at or path)
    except UnreadableRecording:
        session, seconds = _by_name(take_apart(path.name)), None
    else:
        session, seconds = _by_header(summary.header.auditproxy), summary.seconds
        end = None if summary.state == "Unfinished" else summary.end
    members: dict[str, Any] = {"reason": KILLED}
    if end is not None:
        reference = msgspec.structs.replace(reference, state=summary.state)
        members = {
            "exit_code": end.exit_code,
            "reason": end.reason,
            "bytes_in": end.bytes_in,
            "bytes_out": end.bytes_out,
            "missing_bytes": end.missing_bytes,
        }
    return SessionLines(session).line(
        SessionEventType.ENDED,
        moment,
        duration_seconds=seconds,
        recording=reference,
        flags=(REPAIRED,),
        **members,
    )


def _by_header(said: CastSession) -> Session:
    kind = _kind(said.kind)
    acting = UserInfo(username=said.impersonated_user, groups=said.impersonated_groups)
    return Session(
        id=said.session_id,
        audit_id=said.audit_id,
        kind=kind,
        started=0,
        user=UserInfo(username=said.user, groups=said.groups),
        impersonated_user=acting if said.impersonated_user else None,
        source_ips=said.source_ips,
        user_agent=said.user_agent,
        object_ref=_object(said.namespace, said.pod, said.node, kind),
        namespace=said.namespace,
        pod=said.pod,
        node=said.node,
        container=said.container,
        command=said.command,
        tty=said.tty,
    )


def _by_name(name: RecordingName | None) -> Session:
    """Parts of a name may be cut; "-" stands for what was empty."""
    parts = ("-",) * 4
    if name is not None:
        parts = (name.namespace, name.pod, name.audit_id, name.session_id)
    namespace, pod, audit_id, session_id = ("" if part == "-" else part for part in parts)
    return Session(
        id=session_id,
        audit_id=audit_id,
        kind=SessionKind.UNKNOWN,
        started=0,
        user=NOBODY,
        object_ref=_object(namespace, pod, "", SessionKind.UNKNOWN),
    )


def _kind(text: str) -> SessionKind:
    try:
        return SessionKind(text)
    except ValueError:
        return SessionKind.UNKNOWN


def _object(namespace: str, pod: str, node: str, kind: SessionKind) -> ObjectReference:
    if node:
        return ObjectReference(resource="nodes", name=node, api_version="v1", subresource="proxy")
    subresource = "" if kind is SessionKind.UNKNOWN else str(kind)
    return ObjectReference(
        resource="pods", namespace=namespace, name=pod, api_version="v1", subresource=subresource
    )
