"""The generated trail is one that kube-apiserver could have written."""

import io

from auditproxy.reading.meaning.events import EVENTS, Counts, read_events
from auditproxy.reading.meaning.requests import joined, seen_event
from tests.bench.trail import lines_of, write


def test_lines() -> None:
    """Every line is an event, and most requests have two."""
    counts = Counts()
    events = [event for line in lines_of(2000) for event in read_events(line.encode(), counts)]
    assert counts == {EVENTS: 2000}
    requests = joined([seen_event(event) for event in events])
    assert len(requests) == 1000
    assert all(one.stages == ("RequestReceived", "ResponseComplete") for one in requests)
    assert any(
        "/exec?" in one.event.request_uri
        for one in joined(
            [seen_event(e) for line in lines_of(40_000) for e in read_events(line.encode(), counts)]
        )
    )


def test_seeds() -> None:
    """The same seed gives the same bytes, another one others."""
    first, second, third = io.BytesIO(), io.BytesIO(), io.BytesIO()
    write(100, first, 1)
    write(100, second, 1)
    write(100, third, 2)
    assert first.getvalue() == second.getvalue() != third.getvalue()
    assert first.getvalue().count(b"\n") == 100
