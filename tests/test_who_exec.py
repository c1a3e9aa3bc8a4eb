"""docs/who-exec.md: its commands find who ran what, run as they stand (faults from outside, D)."""

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PAGE = (Path(__file__).parent.parent / "docs" / "who-exec.md").read_text(encoding="utf-8")
(FUNCTIONS,) = re.findall(r"```jq\n(.*?)```", PAGE, re.DOTALL)
TODAY, BETWEEN, OF_POD, COUNTS, DURATIONS, ENTERED, ENTERED_BETWEEN = re.findall(
    r"```sh\n(.*?)```", PAGE, re.DOTALL
)
NOW = datetime.now(UTC)

pytestmark = pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")


def session(
    command: list[str], stage: str = "ResponseStarted", when: datetime = NOW, **changes: Any
) -> dict[str, Any]:
    """An event of an exec in shop/web-0."""
    query = urlencode([*(("command", word) for word in command), ("stdout", "true")])
    return {
        "kind": "Event",
        "stage": stage,
        "requestURI": f"/api/v1/namespaces/shop/pods/web-0/exec?{query}",
        "verb": "get",
        "user": {"username": "alice"},
        "objectRef": {
            "resource": "pods",
            "subresource": "exec",
            "namespace": "shop",
            "name": "web-0",
        },
        "responseStatus": {"code": 101},
        "requestReceivedTimestamp": f"{when:%Y-%m-%dT%H:%M:%S}.250000Z",
        "stageTimestamp": f"{when + timedelta(seconds=90):%Y-%m-%dT%H:%M:%S}.500000Z",
        **changes,
    }


def asked(
    folder: Path, command: str, *events: dict[str, Any], log: str = "audit.log"
) -> list[list[str]]:
    """What a command of the page prints for a log with these events."""
    (folder / "exec.jq").write_text(FUNCTIONS, encoding="utf-8")
    lines = "".join(f"{json.dumps(event)}\n" for event in events)
    (folder / log).write_text(lines, encoding="utf-8")
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        cwd=folder,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return [line.split("\t") for line in done.stdout.decode().split("\n")[:-1]]


def test_today(tmp_path: Path) -> None:
    """D: who, where and which command, of today alone, one row for each session."""
    now = datetime.now(UTC)
    rows = asked(
        tmp_path,
        TODAY,
        session(["sh", "-c", "cat /etc/hosts; echo ü%"], when=now),
        session(["sh"], "RequestReceived", when=now),
        session(["sh"], "ResponseComplete", when=now),
        session(["old"], when=now - timedelta(days=1)),
        session(
            [],
            when=now,
            user={"username": "bob"},
            impersonatedUser={"username": "carol"},
            responseStatus={"code": 403},
        ),
        session([], objectRef={"resource": "pods", "namespace": "shop", "name": "web-0"}),
    )
    time = f"{now:%Y-%m-%dT%H:%M:%S}"
    assert rows == [
        [time, "alice", "exec", "shop/web-0", "101", "sh -c cat /etc/hosts; echo ü%"],
        [time, "bob as carol", "exec", "shop/web-0", "403", ""],
    ]


def test_between_two_times(tmp_path: Path) -> None:
    """From the first one on, and before the second."""
    start = datetime(2026, 11, 28, 9, tzinfo=UTC)
    rows = asked(
        tmp_path,
        BETWEEN,
        session(["early"], when=start - timedelta(seconds=1)),
        session(["first"], when=start),
        session(["last"], when=start + timedelta(seconds=3599)),
        session(["late"], when=start + timedelta(seconds=3600)),
    )
    assert [row[-1] for row in rows] == ["first", "last"]


def test_of_one_pod(tmp_path: Path) -> None:
    """D: the same for one pod, on any day."""
    other = {"resource": "pods", "subresource": "exec", "namespace": "shop", "name": "web-1"}
    rows = asked(
        tmp_path,
        OF_POD,
        session(["env"], when=NOW - timedelta(days=40)),
        session(["env"], objectRef=other),
    )
    assert [row[3:] for row in rows] == [["shop/web-0", "101", "env"]]


def test_counts(tmp_path: Path) -> None:
    """D: sessions of each user."""
    bob = {"username": "bob"}
    events = [session(["a"]), session(["b"], user=bob), session(["c"], user=bob)]
    rows = asked(tmp_path, COUNTS, *events)
    assert [row[0].split() for row in rows] == [["2", "bob"], ["1", "alice"]]


def test_durations(tmp_path: Path) -> None:
    """D: of sessions that have ended."""
    rows = asked(tmp_path, DURATIONS, session(["a"]), session(["a"], "ResponseComplete"))
    assert rows == [["90", "alice", "shop/web-0"]]


def test_entered(tmp_path: Path) -> None:
    """Lines that were entered in one pod; one that was hidden, and nothing that acts on a terminal."""
    there = {"resource": "pods", "subresource": "exec", "namespace": "shop", "name": "web-0"}
    line = {
        "kind": "SessionEvent",
        "type": "Command",
        "timestamp": "2026-11-28T09:15:02.104211Z",
        "user": {"username": "alice"},
        "objectRef": there,
    }
    rows = asked(
        tmp_path,
        ENTERED,
        {**line, "line": "cat /etc/\x1b[2Jshadow"},
        {**line, "flags": ["hidden"]},
        {**line, "line": "id", "objectRef": {**there, "name": "web-1"}},
        {**line, "type": "SessionEnded"},
        log="sessions.log",
    )
    assert rows == [
        ["2026-11-28T09:15:02", "alice", "cat /etc/?[2Jshadow"],
        ["2026-11-28T09:15:02", "alice", "(hidden)"],
    ]


def test_entered_between_two_times(tmp_path: Path) -> None:
    """Lines of all terminals, with their pods."""
    times = ("08:59:59.999999", "09:00:00.000000", "09:59:59.999999", "10:00:00.000000")
    lines = [
        {
            "kind": "SessionEvent",
            "type": "Command",
            "timestamp": f"2026-11-28T{time}Z",
            "user": {"username": "alice"},
            "objectRef": {"resource": "pods", "namespace": "shop", "name": "web-0"},
            "line": "id",
        }
        for time in times
    ]
    rows = asked(tmp_path, ENTERED_BETWEEN, *lines, log="sessions.log")
    assert rows == [
        ["2026-11-28T09:00:00", "alice", "shop/web-0", "id"],
        ["2026-11-28T09:59:59", "alice", "shop/web-0", "id"],
    ]


def test_nothing_steers_the_terminal(tmp_path: Path) -> None:
    """D: control characters of a command or a user name are shown as question marks."""
    evil = session(["\x1b[2J\x9b1m"], user={"username": "\x1b]0;x\x07"})
    ((_, user, _, _, _, command),) = asked(tmp_path, OF_POD, evil)
    assert (user, command) == ("?]0;x?", "?[2J?1m")


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.text(st.characters(codec="utf-8", categories=None, exclude_categories=["Cc"])),
        max_size=5,
    )
)
def test_any_command_is_decoded(tmp_path: Path, command: list[str]) -> None:
    """D: %XX and plus signs become the text that was typed."""
    shown = " ".join(command).replace("\\", "\\\\")
    ((*_, found),) = asked(tmp_path, OF_POD, session(command))
    assert found == shown
