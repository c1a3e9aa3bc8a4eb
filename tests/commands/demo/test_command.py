"""The demo: once with its verdict, interactive until it is ended, and what it leaves behind."""

import asyncio
import fcntl
import io
import json
import os
import pty
import signal
import subprocess
import sys
import termios
from collections import deque
from pathlib import Path

import pytest

from auditproxy.apis.audit import Event
from auditproxy.audit.backend import Backend, Delivery
from auditproxy.commands.demo import command, requests
from auditproxy.commands.demo.cluster import demo_cluster
from auditproxy.commands.demo.command import (
    DemoError,
    ShownAlerts,
    run_demo,
    screen_for,
    show,
)
from auditproxy.commands.demo.folder import demo_folder
from auditproxy.commands.demo.screen import JsonScreen
from auditproxy.commands.demo.shell import COMMANDS
from tests.fakes.alertrules import alert as an_alert


async def test_once(tmp_path: Path) -> None:
    """--once sends its requests, shows their events and finds none missing."""
    out, err = io.StringIO(), io.StringIO()
    folder = tmp_path / "demo"
    code = await run_demo(
        once=True,
        raw_json=True,
        directory=folder,
        out=out,
        err=err,
    )
    lines = out.getvalue().splitlines()
    assert code == 0
    shown = [json.loads(line) for line in lines]
    events = [line for line in shown if line.get("kind") == "Event"]
    sessions = [line for line in shown if line.get("kind") == "SessionEvent"]
    alerts = [line for line in shown if "kind" not in line]
    assert err.getvalue() == (
        f"{len(events)} events, {len(sessions)} lines of sessions, 1 alert, "
        "every expected one is there\n"
    )
    (alert,) = alerts
    assert (alert["name"], alert["annotations"]["summary"]) == (
        "ExecIntoPod",
        "admin in default/hello: echo hi",
    )
    before = [(line.get("auditID"), line.get("stage")) for line in shown[: shown.index(alert)]]
    assert (alert["annotations"]["audit_id"], "ResponseStarted") in before
    assert lines.count("") == 0
    assert len(events) == len((folder / "audit.log").read_text().splitlines())
    assert len(sessions) == len((folder / "sessions.log").read_text().splitlines())
    assert [line["line"] for line in sessions if line["type"] == "Command"] == list(COMMANDS)
    assert {event["stage"] for event in events} == {
        "RequestReceived",
        "ResponseStarted",
        "ResponseComplete",
    }


def test_alerts_come_after_their_requests() -> None:
    """One is shown a look after it came: the row of its request is written meanwhile."""
    raised = deque([an_alert(name="first"), an_alert(name="second")])
    out = io.StringIO()
    alerts = ShownAlerts(raised, JsonScreen(out, out))
    alerts.look()
    assert (alerts.shown, out.getvalue()) == ([], "")
    raised.append(an_alert(name="third"))
    alerts.look()
    assert [alert.name for alert in alerts.shown] == ["first", "second"]
    alerts.look()
    alerts.look()
    assert [alert.name for alert in alerts.shown] == ["first", "second", "third"]
    assert len(out.getvalue().splitlines()) == 3


@pytest.mark.parametrize("raw_json", [False, True])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ended(tmp_path: Path, number: int, raw_json: bool) -> None:
    """D: Ctrl-C, a stop and a closed terminal end it with code 0, and its keys are gone."""
    arguments = ["--raw-json"] if raw_json else []
    process = subprocess.Popen(
        [sys.executable, "-m", "auditproxy", "demo", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
    )
    # D: with --raw-json standard output is for jq.
    banner, silent = process.stdout, process.stderr
    if raw_json:
        banner, silent = silent, banner
    assert banner is not None
    assert silent is not None
    try:
        said: list[str] = []
        while not said or "Ctrl-C" not in said[-1]:
            line = banner.readline()
            assert line, process.communicate()
            said.append(line)
        text = "".join(said)
        assert "export KUBECONFIG=" in text
        assert text.count("    kubectl ") == 3
        assert list(tmp_path.rglob("*.key"))
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert (out if raw_json else err) == ""
    assert list(tmp_path.iterdir()) == []


def test_closed_terminal(tmp_path: Path) -> None:
    """D: a terminal that is closed takes the folder with the keys along."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "auditproxy", "demo"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(theirs, termios.TIOCSCTTY, 0),
        env={**os.environ, "TMPDIR": str(tmp_path), "TERM": "xterm-256color", "COLUMNS": "80"},
    )
    os.close(theirs)
    try:
        seen = b""
        while b"viewer get secrets" not in seen:
            seen += os.read(ours, 65536)
        assert b"\x1b[" in seen
        assert list(tmp_path.rglob("*.key"))
        os.close(ours)
        process.wait(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [[], ["--raw-json"]])
def test_a_reader_that_leaves(tmp_path: Path, arguments: list[str]) -> None:
    """D, C4: ``demo --once | head`` ends without a traceback and leaves nothing."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        left = subprocess.run(
            [sys.executable, "-m", "auditproxy", "demo", "--once", *arguments],
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            timeout=30,
            check=False,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        )
    assert left.returncode == 1
    assert left.stderr == ""
    assert list(tmp_path.iterdir()) == []


async def test_a_folder_in_use(tmp_path: Path) -> None:
    """D: a second demo with the same --dir is refused with a line."""
    with demo_folder(tmp_path / "demo"):
        with pytest.raises(DemoError, match="is in use by another demo"):
            await run_demo(
                once=True,
                raw_json=False,
                directory=tmp_path / "demo",
                out=io.StringIO(),
            )


class Losing:
    """A backend that loses every ResponseStarted."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def process_events(self, events: tuple[Event, ...]) -> Delivery:
        """Hand on what is no ResponseStarted."""
        kept = tuple(event for event in events if event.stage != "ResponseStarted")
        return self._backend.process_events(kept)

    async def shutdown(self, grace: float) -> None:
        """Nothing of its own."""


async def test_missing_events_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that loses events fails the demo: the verdict is not a formality."""
    monkeypatch.setattr(requests, "DEADLINE", 3.0)
    out = io.StringIO()
    screen = screen_for(out, out, raw_json=False, pinned=False)
    async with asyncio.timeout(50), demo_cluster(tmp_path) as cluster:
        shared = cluster.proxy.handler.shared
        shared.sink = Losing(shared.sink)
        with screen:
            code = await show(tmp_path, cluster, screen, once=True)
    assert code == 1
    assert "watch: no ResponseStarted" in out.getvalue()


async def test_missing_lines_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So does one that keeps no session log and records nothing."""
    monkeypatch.setattr(requests, "DEADLINE", 3.0)
    out = io.StringIO()
    screen = screen_for(out, out, raw_json=False, pinned=False)
    async with asyncio.timeout(50), demo_cluster(tmp_path) as cluster:
        cluster.proxy.handler.shared.supervisor = None
        with screen:
            code = await show(tmp_path, cluster, screen, once=True)
    assert code == 1
    assert "shell: no SessionEnded" in out.getvalue()


class Late(ShownAlerts):
    """Shows alerts some looks after all requests were sent, as on a busy machine."""

    looks = 0

    def look(self) -> None:
        """Show those that are there, at last."""
        self.looks += 1
        if self.looks > 2 * len(requests.steps("")):
            super().look()


async def test_an_alert_that_is_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is waited for, as lines of the logs are: rules are evaluated beside the requests."""
    monkeypatch.setattr(command, "ShownAlerts", Late)
    out = io.StringIO()
    screen = screen_for(out, out, raw_json=False, pinned=False)
    async with asyncio.timeout(50), demo_cluster(tmp_path) as cluster:
        with screen:
            code = await show(tmp_path, cluster, screen, once=True)
    assert code == 0, out.getvalue()
    assert "1 alert, every expected one is there" in out.getvalue()
