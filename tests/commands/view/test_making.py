"""The index while it is made: what is known before, and what is asked too early."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.commands.view.making import MadeTrail
from auditproxy.reading.sql.indexed import IndexedTrail, IndexProgress
from auditproxy.reading.trail.sources import files_of
from tests.commands.view.viewing import hostile_events, write_numbered
from tests.fakes.trails import write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of the index."""
    made = tmp_path / "index"
    made.mkdir()
    return made


@pytest.fixture
def opened(folder: Path) -> Iterator[list[IndexedTrail]]:
    """Indexes that are closed at the end."""
    made: list[IndexedTrail] = []
    yield made
    for one in made:
        one.close()


def trail_of(folder: Path, opened: list[IndexedTrail], *logs: Path) -> MadeTrail:
    """The trail of logs, before its index is made."""
    names = [str(log) for log in logs]
    files = files_of(names, str(folder))
    opened.append(IndexedTrail(files, str(folder), threads=1))
    return MadeTrail(names, files, opened[0], lambda audit_id: None)


def test_before_and_after(tmp_path: Path, folder: Path, opened: list[IndexedTrail]) -> None:
    """The newest requests are there while the index is made, as the index has them then."""
    log = write_numbered(tmp_path / "audit.log", 250)
    trail = trail_of(folder, opened, log)
    about = trail.about()
    assert (about["isMade"], about["progress"]) == (False, {"events": 0, "percent": None})
    asked: dict[str, str] = {"key": json.dumps([1, "a", "b"])}
    for ask in (trail.page, trail.timeline, trail.suggestions, trail.request):
        with pytest.raises(Unusable, match="the index is still being made"):
            ask(asked)
    seen: list[dict[str, Any]] = []

    def report(done: IndexProgress) -> None:
        seen.append(trail.about())
        assert seen[-1]["progress"] == done._asdict()

    said = trail.make(report)
    assert said == "250 requests, 2026-11-23T00:00:00Z to 2026-11-23T00:04:09Z"
    assert not any(about["isMade"] for about in seen)
    about = trail.about()
    assert (about["isMade"], about["count"], about["files"]) == (True, 250, [str(log)])
    page = trail.page({})
    assert seen[0]["rows"] == page["rows"]
    assert trail.request({"key": json.dumps(page["rows"][0]["key"])})["isWhole"]
    assert trail.timeline({})["total"] == 250
    assert trail.suggestions({})["verb"] == ["get"]


def test_hostile_rows(tmp_path: Path, folder: Path, opened: list[IndexedTrail]) -> None:
    """Are visible texts before the index is there too."""
    trail = trail_of(folder, opened, write(tmp_path / "audit.log", hostile_events()))
    seen: list[list[dict[str, Any]]] = []
    trail.make(lambda done: seen.append(trail.about()["rows"]))
    texts = [value for row in seen[0] for value in row.values() if isinstance(value, str)]
    assert len(seen[0]) == len(hostile_events())
    assert all(text.isprintable() for text in texts)


def test_other_forms(tmp_path: Path, folder: Path, opened: list[IndexedTrail]) -> None:
    """Have no rows before; what is written anew is counted."""
    log = tmp_path / "audit.log"
    log.write_bytes(b"no event\n" + write_numbered(tmp_path / "other", 3).read_bytes())
    trail = trail_of(folder, opened, log)
    seen: list[dict[str, Any]] = []
    trail.make(lambda done: seen.append(trail.about()))
    assert {len(about["rows"]) for about in seen} == {0}
    assert seen[-1]["progress"]["events"] == 3
    assert trail.about()["notes"] == ["1 line is not an audit event"]


def test_a_log_beside_what_is_none(
    tmp_path: Path, folder: Path, opened: list[IndexedTrail]
) -> None:
    """One file with events is enough."""
    other = tmp_path / "other.txt"
    other.write_bytes(b"no event\n")
    log = write_numbered(tmp_path / "audit.log", 3)
    trail = trail_of(folder, opened, log, other)
    assert trail.make(lambda done: None).startswith("3 requests, ")


def test_no_log(tmp_path: Path, folder: Path, opened: list[IndexedTrail]) -> None:
    """Without any event there is nothing to show."""
    other = tmp_path / "other.txt"
    other.write_bytes(b"no event\n")
    with pytest.raises(Unusable, match="is not an audit log"):
        trail_of(folder, opened, other).make(lambda done: None)
