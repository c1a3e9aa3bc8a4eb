"""What the process of a statement writes."""

import json
from pathlib import Path

from auditproxy.reading.sql.answering import answer
from auditproxy.reading.sql.asking import Question
from auditproxy.reading.sql.store import StoredFile
from tests.fakes.trails import event, write


def test_values(tmp_path: Path) -> None:
    """Every type of a value is one that JSON has."""
    path = write(tmp_path / "audit.log", [event()])
    statement = (
        "SELECT 1, 1.5, true, NULL, 'x', DATE '2026-11-23', [1, 2], {'a': 1}, MAP {'k': 'v'}, 'ab'::BLOB, "
        "INTERVAL 1 DAY"
    )
    question = Question((StoredFile(str(path), "o"),), str(tmp_path), statement, (), 1, 10)
    _, row, end = map(json.loads, answer(question))
    assert (
        row[:9] == [1, 1.5, True, None, "x", "2026-11-23", [1, 2], {"a": 1}, {"k": "v"}]
        or row[1] == "1.5"
    )
    assert row[9:] == ["6162", "1 day, 0:00:00"]
    assert end["cut"] is False
