"""The program of the process: what it says to what comes in."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from auditproxy.reading.sql.indexed import IndexQuestion, IndexTask
from auditproxy.reading.trail.sources import TrailFile
from tests.fakes.trails import event, write


def said(task: IndexTask, *questions: IndexQuestion) -> list[dict[str, Any]]:
    """What a process says to a task and questions, but how far it is."""
    lines = b"".join(msgspec.json.encode(each) + b"\n" for each in (task, *questions))
    done = subprocess.run(
        [sys.executable, "-m", "auditproxy.reading.sql.indexing"],
        input=lines,
        capture_output=True,
        timeout=50,
        check=True,
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return [one for one in found if "progress" not in one]


def test_questions(tmp_path: Path) -> None:
    """Rows, whether there are more, and faults; a process on an index that is there answers too."""
    log = write(tmp_path / "audit.log", [event(name=name) for name in "abc"])
    task = IndexTask((TrailFile(str(log), "o"),), str(tmp_path), 1)
    made, ready, rows, cut, fault, refused, again = said(
        task,
        IndexQuestion('SELECT "name", source_ips FROM requests ORDER BY "name" LIMIT ?', (2,), 10),
        IndexQuestion("SELECT * FROM requests", (), 2),
        IndexQuestion("SELECT nothing FROM requests", (), 2),
        IndexQuestion("DROP VIEW requests", (), 2),
        IndexQuestion("SELECT count(*) FROM requests", (), 2),
    )
    assert [one["path"] for one in made["stored"]] == [str(log)]
    assert ready == {"ready": True}
    assert rows == {"rows": [["a", ["192.0.2.7"]], ["b", ["192.0.2.7"]]], "cut": False}
    assert (len(cut["rows"]), cut["cut"]) == (2, True)
    assert 'column "nothing" not found' in fault["error"]
    assert "one expression" in refused["error"]
    assert again["rows"] == [[3]]
    built = msgspec.structs.replace(task, is_built=True, files=())
    assert said(built, IndexQuestion("SELECT count(*) FROM requests", (), 2))[1]["rows"] == [[3]]


def test_an_index_that_cannot_be_made(tmp_path: Path) -> None:
    """One line that says why."""
    task = IndexTask((TrailFile(str(tmp_path / "none.log"), "o"),), str(tmp_path), 1)
    (fault,) = said(task)
    assert "none.log" in fault["error"]
    assert "\n" not in fault["error"]
