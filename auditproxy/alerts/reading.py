"""Read what others wrote: lines of audit logs and of session logs, and webhooks' EventLists.

kube-apiserver's own logs are read as ours are. Unknown members are ignored, as its newer
versions may write some.
"""

from typing import Any

import msgspec

from auditproxy.apis.audit import Event
from auditproxy.apis.session import SessionEvent
from auditproxy.serializer import json
from auditproxy.serializer.errors import JSONError, SerializationError

_ABSENT = msgspec.Raw(b"")


class _Event(Event, frozen=True, omit_defaults=True, kw_only=True, rename="camel"):
    """An event whose bodies msgspec can read: it takes no Raw that may be None."""

    request_object: msgspec.Raw = _ABSENT
    response_object: msgspec.Raw = _ABSENT


class _EventList(msgspec.Struct):
    items: list[_Event]


class _Kind(msgspec.Struct):
    kind: str = ""


_KIND = msgspec.json.Decoder(_Kind)
_EVENT = msgspec.json.Decoder(_Event)
_EVENT_LIST = msgspec.json.Decoder(_EventList)
_SESSION_EVENT = msgspec.json.Decoder(SessionEvent)


def read_line(line: bytes) -> tuple[Event | SessionEvent, ...]:
    """The events of one JSON value; () for an empty line and for an object of another kind.

    Raises SerializationError for what is not JSON, and for an event without its members.
    """
    if not line.strip():
        return ()
    json.check_depth(line)
    try:
        kind = _KIND.decode(line).kind
        if kind == "Event":
            return (_with_bodies(_EVENT.decode(line)),)
        if kind == "EventList":
            return tuple(map(_with_bodies, _EVENT_LIST.decode(line).items))
        return (_SESSION_EVENT.decode(line),) if kind == "SessionEvent" else ()
    except msgspec.ValidationError as error:
        raise SerializationError(f"not an event: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise JSONError("not JSON") from None


def event_of(members: dict[str, Any]) -> Event:
    """An audit event of its members; raises SerializationError."""
    (event,) = read_line(json.encode({**members, "kind": "Event"}))
    assert isinstance(event, Event)
    return event


def session_event_of(members: dict[str, Any]) -> SessionEvent:
    """A line of the session log of its members; raises SerializationError."""
    (event,) = read_line(json.encode({**members, "kind": "SessionEvent"}))
    assert isinstance(event, SessionEvent)
    return event


def _with_bodies(event: _Event) -> Event:
    """The event with None for the bodies that it has not."""
    return msgspec.structs.replace(
        event,
        request_object=_body(event.request_object),
        response_object=_body(event.response_object),
    )


def _body(raw: msgspec.Raw) -> msgspec.Raw | None:
    # A copy: it must not keep the line that it was read from.
    return None if bytes(raw) in (b"", b"null") else msgspec.Raw(bytes(raw))
