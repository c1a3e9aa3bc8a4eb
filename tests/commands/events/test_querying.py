"""``auditproxy events query``: answers, and what is wrong with statements."""

import io
import json
from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.commands.events.command import run_events
from auditproxy.commands.events.flags import FLAGS
from auditproxy.commands.events.querying import run_query
from auditproxy.commands.events.tabulating import Laid
from auditproxy.flags.pflag import parse
from auditproxy.reading.trail.sources import trail_file
from tests.fakes.trails import event, line_of, write

JSON = Laid(output="json", is_colored=False, width=None)


def run(*words: str) -> int:
    """The exit code of a command line; raises Unusable."""
    return run_events(parse(words, FLAGS))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of two requests."""
    made = [event(name="a"), event(name="b", user="bob", at="11:00:00")]
    return write(tmp_path / "audit.log", made)


def test_an_answer(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows on standard output, and nothing beside them."""
    assert run("query", "SELECT name, username FROM requests ORDER BY 1", str(log)) == 0
    said = capsys.readouterr()
    assert said.out == "name  username\na     alice\nb     bob\n"
    assert said.err == ""


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("SELECT nme FROM requests", "(line 1, column 8: nme)"),
        ("SELECT 1\nFRM requests", "(line 2, column"),
        ("SELECT 1; SELECT 2", "it must be one SELECT, and nothing else"),
        ("COPY requests TO '/tmp/x'", "it must be one SELECT, and nothing else"),
        ("", "it must be one SELECT"),
        ("SELECT * FROM read_text('/etc/passwd')", "Permission Error"),
        ("SELECT name::INT FROM requests", "Conversion Error"),
    ],
)
def test_statements_that_fail(log: Path, statement: str, said: str) -> None:
    """One line, with the place where there is one."""
    with pytest.raises(Unusable) as caught:
        run("query", statement, str(log))
    (fault,) = caught.value.faults
    assert said in fault
    assert "\n" not in fault


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("query",), "needs a statement in SQL and a log"),
        (("query", "SELECT 1"), "needs a statement in SQL and a log"),
        (("query", "SELECT 1", "x", "--output=yaml"), "must be one of table, json, csv"),
        (("query", "SELECT 1", "x", "--user=a"), "--user is not a flag of auditproxy events query"),
        (("query", "SELECT 1", "x", "--timeout=0s"), "--timeout must be more than 0s"),
        (("query", "SELECT 1", "/nowhere/x"), "/nowhere/x does not exist"),
    ],
)
def test_faults(words: tuple[str, ...], said: str) -> None:
    """Each is said before anything runs."""
    with pytest.raises(Unusable, match=said):
        run(*words)


def test_lines_that_are_no_events(
    tmp_path: Path, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are counted and said, of plain files and of others, and end nothing."""
    with log.open("ab") as file:
        file.write(
            b'garbage\n{"kind":"Pod"}\n{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Me'
        )
    old = event(name="c") | {"apiVersion": "audit.k8s.io/v1beta1"}
    other = tmp_path / "other.log"
    other.write_bytes(b"klog says\n" + line_of(old) + b"\n")
    statement = "SELECT count(*) AS n FROM events"
    assert run("query", statement, str(log), str(other), "--output=json") == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == {"n": 3}
    assert "1 line is torn" in said.err
    assert "3 lines are not audit events" in said.err
    assert "1 event is of another version" in said.err


def test_too_long(log: Path, tmp_path: Path) -> None:
    """A statement is ended in time."""
    endless = "SELECT count(*) FROM range(10000000000) a, range(10000000000) b WHERE hash(a.range, b.range) = 42"
    files = [trail_file(str(log))]
    with pytest.raises(Unusable, match="no answer within 2 seconds"):
        run_query(endless, files, JSON, io.StringIO(), io.StringIO(), str(tmp_path), 2)
