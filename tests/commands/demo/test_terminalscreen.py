"""The demo in a terminal (faults from outside, D); a recording console stands for it."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from auditproxy.commands.demo.screen import COMMANDS, ScreenGoneError
from auditproxy.commands.demo.terminalscreen import MOST_OPEN, TerminalScreen
from auditproxy.reading.meaning.cells import columns

TIME = "2026-11-23T13:06:31.814986Z"
KUBECONFIG = Path("/tmp/auditproxy-demo-ab12cd34/kubeconfig")
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
STYLED = re.compile(r"\x1b\[([0-9;]*)m")


def event(stage: str, audit_id: str, code: int = 0, **changes: Any) -> dict[str, Any]:
    """One event of a watch."""
    made = {
        "auditID": audit_id,
        "stage": stage,
        "requestURI": "/api/v1/namespaces/default/pods?watch=1",
        "verb": "watch",
        "user": {"username": "admin"},
        "objectRef": {"resource": "pods", "namespace": "default"},
        "requestReceivedTimestamp": TIME,
        "stageTimestamp": TIME,
    }
    return made | ({"responseStatus": {"code": code}} if code else {}) | changes


class Terminal:
    """A screen of some width, and what was written to it."""

    def __init__(self, width: int, *, pinned: bool = True, **settings: Any) -> None:
        self.out = io.StringIO()
        self.console = Console(
            file=self.out,
            width=width,
            height=40,
            force_terminal=True,
            highlight=False,
            markup=False,
            emoji=False,
            color_system="standard",
            **settings,
        )
        self.screen = TerminalScreen(self.out, pinned=pinned, console=self.console)

    def take(self, *events: dict[str, Any]) -> None:
        """Show events."""
        for each in events:
            self.screen.take(json.dumps(each), each)
        self.screen.tick()

    def written(self) -> str:
        """All that was written since the last look."""
        text = self.out.getvalue()
        self.out.seek(0)
        self.out.truncate()
        return text

    def lines(self) -> list[str]:
        """The same without colours and movements."""
        return CONTROL.sub("", self.written()).split("\n")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_hint_stays_in_sight(width: int) -> None:
    """D: after each request the path and the commands are below it, none of them broken."""
    terminal = Terminal(width)
    with terminal.screen:
        terminal.screen.introduce(KUBECONFIG)
        terminal.written()
        for number in range(3):
            terminal.take(
                event("ResponseStarted", str(number), 403, user={"username": "u" * 500}),
            )
            lines = terminal.lines()
            assert f"  export KUBECONFIG={KUBECONFIG}" in [line.rstrip() for line in lines]
            text = "\n".join(lines)
            assert all(command in text for command in COMMANDS)
            assert all(columns(line) <= width for line in lines)
            assert "403" in text


def test_a_path_beyond_the_width() -> None:
    """D: a path longer than the terminal is folded, not cut: it can still be copied."""
    terminal = Terminal(40)
    with terminal.screen:
        terminal.screen.introduce(KUBECONFIG)
        shown = "".join(terminal.lines()).replace(" ", "")
        assert f"exportKUBECONFIG={KUBECONFIG}" in shown


def test_requests_under_way() -> None:
    """D: an open session is shown below while it is open, and is one line when it ends."""
    terminal = Terminal(80)
    with terminal.screen:
        terminal.screen.introduce(KUBECONFIG)
        terminal.take(event("RequestReceived", "a"), event("ResponseStarted", "a", 200))
        text = "\n".join(terminal.lines())
        assert re.search(r"open    watched pods -n default, admin, \d+ s", text)
        assert "13:06:31" not in text
        terminal.take(event("ResponseComplete", "a", 200))
        text = "\n".join(terminal.lines())
        assert "13:06:31  admin" in text
        assert "open  " not in text.rpartition("───")[2]


def test_many_requests_under_way() -> None:
    """The pinned lines leave room for the others."""
    terminal = Terminal(80)
    with terminal.screen:
        for number in range(MOST_OPEN + 4):
            terminal.take(
                event("RequestReceived", str(number)), event("ResponseStarted", str(number), 200)
            )
        assert "open    and 4 more" in "\n".join(terminal.lines())


def test_discovery_is_one_line_that_changes() -> None:
    """D: /version and /apis do not scroll anything away."""
    terminal = Terminal(80)
    folded = {"verb": "get", "requestURI": "/apis/apps/v1"}
    with terminal.screen:
        terminal.screen.introduce(KUBECONFIG)
        for number in range(20):
            asked = event("ResponseComplete", str(number), 200, **folded)
            del asked["objectRef"]
            terminal.take(asked)
        lines = terminal.lines()
        assert any(line.startswith("folded  20 discovery requests: /apis") for line in lines)
        assert not any("13:06:31" in line for line in lines)


def test_names_cannot_steer_the_terminal() -> None:
    """D: a user called by an escape sequence is shown, not obeyed."""
    terminal = Terminal(120)
    with terminal.screen:
        terminal.written()
        terminal.take(event("ResponseStarted", "a", 401, user={"username": "\x1b]0;x\x07[red]"}))
        evil = {"user": {"username": "\x1b[2J"}}
        terminal.take(event("RequestReceived", "b"), event("ResponseStarted", "b", 200, **evil))
        text = terminal.written()
        assert "\\x1b]0;x\\x07[red]" in text
        assert "\\x1b[2J" in text
        assert "\x1b]0" not in text
        assert "\x1b[2J" not in text


@pytest.mark.parametrize("no_color", [False, True])
def test_colour(no_color: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """D: results have colours, but none where NO_COLOR asks for none."""
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    else:
        monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = Terminal(80, pinned=False)
    with terminal.screen:
        terminal.take(event("ResponseStarted", "a", 403))
    codes = {code for found in STYLED.findall(terminal.written()) for code in found.split(";")}
    assert bool(codes & {str(number) for number in range(30, 38)}) is not no_color


def test_the_pinned_lines_go_at_the_end() -> None:
    """What stays in the terminal is the requests."""
    terminal = Terminal(80)
    with terminal.screen:
        terminal.screen.introduce(KUBECONFIG)
        terminal.written()
    # The lines are erased one by one, from the last to the first.
    assert terminal.written().count("\x1b[2K") >= 5


def test_a_terminal_that_is_closed() -> None:
    """D: writing fails, which ends the demo; ending fails silently."""
    terminal = Terminal(80)
    with terminal.screen:
        terminal.out.close()
        with pytest.raises(ScreenGoneError):
            terminal.take(event("ResponseStarted", "a", 403))


def test_session_lines() -> None:
    """What is typed in a session is a row of its own, above the hint; a start is none."""
    terminal = Terminal(100)
    line: dict[str, Any] = {
        "type": "Command",
        "timestamp": TIME,
        "user": {"username": "admin"},
        "objectRef": {"namespace": "default", "name": "hello"},
        "line": "ls -l",
    }
    with terminal.screen:
        terminal.written()
        terminal.screen.take_session(json.dumps(line), line | {"type": "SessionStarted"})
        assert terminal.written() == ""
        terminal.screen.take_session(json.dumps(line), line)
        assert "in default/hello: $ ls -l" in "\n".join(terminal.lines())
