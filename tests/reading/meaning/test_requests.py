"""Events of one request are joined, whoever wrote them and in whatever order they are read."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from auditproxy.reading.meaning.events import Counts, read_events
from auditproxy.reading.meaning.requests import SeenEvent, joined, seen_event
from tests.fakes.trails import COMPLETE, PANIC, RECEIVED, STARTED, event, read, seen


def stages_of(*events: SeenEvent) -> list[tuple[str, ...]]:
    """The stages of each request."""
    return [one.stages for one in joined(list(events))]


def test_stages() -> None:
    """Three events of a watch are one request."""
    watch = [
        seen(event("watch", stage=stage, audit_id="w", took=took))
        for stage, took in ((RECEIVED, 0), (STARTED, 0.1), (COMPLETE, 60.0))
    ]
    assert stages_of(*watch[::-1]) == [(RECEIVED, STARTED, COMPLETE)]
    assert joined(watch)[0].event.stage == COMPLETE


def test_alone() -> None:
    """A failed login, a crash and an open request are requests too."""
    refused = seen(event(stage=STARTED, code=401, user="", audit_id="a", at="10:00:00"))
    crashed = seen(event(stage=PANIC, code=500, audit_id="b", at="10:00:01"))
    waiting = seen(event(stage=RECEIVED, audit_id="c", at="10:00:02"))
    assert stages_of(waiting, crashed, refused) == [(STARTED,), (PANIC,), (RECEIVED,)]


def test_written_twice() -> None:
    """A webhook that was asked again writes the same event twice."""
    assert stages_of(seen(event()), seen(event())) == [(COMPLETE,)]


def test_written_twice_with_half_a_pair() -> None:
    """Half of a pair of surrogates ends nothing where two events are compared."""
    written = json.dumps(event("a", user="?"))
    lines = [written.replace("?", half).encode() for half in (r"\ud800", r"x\udfff")]
    one, other = (seen_event(read_events(line, Counts())[0], "") for line in lines)
    (request,) = joined([one, other])
    assert request.last.event.user.username == "\ud800"
    assert request.last == joined([other, one])[0].last


def test_an_id_that_is_used_twice() -> None:
    """A client may choose the same ID for two requests."""
    one = seen(event(name="a", audit_id="x", at="10:00:00"))
    two = seen(event(name="b", audit_id="x", at="10:00:05"))
    assert [each.event.object_ref.name for each in joined([two, one]) if each.event.object_ref] == [
        "a",
        "b",
    ]


def test_witnesses() -> None:
    """Two servers that saw one request: one request, the account that says more first."""
    proxy = seen(event("create", audit_id="x", at="10:00:00", level="RequestResponse"), "proxy")
    server = seen(event("create", audit_id="x", at="10:00:00.2"), "server")
    (one,) = joined([server, proxy])
    assert [account[-1].origin for account in one.accounts] == ["proxy", "server"]
    assert one.event.level == "RequestResponse"


def test_not_witnesses() -> None:
    """Another target, another verb or another time is another request."""
    first = seen(event("get", name="a", audit_id="x"), "one")
    for other in (
        event("get", name="b", audit_id="x"),
        event("delete", name="a", audit_id="x"),
        event("get", name="a", audit_id="x", at="11:00:00"),
    ):
        assert len(joined([first, seen(other, "two")])) == 2


def test_without_an_id() -> None:
    """Nothing says that two events belong together."""
    one = seen(event() | {"auditID": ""})
    assert len(joined([one, one])) == 2


def test_times() -> None:
    """A time that is missing is the next best one."""
    whole = read(event(took=1.5))
    assert seen_event(whole).staged - seen_event(whole).received == 1_500_000_000
    bare = read(event() | {"requestReceivedTimestamp": "", "stageTimestamp": "nonsense"})
    found = seen_event(bare, outer=7)
    assert (found.received, found.staged) == (7, 7)
    assert joined([found])[0].received == 7


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", ""]),
            st.sampled_from([RECEIVED, STARTED, COMPLETE, PANIC, "", "Other"]),
            st.sampled_from(["10:00:00", "10:00:30", "12:00:00"]),
            st.sampled_from(["p", "q", "r"]),
        ),
        max_size=12,
    ),
    st.randoms(use_true_random=False),
)
def test_any_events(rows: list[tuple[str, str, str, str]], source: object) -> None:
    """Every event is in one request, and the order in which they are read does not matter."""
    events = [
        seen(event(stage=stage, at=at) | {"auditID": audit_id}, origin)
        for audit_id, stage, at, origin in rows
    ]
    shuffled = list(events)
    source.shuffle(shuffled)  # type: ignore[attr-defined]

    def shape(found: list[SeenEvent]) -> Any:
        return sorted(
            (
                one.key,
                sorted(
                    (account[0].origin, tuple(each.event.stage for each in account))
                    for account in one.accounts
                ),
            )
            for one in joined(found)
        )

    assert shape(events) == shape(shuffled)
    distinct = {
        (e.origin, e.event.audit_id, e.received, e.event.stage) for e in events if e.event.audit_id
    }
    total = sum(len(account) for one in joined(events) for account in one.accounts)
    assert total == len(distinct) + sum(not e.event.audit_id for e in events)
