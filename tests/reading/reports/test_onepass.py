"""One pass counts each request once, wherever its events stand."""

import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditproxy.reading.meaning.conditions import conditions_of
from auditproxy.reading.meaning.requests import joined
from auditproxy.reading.reports import onepass
from auditproxy.reading.reports.blockpass import PassTask
from auditproxy.reading.reports.onepass import Passed, pass_once
from auditproxy.reading.reports.subjects import SUBJECTS
from auditproxy.reading.trail.sources import files_of, trail_file
from tests.fakes.trails import COMPLETE, RECEIVED, STARTED, event, line_of, seen, write


def passed(path: Path, subject: str = "activity", size: int = 4000, **filters: Any) -> Passed:
    """A log that was counted, in blocks of some lines."""
    conditions = conditions_of({name: [value] for name, value in filters.items()})
    return pass_once([trail_file(str(path))], PassTask(subject, conditions), size)


def requests(found: Passed, section: str = "days") -> int:
    """How many requests were counted."""
    return sum(tally.requests for tally in found.tallies.of(section).values())


STAGES = {
    "whole": ((RECEIVED, 0), (COMPLETE, 200)),
    "watch": ((RECEIVED, 0), (STARTED, 200), (COMPLETE, 200)),
    "open": ((RECEIVED, 0), (STARTED, 200)),
    "login": ((STARTED, 401),),
    "crash": ((RECEIVED, 0), ("Panic", 500)),
    "end": ((COMPLETE, 403),),
    "begin": ((RECEIVED, 0),),
}


@st.composite
def trails(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Events of requests, mixed as a busy server's are, each request's own in their order."""
    kinds = draw(st.lists(st.sampled_from(sorted(STAGES)), min_size=1, max_size=25))
    waiting = []
    for number, kind in enumerate(kinds):
        # An ID may be used twice.
        name = f"id-{draw(st.integers(0, number // 2))}"
        waiting.append(
            [
                event(
                    name=name, audit_id=name, stage=stage, code=code, at=f"10:00:{number:02d}",
                    user=draw(st.sampled_from(("alice", "bob"))) if stage != STARTED else "bob",
                )
                for stage, code in STAGES[kind]
            ]
        )  # fmt: skip
    mixed: list[dict[str, Any]] = []
    while any(waiting):
        chosen = draw(st.sampled_from([one for one in waiting if one]))
        mixed.append(chosen.pop(0))
    return mixed


@settings(max_examples=80)
@given(made=trails(), subject=st.sampled_from(["access", "activity"]), size=st.sampled_from([600, 3000, 90000]))  # fmt: skip
def test_as_joined(
    made: list[dict[str, Any]], subject: str, size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The groups are those of the last events of all requests, as joining the whole trail has them."""
    path = write(tmp_path_factory.mktemp("log") / "audit.log", made)
    found = passed(path, subject, size)
    expected: dict[Any, int] = {}
    whole = joined([seen(one) for one in made])
    for request in whole:
        for key in SUBJECTS[subject].keys_of(
            request.event, request.event.request_received_timestamp
        ):
            expected[key] = expected.get(key, 0) + 1
    assert {key: tally.requests for key, tally in found.tallies.groups.items()} == expected
    if subject == "activity":
        ends = ("ResponseComplete", "Panic")
        open_ones = [
            one
            for one in whole
            if one.event.stage not in ends
            and (one.event.response_status is None or one.event.response_status.code < 400)
        ]
        assert found.open == len(open_ones)


@settings(max_examples=40)
@given(made=trails(), size=st.sampled_from([600, 90000]))
def test_events_and_bytes(
    made: list[dict[str, Any]], size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Every event counts, with its line."""
    path = write(tmp_path_factory.mktemp("log") / "audit.log", made)
    tallies = passed(path, "noise", size).tallies.groups.values()
    assert sum(tally.events for tally in tallies) == len(made)
    assert sum(tally.size for tally in tallies) == path.stat().st_size


def test_filters_and_times(tmp_path: Path) -> None:
    """A filter is about the last event; until is not included."""
    path = write(
        tmp_path / "audit.log",
        [
            event(name="a", stage=RECEIVED, audit_id="a"),
            event(name="a", code=403, audit_id="a"),
            event(name="b", at="11:00:00"),
        ],
    )
    assert requests(passed(path, code="403")) == 1
    assert requests(passed(path, code="200")) == 1
    files = [trail_file(str(path))]
    since, until = "2026-11-23T10:00:00.000000Z", "2026-11-23T11:00:00.000000Z"
    assert requests(pass_once(files, PassTask("activity", since=since))) == 2
    assert requests(pass_once(files, PassTask("activity", since=until))) == 1
    assert requests(pass_once(files, PassTask("activity", until=until))) == 1


def test_packed_torn_and_foreign(tmp_path: Path) -> None:
    """What is not an event is counted, and what is packed is read."""
    path = tmp_path / "audit.log.gz"
    lines = [line_of(event(name="a")), b"hello", line_of(event(name="b"))[:90], b""]
    path.write_bytes(gzip.compress(b"\n".join(lines)))
    found = passed(path)
    assert requests(found) == 1
    assert (found.counts["foreign"], found.counts["torn"]) == (1, 1)
    plain = tmp_path / "audit.log"
    plain.write_bytes(b"\n".join([*lines, line_of(event(name="c", at="10:30:00"))]))
    found = passed(plain)
    assert requests(found) == 2
    assert (found.counts["foreign"], found.counts["torn"]) == (1, 1)


def test_an_end_in_another_block(tmp_path: Path) -> None:
    """A session that took long is one request, with the events of all blocks."""
    shell: dict[str, Any] = {"audit_id": "shell", "at": "09:00:00"}
    made = [
        event("get", "pods/exec", "p", stage=RECEIVED, **shell),
        event("get", "pods/exec", "p", stage=STARTED, code=101, **shell),
        *(event(name=f"n{number}", at=f"10:00:{number:02d}") for number in range(40)),
        event("get", "pods/exec", "p", code=101, took=4000, **shell),
    ]
    path = write(tmp_path / "audit.log", made)
    found = passed(path, "noise", 3000)
    (of_shell,) = [tally for key, tally in found.tallies.groups.items() if "pods/exec" in key]
    assert (of_shell.requests, of_shell.events) == (1, 3)
    assert found.open == 0


def test_two_servers(tmp_path: Path) -> None:
    """Requests that two servers wrote of are said, and those of one are not."""
    same = [event(name=f"n{number}", at=f"10:00:{number:02d}") for number in range(5)]
    write(tmp_path / "kube.log", same)
    write(tmp_path / "proxy.log", same[:3])
    write(tmp_path / "other.log", [event(name="x", user="bob")])
    files = files_of([str(tmp_path)], str(tmp_path))
    assert pass_once(files, PassTask("activity")).twins == 3
    assert pass_once(files[:1], PassTask("activity")).twins == 0


def test_many_that_do_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are counted before their end, so that memory is bounded; each only once."""
    monkeypatch.setattr(onepass, "MOST_OPEN", 5)
    made = [
        event(name=f"n{number}", stage=STARTED, at=f"10:00:{number:02d}") for number in range(20)
    ]
    found = passed(write(tmp_path / "audit.log", made), size=2000)
    assert (requests(found), found.open) == (20, 20)
