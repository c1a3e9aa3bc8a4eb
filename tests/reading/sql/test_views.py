"""The columns of a trail in SQL say what the columns of requests say."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from auditproxy.reading.meaning.conditions import COLUMNS, admits_all, as_sql, conditions_of
from auditproxy.reading.meaning.facts import RequestFacts
from auditproxy.reading.meaning.requests import joined
from auditproxy.reading.sql.store import StoredFile, open_store
from auditproxy.reading.sql.views import lines_view, text
from tests.fakes.trails import COMPLETE, PANIC, RECEIVED, STARTED, event, read, seen, write


def rows(folder: Path, events: list[dict[str, Any]], query: str, *parameters: Any) -> list[Any]:
    """What a query gives of these events."""
    path = write(folder / "audit.log", events)
    connection = open_store([StoredFile(str(path), "a")], str(folder), 1)
    try:
        return connection.execute(query, list(parameters)).fetchall()
    finally:
        connection.close()


REASON = 'RBAC: allowed by ClusterRoleBinding "ops" of ClusterRole "admin" to Group "ops"'
TRAIL = [
    event("list", "pods", at="09:00:00"),
    event("get", "secrets", "db", code=403, at="09:01:00", user="system:serviceaccount:shop:web"),
    event("watch", "pods", stage=RECEIVED, audit_id="w", at="09:02:00"),
    event("watch", "pods", stage=STARTED, audit_id="w", at="09:02:00"),
    event("get", "pods/exec", "p", stage=RECEIVED, audit_id="e", at="09:03:00"),
    event("get", "pods/exec", "p", stage=COMPLETE, code=101, took=9.0, audit_id="e", at="09:03:00"),
    event("get", "pods", stage=STARTED, code=401, user="", at="09:04:00"),
    event("get", "pods", stage=PANIC, code=500, user="system:node:n1", at="09:05:00"),
    event("delete", "nodes", "n", at="09:06:00", query="dryRun=All", user="system:kube-scheduler",
          annotations={"authorization.k8s.io/reason": REASON, "authorization.k8s.io/decision": "allow"}),
    event("delete", "pods", "p", at="09:06:30", requestObject={"dryRun": ["All"]}),
    event("delete", "pods", "q", at="09:06:40", requestObject={"dryRun": "All"}),
    event("create", "pods", at="09:07:00", requestObject={"metadata": {"name": "made"}}, code=201,
          impersonatedUser={"username": "bob", "groups": ["ops"]}, sourceIPs=["10.0.0.1", "192.0.2.7"]),
    event("create", "pods", stage=RECEIVED, at="09:08:00", audit_id="o", user="system:anonymous"),
]  # fmt: skip


def test_requests(tmp_path: Path) -> None:
    """One row for each request, with what facts.py says of it."""
    query = (
        "SELECT username, actor, kind, resource, subresource, name, code, outcome, seconds, peer, "
        "client, dry_run, decision, granted_by, groups FROM requests ORDER BY received"
    )
    expected = []
    for request in joined([seen(one) for one in TRAIL]):
        one = RequestFacts(request)
        reference = one.reference
        expected.append(
            (
                one.user or None,
                one.actor or None,
                one.kind,
                reference.resource,
                reference.subresource or None,
                one.name or None,
                one.code or None,
                one.outcome,
                None if one.duration is None else one.duration / 1e9,
                one.peer,
                one.client,
                one.is_dry_run,
                one.event.annotations.get("authorization.k8s.io/decision"),
                one.granted_by or None,
                list(one.groups),
            )
        )
    assert rows(tmp_path, TRAIL, query) == expected


def test_events(tmp_path: Path) -> None:
    """Every event is a row, and lines that are none are not."""
    path = write(tmp_path / "audit.log", TRAIL)
    with path.open("ab") as file:
        file.write(b'garbage\n{"kind":"Pod"}\n{"kind":"Event","apiVersion":"v1"}\n{"kind":"Ev')
    connection = open_store([StoredFile(str(path), "a")], str(tmp_path), 1)
    assert connection.execute("SELECT count(*) FROM events").fetchall() == [(len(TRAIL),)]
    connection.close()


def test_short_users(tmp_path: Path) -> None:
    """The macro spells users as the table does."""
    names = [
        row[0] for row in rows(tmp_path, TRAIL, "SELECT DISTINCT short_user(username) FROM events")
    ]
    assert {"shop/web", "node/n1", "alice", "system:kube-scheduler"} <= set(names)


@pytest.mark.parametrize("value", ["plain", "it's", "'; DROP VIEW events; --", "\\", ""])
def test_texts(value: str, tmp_path: Path) -> None:
    """Whatever is in a text, it is that text."""
    assert rows(tmp_path, TRAIL, f"SELECT {text(value)}") == [(value,)]


def test_columns_that_are_asked_for() -> None:
    """Members that are not asked for are not read."""
    view = lines_view([("/x/a.log", "o")], ("kind", "verb"))
    assert "'kind'" in view
    assert "requestObject" not in view


VALUES = st.sampled_from(
    ["alice", "al*", "!alice", "bob", "shop/web", "node/n1", "pods", "pod", "pods/exec", "pods/*", "*/exec", "secret",
     "nodes", "*", "shop", "ops", "system:*", "p", "made", "192.0.2.7", "10.*", "kubectl*", "get", "!get", "a_b", "100%", "w"]
)  # fmt: skip


@example({"name": ["*"]}, [])
@example({"user": ["*"], "namespace": ["!*"]}, [])
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(sorted(set(COLUMNS) - {"code", "kind"})),
        st.lists(VALUES, min_size=1, max_size=2),
        max_size=2,
    ),
    st.lists(st.sampled_from(["403", "4xx", "!200", "101"]), max_size=2),
)
def test_filters_in_sql(tmp_path: Path, filters: dict[str, list[str]], codes: list[str]) -> None:
    """A filter in SQL chooses the events that it chooses in Python."""
    filters["source-ip"] = [one for one in filters.get("source-ip", ()) if "/" not in one]
    conditions = conditions_of(filters | {"code": codes})
    clause, parameters = as_sql(conditions)
    ended = [one for one in TRAIL if "responseStatus" in one or not codes]
    chosen = rows(
        tmp_path,
        ended,
        f"SELECT audit_id FROM events WHERE {clause} ORDER BY received, stage",
        *parameters,
    )
    expected = [one["auditID"] for one in ended if admits_all(conditions, read(one))]
    assert sorted(row[0] for row in chosen) == sorted(expected)
