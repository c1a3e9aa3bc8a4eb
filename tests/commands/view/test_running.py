"""From files to a page and back: the address, Ctrl-C, and what is left behind."""

import asyncio
import io
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.commands.view.running import view
from tests.commands.view.viewing import write_numbered
from tests.fakes.waiting import until

SETTINGS: dict[str, Any] = {"port": 0, "no-browser": False, "recordings": "", "identity": ()}


def test_the_page_is_opened_by_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the address of standard output; the signal ends all, and nothing is left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    log = write_numbered(tmp_path / "audit.log", 3)
    out, err = io.StringIO(), io.StringIO()
    shown: list[str] = []
    opened: list[str] = []

    def browse(address: str) -> None:
        shown.append(address)
        assert [path.stat().st_mode & 0o77 for path in folder.iterdir()] == [0]
        path = Path(urlsplit(address).path)
        assert path.stat().st_mode & 0o77 == 0
        opened.append(path.read_text())
        asyncio.run(until(lambda: "3 requests" in err.getvalue(), "the index was made"))
        os.kill(os.getpid(), signal.SIGTERM)

    assert view([str(log)], SETTINGS, out, err, browse) == 0
    printed = out.getvalue().removesuffix("\n")
    assert printed.startswith("http://127.0.0.1:")
    token = printed.partition("/#token=")[2]
    assert len(token) >= 43
    assert shown[0].startswith(f"file://{folder}/")
    assert token not in shown[0]
    assert f'content="0;url={printed}"' in opened[0]
    assert "3 requests, 2026-11-23T00:00:00Z to 2026-11-23T00:00:02Z" in err.getvalue()
    assert list(folder.iterdir()) == []


def test_the_command_line_of_the_browser(tmp_path: Path) -> None:
    """What other users see of it has no token; the file that it names has."""
    log = write_numbered(tmp_path / "audit.log", 1)
    given = tmp_path / "given"
    given.touch()
    program = tmp_path / "browser"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {given}\n')
    program.chmod(0o700)
    process = subprocess.Popen(
        [sys.executable, "-m", "auditproxy", "view", str(log)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"BROWSER": f"{program} %s"},
    )
    assert process.stdout is not None
    token = process.stdout.readline().strip().partition(b"#token=")[2]
    asyncio.run(until(lambda: given.read_bytes().endswith(b"\n"), "the browser was started"))
    process.terminate()
    process.stdout.close()
    assert process.wait(20) == 0
    assert len(token) >= 43
    assert token not in given.read_bytes()
    assert given.read_text().startswith("file://")


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """Names the flag."""
    log = write_numbered(tmp_path / "audit.log", 1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = SETTINGS | {"port": taken.getsockname()[1]}
        with pytest.raises(Unusable, match=r"^--port \d+ cannot be used on 127\.0\.0\.1: Address"):
            view([str(log)], settings, io.StringIO(), io.StringIO())


def test_without_the_extra(tmp_path: Path) -> None:
    """One line that names it, before anything is read."""
    program = "import sys; sys.modules['duckdb'] = None; from auditproxy.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", program, "view", str(write_numbered(tmp_path / "audit.log", 1))],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("auditproxy: error: auditproxy view needs the extra explore, ")
    assert done.stderr.count("\n") == 1


def test_lines_that_are_not_events_are_said(tmp_path: Path) -> None:
    """Of files that are written anew for the database."""
    log = tmp_path / "audit.log"
    log.write_bytes(b"not an event\n" + write_numbered(tmp_path / "other", 2).read_bytes())
    err = io.StringIO()

    def browse(address: str) -> None:
        asyncio.run(until(lambda: "2 requests" in err.getvalue(), "the index was made"))
        os.kill(os.getpid(), signal.SIGINT)

    view([str(log)], SETTINGS, io.StringIO(), err, browse)
    assert "1 line is not an audit event" in err.getvalue()


def test_an_index_that_cannot_be_made(tmp_path: Path) -> None:
    """The command ends with what is wrong, and nothing is left."""
    log = tmp_path / "saved.parquet"
    log.write_bytes(b"PAR1 and nothing more")
    with pytest.raises(Unusable, match=r"saved\.parquet cannot be read as Parquet"):
        view([str(log)], SETTINGS, io.StringIO(), io.StringIO(), lambda _: None)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_while_the_index_is_made(number: signal.Signals, tmp_path: Path) -> None:
    """Whenever it comes, nothing is left behind, and there is no traceback."""
    log = write_numbered(tmp_path / "audit.log", 5000)
    folder = tmp_path / "temporary"
    folder.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "auditproxy", "view", "--no-browser", str(log)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(folder)},
    )
    assert process.stderr is not None
    assert process.stderr.readline() == b"auditproxy: reading ...\n"
    process.send_signal(number)
    rest = process.stderr.read()
    process.stderr.close()
    assert process.wait(20) in (0, 1)
    assert b"Traceback" not in rest
    assert list(folder.iterdir()) == []
