"""Tests of a rule file: events that it brings, and the rules that they fire.

    examples:
      exec: {verb: create, stage: ResponseStarted, ...}
    tests:
    - name: an exec fires
      events:
      - {like: exec, user: {username: alice}}
      fires: [ExecIntoPod]

An event is an audit event or, in ``sessionEvents``, a line of the session log. Members that it
leaves out are those of the example that it is ``like``, else are filled in; of objectRef each
member alone. ``repeat`` sends them several times, with the number of the repetition
in place of ``{{ i }}``, ``every`` so long after each other.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from auditproxy.alerts.engine import AlertEngine
from auditproxy.alerts.reading import event_of, session_event_of
from auditproxy.alerts.rules import AlertRules, RuleTest
from auditproxy.apis.audit import API_VERSION, Event
from auditproxy.apis.session import SESSION_API_VERSION, SessionEvent
from auditproxy.apis.units import SECOND
from auditproxy.audit.policy.reading import ANYTHING, TEXT, TEXTS, FieldType, list_of
from auditproxy.serializer import json
from auditproxy.serializer.duration import parse_duration
from auditproxy.serializer.errors import GoDurationError, SerializationError

MAXIMUM_REPEATS = 2000
EXAMPLE = FieldType("map", ANYTHING)
TEST = FieldType(
    "struct",
    members={
        "name": TEXT,
        "events": list_of(EXAMPLE),
        "sessionEvents": list_of(EXAMPLE),
        "fires": TEXTS,
        "repeat": FieldType("number"),
        "every": TEXT,
    },
)
START = 1_767_225_600 * SECOND
"""The time of a test's first event, nanoseconds since the epoch."""
_EPOCH = "1970-01-01T00:00:00.000000Z"

_EVENT: dict[str, Any] = {
    "kind": "Event",
    "apiVersion": API_VERSION,
    "level": "RequestResponse",
    "auditID": "test",
    "stage": "ResponseComplete",
    "requestURI": "/",
    "verb": "get",
    "user": {"username": "alice", "groups": ["system:authenticated"]},
    "sourceIPs": ["192.0.2.1"],
    "userAgent": "kubectl/v1.37.0",
    "responseStatus": {"metadata": {}, "code": 200},
    "requestReceivedTimestamp": _EPOCH,
    "stageTimestamp": _EPOCH,
    "annotations": {"authorization.k8s.io/decision": "allow"},
}
_SESSION_EVENT: dict[str, Any] = {
    "kind": "SessionEvent",
    "apiVersion": SESSION_API_VERSION,
    "type": "SessionStarted",
    "timestamp": _EPOCH,
    "sessionID": "test",
    "auditID": "test",
    "session": "exec",
    "user": {"username": "alice", "groups": ["system:authenticated"]},
    "objectRef": {
        "resource": "pods",
        "namespace": "default",
        "name": "box",
        "apiVersion": "v1",
        "subresource": "exec",
    },
}


class FailedTest(msgspec.Struct, frozen=True):
    """A test whose events fired other rules than it says."""

    name: str
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    errors: tuple[str, ...]
    """Rules whose condition could not be evaluated."""


def decode_test(
    members: dict[str, Any],
    path: str,
    rules: frozenset[str],
    examples: Mapping[str, dict[str, Any]],
    fault: Callable[[str, str], None],
) -> RuleTest:
    """One test, read by TEST; ``fault`` takes the path and the text of each fault."""
    repeat = members.get("repeat", 1)
    if not isinstance(repeat, int) or not 1 <= repeat <= MAXIMUM_REPEATS:
        fault(f"{path}.repeat", f"must be a whole number from 1 to {MAXIMUM_REPEATS}")
        repeat = 1
    every = SECOND
    if members.get("every"):
        try:
            every = max(parse_duration(members["every"]), 0)
        except GoDurationError:
            fault(f"{path}.every", "must be a duration, as 1s or 5m")
    for name in members.get("fires", ()):
        if name not in rules:
            fault(f"{path}.fires", f"{name} is not a rule of this file")
    events: list[Event | SessionEvent] = []
    if not members.get("events") and not members.get("sessionEvents"):
        fault(path, "must have events or sessionEvents")
    for field, defaults, read in (
        ("events", _EVENT, event_of),
        ("sessionEvents", _SESSION_EVENT, session_event_of),
    ):
        for index, written in enumerate(members.get(field, ())):
            where = f"{path}.{field}[{index}]"
            example = examples.get(written.get("like", ""), {})
            if "like" in written and not example:
                fault(where, f"there is no example {written['like']}")
            whole = _merged(_merged(defaults, example), written)
            try:
                events += [read(_numbered(whole, number)) for number in range(repeat)]
            except SerializationError as error:
                fault(where, str(error))
    return RuleTest(
        name=members.get("name", "") or path,
        events=tuple(events),
        fires=tuple(members.get("fires", ())),
        every=every,
    )


def _merged(members: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Members with others over them; null takes one away, objectRef is merged in its turn."""
    found = {**members, **{name: value for name, value in over.items() if name != "like"}}
    below, above = members.get("objectRef"), over.get("objectRef")
    if isinstance(below, dict) and isinstance(above, dict):
        found["objectRef"] = _merged(below, above)
    if isinstance(found.get("responseStatus"), dict):
        found["responseStatus"] = {"metadata": {}, **found["responseStatus"]}
    return {name: value for name, value in found.items() if value is not None}


def _numbered(members: dict[str, Any], number: int) -> dict[str, Any]:
    """Members with a number in every place for it."""
    text = json.encode(members)
    if b"{{ i }}" not in text:
        return members
    return dict(json.decode(text.replace(b"{{ i }}", str(number).encode())))


def run_tests(rules: AlertRules) -> tuple[FailedTest, ...]:
    """The tests of a file that fail, each with what is wrong; () when all pass."""
    failed = []
    for test in rules.tests:
        engine = AlertEngine(rules.rules)
        fired = {
            alert.name
            for index, event in enumerate(test.events)
            for alert in engine.take(event, START + index * test.every)
        }
        missing = tuple(name for name in dict.fromkeys(test.fires) if name not in fired)
        unexpected = tuple(sorted(fired - set(test.fires)))
        errors = tuple(f"{name}: {why}" for name, why in sorted(engine.condition_reasons.items()))
        if missing or unexpected or errors:
            failed.append(FailedTest(test.name, missing, unexpected, errors))
    return tuple(failed)
