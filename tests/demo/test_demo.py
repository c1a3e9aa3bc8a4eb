"""The demo: once with its verdict, interactive until it is ended, and what it leaves behind."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from auditproxy.demo.demo import MARK, DemoError, prepared, run_demo
from auditproxy.run import start_proxy_for_demo


async def test_once(tmp_path: Path) -> None:
    """--once sends its requests, shows their events and finds none missing."""
    out = io.StringIO()
    folder = tmp_path / "demo"
    code = await run_demo(
        once=True, raw_json=True, directory=folder, start_proxy=start_proxy_for_demo, out=out
    )
    *lines, verdict = out.getvalue().splitlines()
    assert verdict.endswith("every expected event is there")
    assert code == 0
    events = [json.loads(line) for line in lines]
    assert len(events) == len((folder / "audit.log").read_text().splitlines())
    assert {event["stage"] for event in events} == {
        "RequestReceived",
        "ResponseStarted",
        "ResponseComplete",
    }


def test_interrupted(tmp_path: Path) -> None:
    """Ctrl-C ends the interactive demo with code 0, and its temporary folder is gone."""
    process = subprocess.Popen(
        [sys.executable, "-m", "auditproxy", "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    try:
        said = []
        while not said or "Ctrl-C" not in said[-1]:
            line = process.stdout.readline()
            assert line, process.communicate()
            said.append(line)
        text = "".join(said)
        assert "export KUBECONFIG=" in text
        assert text.count("    kubectl ") == 3
        assert list(tmp_path.iterdir())
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_folder_of_somebody_else(tmp_path: Path) -> None:
    """A folder that is not a demo's is never touched."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    with pytest.raises(DemoError, match="is not a demo's folder"):
        prepared(tmp_path / "mine")
    assert (tmp_path / "mine" / "file").exists()


def test_folder_of_an_earlier_demo(tmp_path: Path) -> None:
    """An earlier demo's folder is made anew."""
    folder = prepared(tmp_path / "demo")
    (folder / "old").touch()
    again = prepared(tmp_path / "demo")
    assert [entry.name for entry in again.iterdir()] == [MARK]


async def test_missing_events_are_found(tmp_path: Path) -> None:
    """A proxy that loses events fails the demo: the verdict is not a formality."""

    async def start_losing(files: object) -> object:
        proxy = await start_proxy_for_demo(files)
        services = proxy.handler.services
        sink = services.sink

        class Losing:
            """Loses every ResponseStarted."""

            def process_events(self, events: tuple[object, ...]) -> bool:
                """Hand on what is no ResponseStarted."""
                kept = tuple(e for e in events if e.stage != "ResponseStarted")  # type: ignore[attr-defined]
                return sink.process_events(kept)  # type: ignore[arg-type]

            async def shutdown(self, grace: float) -> None:
                """Nothing of its own."""

        services.sink = Losing()  # type: ignore[assignment]
        return proxy

    out = io.StringIO()
    async with asyncio.timeout(50):
        code = await run_demo(
            once=True,
            raw_json=False,
            directory=tmp_path / "demo",
            start_proxy=start_losing,  # type: ignore[arg-type]
            out=out,
        )
    assert code == 1
    assert "watch: no ResponseStarted" in out.getvalue()
