"""TrailEvent: an audit event as others wrote it, and what is read where a line is not whole.

Pure. Unknown members are ignored; a member of a wrong type is left out and the others are kept.
"""

import json
import re
from collections import Counter
from typing import Any, get_type_hints

import msgspec

from auditproxy.apis.audit import API_VERSION as API_VERSION
from auditproxy.apis.audit import ObjectReference, Stage
from auditproxy.apis.user import NOBODY, UserInfo

Counts = Counter[str]
"""How many lines of each of the kinds below were met."""

EVENTS = "events"
TORN = "torn"
"""Lines that begin as an event and do not end as one."""
FOREIGN = "foreign"
"""Lines that are not audit events."""
OTHER_VERSION = "other-version"
"""Events of another version of audit.k8s.io; they are read too."""
TRUNCATED = "truncated"
"""Events that were cut on their way; what precedes their bodies is read."""
ODD = "odd"
"""Events with members that cannot be read."""
LEGACY = "legacy"
"""Lines of the text format of Kubernetes 1.7 to 1.11."""
TOO_LONG = "too-long"
BODILESS = "bodiless"
"""Events whose bodies are too long for the database, which reads the rest."""
GONE = "gone"
"""Parts of files that were packed or removed while they were read."""

NATIVE_START = b'{"kind":"Event","apiVersion":"audit.k8s.io/'
"""How a line begins that kube-apiserver or a proxy of ours wrote."""
STAGES = (
    Stage.REQUEST_RECEIVED,
    Stage.RESPONSE_STARTED,
    Stage.RESPONSE_COMPLETE,
    Stage.PANIC,
)
"""In the order in which a request has them; the last two end it."""
_ABSENT = msgspec.Raw(b"")
_GROUP = "audit.k8s.io/"
_BODIES = (b',"requestObject":', b',"responseObject":', b',"responseStatus":', b',"objectRef":')
_MOST_ON_A_LINE = 1000


class TrailStatus(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What of responseStatus is read."""

    status: str = ""
    message: str = ""
    reason: str = ""
    code: int = 0


class TrailEvent(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, rename="camel"):
    """One audit event; members that a form does not have are empty."""

    kind: str = ""
    api_version: str = ""
    level: str = ""
    audit_id: str = msgspec.field(default="", name="auditID")
    stage: str = ""
    request_uri: str = msgspec.field(default="", name="requestURI")
    verb: str = ""
    user: UserInfo = NOBODY
    impersonated_user: UserInfo | None = None
    source_ips: tuple[str, ...] = msgspec.field(default=(), name="sourceIPs")
    user_agent: str = ""
    object_ref: ObjectReference | None = None
    response_status: TrailStatus | None = None
    request_object: msgspec.Raw = _ABSENT
    response_object: msgspec.Raw = _ABSENT
    request_received_timestamp: str = ""
    stage_timestamp: str = ""
    annotations: dict[str, str] = {}


_TYPES = get_type_hints(TrailEvent)
_MEMBERS = {field.encode_name: field.name for field in msgspec.structs.fields(TrailEvent)}
_SURROGATE = re.compile("[\ud800-\udfff]")
_DECODE = msgspec.json.Decoder(TrailEvent).decode


def read_events(line: bytes, counts: Counts) -> tuple[TrailEvent, ...]:
    """The events of one line of an audit log; counts what it is. Never raises.

    A blank line is nothing. Several events that follow each other on a line are all read.
    """
    line = line.strip(b" \t\r\n\0\xef\xbb\xbf")
    if not line:
        return ()
    try:
        event = _DECODE(line)
    except msgspec.ValidationError:
        return _partly(line, counts)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _broken(line, counts)
    return _counted(event, counts)


def event_of(members: dict[str, Any], counts: Counts) -> TrailEvent:
    """The event of its members, without those that have a wrong type."""
    known: dict[str, Any] = {}
    bodies = ("requestObject", "responseObject")
    for name, attribute in _MEMBERS.items():
        value = members.get(name)
        if value is None:
            continue
        if name in bodies:
            # Not msgspec's encoder: it refuses a lone surrogate.
            known[attribute] = msgspec.Raw(json.dumps(value).encode())
            continue
        try:
            known[attribute] = msgspec.convert(value, _TYPES[attribute])
        except (msgspec.ValidationError, RecursionError):
            counts[ODD] += 1
    return TrailEvent(**known)


def spelled(event: TrailEvent) -> bytes:
    """An event as one line, with U+FFFD for half of a pair of surrogates, as Go has it."""
    try:
        return msgspec.json.encode(event)
    except UnicodeEncodeError:
        text = json.dumps(msgspec.to_builtins(without_bodies(event)), ensure_ascii=False)
        whole = _DECODE(_SURROGATE.sub("\ufffd", text).encode())
        bodies = {"request_object": event.request_object, "response_object": event.response_object}
        return msgspec.json.encode(msgspec.structs.replace(whole, **bodies))


def without_bodies(event: TrailEvent) -> TrailEvent:
    """The event with no more than what the level Metadata has."""
    return msgspec.structs.replace(event, request_object=_ABSENT, response_object=_ABSENT)


def is_event(event: TrailEvent) -> bool:
    """Whether it says that it is an audit event of any version."""
    return event.kind == "Event" and event.api_version.startswith(_GROUP)


def _counted(event: TrailEvent, counts: Counts) -> tuple[TrailEvent, ...]:
    if not is_event(event):
        counts[FOREIGN] += 1
        return ()
    counts[EVENTS] += 1
    if event.api_version != API_VERSION:
        counts[OTHER_VERSION] += 1
    return (event,)


def _partly(line: bytes, counts: Counts) -> tuple[TrailEvent, ...]:
    """A line that is JSON, and not as an event has it."""
    try:
        members = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _broken(line, counts)
    if not isinstance(members, dict) or members.get("kind") != "Event":
        counts[FOREIGN] += 1
        return ()
    return _counted(event_of(members, counts), counts)


def _broken(line: bytes, counts: Counts) -> tuple[TrailEvent, ...]:
    """A line that is not one JSON value: several, or a part of one, or something else."""
    if not line.startswith(b"{"):
        counts[LEGACY if b" AUDIT: id=" in line[:200] else FOREIGN] += 1
        return ()
    several = _several(line, counts)
    if several:
        return several
    for member in _BODIES:
        place = line.find(member)
        if place < 0:
            continue
        try:
            event = _DECODE(line[:place] + b"}")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        if is_event(event):
            counts[EVENTS] += 1
            counts[TRUNCATED] += 1
            return (event,)
    counts[TORN] += 1
    return ()


def _several(line: bytes, counts: Counts) -> tuple[TrailEvent, ...]:
    """The events of a line of several JSON objects, and of one with bytes that are not text."""
    text = line.decode("utf-8", "replace")
    decoder = json.JSONDecoder()
    found: list[dict[str, Any]] = []
    position = 0
    try:
        while position < len(text) and len(found) < _MOST_ON_A_LINE:
            value, position = decoder.raw_decode(text, position)
            if not isinstance(value, dict):
                return ()
            found.append(value)
            while position < len(text) and text[position] in " \t\0":
                position += 1
    except (ValueError, RecursionError):
        if not found:
            return ()
        counts[TORN] += 1
    events: list[TrailEvent] = []
    for members in found:
        events += _counted(event_of(members, counts), counts)
    return tuple(events)
