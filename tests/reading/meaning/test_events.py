"""Lines of logs to events, whole or not."""

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.reading.meaning import events
from auditproxy.reading.meaning.events import Counts, TrailEvent, event_of, read_events
from tests.fakes.trails import event, line_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def counted(line: bytes) -> tuple[tuple[TrailEvent, ...], Counter[str]]:
    """The events of a line, and what was counted."""
    counts = Counts()
    return read_events(line, counts), counts


def test_an_event() -> None:
    """Every member that is read."""
    (found,), counts = counted(line_of(event("create", "pods/exec", "web-1", query="command=sh")))
    assert (found.verb, found.user.username, found.stage) == ("create", "alice", "ResponseComplete")
    assert found.object_ref is not None
    assert found.object_ref.subresource == "exec"
    assert found.response_status is not None
    assert found.response_status.code == 200
    assert counts == {events.EVENTS: 1}


@pytest.mark.parametrize("line", [b"", b"  \r", b"\0\0\0", b"\xef\xbb\xbf"])
def test_blank_lines(line: bytes) -> None:
    """Blanks, a byte order mark and what a crash leaves are nothing."""
    assert counted(line) == ((), {})


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"I1123 10:00:00.000000 1 main.go:1] hello", events.FOREIGN),
        (b'{"level":"info","msg":"hello"}', events.FOREIGN),
        (b'{"kind":"Pod"}', events.FOREIGN),
        (b"[1]", events.FOREIGN),
        (b"\xff\xfe\x00binary", events.FOREIGN),
        (b'2017-01-02T03:04:05.123Z AUDIT: id="x" ip="1.2.3.4"', events.LEGACY),
        (line_of(event())[:60], events.TORN),
        (b"{", events.TORN),
        (b'{"a":' * 3000, events.TORN),
    ],
)
def test_other_lines(line: bytes, kind: str) -> None:
    """Each is counted as what it is, and is no event."""
    assert counted(line) == ((), {kind: 1})


def test_other_versions() -> None:
    """They are read, and counted."""
    (found,), counts = counted(line_of(event(apiVersion="audit.k8s.io/v1beta1")))
    assert found.verb == "get"
    assert counts == {events.EVENTS: 1, events.OTHER_VERSION: 1}


def test_cut_in_a_body() -> None:
    """What stands before the bodies is read."""
    whole = event("create", name="web-1", requestObject={"spec": {"a": "b" * 100}})
    order = [key for key in whole if key != "requestReceivedTimestamp"]
    line = line_of({key: whole[key] for key in order})
    (found,), counts = counted(line[: line.index(b"bbbb")] + b"[Truncated...]")
    assert (found.verb, found.object_ref.name if found.object_ref else "") == ("create", "web-1")
    assert counts == {events.EVENTS: 1, events.TRUNCATED: 1}


def test_two_on_a_line() -> None:
    """A writer that lost a line end loses no event."""
    found, counts = counted(line_of(event(name="a")) + b" " + line_of(event(name="b")))
    assert [one.object_ref.name for one in found if one.object_ref] == ["a", "b"]
    assert counts == {events.EVENTS: 2}
    found, counts = counted(line_of(event(name="a")) + line_of(event(name="b"))[:50])
    assert [one.object_ref.name for one in found if one.object_ref] == ["a"]
    assert counts == {events.EVENTS: 1, events.TORN: 1}


def test_bytes_that_are_not_text() -> None:
    """An invalid byte costs its character alone."""
    line = line_of(event(userAgent="kubeX")).replace(b"kubeX", b"kube\xff")
    (found,), counts = counted(line)
    assert found.user_agent == "kube\ufffd"
    assert counts == {events.EVENTS: 1}


@pytest.mark.parametrize(
    ("name", "value"),
    [("sourceIPs", "192.0.2.7"), ("user", 5), ("objectRef", []), ("annotations", {"a": 1})],
)
def test_odd_members(name: str, value: Any) -> None:
    """A member of another type is left out, the others are read."""
    (found,), counts = counted(line_of(event(**{name: value})))
    assert found.verb == "get"
    assert counts == {events.EVENTS: 1, events.ODD: 1}


def test_null_members() -> None:
    """As if they were not there."""
    (found,), _ = counted(line_of(event(objectRef=None, annotations=None)))
    assert found.object_ref is None
    assert found.annotations == {}


def test_lone_surrogates() -> None:
    """Text that is not Unicode is read; only what prints it has to care."""
    (found,), _ = counted(line_of(event()).replace(b"kubectl/", b"\\ud800/"))
    assert found.user_agent.startswith(("\ud800", "\ufffd"))


@given(st.binary(max_size=200))
def test_any_bytes(line: bytes) -> None:
    """Nothing raises; a line is at most one thing that is not an event."""
    found, counts = counted(line)
    assert found == ()
    assert counts.total() <= 1


@given(st.dictionaries(st.sampled_from([*event(), "requestObject"]), JSON, max_size=8))
def test_any_members(members: dict[str, Any]) -> None:
    """An event with any members is an event."""
    whole = event() | members | {"kind": "Event", "apiVersion": "audit.k8s.io/v1"}
    found, counts = counted(json.dumps(whole).encode())
    assert len(found) == counts[events.EVENTS] == 1
    assert event_of(whole, Counts()).kind == "Event"


@given(st.integers(0, len(line_of(event())) - 1))
def test_cut_anywhere(length: int) -> None:
    """However much of a line is there, nothing is invented."""
    found, counts = counted(line_of(event())[:length])
    assert len(found) == counts[events.TRUNCATED] <= 1
    for one in found:
        assert one.verb in ("get", "")
