"""The newest requests of a trail, whole, wherever their events stand."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditproxy.reading.meaning.conditions import admits_all, conditions_of
from auditproxy.reading.meaning.requests import joined
from auditproxy.reading.trail.newest import Newest, newest
from auditproxy.reading.trail.scanning import Search
from auditproxy.reading.trail.sources import trail_file
from tests.fakes.trails import COMPLETE, RECEIVED, STARTED, event, seen, write


def names(found: Newest) -> list[str]:
    """The names of the objects of the requests."""
    return [one.event.object_ref.name for one in found.requests if one.event.object_ref]


def search(**filters: list[str]) -> Search:
    """What is looked for, by column."""
    return Search(
        conditions=conditions_of({key.replace("_", "-"): value for key, value in filters.items()})
    )


def trail(path: Path, *events: dict[str, Any]) -> list[Any]:
    """The files of a log with these events."""
    return [trail_file(str(write(path, events)))]


def test_newest(tmp_path: Path) -> None:
    """By when they came, at most so many."""
    files = trail(
        tmp_path / "a.log",
        *(event(name=f"n{hour}", at=f"{hour:02d}:00:00") for hour in range(9, 17)),
    )
    found = newest(files, Search(), 3)
    assert names(found) == ["n14", "n15", "n16"]
    assert found.read == found.size


def test_codes_of_the_end(tmp_path: Path) -> None:
    """A code is asked of the last event: a watch that crashed was not answered 200."""
    files = trail(
        tmp_path / "a.log",
        event("watch", name="w", stage=STARTED, code=200, audit_id="w"),
        event("watch", name="w", stage="Panic", code=500, audit_id="w"),
        event(name="x", code=200, at="11:00:00"),
    )
    assert names(newest(files, search(code=["200"]), 50)) == ["x"]
    assert names(newest(files, search(code=["5xx"]), 50)) == ["w"]
    assert names(newest(files, search(code=["!500"]), 50)) == ["x"]


def test_users_that_are_excluded(tmp_path: Path) -> None:
    """RequestReceived does not say as whom: the request is not one of the excluded user's."""
    files = trail(
        tmp_path / "a.log",
        event(name="a", stage=RECEIVED, audit_id="a"),
        event(name="a", stage=COMPLETE, audit_id="a", impersonatedUser={"username": "bob"}),
    )
    assert names(newest(files, search(user=["!bob"]), 50)) == []
    assert names(newest(files, search(user=["bob"]), 50)) == ["a"]


def test_stages_are_joined(tmp_path: Path) -> None:
    """With a filter that only the last event passes, the request has all its stages."""
    files = trail(
        tmp_path / "a.log",
        event(name="a", stage=RECEIVED, audit_id="a"),
        event(name="a", stage=COMPLETE, audit_id="a", code=403),
    )
    (one,) = newest(files, search(code=["403"]), 50).requests
    assert one.stages == (RECEIVED, COMPLETE)


def test_reads_little(tmp_path: Path) -> None:
    """The newest requests are at the end of the file, and the beginning is not read."""
    clocks = [
        f"{number // 360:02d}:{number // 6 % 60:02d}:{number % 6 * 10:02d}"
        for number in range(1440)
    ]
    files = trail(tmp_path / "a.log", *(event(name=clock, at=clock) for clock in clocks))
    found = newest(files, Search(), 20, 10_000)
    assert names(found) == clocks[-20:]
    assert found.read < found.size / 4
    last = newest(files, search(name=[clocks[0]]), 20, 10_000)
    assert names(last) == [clocks[0]]
    assert last.read == last.size
    since = Search(since=found.requests[0].received)
    assert newest(files, since, 1000, 10_000).read < found.size / 4


def test_an_event_that_was_written_often(tmp_path: Path) -> None:
    """A webhook that is retried does not push other requests of its time out."""
    often = [event(name="a", audit_id="1")] * 30
    files = trail(tmp_path / "a.log", *often, event(name="b", audit_id="2"), *often)
    assert names(newest(files, Search(), 1)) == ["b"]
    assert names(newest(files, Search(), 2, 2000)) == ["a", "b"]


EVENT = st.builds(
    event,
    st.sampled_from(["get", "watch"]),
    name=st.sampled_from(["a", "b", "c"]),
    user=st.sampled_from(["alice", "bob"]),
    code=st.sampled_from([200, 403, 500]),
    at=st.sampled_from(["10:00:00", "10:01:00", "11:30:00", "15:00:00"]),
    took=st.sampled_from([0.0, 1.0, 3600.0]),
    stage=st.sampled_from([RECEIVED, STARTED, COMPLETE]),
    audit_id=st.sampled_from(["1", "2", "3", "4", "5", "6"]),
)
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "user": st.sampled_from([["alice"], ["!alice"]]),
        "code": st.sampled_from([["403"], ["!200"], ["5xx", "200"]]),
        "name": st.sampled_from([["a"], ["!b"]]),
        "verb": st.just(["watch"]),
    },
)


@settings(max_examples=60)
@given(st.lists(EVENT, max_size=14), FILTERS, st.integers(1, 4), st.sampled_from([500, 1 << 20]))
def test_as_if_all_were_read(
    tmp_path_factory: pytest.TempPathFactory,
    events: list[dict[str, Any]],
    filters: dict[str, list[str]],
    limit: int,
    size: int,
) -> None:
    """A search gives what joining the whole trail and filtering its requests gives."""
    for one in events:
        # Stages of one request agree in what was asked, and by which user.
        number = int(one["auditID"])
        one["verb"] = ("get", "watch")[number % 2]
        one["user"] = {"username": ("alice", "bob")[number // 2 % 2]}
        one["objectRef"] = one["objectRef"] | {"name": "abc"[number % 3]}
    events.sort(key=lambda one: one["stageTimestamp"])
    files = trail(tmp_path_factory.mktemp("newest") / "audit.log", *events)
    conditions = conditions_of(filters)
    everything = joined([seen(one) for one in events])
    expected = [one for one in everything if admits_all(conditions, one.event)][-limit:]
    found = newest(files, Search(conditions=conditions), limit, size)
    assert [one.key for one in found.requests] == [one.key for one in expected]
    if any(condition.varies for condition in conditions):
        assert [one.stages for one in found.requests] == [one.stages for one in expected]
