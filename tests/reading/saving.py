"""Saved trails for tests."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from auditproxy.reading.sql.asking import SAVED, Question, asked
from auditproxy.reading.sql.store import StoredFile, open_store
from tests.fakes.trails import write


def save(folder: Path, events: Iterable[dict[str, Any]], statement: str = "FROM events") -> Path:
    """What a statement says of these events, as ``auditproxy events query --save`` writes it."""
    (folder / SAVED).unlink(missing_ok=True)
    log = write(folder / "saved.log", events)
    files = (StoredFile(str(log), str(log)),)
    with asked(Question(files, str(folder), statement, (), 1, 10, save=str(folder))) as rows:
        assert list(rows) == []
    return folder / SAVED


def save_here(log: Path, target: Path) -> Path:
    """The events of a log as a saved trail, without a process: for tests that save many."""
    files = (StoredFile(str(log), str(log)),)
    connection = open_store(files, str(target.parent), 1, (str(target),))
    connection.execute(f"COPY (FROM events) TO '{target}' (FORMAT parquet)")
    connection.close()
    return target
