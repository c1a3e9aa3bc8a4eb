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
from pathlib import Path

import pytest

from auditproxy.apis.audit import Event
from auditproxy.app.proxy import Proxy, start_proxy_for_demo
from auditproxy.audit.backend import Outcome
from auditproxy.commands.demo.command import DemoError, DemoFiles, run_demo
from auditproxy.commands.demo.folder import demo_folder


async def test_once(tmp_path: Path) -> None:
    """--once sends its requests, shows their events and finds none missing."""
    out, err = io.StringIO(), io.StringIO()
    folder = tmp_path / "demo"
    code = await run_demo(
        once=True,
        raw_json=True,
        directory=folder,
        start_proxy=start_proxy_for_demo,
        out=out,
        err=err,
    )
    lines = out.getvalue().splitlines()
    assert err.getvalue() == f"{len(lines)} events, every expected event is there\n"
    assert code == 0
    events = [json.loads(line) for line in lines]
    assert len(events) == len((folder / "audit.log").read_text().splitlines())
    assert {event["stage"] for event in events} == {
        "RequestReceived",
        "ResponseStarted",
        "ResponseComplete",
    }


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
                start_proxy=start_proxy_for_demo,
                out=io.StringIO(),
            )


async def test_missing_events_are_found(tmp_path: Path) -> None:
    """A proxy that loses events fails the demo: the verdict is not a formality."""

    async def start_losing(files: DemoFiles) -> Proxy:
        proxy = await start_proxy_for_demo(files)
        shared = proxy.handler.shared
        sink = shared.sink

        class Losing:
            """Loses every ResponseStarted."""

            def process_events(self, events: tuple[Event, ...]) -> Outcome:
                """Hand on what is no ResponseStarted."""
                kept = tuple(e for e in events if e.stage != "ResponseStarted")
                return sink.process_events(kept)

            async def shutdown(self, grace: float) -> None:
                """Nothing of its own."""

        shared.sink = Losing()
        return proxy

    out = io.StringIO()
    async with asyncio.timeout(50):
        code = await run_demo(
            once=True,
            raw_json=False,
            directory=tmp_path / "demo",
            start_proxy=start_losing,
            out=out,
        )
    assert code == 1
    assert "watch: no ResponseStarted" in out.getvalue()
