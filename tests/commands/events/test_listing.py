"""The table fits its terminal, and says what it does not show."""

import csv
import io
import json
from pathlib import Path

import pytest
import yaml

from auditproxy.commands.events.listing import run_list
from auditproxy.commands.events.printing import Shown
from auditproxy.reading.meaning.cells import columns
from auditproxy.reading.meaning.conditions import conditions_of
from auditproxy.reading.trail.scanning import Search
from auditproxy.reading.trail.sources import trail_file
from tests.commands.events.how import NOW, shown
from tests.fakes.trails import event, line_of, write


def listed(path: Path, how: Shown, search: Search | None = None) -> tuple[str, str, int]:
    """What is printed on both outputs, and the exit code."""
    out, err = io.StringIO(), io.StringIO()
    code = run_list([trail_file(str(path))], search or Search(), how, out, err)
    return out.getvalue(), err.getvalue(), code


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log with long and wide names."""
    return write(
        tmp_path / "audit.log",
        [
            event(name="漢" * 60, user="a-very-long-name-of-a-user@example.com"),
            event("get", "pods/exec", "web-1", query="command=" + "x" * 300, at="10:00:01"),
            event(
                "delete", name="c", code=403, at="10:00:02", sourceIPs=["2001:db8::1234:5678:9abc"]
            ),
        ],
    )


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 200])
@pytest.mark.parametrize("output", ["table", "wide"])
def test_widths(log: Path, width: int, output: str) -> None:
    """No line is wider than the terminal, but for those of less than forty columns."""
    text, _, _ = listed(log, shown(width=width, output=output))
    lines = text.splitlines()
    assert len(lines) == 4
    assert max(map(columns, lines)) <= max(40, width)
    assert "…" in text


def test_not_a_terminal(log: Path) -> None:
    """Nothing is cut, and times are whole."""
    text, _, _ = listed(log, shown())
    assert "…" not in text
    assert "2026-11-23T10:00:00Z  " in text


def test_times_of_a_terminal(log: Path) -> None:
    """Of today, the clock alone."""
    text, _, _ = listed(log, shown(width=100))
    assert text.splitlines()[1].startswith("10:00:00  ")


def test_nothing(log: Path) -> None:
    """An empty result says of how many events."""
    assert listed(log, shown(), Search(since=NOW * 2)) == (
        "", "auditproxy: no request matches, of 3 events\n", 0,
    )  # fmt: skip


@pytest.mark.parametrize(("limit", "said"), [(1, "request"), (2, "2 requests")])
def test_more(log: Path, limit: int, said: str) -> None:
    """That there may be more is said."""
    _, err, _ = listed(log, shown(limit=limit))
    assert err == f"auditproxy: the newest {said}; --limit shows more\n"


def test_diff(tmp_path: Path) -> None:
    """Below a write what it set, and no more than some lines."""
    patch = event("patch", name="a", requestObject={"spec": {f"f{n}": n for n in range(30)}})
    text, _, _ = listed(write(tmp_path / "a.log", [patch]), shown(diff=True))
    lines = text.splitlines()
    assert lines[2] == "    spec.f0=0"
    assert lines[-1] == "    and 10 more"
    rows, _, _ = listed(tmp_path / "a.log", shown(diff=True, output="json"))
    assert json.loads(rows)["changes"][-1] == "and 10 more"


def test_other_outputs(log: Path) -> None:
    """YAML has a document for each request, CSV a row."""
    documents = list(yaml.safe_load_all(listed(log, shown(output="yaml"))[0]))
    assert [one["verb"] for one in documents] == ["get", "get", "delete"]
    rows = list(csv.DictReader(io.StringIO(listed(log, shown(output="csv"))[0])))
    assert [row["code"] for row in rows] == ["200", "200", "403"]


def test_formulas(tmp_path: Path) -> None:
    """A spreadsheet runs nothing that a client chose."""
    log = write(tmp_path / "a.log", [event(user='=HYPERLINK("http://x")', name="@a")])
    (row,) = csv.DictReader(io.StringIO(listed(log, shown(output="csv"))[0]))
    assert row["user"].startswith("'=")
    assert row["name"] == "'@a"


def test_lines_that_are_not_events(tmp_path: Path) -> None:
    """They are counted on standard error."""
    path = tmp_path / "audit.log"
    path.write_bytes(b"hello\n" + line_of(event()) + b"\n" + line_of(event())[:99])
    _, err, code = listed(path, shown())
    assert "1 line is torn" in err
    assert "1 line is not an audit event" in err
    assert code == 0


@pytest.mark.parametrize(
    ("given", "is_said"),
    [
        ({"resource": ["secrets"], "name": ["db"]}, True),
        ({"resource": ["secrets"], "name": ["db"], "verb": ["get"]}, True),
        ({"resource": ["secrets"], "name": ["db"], "verb": ["delete"]}, False),
        ({"resource": ["secrets"]}, False),
        ({"resource": ["pods"], "name": ["db"]}, False),
    ],
)
def test_who_read_a_secret(given: dict[str, list[str]], is_said: bool, tmp_path: Path) -> None:
    """A list gives it too, and has no name to filter by: that is said."""
    log = write(
        tmp_path / "audit.log", [event("list", "secrets", ""), event("get", "secrets", "db")]
    )
    search = Search(conditions=conditions_of(given))
    _, err, _ = listed(log, shown(), search)
    assert ("--verb=list,watch instead of --name shows them" in err) is is_said
