"""``auditproxy events``: its arguments, and what is wrong with them."""

import io
import json
import sys
import time
from pathlib import Path

import pytest

from auditproxy import cli
from auditproxy.apis.faults import Unusable
from auditproxy.commands.events.command import EVENTS, FLAGS, run_events
from auditproxy.flags.pflag import parse
from tests.fakes.trails import event, line_of, write


def run(*words: str) -> int:
    """The exit code of a command line; raises Unusable."""
    return run_events(parse(words, FLAGS))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of two requests."""
    return write(
        tmp_path / "audit.log", [event(name="a"), event(name="b", user="bob", at="11:00:00")]
    )


def test_list(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The newest first; --reverse turns the order around."""
    assert run("list", str(log), "--output=json") == 0
    assert [json.loads(line)["name"] for line in capsys.readouterr().out.splitlines()] == ["b", "a"]
    assert run("list", str(log), "--output=json", "--reverse") == 0
    assert [json.loads(line)["name"] for line in capsys.readouterr().out.splitlines()] == ["a", "b"]


@pytest.mark.parametrize(
    ("flags", "names"),
    [
        (["--user=alice"], ["a"]),
        (["--user=alice,bob"], ["a", "b"]),
        (["--user=alice", "--user=bob"], ["a", "b"]),
        (["--since=2026-11-23T10:30"], ["b"]),
        (["--until=2026-11-23T10:30"], ["a"]),
        (["--until=2026-11-23"], ["a", "b"]),
        (["-n", "shop", "--name=a"], ["a"]),
        (["--verb=list"], []),
    ],
)
def test_filters(
    log: Path, flags: list[str], names: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each flag is a condition; together they are one."""
    assert run("list", str(log), "--output=json", "--reverse", *flags) == 0
    found = [json.loads(line)["name"] for line in capsys.readouterr().out.splitlines()]
    assert found == names


def test_standard_input(
    log: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A pipe is read as a file is."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(log.read_bytes())))
    assert run("list", "-", "--output=name", "--user=bob") == 0
    assert capsys.readouterr().out == "get-pods-b-11:00:00\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "auditproxy events takes one of list, show, tail, query first"),
        (("lst", "x"), 'first, not "lst"'),
        (("list",), "auditproxy events list needs a log"),
        (("list", "x", "--output=xml"), "--output must be one of table, wide"),
        (("list", "x", "--color=blue"), "--color must be one of auto"),
        (("list", "x", "--limit=0"), "--limit must be from 1 to 100000"),
        (("list", "x", "--since=soon"), '--since "soon" is not a time'),
        (("list", "x", "--since=1h", "--until=2h"), "is not before"),
        (("list", "x", "--code=abc"), '--code "abc" is not an HTTP code'),
        (("list", "x", "--kind=person"), '--kind "person" is not one of human'),
        (("list", "/nowhere/x"), "/nowhere/x does not exist"),
        (("list", "x", "--bogus"), "unknown flag: --bogus"),
        (("list", "x", "-f"), "--follow is a flag of auditproxy events tail"),
        (("list", "x", "--session-log=y"), "--session-log is a flag of auditproxy events show"),
        (("tail", "x", "--reverse"), "--reverse is a flag of auditproxy events list"),
        (("tail", "x", "--save=y"), "--save is a flag of auditproxy events query"),
        (("show", "abcdef", "x", "--user=y"), "--user is not a flag of auditproxy events show"),
        (("show", "abcdef", "x", "-o", "csv"), "--output of auditproxy events show must be one of"),
    ],
)
def test_faults(words: tuple[str, ...], said: str) -> None:
    """One line each, which says what to do."""
    with pytest.raises(Unusable) as caught:
        run(*words)
    assert said in str(caught.value)


def test_all_faults_at_once() -> None:
    """Not one after the other."""
    with pytest.raises(Unusable) as caught:
        run("list", "x", "--output=xml", "--code=abc", "--limit=-1")
    assert len(caught.value.faults) == 3


def test_unreadable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A damaged file costs what is behind the damage, and the exit code says so."""
    path = tmp_path / "audit.log.gz"
    path.write_bytes(b"\x1f\x8b\x08\x00damaged")
    assert run("list", str(path)) == 1
    assert "1 packed file is damaged" in capsys.readouterr().err


def test_colors(
    log: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only where they are wanted."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    run("list", str(log))
    assert "\x1b" not in capsys.readouterr().out
    run("list", str(log), "--color=always")
    assert "\x1b[2mTIME" in capsys.readouterr().out


def test_hostile_text_is_escaped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In every form of output, nothing reaches the terminal that steers it."""
    bad = "\x1b[2J\u202e\x00\x9b<script>"
    made = event(
        name=bad, user=bad, namespace=bad, userAgent=bad, sourceIPs=[bad], query=bad, audit_id=bad,
        responseStatus={"code": 403, "reason": bad, "message": bad},
        requestObject={bad: bad},
    )  # fmt: skip
    path = tmp_path / "audit.log"
    path.write_bytes(line_of(made).replace(b"\x1b", b"\\u001b").replace(b"\x00", b"\\u0000"))
    for output in ("table", "wide", "json", "yaml", "csv", "name"):
        assert run("list", str(path), f"--output={output}", "--diff") == 0
        shown = capsys.readouterr().out
        assert "script" in shown
        assert not set(shown) & set("\x1b\u202e\x00\x9b"), output


def test_the_command_is_one(capsys: pytest.CaptureFixture[str], log: Path) -> None:
    """It has its place in the command line, its help and its faults."""
    assert cli.main(["events", "list", str(log), "--output=name"]) == 0
    assert capsys.readouterr().out.splitlines() == ["get-pods-b-11:00:00", "get-pods-a-10:00:00"]
    assert cli.main(["events", "--help"]) == 0
    assert "auditproxy events list|show|tail|query" in capsys.readouterr().out
    assert cli.main(["events", "list"]) == 2
    assert EVENTS.operand


@pytest.mark.parametrize(
    "words",
    [
        ("events", "list"),
        ("events", "list", "--since=1h", "--output=json"),
        ("events", "tail"),
        ("events", "show", "abcdef"),
        ("events", "query", "SELECT count(*) FROM events"),
        ("report", "access"),
        ("report", "noise", "--output=json"),
        ("rbac", "derive"),
        ("view", "--no-browser"),
    ],
)
def test_what_is_no_log(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No command finds nothing in a picture, and says that all is well."""
    picture = tmp_path / "audit.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\n\xff\xfe{")
    assert cli.main([*words, str(picture)]) == 1
    said = capsys.readouterr()
    assert said.err.splitlines()[-1].startswith(
        f"auditproxy: error: {picture} is not an audit log: it has no audit event; name a log"
    )
    assert "REQUESTS" not in said.out


def test_a_line_that_is_being_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A log whose older files --since passes over is one, even if its newest has no whole line."""
    write(tmp_path / "audit-2026-11-23T12-00-00.000.log", [event(name="a"), event(name="b")])
    (tmp_path / "audit.log").write_bytes(line_of(event(name="c", at="12:00:01"))[:50])
    assert run("list", str(tmp_path), "--since=2026-11-25") == 0
    assert "no request matches" in capsys.readouterr().err


def test_local_time(
    log: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Times of the zone are shown and read; a zone that is none is a fault, and not UTC."""
    with monkeypatch.context() as changed:
        changed.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        assert run("list", str(log), "--local-time", "--since=2026-11-23T11:30") == 0
        assert capsys.readouterr().out.splitlines()[1].startswith("2026-11-23T12:00:00+01:00  bob")
        changed.setenv("TZ", "Mars/Olympus")
        with pytest.raises(Unusable, match='--local-time: TZ="Mars/Olympus" is not a time zone'):
            run("list", str(log), "--local-time")
        assert run("list", str(log)) == 0
    time.tzset()
