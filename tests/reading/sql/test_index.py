"""The index: what it has of requests, and that its connection reaches nothing else."""

from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditproxy.reading.meaning.events import Counts
from auditproxy.reading.sql.index import LONGEST_ASKED, build_index, open_index
from auditproxy.reading.sql.store import open_store, prepare
from auditproxy.reading.trail.sources import files_of
from tests.fakes.trails import COMPLETE, PANIC, RECEIVED, STARTED, event, write
from tests.reading.saving import save


def indexed(folder: Path, *logs: Path) -> Any:
    """A connection to the index of these logs."""
    (folder / "index").mkdir(parents=True, exist_ok=True)
    stored = prepare(files_of([str(log) for log in logs], str(folder)), str(folder), Counts())
    build = build_index(stored, str(folder / "index"), 1)
    build.run()
    with pytest.raises(duckdb.Error):
        build.progress()
    return open_index(str(folder / "index"), 1, stored)


def test_one_row_for_a_request(tmp_path: Path) -> None:
    """Its end, and of one without an end its last event."""
    log = write(
        tmp_path / "audit.log",
        [
            event(audit_id="a", stage=RECEIVED),
            event(audit_id="a", stage=COMPLETE),
            event("watch", audit_id="b", stage=RECEIVED),
            event("watch", audit_id="b", stage=STARTED),
            event(audit_id="c", stage=STARTED, code=401, user=""),
        ],
    )
    connection = indexed(tmp_path, log)
    rows = connection.execute("SELECT audit_id, outcome FROM requests ORDER BY audit_id").fetchall()
    assert rows == [("a", "allowed"), ("b", "open"), ("c", "unauthenticated")]
    connection.close()


def test_twins(tmp_path: Path) -> None:
    """Of several witnesses the one that says most counts the others; other requests are none."""
    one = [event(audit_id="same"), event("delete", audit_id="other"), event(audit_id="late")]
    two = [
        event(audit_id="same", level="RequestResponse", at="10:00:01"),
        event("patch", audit_id="other"),
        event(audit_id="late", at="10:02:00"),
    ]
    connection = indexed(
        tmp_path, write(tmp_path / "one.log", one), write(tmp_path / "two.log", two)
    )
    rows = connection.execute(
        'SELECT audit_id, "level", witnesses, is_twin FROM requests ORDER BY ALL'
    ).fetchall()
    assert rows == [
        ("late", "Metadata", 1, False),
        ("late", "Metadata", 1, False),
        ("other", "Metadata", 1, False),
        ("other", "Metadata", 1, False),
        ("same", "Metadata", 2, True),
        ("same", "RequestResponse", 2, False),
    ]
    connection.close()


def test_saved_trails(tmp_path: Path) -> None:
    """Are read where they are, beside lines: the same rows, and no second copy of them."""
    events = [
        event(audit_id="a", stage=RECEIVED),
        event("patch", "deployments", "x", audit_id="a", requestObject={"a": "b"}),
        event("watch", audit_id="b", stage=RECEIVED),
        event("watch", audit_id="b", stage=STARTED),
    ]
    log = write(tmp_path / "audit.log", events)
    saved = save(tmp_path, events)
    statement = "SELECT * EXCLUDE (origin) FROM requests ORDER BY audit_id"
    connection = indexed(tmp_path / "of-lines", log)
    expected = connection.execute(statement).fetchall()
    connection.close()
    connection = indexed(tmp_path / "of-saved", saved)
    assert connection.execute(statement).fetchall() == expected
    assert len(expected) == 2
    with pytest.raises(duckdb.Error):
        connection.execute(f"FROM read_json('{log}')")
    connection.close()
    made = [path.name for path in (tmp_path / "of-saved" / "index" / "requests").iterdir()]
    assert made == ["open.parquet"]
    other = write(tmp_path / "other.log", [event(audit_id="c"), events[1]])
    connection = indexed(tmp_path / "of-both", saved, other)
    rows = connection.execute("SELECT audit_id, witnesses FROM requests ORDER BY ALL").fetchall()
    assert rows == [("a", 2), ("a", 2), ("b", 1), ("c", 1)]
    connection.close()


def test_bodies(tmp_path: Path) -> None:
    """Short ones of writes alone, and none of what holds secrets."""
    body = {"a": "b"}
    log = write(
        tmp_path / "audit.log",
        [
            event("patch", "deployments", "a", requestObject=body),
            event("patch", "deployments", "b", requestObject={"a": "b" * LONGEST_ASKED}),
            event("create", "secrets", "c", requestObject=body),
            event("create", "serviceaccounts/token", "d", requestObject=body),
            event("create", "tokenreviews", "e", requestObject=body),
            event("get", "pods", "f", requestObject=body),
        ],
    )
    connection = indexed(tmp_path, log)
    rows = connection.execute(
        'SELECT "name", asked FROM requests WHERE asked IS NOT NULL'
    ).fetchall()
    assert rows == [("a", '{"a":"b"}')]
    connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_json('{folder}/audit.log')",
        "COPY (SELECT 1) TO '{folder}/out.csv'",
        "COPY (SELECT 1) TO '{folder}/index/more.parquet' (FORMAT parquet)",
        "ATTACH '{folder}/other.db'",
        "SET enable_external_access = true",
        "SET allowed_paths = ['/etc/passwd']",
        "INSTALL httpfs",
    ],
)
def test_nothing_else_is_reached(tmp_path: Path, statement: str) -> None:
    """Neither the log nor the folder, nor a setting."""
    connection = indexed(tmp_path, write(tmp_path / "audit.log", [event()]))
    before = sorted((tmp_path / "index").rglob("*"))
    with pytest.raises(duckdb.Error):
        connection.execute(statement.format(folder=tmp_path)).fetchall()
    assert sorted((tmp_path / "index").rglob("*")) == before
    connection.close()


_STAGES = (RECEIVED, STARTED, COMPLETE, PANIC)


@given(
    made=st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.lists(st.sampled_from(_STAGES), min_size=1, max_size=4),
            st.sampled_from((0, 101, 200, 401, 403, 500)),
            st.sampled_from(("10:00:00", "10:00:01")),
        ),
        max_size=8,
    )
)
@settings(max_examples=15, deadline=None)
def test_it_has_what_the_view_of_the_trail_has(
    made: list[tuple[str, list[str], int, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The same rows as the view requests, by every column that both have; and those without a time."""
    folder = tmp_path_factory.mktemp("compared")
    events = [
        event(audit_id=audit_id, stage=stage, code=code, at=at)
        for audit_id, stages, code, at in made
        for stage in dict.fromkeys(stages)
    ]
    log = write(folder / "audit.log", events)
    columns = (
        'audit_id, stage, verb, username, "groups", code, source_ips, received, staged, decision, '
        "outcome, seconds"
    )
    statement = f"SELECT {columns} FROM requests ORDER BY ALL"
    index = indexed(folder, log)
    stored = prepare(files_of([str(log)], str(folder)), str(folder), Counts())
    whole = open_store(stored, str(folder), 1)
    assert index.execute(statement).fetchall() == whole.execute(statement).fetchall()
    index.close()
    whole.close()
