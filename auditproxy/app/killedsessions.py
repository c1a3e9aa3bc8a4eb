"""The line of the session log for a session whose proxy was killed: its end, as far as known.

The proxy that finds the recording writes it, so that a log has the SHA-256 of every recording.
"""

from pathlib import Path

from auditproxy.apis.audit import ObjectReference
from auditproxy.apis.session import (
    RecordingReference,
    Session,
    SessionEvent,
    SessionEventType,
    SessionKind,
)
from auditproxy.apis.user import UserInfo
from auditproxy.recordings.names import RecordingName, take_apart
from auditproxy.recordings.reading import UnreadableRecording, summary_of
from auditproxy.sessions.castreader import CastSession
from auditproxy.sessions.lines import SessionLines

KILLED = "its proxy was killed"
"""The reason of such an end."""


def end_of_killed(reference: RecordingReference, moment: int) -> SessionEvent:
    """Its SessionEnded; ``moment`` is nanoseconds since the epoch, the time of the repair.

    Who and where are from the recording's header, of an encrypted one from its name. Bytes and exit
    code are not known. Reads the file; a header that cannot be read leaves what the name says.
    """
    path = Path(reference.path)
    try:
        summary = summary_of(path)
    except UnreadableRecording:
        session, seconds = _by_name(take_apart(path.name)), 0.0
    else:
        session, seconds = _by_header(summary.header.auditproxy), summary.seconds
    return SessionLines(session).line(
        SessionEventType.ENDED,
        moment,
        reason=KILLED,
        duration_seconds=seconds,
        recording=reference,
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
        user=UserInfo(),
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
