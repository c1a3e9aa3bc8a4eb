"""SQL of a user runs in a process of its own."""

from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.reading.sql.asking import SqlAnswer, ask
from auditproxy.reading.sql.store import StoredFile
from tests.fakes.trails import event, write


@pytest.fixture
def files(tmp_path: Path) -> list[StoredFile]:
    """A trail of three requests."""
    made = [event(name=name, at=f"1{number}:00:00") for number, name in enumerate("abc")]
    return [StoredFile(str(write(tmp_path / "audit.log", made)), "o")]


def test_an_answer(files: list[StoredFile], tmp_path: Path) -> None:
    """Columns and rows, with parameters."""
    answer = ask(
        files, str(tmp_path), "SELECT name, received FROM requests WHERE name > ? ORDER BY 1", ["a"]
    )
    assert answer == SqlAnswer(
        ("name", "received"),
        [["b", "2026-11-23 11:00:00+00:00"], ["c", "2026-11-23 12:00:00+00:00"]],
    )


def test_many_rows(files: list[StoredFile], tmp_path: Path) -> None:
    """There is a bound, and it is said."""
    answer = ask(files, str(tmp_path), "SELECT * FROM range(5000)", most_rows=3000)
    assert (len(answer.rows), answer.cut) == (3000, True)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("SELECT nonsense", "Binder Error"),
        ("SELECT * FROM read_text('/etc/passwd')", "Permission Error"),
        ("DROP VIEW events", "it must be one SELECT"),
        ("SELECT 1; SELECT 2", "it must be one SELECT"),
        ("(", "it is not SQL"),
    ],
)
def test_faults(files: list[StoredFile], tmp_path: Path, statement: str, said: str) -> None:
    """One line each."""
    with pytest.raises(Unusable, match=said):
        ask(files, str(tmp_path), statement)


def test_without_end(files: list[StoredFile], tmp_path: Path) -> None:
    """A statement that does not end is ended."""
    endless = "SELECT count(*) FROM range(10000000000) a, range(10000000000) b WHERE hash(a.range, b.range) = 42"
    with pytest.raises(Unusable, match="no answer within 3 seconds"):
        ask(files, str(tmp_path), endless, timeout=3)


def test_too_much_memory(files: list[StoredFile], tmp_path: Path) -> None:
    """The process has a bound, and this one goes on."""
    greedy = "SELECT length(string_agg(repeat('x', 1000000), '')) FROM range(100000)"
    with pytest.raises(Unusable):
        ask(files, str(tmp_path), greedy)
