"""Saved trails: what was written of events is read as the same events."""

from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditproxy.apis.faults import Unusable
from auditproxy.reading.meaning.conditions import conditions_of
from auditproxy.reading.meaning.events import Counts, read_events
from auditproxy.reading.meaning.facts import RequestFacts
from auditproxy.reading.meaning.requests import joined
from auditproxy.reading.sql.store import prepare
from auditproxy.reading.trail.blocks import Block
from auditproxy.reading.trail.newest import newest
from auditproxy.reading.trail.saved import (
    COLUMNS,
    SIZES,
    check_saved,
    count_saved,
    iso_exact,
    lacking,
    saved_events,
)
from auditproxy.reading.trail.scanning import Search, events_of
from auditproxy.reading.trail.sources import trail_file
from tests.fakes.trails import COMPLETE, RECEIVED, STARTED, event, seen, write
from tests.reading.saving import save
from tests.reading.shop import current, rotated

_WHOLE = COLUMNS | SIZES
_ALL = [
    *rotated(),
    *current(),
    event("create", "pods", requestObject={"metadata": {"name": "made"}}, code=201,
          impersonatedUser={"username": "bob", "uid": "7", "groups": ["ops"], "extra": {"k": ["v"]}},
          user="carol", sourceIPs=["10.0.0.1", "192.0.2.7"]),
    event("get", "nodes", "n", namespace="", user="", code=401, stage=STARTED, at="08:00:00"),
]  # fmt: skip


def test_the_same_events(tmp_path: Path) -> None:
    """Everything that facts.py reads of a request."""
    path = save(tmp_path, _ALL)
    read = joined(list(saved_events(str(path))))
    expected = joined([seen(one, str(tmp_path / "saved.log")) for one in _ALL])
    assert len(read) == len(expected) > 10
    for ours, theirs in zip(read, expected, strict=True):
        a, b = RequestFacts(ours), RequestFacts(theirs)
        for name in ("user", "impersonated", "groups", "kind", "resource", "name", "namespace", "path",
                     "command", "is_dry_run", "code", "outcome", "duration", "peer", "claimed_address", "client",
                     "reason", "granted_by", "asked", "answered"):  # fmt: skip
            assert getattr(a, name) == getattr(b, name), name
        assert (ours.received, ours.stages, ours.event.audit_id) == (
            theirs.received,
            theirs.stages,
            theirs.event.audit_id,
        )
        assert ours.event.impersonated_user == theirs.event.impersonated_user
        assert ours.last.origin == theirs.last.origin


_FILTERS = st.dictionaries(
    st.sampled_from(["user", "verb", "resource", "code", "group", "name", "kind", "source-ip"]),
    st.sampled_from([["alice"], ["!alice"], ["get", "list"], ["secrets"], ["pods/*"], ["ops"], ["w*"], ["192.*"]]),
    max_size=2,
).filter(
    lambda chosen: not {"code", "kind"} & chosen.keys() and chosen.get("source-ip") != ["pods/*"]
)  # fmt: skip


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """All events saved, and as a log."""
    folder = tmp_path_factory.mktemp("both")
    return save(folder, _ALL), write(folder / "saved.log", _ALL)


@settings(max_examples=25, deadline=None)
@given(
    filters=_FILTERS,
    codes=st.sampled_from([(), ("4xx",), ("!403",)]),
    limit=st.integers(1, 8),
)
def test_searches(
    both: tuple[Path, Path], filters: dict[str, Any], codes: tuple[str, ...], limit: int
) -> None:
    """The newest that a search admits are those of the log."""
    search = Search(conditions=conditions_of(filters | {"code": codes}))
    found, expected = (newest([trail_file(str(one))], search, limit) for one in both)
    assert [one.event.audit_id for one in found.requests] == [
        one.event.audit_id for one in expected.requests
    ]
    assert found.counts["events"] == len(_ALL)


def test_written_as_a_line(tmp_path: Path) -> None:
    """Each is one that is read again."""
    for one in saved_events(str(save(tmp_path, _ALL))):
        assert read_events(msgspec.json.encode(one.event), Counts()) == (one.event,)


def test_times_and_ids(tmp_path: Path) -> None:
    """Both bounds of times, audit IDs, and how many."""
    made = [event(name=name, audit_id=name, at=f"1{n}:00:00.5") for n, name in enumerate("abcd")]
    path = str(save(tmp_path, made))
    received = [seen(one).received for one in made]

    def ids(**chosen: Any) -> list[str]:
        return sorted(one.event.audit_id for one in saved_events(path, **chosen))

    assert ids(since=received[1], until=received[3]) == ["b", "c"]
    assert ids(ids=frozenset("ad")) == ["a", "d"]
    assert ids(newest=2) == ["c", "d"]
    assert ids(newest=2, until=received[3]) == ["b", "c"]
    assert iso_exact(received[0]) == "2026-11-23T10:00:00.500000Z"


def test_nothing_is_left_out_of_a_whole_one(tmp_path: Path) -> None:
    """Who reads all events of a block gets them, whatever a search keeps at most."""
    path = save(tmp_path, [event(name=str(n)) for n in range(30)])
    found = events_of(Block(str(path), "o"), Search(most=3), Counts(), Counts())
    assert len(list(found)) == count_saved(str(path)) == 30


def test_stages(tmp_path: Path) -> None:
    """Of a request whose end alone is admitted, its other events are found again."""
    made = [
        event("get", "pods/exec", "p", audit_id="e", stage=RECEIVED),
        event("get", "pods/exec", "p", audit_id="e", stage=COMPLETE, code=101, took=3.0),
    ]
    search = Search(conditions=conditions_of({"code": ["101"]}))
    found = newest([trail_file(str(save(tmp_path, made)))], search, 5)
    assert [one.stages for one in found.requests] == [(RECEIVED, COMPLETE)]


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("SELECT 1 AS a", "is not a saved trail: it lacks the column origin; make one with"),
        ("SELECT * REPLACE ('200' AS code) FROM events", "it lacks the column code"),
    ],
)
def test_other_parquet(tmp_path: Path, statement: str, said: str) -> None:
    """It is said what it lacks."""
    path = save(tmp_path, [event()], statement)
    with pytest.raises(Unusable, match=said):
        list(saved_events(str(path)))


def test_more_columns(tmp_path: Path) -> None:
    """One of requests, with columns of its own, is one too."""
    path = save(tmp_path, [event()], "SELECT *, 1 AS mine FROM requests")
    assert len(list(saved_events(str(path)))) == 1


def test_damage(tmp_path: Path) -> None:
    """One line that says what cannot be read."""
    path = save(tmp_path, [event()])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(Unusable, match="cannot be read as Parquet") as caught:
        newest([trail_file(str(path))], Search(), 5)
    assert "\n" not in str(caught.value)
    with pytest.raises(Unusable, match="cannot be read as Parquet"):
        prepare([trail_file(str(path))], str(tmp_path), Counts())
    with pytest.raises(Unusable, match="cannot be read as Parquet"):
        check_saved(duckdb.connect(), str(path))


def test_columns() -> None:
    """By name and type."""
    assert lacking(list(_WHOLE), list(_WHOLE.values())) == ()
    assert lacking([], []) == tuple(_WHOLE)
