"""The lines of one file to events, whatever is around them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.reading.forms import unwrapping
from auditproxy.reading.forms.unwrapping import Unwrapper
from auditproxy.reading.meaning import events
from auditproxy.reading.meaning.events import TOO_LONG, Counts
from auditproxy.reading.meaning.requests import SeenEvent
from tests.fakes.trails import event, line_of

LINE = line_of(event(name="a"))


def take(*lines: bytes) -> tuple[list[SeenEvent], Counts, Counts]:
    """The events of lines, what was counted, and the forms."""
    counts, forms = Counts(), Counts()
    unwrapper = Unwrapper("origin", counts, forms)
    found = [seen for line in lines for seen in unwrapper.take(line)]
    return [*found, *unwrapper.finish()], counts, forms


@pytest.mark.parametrize(
    ("lines", "form"),
    [
        ((LINE,), "native"),
        ((b"\xef\xbb\xbf" + LINE + b"\r",), "native"),
        ((json.dumps(event(name="a"), sort_keys=True).encode(),), "native"),
        ((b"node-1 " + LINE,), "prefixed"),
        ((b"2026-01-02T03:04:05.678Z " + LINE,), "prefixed"),
        ((b'2026-01-02T03:04:05Z {job="audit", node="n"} ' + LINE,), "prefixed"),
        ((b"2026-01-02T03:04:05.6789Z stdout F " + LINE,), "container"),
        (
            (b"t stdout P " + LINE[:40], b"t stderr F log line", b"t stdout F " + LINE[40:]),
            "container",
        ),
        (
            (json.dumps({"log": LINE.decode() + "\n", "stream": "stdout", "time": "t"}).encode(),),
            "container",
        ),
        (
            tuple(
                json.dumps({"log": part, "stream": "stdout", "time": "t"}).encode()
                for part in (LINE[:50].decode(), LINE[50:].decode() + "\n")
            ),
            "container",
        ),
        ((json.dumps({"message": LINE.decode()}).encode(),), "wrapped"),
    ],
)
def test_forms(lines: tuple[bytes, ...], form: str) -> None:
    """One event, with its form."""
    (found,), counts, forms = take(*lines)
    assert found.event.object_ref is not None
    assert (found.event.object_ref.name, found.origin, found.form) == ("a", "origin", form)
    assert counts[events.EVENTS] == 1
    assert forms == {form: 1}


@pytest.mark.parametrize("line", [b"", b"  ", b"\0" * 10])
def test_blank(line: bytes) -> None:
    """Nothing, not even a count."""
    assert take(line) == ([], {}, {})


def test_a_piece_without_its_end() -> None:
    """At the end of a file the rest is read as it is."""
    _, counts, _ = take(b"t stdout P " + LINE[:60])
    assert counts == {events.TORN: 1}


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces that never end are given up, and so are too many streams."""
    monkeypatch.setattr(unwrapping, "LONGEST_JOINED", 100)
    _, counts, _ = take(*[b"t stdout P " + b"x" * 60] * 3)
    assert counts[TOO_LONG] == 1
    monkeypatch.setattr(unwrapping, "MOST_STREAMS", 2)
    pieces = [json.dumps({"log": "x", "stream": f"s{number}"}).encode() for number in range(4)]
    _, counts, _ = take(*pieces)
    assert counts[TOO_LONG] == 2


def test_outer_times() -> None:
    """The time before a line is that of an event that has none."""
    bare = line_of(event() | {"requestReceivedTimestamp": "", "stageTimestamp": ""})
    (found,), _, _ = take(b"2026-01-02T03:04:05Z " + bare)
    assert found.received == 1_767_323_045_000_000_000


def test_values() -> None:
    """A value that is not a line."""
    forms = Counts()
    unwrapper = Unwrapper("o", Counts(), forms)
    (found,) = unwrapper.value({"kind": "EventList", "items": [event()]})
    assert found.form == "eventlist"
    assert forms == {"eventlist": 1}


@given(
    st.lists(
        st.binary(max_size=80)
        | st.sampled_from([LINE, b"t stdout P {", b"t stdout F }", b'{"log":"x","stream":1}']),
        max_size=8,
    )
)
def test_any_lines(lines: list[bytes]) -> None:
    """Nothing raises, and events are counted."""
    found, counts, forms = take(*lines)
    assert len(found) == counts[events.EVENTS] == forms.total()
    assert len(found) >= lines.count(LINE)
