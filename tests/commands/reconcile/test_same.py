"""What SQL finds to be the same is what judging finds, request by request."""

import io
import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditproxy.audit.redaction.redactor import MARKER
from auditproxy.commands.reconcile import judging, statements
from auditproxy.commands.reconcile.judging import Known, VerdictTally
from auditproxy.commands.reconcile.pairing import CLOSED_EARLY, SideRecord, pairs_of
from auditproxy.commands.reconcile.printing import ComparedPeriod, JsonReport
from auditproxy.commands.reconcile.running import SameRequests, compare
from auditproxy.reading.sql.store import StoredFile, open_store
from tests.fakes.trails import event, write

PROXY = "proxy"
URIS = (
    "/api/v1/pods", "/api/v1/pods?a=1", f"/api/v1/pods?a={MARKER}1", "/api/v1/pods?a=1&b=",
    "/api/v1/secrets", "",
)  # fmt: skip


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """One request, of few audit IDs, users and times, so that many meet."""
    members: dict[str, Any] = {"requestURI": draw(st.sampled_from(URIS))}
    acting = draw(st.sampled_from(("", "", "alice", "mallory")))
    if acting or draw(st.booleans()):
        members["impersonatedUser"] = {"username": acting}
    one = event(
        draw(st.sampled_from(("get", "get", "list"))),
        user=draw(st.sampled_from(("alice", "alice", "bob", PROXY, "é", ""))),
        code=draw(st.sampled_from((200, 200, 404, 0))),
        at=f"10:{draw(st.sampled_from((0, 0, 1, 5))):02}:00",
        audit_id=draw(st.sampled_from("abcdefghijklmné")),
        stage=draw(st.sampled_from(("ResponseComplete", "ResponseComplete", "ResponseStarted"))),
        **members,
    )
    if draw(st.booleans()):
        for name in ("requestReceivedTimestamp", "stageTimestamp"):
            one[name] = one[name][:20] + "123456Z"
    if draw(st.integers(0, 2)) == 0:
        one["responseStatus"]["message"] = CLOSED_EARLY
    return one


CHANGES: tuple[dict[str, Any], ...] = (
    {}, {"user": {"username": "mallory"}}, {"impersonatedUser": {"username": "mallory"}},
    {"verb": "delete"}, {"requestURI": "/api/v1/namespaces/shop/secrets/s"},
    {"responseStatus": {"code": 500}}, {"sourceIPs": ["192.0.2.66"]}, {"userAgent": "curl/8"},
    {"stage": "ResponseStarted", "verb": "watch"},
)  # fmt: skip
"""What a direct request may have besides the audit ID and the times of a proxied one."""


def distinct(events: Iterable[dict[str, Any]]) -> int:
    """How many requests there are: each its end, or what it has instead of one."""
    made = list(events)
    ends = [one for one in made if one["stage"] == "ResponseComplete"]
    open_ones = {told(one) for one in made} - {told(one) for one in ends}
    return len({json.dumps(one, sort_keys=True) for one in ends}) + len(open_ones)


def told(one: dict[str, Any]) -> tuple[str, ...]:
    """What all events of a request have."""
    return (
        one["auditID"], one["requestReceivedTimestamp"], one["user"].get("username", ""), one["verb"],
        one["requestURI"],
    )  # fmt: skip


def counted(
    records: Iterable[Any], same: Iterable[Any], known: Known
) -> tuple[str, list[tuple[str, list[tuple[str, int]]]], list[Any]]:
    """What is printed, and each number in its order."""
    out, tally = io.StringIO(), VerdictTally()
    report = JsonReport(out)
    report.begin(ComparedPeriod(known.begin, known.end, is_by_id=True))
    pairs = pairs_of((msgspec.convert(row, SideRecord) for row in records), statements.APART)
    compare(
        pairs,
        (msgspec.convert(row, SameRequests) for row in same),
        known,
        lambda user: user == "bob",
        tally,
        report,
    )
    report.finish(tally)
    users = [(user, list(counts.items())) for user, counts in tally.by_user.items()]
    return out.getvalue(), users, list(tally.times.items())


@settings(max_examples=20, deadline=None)
@given(
    st.lists(requests(), min_size=1, max_size=30),
    st.lists(requests(), min_size=1, max_size=30),
    st.integers(0, 30),
    st.lists(st.sampled_from(CHANGES), max_size=30),
    st.sampled_from((None, "", PROXY, "alice")),
    st.sampled_from((1, 2, 100)),
)
def test_same(
    ours: list[dict[str, Any]],
    theirs: list[dict[str, Any]],
    shared: int,
    changes: list[dict[str, Any]],
    account: str | None,
    most_users: int,
) -> None:
    """All requests one by one, and without those that SQL counts: the same is printed.

    Each request of theirs is counted, also one that has the audit ID and the times of another.
    """
    theirs += ours[:shared]
    theirs += [one | change for one, change in zip(ours, changes, strict=False)]
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "MOST_USERS", most_users)
        folder = Path(name)
        files = [
            StoredFile(str(write(folder / "ours", ours)), statements.OURS),
            StoredFile(str(write(folder / "theirs", [*theirs, *ours[:shared]])), statements.THEIRS),
        ]
        with open_store(files, name, 1) as connection:

            def rows(statement: str, *parameters: Any) -> list[Any]:
                return connection.execute(statement, list(parameters)).fetchall()

            known = Known(0, 1 << 62, account=account)
            slow = counted(rows(statements.records(statements.BY_AUDIT_ID)), (), known)
            rest, same = rows(statements.REST, account), rows(statements.SAME, account)
        assert counted(rest, same, known) == slow
    summary = json.loads(slow[0].splitlines()[-1])["summary"]
    assert sum(row[1] for row in same) <= summary["matched"]
    of_theirs = ("matched", "different", "bypassed", "ignored", "own")
    assert sum(summary[name] for name in of_theirs) >= distinct(theirs)


def test_nearly_all_are_the_same(tmp_path: Path) -> None:
    """Of two logs that agree no request is left to be judged."""
    made = [event(name=str(n), at=f"10:0{n}:00") for n in range(9)]
    files = [
        StoredFile(str(write(tmp_path / "a", made)), statements.OURS),
        StoredFile(str(write(tmp_path / "b", made)), statements.THEIRS),
    ]
    with open_store(files, str(tmp_path), 1) as connection:
        assert connection.execute(statements.REST, [None]).fetchall() == []
        ((user, count, first),) = connection.execute(statements.SAME, [None]).fetchall()
    assert (user, count, first) == ("alice", 9, min(one["auditID"] for one in made))
