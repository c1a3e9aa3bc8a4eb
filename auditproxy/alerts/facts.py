"""Facts: what an audit event or a line of the session log says, by the names that rules use.

A rule selects by attributes, groups and fills in its texts by fields, and has its condition
evaluated over the JSON. Each is made when a rule first asks for it.
"""

import re
from collections.abc import Callable, Generator
from functools import cached_property
from typing import Any

import msgspec

from auditproxy.alerts.objects import OF_OBJECTS, is_object, object_of, pod_spec
from auditproxy.alerts.projection import Projection, plain
from auditproxy.apis.attributes import Attributes
from auditproxy.apis.audit import Event, ObjectReference
from auditproxy.apis.session import SessionEvent
from auditproxy.apis.user import ANONYMOUS
from auditproxy.expressions.cel import ExpressionError, SharedVariables
from auditproxy.request.target import Query
from auditproxy.serializer import json
from auditproxy.serializer.errors import SerializationError

MAXIMUM_CONDITION_INPUT = 6 * 1024 * 1024
"""Bytes of the bodies of an event over which conditions are evaluated, twice kube-apiserver's limit
for one."""

MAXIMUM_WHOLE = 64 * 1024
"""Bytes of bodies beyond which a condition sees those members alone whose names are in it: all of
them would take 50 ms for each MiB."""

LONGEST_FIELD = 500
"""Characters of a field's text; the rest is cut."""

_OF_QUERY = frozenset({"query", "command", "tty", "stdin"})
"""Members of ``request`` that are made of the query."""

MAXIMUM_PARAMETERS = 100_000
"""Query parameters that are read; a command has one for each of its words."""

EVENT_VARIABLES = ("event", "request", "object", "podSpec")
"""What a condition over an audit event may name; one over a session's line names ``session``."""

SESSION_ID = "auditproxy.io/session-id"
"""The annotation of a session's events; a client does not choose its value."""
DECISION = "authorization.k8s.io/decision"
NOWHERE = ObjectReference()
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
"""What would break a line, hide text, or turn its direction."""


def attributes_of(event: Event | SessionEvent) -> Attributes:
    """What the selectors of a rule see of an event or line; the user is the original one.

    A line of the session log has no verb.
    """
    reference = event.object_ref
    if isinstance(event, SessionEvent):
        verb, reference = "", reference or NOWHERE
    else:
        verb = event.verb
        if reference is None:
            return Attributes(
                user=event.user,
                verb=verb,
                is_resource_request=False,
                path=event.request_uri.partition("?")[0],
            )
    return Attributes(
        user=event.user,
        verb=verb,
        is_resource_request=True,
        path="",
        namespace=reference.namespace,
        api_group=reference.api_group,
        resource=reference.resource,
        subresource=reference.subresource,
        name=reference.name,
    )


class Facts:
    """One event or line; ``attributes`` are those that the selectors have seen."""

    def __init__(self, event: Event | SessionEvent, attributes: Attributes) -> None:
        self.event = event
        self.attributes = attributes

    @property
    def _size(self) -> int:
        event = self.event
        if isinstance(event, SessionEvent):
            return 0
        bodies = (event.request_object, event.response_object)
        return sum(len(memoryview(body)) for body in bodies if body)

    def part(self, names: frozenset[str]) -> Generator[None, None, dict[str, Any]]:
        """The variables of one condition, with the members of the bodies that have these names.

        Yields when others should have their turn. Raises ExpressionError for what cannot be read
        of what the condition names; what it does not name cannot keep it from being evaluated.
        """
        event = self.event
        assert isinstance(event, Event)
        if self._query is None and names & _OF_QUERY:
            raise ExpressionError("the query has too many parameters")
        bodies = {"requestObject": event.request_object, "responseObject": event.response_object}
        is_wanted = "object" in names or "podSpec" in names
        if (is_wanted or names & bodies.keys()) and self._size > MAXIMUM_CONDITION_INPUT:
            raise ExpressionError("the bodies are too large")
        if not names & bodies.keys():
            bodies = {self._object_in: bodies[self._object_in]} if is_wanted else {}
            yield
        found = dict(self._bare)
        projection = Projection(names | OF_OBJECTS)
        for name, body in bodies.items():
            if body:
                found[name] = yield from projection.value(memoryview(body))
        shown = found if len(bodies) > 1 else self._bare
        return _variables(shown, object_of(found) if is_wanted else {}, self._request)

    @cached_property
    def _object_in(self) -> str:
        """In which of its bodies a large event has its object; raises ExpressionError."""
        event = self.event
        if isinstance(event, Event) and (answered := event.response_object):
            read = Projection(("kind",)).value(memoryview(answered))
            try:
                while True:
                    next(read)
            except StopIteration as end:
                if is_object(end.value):
                    return "responseObject"
        return "requestObject"

    @cached_property
    def _bare(self) -> dict[str, Any]:
        """The event without its bodies."""
        event = self.event
        assert isinstance(event, Event)
        bare = msgspec.structs.replace(event, request_object=None, response_object=None)
        return _plain_event(bare)

    @cached_property
    def variables(self) -> SharedVariables | None:
        """The variables of all conditions; None where each has a part of its own, by ``part``."""
        event = self.event
        if isinstance(event, SessionEvent):
            return SharedVariables(session=plain(json.encode(event)))
        if self._size > MAXIMUM_WHOLE or self._query is None:
            return None
        try:
            decoded = _plain_event(event)
            return _variables(decoded, object_of(decoded), self._request)
        except ExpressionError:
            return None

    @cached_property
    def _request(self) -> dict[str, Any]:
        """The variable ``request``."""
        return {
            "path": json.go_text(self.path),
            "query": {json.go_text(key): texts for key, texts in self.query.items()},
            "command": list(self.command),
            "tty": self._is_set("tty"),
            "stdin": self._is_set("stdin"),
        }

    @cached_property
    def _query(self) -> dict[str, list[str]] | None:
        if isinstance(self.event, SessionEvent):
            return {}
        raw = self.event.request_uri.partition("?")[2].encode("utf-8", "surrogateescape")
        if raw.count(b"&") >= MAXIMUM_PARAMETERS:
            return None
        found = Query(raw, MAXIMUM_PARAMETERS)
        return {name: [json.go_text(text) for text in found.values(name)] for name in found}

    @property
    def query(self) -> dict[str, list[str]]:
        """The query parameters of an event's request as Go reads them; {} of too many."""
        return self._query or {}

    @property
    def path(self) -> str:
        """The path of an event's request, "" for a line of the session log."""
        event = self.event
        return "" if isinstance(event, SessionEvent) else event.request_uri.partition("?")[0]

    @property
    def command(self) -> tuple[str, ...]:
        """The command of an exec, decoded."""
        if isinstance(self.event, SessionEvent):
            return self.event.command
        return tuple(self.query.get("command", ()))

    @property
    def owner(self) -> tuple[str, str]:
        """Who sent the request: the user, and the peer of those who share a name or have none."""
        name = self.event.user.username
        return (name, "") if name and name != ANONYMOUS else (name, _peer(self))

    def field(self, name: str) -> str:
        """A field's text on one line, of LONGEST_FIELD characters at most; "" where there is none.

        ``name`` is one of FIELDS.
        """
        return one_line(FIELDS[name](self))

    def _is_set(self, name: str) -> bool:
        """Whether a boolean parameter is true (apimachinery runtime/conversion.go)."""
        value = self.query.get(name, ["0"])[0]
        return value != "0" and value.lower() != "false"


def _plain_event(event: Event) -> dict[str, Any]:
    try:
        found: dict[str, Any] = plain(json.encode(event))
    except (SerializationError, ValueError, RecursionError):
        raise ExpressionError("the bodies cannot be read") from None
    return found


def _variables(
    event: dict[str, Any], body: dict[str, Any], request: dict[str, Any]
) -> SharedVariables:
    return SharedVariables(event=event, object=body, podSpec=pod_spec(body), request=request)


def one_line(text: str) -> str:
    """The text without control characters, cut."""
    cut = text[: LONGEST_FIELD + 1]
    if not cut.isprintable():
        cut = _CONTROL.sub(" ", cut)
    return cut if len(cut) <= LONGEST_FIELD else cut[: LONGEST_FIELD - 1] + "…"


def _of_event(read: Callable[[Event], str]) -> Callable[[Facts], str]:
    return lambda facts: read(facts.event) if isinstance(facts.event, Event) else ""


def _of_session(read: Callable[[SessionEvent], str]) -> Callable[[Facts], str]:
    return lambda facts: read(facts.event) if isinstance(facts.event, SessionEvent) else ""


def _pod(facts: Facts) -> str:
    return facts.attributes.name if facts.attributes.resource == "pods" else ""


def _container(facts: Facts) -> str:
    if isinstance(facts.event, SessionEvent):
        return facts.event.container
    return facts.query.get("container", [""])[0]


def _impersonated(facts: Facts) -> str:
    user = facts.event.impersonated_user
    return user.username if user else ""


def _code(event: Event) -> str:
    return str(event.response_status.code) if event.response_status else ""


def _reason(event: Event) -> str:
    return event.response_status.message if event.response_status else ""


def _peer(facts: Facts) -> str:
    """The address of the client's connection, the one of sourceIPs that it cannot choose."""
    return facts.event.source_ips[-1] if facts.event.source_ips else ""


def _session_id(facts: Facts) -> str:
    event = facts.event
    if isinstance(event, SessionEvent):
        return event.session_id
    return event.annotations.get(SESSION_ID, "")


def _time(facts: Facts) -> str:
    event = facts.event
    return event.timestamp if isinstance(event, SessionEvent) else event.stage_timestamp


def _resource(facts: Facts) -> str:
    attributes = facts.attributes
    if attributes.subresource:
        return f"{attributes.resource}/{attributes.subresource}"
    return attributes.resource


def _object(facts: Facts) -> str:
    """``shop/db``, ``db`` without a namespace, ``in shop`` without a name; "" without both."""
    namespace, name = facts.attributes.namespace, facts.attributes.name
    if facts.attributes.resource == "namespaces" or not namespace:
        return name
    return f"{namespace}/{name}" if name else f"in {namespace}"


LABEL_FIELDS: dict[str, Callable[[Facts], str]] = {
    "user": lambda facts: facts.event.user.username,
    "impersonatedUser": _impersonated,
    "verb": lambda facts: facts.attributes.verb,
    "apiGroup": lambda facts: facts.attributes.api_group,
    "resource": _resource,
    "namespace": lambda facts: facts.attributes.namespace,
    "name": lambda facts: facts.attributes.name,
    "pod": _pod,
    "container": _container,
    "node": _of_session(lambda event: event.node),
    "path": lambda facts: facts.path,
    "code": _of_event(_code),
    "sourceIP": lambda facts: facts.event.source_ips[0] if facts.event.source_ips else "",
    "peerIP": _peer,
    "userAgent": lambda facts: facts.event.user_agent,
    "sessionID": _session_id,
}
"""Fields that may be labels: they have few values, and the same ones in repetitions. A session's ID
makes an alert for each session, of which one user can have no more than incidents.py says."""

FIELDS: dict[str, Callable[[Facts], str]] = {
    **LABEL_FIELDS,
    "object": _object,
    "groups": lambda facts: ", ".join(facts.event.user.groups),
    "command": lambda facts: " ".join(facts.command),
    "requestURI": _of_event(lambda event: event.request_uri),
    "decision": _of_event(lambda event: event.annotations.get(DECISION, "")),
    "message": _of_event(_reason),
    "stage": _of_event(lambda event: event.stage),
    "auditID": lambda facts: facts.event.audit_id,
    "time": _time,
    "sessionEvent": _of_session(lambda event: event.type.value),
    "line": _of_session(lambda event: event.line or ""),
    "exitCode": _of_session(lambda event: "" if event.exit_code is None else str(event.exit_code)),
    "reason": _of_session(lambda event: event.reason),
    "recording": _of_session(lambda event: event.recording.path if event.recording else ""),
}
"""Every field that a rule's texts may name, and how it is read."""
