"""The database reads the trail's files, and nothing can make it do anything else."""

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.reading.meaning.events import BODILESS, Counts
from auditproxy.reading.sql.readable import LONGEST_OBJECT
from auditproxy.reading.sql.store import StoredFile, is_one_select, open_store, prepare
from auditproxy.reading.trail.sources import trail_file
from tests.fakes.trails import event, line_of, write


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Any]:
    """A connection to a trail beside another file."""
    (tmp_path / "other.json").write_text('{"a": 1}\n')
    log = write(tmp_path / "audit.log", [event(name="a")])
    made = open_store([StoredFile(str(log), "o")], str(tmp_path / "spill"), 1)
    yield made
    made.close()


REFUSED = [
    "SELECT * FROM read_json('{folder}/other.json')",
    "SELECT * FROM read_text('{folder}/../{name}/other.json')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/proc/self/environ')",
    "SELECT * FROM read_csv('/dev/stdin')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM '{folder}/other.json'",
    "SELECT * FROM 'https://example.com/a.parquet'",
    "SELECT * FROM 's3://bucket/a.parquet'",
    "COPY (SELECT 1) TO '{folder}/out.csv'",
    "COPY (SELECT 1) TO '{folder}/audit.log'",
    "COPY events TO '{folder}/spill/out.csv'",
    "ATTACH '{folder}/other.db'",
    "EXPORT DATABASE '{folder}/exported'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "SET allowed_paths = ['/etc/passwd']",
    "SET temp_directory = '/tmp'",
    "SET memory_limit = '100GB'",
    "RESET enable_external_access",
    "PRAGMA enable_external_access",
    "CREATE SECRET (TYPE s3)",
    "SELECT * FROM duckdb_secrets()",
    "SELECT getenv('HOME')",
    "SELECT * FROM connection",
    "IMPORT DATABASE '{folder}'",
]


@pytest.mark.parametrize("statement", REFUSED)
def test_nothing_else_is_in_reach(connection: Any, tmp_path: Path, statement: str) -> None:
    """Files, the network, extensions, settings, secrets, variables of ours."""
    before = (tmp_path / "audit.log").read_bytes()
    import duckdb

    with pytest.raises(duckdb.Error):
        connection.execute(statement.format(folder=tmp_path, name=tmp_path.name)).fetchall()
    assert (tmp_path / "audit.log").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} <= {"audit.log", "other.json", "spill"}


def test_the_trail_is_in_reach(connection: Any) -> None:
    """That it can read, again and again."""
    for _ in range(2):
        assert connection.execute("SELECT name FROM requests").fetchall() == [("a",)]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT 1", True),
        ("WITH a AS (SELECT 1) SELECT * FROM a", True),
        ("EXPLAIN SELECT 1", False),
        ("EXPLAIN ANALYZE COPY (SELECT 1) TO 'audit.log' (USE_TMP_FILE false)", False),
        ("EXPLAIN ANALYZE CREATE TABLE a AS SELECT 1", False),
        ("SELECT 1;", True),
        ("SELECT 1; SELECT 2", False),
        ("COPY (SELECT 1) TO 'x' (USE_TMP_FILE false)", False),
        ("DROP VIEW events", False),
        ("INSERT INTO a VALUES (1)", False),
        ("PRAGMA version", False),
        ("", False),
    ],
)
def test_one_select(statement: str, expected: bool) -> None:
    """Only that is run."""
    assert is_one_select(statement) is expected


def test_not_sql() -> None:
    """It is said in one line."""
    with pytest.raises(Unusable, match="it is not SQL: Parser Error") as caught:
        is_one_select("SELEC 1")
    assert "\n" not in str(caught.value)


def test_a_statement_that_is_not_text() -> None:
    """Bytes of a command line that are not UTF-8 are a fault of the statement."""
    with pytest.raises(Unusable, match="it is not SQL: it has bytes that are not UTF-8"):
        is_one_select("SELECT '\udcff'")


def test_half_pairs_in_another_spelling(tmp_path: Path) -> None:
    """An event that is spelled anew, with half of a pair of surrogates in any text, ends nothing."""
    log = tmp_path / "spaced.log"
    odd = event(name="odd", user="\ud800x", requestObject={"a": "\ud800"}, responseObject={"b": 1})
    log.write_text(json.dumps(odd) + "\n")
    prepared = prepare([trail_file(str(log))], str(tmp_path), Counts())
    connection = open_store(prepared, str(tmp_path), 1)
    columns = "name, username, request_object, response_object"
    found = connection.execute(f"SELECT {columns} FROM events").fetchall()
    connection.close()
    assert [(*row[:2], *map(json.loads, row[2:])) for row in found] == [
        ("odd", "\ufffdx", {"a": "\ufffd"}, {"b": 1})
    ]


def test_files_that_are_written_anew(tmp_path: Path) -> None:
    """Packed ones, other forms, and those with lines that are too long for the database."""
    plain = write(tmp_path / "plain.log", [event(name="plain")])
    pattern = write(tmp_path / "pattern[1].log", [event(name="pattern")])
    packed = tmp_path / "packed.log"
    packed.write_bytes(gzip.compress(line_of(event(name="packed")) + b"\n"))
    wrapped = tmp_path / "wrapped.json"
    wrapped.write_text(json.dumps({"message": json.dumps(event(name="wrapped"))}) + "\n")
    long = tmp_path / "long.log"
    big = event(name="big", requestObject={"a": "x" * (LONGEST_OBJECT + 10)})
    write(long, [event(name="long"), big])
    folder = tmp_path / "folder"
    folder.mkdir()
    counts = Counts()
    files = [trail_file(str(path)) for path in (plain, packed, wrapped, long, pattern)]
    prepared = prepare(files, str(folder), counts)
    assert prepared[0].path == str(plain)
    assert [Path(file.path).parent for file in prepared[1:]] == [folder] * 4
    connection = open_store(prepared, str(folder), 1)
    found = connection.execute("SELECT name FROM events ORDER BY name").fetchall()
    big_body = connection.execute("SELECT request_object FROM events WHERE name = 'big'").fetchall()
    connection.close()
    assert found == [("big",), ("long",), ("packed",), ("pattern",), ("plain",), ("wrapped",)]
    assert (big_body, counts[BODILESS]) == ([(None,)], 1)


def test_without_the_extra(tmp_path: Path) -> None:
    """One line that says which, and how to have it."""
    program = (
        "import sys; sys.modules['duckdb'] = None\n"
        "from auditproxy.reading.sql.store import is_one_select\n"
        "from auditproxy.apis.faults import Unusable\n"
        "try: is_one_select('SELECT 1')\n"
        "except Unusable as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=True
    )
    assert done.stdout.startswith(
        "SQL needs the extra explore, which is not installed; run pip install"
    )
