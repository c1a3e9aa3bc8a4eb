"""Facts: fields, variables and what hostile values become."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.alerts.facts import (
    EVENT_VARIABLES,
    FIELDS,
    LONGEST_FIELD,
    MAXIMUM_CONDITION_INPUT,
    MAXIMUM_PARAMETERS,
    Facts,
    attributes_of,
    one_line,
)
from auditproxy.apis.audit import Event
from auditproxy.apis.session import SessionEvent
from auditproxy.apis.user import UserInfo
from auditproxy.expressions.cel import ExpressionError, cel_compiler
from tests.fakes.alertrules import audit_event, exec_event, session_event


def facts(event: Event | SessionEvent) -> Facts:
    """The facts of an event."""
    return Facts(event, attributes_of(event))


def variables(event: Event) -> Mapping[str, Any]:
    """The variables of conditions over a small event."""
    found = facts(event).variables
    assert found is not None
    return found


def part(event: Event, *names: str) -> Any:
    """The variables of a condition with these names."""
    found = facts(event)
    assert found.variables is None, "they are not the same for all conditions"
    steps = found.part(frozenset(names))
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("user", "alice"),
        ("groups", "dev"),
        ("verb", "create"),
        ("resource", "pods/exec"),
        ("namespace", "n"),
        ("name", "box"),
        ("object", "n/box"),
        ("pod", "box"),
        ("container", "c"),
        ("command", "ls -l"),
        ("path", "/api/v1/namespaces/n/pods/box/exec"),
        ("code", "101"),
        ("sourceIP", "192.0.2.1"),
        ("peerIP", "192.0.2.1"),
        ("userAgent", "kubectl/v1"),
        ("auditID", "id"),
        ("stage", "ResponseStarted"),
        ("impersonatedUser", ""),
        ("line", ""),
        ("decision", ""),
    ],
)
def test_fields_of_an_event(field: str, text: str) -> None:
    """A field is text; one that the event has not is empty."""
    assert facts(exec_event()).field(field) == text


def test_fields_of_a_session_line() -> None:
    """Those of the log, and those that it shares with an event."""
    line = facts(
        session_event(line="id", exitCode=0, container="c", command=["sh"], reason="r", node="n1")
    )
    found = {name: line.field(name) for name in FIELDS}
    assert {name: text for name, text in found.items() if text} == {
        "user": "alice",
        "resource": "pods/exec",
        "namespace": "n",
        "name": "box",
        "object": "n/box",
        "pod": "box",
        "container": "c",
        "node": "n1",
        "command": "sh",
        "auditID": "id",
        "time": "2026-01-01T00:00:00.000000Z",
        "sessionID": "s1",
        "sessionEvent": "Command",
        "line": "id",
        "exitCode": "0",
        "reason": "r",
    }


@pytest.mark.parametrize(
    ("query", "request_variable"),
    [
        ("", {"command": [], "tty": False, "stdin": False}),
        ("?command=a+b&command=&tty=1", {"command": ["a b", ""], "tty": True, "stdin": False}),
        ("?%63ommand=%2Fbin%2Fsh&tty=", {"command": ["/bin/sh"], "tty": True, "stdin": False}),
        ("?tty=False&stdin=0&tty=1", {"command": [], "tty": False, "stdin": False}),
        ("?command=%ff&x=%ed%a0%80", {"command": ["\ufffd"], "tty": False, "stdin": False}),
        ("?command=%zz&command=sh&tty=1", {"command": ["sh"], "tty": True, "stdin": False}),
        ("?command=a;b&command=sh", {"command": ["sh"], "tty": False, "stdin": False}),
        ("?command=\ud800&command=sh", {"command": ["\ufffd", "sh"], "tty": False, "stdin": False}),
        ("?tty;&tty=%&stdin=1", {"command": [], "tty": False, "stdin": True}),
    ],
)
def test_request(query: str, request_variable: dict[str, Any]) -> None:
    """The query is decoded as the API server decodes it."""
    found = variables(exec_event(requestURI=f"/x{query}"))["request"]
    assert {name: found[name] for name in request_variable} == request_variable
    assert found["path"] == "/x"


@pytest.mark.parametrize(
    ("bodies", "name"),
    [
        ({}, None),
        ({"requestObject": {"a": "sent"}}, "sent"),
        ({"requestObject": {"a": "sent"}, "responseObject": {"kind": "Pod", "a": "is"}}, "is"),
        ({"requestObject": {"a": "sent"}, "responseObject": {"kind": "Status"}}, "sent"),
        ({"requestObject": {"a": "sent"}, "responseObject": {"kind": "Table"}}, "sent"),
    ],
)
def test_object(bodies: dict[str, Any], name: str | None) -> None:
    """What the object is afterwards, else what was sent."""
    assert variables(audit_event(**bodies))["object"].get("a") == name


@pytest.mark.parametrize(
    "hostile", [10**30, -(10**30), 10**400, "\ud800", None, {"": 1}, [[None]], 1.5, 2**63 - 1]
)
def test_a_hostile_member_does_not_blind_a_condition(hostile: object) -> None:
    """A member that nobody reads must not keep conditions from being evaluated."""
    condition = cel_compiler(*EVENT_VARIABLES, is_condition=True)("object.a == 1")
    event = audit_event(requestObject={"a": 1, "x": hostile, "l": [hostile]})
    assert condition(variables(event)) is True


def test_who_sent_it() -> None:
    """The last address is the peer's; anonymous users share a name, and are told apart by it."""
    event = audit_event(sourceIPs=["203.0.113.9", "198.51.100.2", "192.0.2.1"])
    assert facts(event).field("sourceIP") == "203.0.113.9"
    assert facts(event).field("peerIP") == "192.0.2.1"
    assert facts(event).owner == ("alice", "")
    for name in ("", "system:anonymous"):
        anonymous = msgspec.structs.replace(event, user=UserInfo(username=name))
        assert facts(anonymous).owner == (name, "192.0.2.1")
    assert facts(audit_event(sourceIPs=[])).field("peerIP") == ""


def test_null_is_absent() -> None:
    """As in Go."""
    found = variables(audit_event(requestObject={"a": None, "b": {"c": None, "d": 1}}))
    assert found["object"] == {"b": {"d": 1}}


def test_bodies_too_large() -> None:
    """They are not evaluated, which is an error that counts; conditions on the rest are."""
    event = audit_event(requestObject={"a": "x" * MAXIMUM_CONDITION_INPUT})
    for name in ("object", "podSpec", "requestObject"):
        with pytest.raises(ExpressionError, match="too large"):
            part(event, name, "a")
    assert part(event, "event")["event"]["verb"] == "get"


def test_as_many_parameters_as_any_server_reads() -> None:
    """Older servers have no bound on pairs: a command behind more than Go reads now is seen."""
    event = exec_event(requestURI="/x?" + "&" * 50_000 + "command=curl")
    assert facts(event).field("command") == "curl"


def test_too_many_parameters() -> None:
    """A command behind very many parameters is an error; what does not read it is evaluated."""
    event = exec_event(requestURI="/x?" + "a=1&" * (MAXIMUM_PARAMETERS + 1) + "command=curl")
    assert facts(event).field("command") == ""
    for name in ("command", "query", "tty", "stdin"):
        with pytest.raises(ExpressionError, match="too many"):
            part(event, "request", name)
    assert part(event, "request", "path")["request"]["path"] == "/x"


def test_a_patch_that_is_not_followed() -> None:
    """It is an error for those conditions that ask for the object."""
    patch = [
        {"op": "add", "path": "/a/-", "value": 1},
        {"op": "move", "from": "/a/3", "path": "/b"},
    ]
    event = audit_event(verb="patch", requestObject=patch)
    with pytest.raises(ExpressionError, match="JSON patch"):
        part(event, "object")
    assert part(event, "requestObject")["event"]["requestObject"] == patch
    assert part(event, "event")["event"]["verb"] == "patch"


@given(st.text(max_size=LONGEST_FIELD * 2))
def test_one_line(text: str) -> None:
    """Any text becomes one printable line of bounded length."""
    line = one_line(text)
    assert len(line) <= LONGEST_FIELD
    assert not set(line) & set("\r\n\x1b\x00\u202e\u2028")
    line.encode()


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["spec", "template", "jobTemplate", "kind"]), inner)
    ),
    max_leaves=6,
)


@given(JSON_VALUES, JSON_VALUES, st.text(max_size=20))
def test_any_event_has_facts(sent: object, answered: object, query: str) -> None:
    """Bodies and queries of any form are read."""
    found = facts(audit_event(requestObject=sent, responseObject=answered, requestURI=f"/?{query}"))
    assert set(found.variables or EVENT_VARIABLES) == set(EVENT_VARIABLES)
    for name in FIELDS:
        assert len(found.field(name)) <= LONGEST_FIELD


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        ({"resource": "clusterroles", "name": "admin"}, "admin"),
        ({"resource": "namespaces", "namespace": "shop", "name": "shop"}, "shop"),
        ({"resource": "pods", "namespace": "shop"}, "in shop"),
        ({"resource": "pods"}, ""),
        (None, ""),
    ],
)
def test_object_of_texts(reference: dict[str, str] | None, text: str) -> None:
    """What a request is for, of as much as it names."""
    assert facts(audit_event(objectRef=reference)).field("object") == text
