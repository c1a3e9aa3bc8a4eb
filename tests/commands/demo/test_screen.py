"""The demo's screens but for the terminal's own (faults from outside, D)."""

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from auditproxy.commands.demo.command import screen_for
from auditproxy.commands.demo.screen import (
    COMMANDS,
    DEFAULT_WIDTH,
    JsonScreen,
    PlainScreen,
    ScreenGoneError,
    instructions,
    reading_commands,
    width_of,
)

TIME = "2026-11-23T13:06:31.814986Z"
KUBECONFIG = Path("/tmp/somewhere/kubeconfig")


def shown(screen: PlainScreen | JsonScreen, *events: dict[str, Any]) -> None:
    """Show events as they stand in a log."""
    for event in events:
        screen.take(json.dumps(event), event)


def discovery(uri: str) -> dict[str, Any]:
    """The last event of a discovery request."""
    return {
        "auditID": "d",
        "stage": "ResponseComplete",
        "requestURI": uri,
        "verb": "get",
        "user": {"username": "admin"},
        "responseStatus": {"code": 200},
        "requestReceivedTimestamp": TIME,
        "stageTimestamp": TIME,
    }


def listing(namespace: str) -> dict[str, Any]:
    """The last event of a list of pods."""
    return discovery("/x") | {
        "verb": "list",
        "objectRef": {"resource": "pods", "namespace": namespace},
    }


def test_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """D: a pipe gets rows without colour; what was folded is one line before the next request."""
    monkeypatch.setenv("COLUMNS", "80")
    out = io.StringIO()
    with PlainScreen(out) as screen:
        shown(screen, listing("a"), discovery("/api"), discovery("/apis"), listing("b"))
        shown(screen, discovery("/version"))
        screen.tick()
        screen.say("4 events")
    assert out.getvalue() == (
        "TIME      USER             REQUEST                              RESULT\n"
        "13:06:31  admin            listed pods -n a                     200\n"
        "                           2 discovery requests: /api, /apis\n"
        "13:06:31  admin            listed pods -n b                     200\n"
        "                           1 discovery request: /version\n"
        "4 events\n"
    )


def test_session_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows among those of requests, what was folded before them; as they are with --raw-json."""
    monkeypatch.setenv("COLUMNS", "80")
    line = {
        "type": "Command",
        "timestamp": TIME,
        "user": {"username": "admin"},
        "objectRef": {"namespace": "default", "name": "hello"},
        "container": "app",
        "line": "ls -l",
    }
    out = io.StringIO()
    screen = PlainScreen(out)
    shown(screen, discovery("/api"))
    screen.take_session(json.dumps(line), line)
    screen.take_session("", line | {"type": "SessionStarted"})
    assert out.getvalue() == (
        "TIME      USER             REQUEST                              RESULT\n"
        "                           1 discovery request: /api\n"
        "13:06:31  admin            in default/hello/app: $ ls -l\n"
    )
    raw = io.StringIO()
    JsonScreen(raw, io.StringIO()).take_session(json.dumps(line), line)
    assert json.loads(raw.getvalue()) == line


def test_instructions() -> None:
    """What to type, each command on a line of its own."""
    out = io.StringIO()
    PlainScreen(out).introduce(KUBECONFIG)
    lines = out.getvalue().splitlines()
    assert f"    export KUBECONFIG={KUBECONFIG}" in lines
    assert [line.strip() for line in lines if line.startswith("    kubectl")] == list(COMMANDS)
    assert [line.strip() for line in lines if " list " in line or " play " in line] == [
        *reading_commands(KUBECONFIG)
    ]


@pytest.mark.parametrize(
    ("path", "beside", "program"),
    [
        ("auditproxy", "", "auditproxy"),
        ("", "auditproxy", "'{}/my bin/auditproxy'"),
        ("", "", "'{}/my bin/python' -m auditproxy"),
    ],
)
def test_commands_that_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, beside: str, program: str
) -> None:
    """They work in another terminal: by PATH, by the script of the environment, by its Python."""
    for folder, name in (("path", path), ("my bin", beside)):
        (tmp_path / folder).mkdir()
        if name:
            (tmp_path / folder / name).write_text("#!/bin/sh\n")
            (tmp_path / folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "my bin" / "python"))
    events, listing, playing = reading_commands(Path("/tmp/demo/kubeconfig"))
    assert events == f"{program.format(tmp_path)} events list /tmp/demo/audit.log"
    sessions = f"{program.format(tmp_path)} sessions"
    assert listing == f"{sessions} list /tmp/demo/recordings"
    assert playing == f"{sessions} play /tmp/demo/recordings SESSION"


def test_json() -> None:
    """D: ``--raw-json | jq``: nothing but events on standard output."""
    out, err = io.StringIO(), io.StringIO()
    with JsonScreen(out, err) as screen:
        screen.introduce(KUBECONFIG)
        shown(screen, listing("a"), discovery("/api"))
        screen.tick()
        screen.say("2 events")
    assert [json.loads(line) for line in out.getvalue().splitlines()] == [
        listing("a"),
        discovery("/api"),
    ]
    assert err.getvalue() == f"{instructions(KUBECONFIG)}\n2 events\n"


@pytest.mark.parametrize("raw_json", [False, True])
def test_a_reader_that_leaves(raw_json: bool) -> None:
    """D: ``| head`` ends the demo with an error of its own, not an OSError."""
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", encoding="utf-8") as out:
        screen = screen_for(out, io.StringIO(), raw_json=raw_json, pinned=False)
        with pytest.raises(ScreenGoneError):
            shown(screen, listing("a"))  # type: ignore[arg-type]
        # Nothing is left for the file to write when it is closed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), writing)


def test_a_closed_file() -> None:
    """The same for an output that was closed from inside."""
    out = io.StringIO()
    screen = PlainScreen(out)
    out.close()
    with pytest.raises(ScreenGoneError):
        screen.say("x")


def test_an_old_encoding() -> None:
    """What an encoding has not is a question mark, no traceback."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    PlainScreen(out).say("übrig … 日本")
    out.seek(0)
    assert out.read() == "übrig ? ??\n"


def test_which_screen() -> None:
    """A file is no terminal."""
    out = io.StringIO()
    assert isinstance(screen_for(out, out, raw_json=False, pinned=True), PlainScreen)
    assert isinstance(screen_for(out, out, raw_json=True, pinned=True), JsonScreen)


@pytest.mark.parametrize(
    ("columns", "width"), [("80", 80), ("0", None), ("x", None), ("", None), ("²", None)]
)
def test_width(columns: str, width: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """COLUMNS counts where it is a number; without a terminal there is a default."""
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert width_of(io.StringIO()) == (width or DEFAULT_WIDTH)
