"""``auditproxy events query --save``: a file that other commands read, or none."""

from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.commands.events.command import run_events
from auditproxy.commands.events.flags import FLAGS
from auditproxy.flags.pflag import parse
from tests.fakes.trails import event, write
from tests.reading.shop import write_shop


def run(*words: str) -> int:
    """The exit code of a command line; raises Unusable."""
    return run_events(parse(words, FLAGS))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of two requests."""
    return write(tmp_path / "audit.log", [event(name="a"), event(name="b", at="11:00:00")])


@pytest.mark.parametrize("word", [("list", "--diff", "-o", "wide"), ("list", "--user=alice", "--where", "code = 200"),
                                  ("tail",), ("show", "7a698de4"), ("query", "SELECT username, verb, request_uri, code, outcome, seconds FROM requests ORDER BY received, audit_id")])  # fmt: skip
def test_it_is_a_log(
    word: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """Every command says of it what it says of the log."""
    monkeypatch.chdir(tmp_path)
    write_shop(tmp_path / "logs")
    assert run("query", "SELECT * FROM events", "logs", "--save=trail.parquet") == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert (
        said.err
        == "auditproxy: 16 rows saved in trail.parquet, which other commands read as a log\n"
    )
    name, *rest = word
    given = rest[:1] if name in ("show", "query") else []
    flags = rest[len(given) :]
    assert run(name, *given, "logs", *flags) == 0
    expected = capsys.readouterr().out
    assert run(name, *given, "trail.parquet", *flags) == 0
    assert capsys.readouterr().out == expected


def test_the_file(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is for its owner alone, replaces an older one, and nothing is left beside it."""
    target = tmp_path / "with [brackets].parquet"
    for names in ("FROM events", "SELECT name FROM requests"):
        assert run("query", names, str(log), f"--save={target}") == 0
    assert target.stat().st_mode & 0o777 == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {"audit.log", target.name}
    assert "it lacks the column origin of events" in capsys.readouterr().err


@pytest.mark.parametrize("statement", ["SELECT nme FROM events", "SELECT name::INT FROM events"])
def test_a_statement_that_fails(log: Path, tmp_path: Path, statement: str) -> None:
    """The file that is there stays as it is."""
    target = tmp_path / "trail.parquet"
    run("query", "FROM events", str(log), f"--save={target}")
    before = target.read_bytes()
    with pytest.raises(Unusable, match="line 1"):
        run("query", statement, str(log), f"--save={target}")
    assert target.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"audit.log", target.name}


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("audit.log", "must end in .parquet"),
        ("nowhere/trail.parquet", "there is no folder"),
        ("other.parquet", "exists and is not a Parquet file"),
        ("folder.parquet", "exists and is not a Parquet file"),
    ],
)
def test_targets(log: Path, tmp_path: Path, target: str, said: str) -> None:
    """Nothing that is not a saved trail is written over."""
    (tmp_path / "other.parquet").write_text("mine")
    (tmp_path / "folder.parquet").mkdir()
    with pytest.raises(Unusable, match=said):
        run("query", "FROM events", str(log), f"--save={tmp_path / target}")
    assert (tmp_path / "other.parquet").read_text() == "mine"


def test_a_statement_cannot_write(log: Path, tmp_path: Path) -> None:
    """The one file is written by the command, and by no statement."""
    with pytest.raises(Unusable, match="it must be one SELECT"):
        run("query", "COPY events TO 'saved.parquet'", str(log), f"--save={tmp_path / 'a.parquet'}")


def test_a_flag_of_query(log: Path) -> None:
    """Other words have it not."""
    with pytest.raises(Unusable, match="--save is a flag of auditproxy events query"):
        run("list", str(log), "--save=a.parquet")
