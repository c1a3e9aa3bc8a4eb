"""Lines of the session log as rows."""

from typing import Any

import pytest

from auditproxy.alerts.alert import Alert, AlertState
from auditproxy.commands.demo.rows import text_of
from auditproxy.commands.demo.sessionrows import alert_row_of, session_row_of

LINE: dict[str, Any] = {
    "type": "Command",
    "timestamp": "2026-11-28T13:06:31.814986Z",
    "session": "exec",
    "user": {"username": "admin"},
    "objectRef": {"resource": "pods", "namespace": "default", "name": "hello"},
    "container": "app",
}
ENDED = {"type": "SessionEnded", "durationSeconds": 12.4}
RECORDING = {"path": "/r/x.cast", "state": "Complete", "bytes": 2100}


@pytest.mark.parametrize(
    ("changes", "request_words", "result", "recorded"),
    [
        ({"line": "ls -l"}, "in default/hello/app: $ ls -l", "", ""),
        ({"line": "false", "exitCode": 1}, "in default/hello/app: $ false", "exit 1", ""),
        ({"line": ""}, "in default/hello/app: $ ", "", ""),
        ({}, "in default/hello/app: $ (hidden)", "", ""),
        (
            {"line": "ls", "container": "", "impersonatedUser": {"username": "jane"}},
            "in default/hello: $ ls",
            "",
            "",
        ),
        (
            {**ENDED, "exitCode": 0, "recording": RECORDING},
            "end of exec in default/hello/app",
            "exit 0, 12 s",
            "recorded, 2.1 kB",
        ),
        (
            {**ENDED, "session": "attach", "recording": {**RECORDING, "state": "Cut"}},
            "end of attach in default/hello/app",
            "12 s",
            "recorded (Cut), 2.1 kB",
        ),
        (ENDED, "end of exec in default/hello/app", "12 s", "not recorded"),
        (
            {"type": "ForwardedConnection", "forwarded": {"port": 80, "bytesIn": 5, "bytesOut": 7}},
            "connection to port 80 of default/hello/app",
            "5 B in, 7 B out",
            "",
        ),
        (
            {"type": "RecordingStopped", "reason": "the disk is nearly full"},
            "default/hello/app is not recorded any further: the disk is nearly full",
            "",
            "",
        ),
        (
            {"type": "RecordingStopped", "reason": "full", "flags": ["unrecorded"]},
            "default/hello/app is not recorded: full",
            "",
            "",
        ),
    ],
)
def test_rows(changes: dict[str, Any], request_words: str, result: str, recorded: str) -> None:
    """What was typed and where, how it ended, what is kept."""
    row = session_row_of(LINE | changes)
    assert row is not None
    assert (row.time, row.request, row.result, row.recorded) == (
        "13:06:31",
        request_words,
        result,
        recorded,
    )
    assert row.user == ("admin as jane" if "impersonatedUser" in changes else "admin")
    assert row.tone == ("failed" if changes.get("type") == "RecordingStopped" else "changed")


@pytest.mark.parametrize("kind", ["SessionStarted", "Input", "SomethingNew"])
def test_lines_without_row(kind: str) -> None:
    """The request's own row shows the start; digests are for machines."""
    assert session_row_of(LINE | {"type": kind}) is None


def test_what_was_typed_steers_no_terminal() -> None:
    """A command comes from whoever typed it, like any name."""
    row = session_row_of(LINE | {"line": "echo \x1b[2J"})
    assert row is not None
    assert "\x1b" not in text_of(row, 120)


def test_alert() -> None:
    """Who is alerted about, what for, and how severe it is."""
    alert = Alert(
        name="ExecIntoPod",
        severity="medium",
        state=AlertState.FIRING,
        labels={"alertname": "ExecIntoPod", "user": "admin"},
        annotations={"summary": "admin ran a command in default/hello"},
        starts_at=1_796_000_000_000_000_000,
        ends_at=1_796_000_300_000_000_000,
    )
    row = alert_row_of(alert)
    assert (row.request, row.recorded) == (
        "ALERT admin ran a command in default/hello",
        "ExecIntoPod",
    )
    assert (row.user, row.result, row.tone) == ("admin", "medium", "failed")
