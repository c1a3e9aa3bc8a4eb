"""Whatever keeps a command from its work is one line and an exit code, never a traceback."""

import ast
import asyncio
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditproxy import cli
from auditproxy.apis.faults import Unusable
from auditproxy.app.announcing import serving_line
from auditproxy.app.proxy import build
from auditproxy.files.files import read_files
from auditproxy.options import AuditLogOptions, AuditWebhookOptions
from auditproxy.options.backends import BackendGroups, describe_backends
from auditproxy.sockets.listener import shown_address
from tests.fakes.commands import FakeProxy
from tests.fakes.options import options
from tests.fakes.proxy import EVERYTHING, TOKENS, write_files


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The command as a process in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "auditproxy", *arguments],
        capture_output=True,
        text=True,
        timeout=55,
        cwd=folder,
    )


def served(folder: Path, **ports: int) -> "subprocess.CompletedProcess[str]":
    """``auditproxy serve`` with everything sound but for the ports."""
    write_files(1, folder, policy=EVERYTHING, tokens=TOKENS)
    return run(
        folder,
        "serve",
        f"--kubeconfig={folder}/kubeconfig",
        f"--audit-log-path={folder}/audit.log",
        "--bind-address=127.0.0.1",
        f"--secure-port={ports['secure']}",
        f"--health-bind-address=127.0.0.1:{ports['health']}",
        "--upstream-check-period=0",
    )


@pytest.mark.parametrize("taken", ["health", "secure"])
def test_ports_that_are_taken(taken: str, tmp_path: Path) -> None:
    """C4, HD2: one line that names the flag and the address, code 2, for either port."""
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        busy, free = one.getsockname()[1], two.getsockname()[1]
        two.close()
        ports = {"health": free, "secure": free, taken: busy}
        done = served(tmp_path, **ports)
    errors = [line for line in done.stderr.splitlines() if "error" in line]
    assert done.returncode == 2
    assert len(errors) == 1
    flag = "--health-bind-address" if taken == "health" else "--secure-port"
    assert flag in errors[0]
    assert str(busy) in errors[0]
    assert "ddress already in use" in errors[0]
    assert "Traceback" not in done.stderr


async def test_health_address_of_another_machine(tmp_path: Path) -> None:
    """HD2: the reason is said once, without the event loop's words around it."""
    flags = write_files(1, tmp_path, policy=EVERYTHING, tokens=TOKENS)
    chosen = options(
        **flags, audit_log_path=str(tmp_path / "a"), health_bind_address="[2001:db8::1]:1"
    )
    proxy = await build(chosen, listener_tls=False)
    with pytest.raises(
        Exception, match=r"--health-bind-address \[2001:db8::1\]:1 cannot be"
    ) as caught:
        await proxy.start()
    assert "error while attempting" not in str(caught.value)
    await proxy.close()


def test_webhook_kubeconfig_that_vanishes(tmp_path: Path) -> None:
    """HD3: what was read is used; the file is not opened a second time."""
    flags = write_files(1, tmp_path, policy=EVERYTHING, tokens=TOKENS)
    webhook = tmp_path / "webhook"
    webhook.write_bytes((tmp_path / "kubeconfig").read_bytes())
    chosen = options(**flags, audit_webhook_config_file=str(webhook))
    files = read_files(chosen)
    webhook.unlink()

    async def start() -> None:
        proxy = await build(chosen, files, listener_tls=False)
        assert "webhook" in str(proxy.backend)
        await proxy.start()
        await proxy.close()

    asyncio.run(start())


def test_a_reader_that_leaves(tmp_path: Path) -> None:
    """C4: `auditproxy demo --once | head -1` ends without a traceback."""
    process = subprocess.Popen(
        [sys.executable, "-m", "auditproxy", "demo", "--once"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    said = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(50) in (0, 1)
    assert "Traceback" not in said
    assert "BrokenPipe" not in said


@pytest.mark.parametrize(
    "arguments",
    [
        ("demo", "--once", "--dir=/proc/demo"),
        ("demo", "--once", "--dir=file/demo"),
        ("certs", "--dir=/proc/certs"),
        ("certs", "--dir=file"),
    ],
)
def test_folders_that_cannot_be_written(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """C4: one line that names the folder."""
    (tmp_path / "file").write_text("x")
    done = run(tmp_path, *arguments)
    assert done.returncode in (1, 2)
    (line,) = done.stderr.splitlines()
    assert line.startswith("auditproxy: error: ")
    assert arguments[-1].partition("=")[2].split("/")[-1] in line


def test_no_temporary_folder(tmp_path: Path) -> None:
    """C4: a demo without a folder to be in, whatever the system says of it."""
    done = subprocess.run(
        ["/usr/bin/env", "-C", "/proc", "TMPDIR=/nowhere", sys.executable, "-c", _NO_FOLDER],
        capture_output=True,
        text=True,
        timeout=50,
        env={**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[1])},
    )
    assert done.returncode == 2, "--dir mends it"
    (line,) = done.stderr.splitlines()
    assert line.startswith("auditproxy: error: ")
    assert "temporary directory" in line


_NO_FOLDER = """\
import sys, tempfile
tempfile._candidate_tempdir_list = lambda: ["/nowhere"]
from auditproxy.cli import main
sys.exit(main(["demo", "--once"]))
"""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            PermissionError(13, "Permission denied", "/x/y"),
            "/x/y cannot be used: Permission denied",
        ),
        (OSError("no\nlines"), "no lines"),
        (Unusable("a", "b"), "a"),
    ],
)
def test_what_a_start_meets(
    error: Exception, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """C4: an error of the system that nobody foresaw is one line, and code 1; a fault is code 2."""
    code = cli.main(["serve"], load_proxy=FakeProxy(error=error).load)
    assert code == (2 if isinstance(error, Unusable) else 1)
    assert capsys.readouterr().err.splitlines()[0] == f"auditproxy: error: {said}"


def _texts(path: Path) -> Iterator[str]:
    """Every text in a file's code, docstrings left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if id(node) in docstrings or not isinstance(node, ast.Constant):
            continue
        if isinstance(node.value, str):
            yield node.value


SOURCES = [
    path
    for path in sorted(Path(cli.__file__).parent.rglob("*.py"))
    # The demo's API server speaks to clients as kube-apiserver does; the table of refusals names
    # its sources for whoever reads it, and shows them nowhere.
    if not {"embedded", "demo", "refusals"} & set(path.parts)
]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_text_shows_how_go_is_built(path: Path) -> None:
    """C9: functions, types and files of Go's libraries mean nothing to an operator."""
    leak = re.compile(r"strconv\.|\w\.go\b|ensureLogFile|cannot unmarshal|Go (struct|value)|json: ")
    assert [text for text in _texts(path) if leak.search(text)] == []


@pytest.mark.parametrize(
    ("log", "webhook", "said"),
    [
        ({}, {}, "standard output (blocking)"),
        ({"path": "-"}, {}, "standard output (blocking)"),
        ({"path": "/a.log", "mode": "batch"}, {}, "/a.log (batch)"),
        ({"path": "/a.log", "mode": "durable"}, {}, "/a.log (durable)"),
        ({}, {"config_file": "h"}, "the webhook of h (batch)"),
        (
            {"path": "/a"},
            {"config_file": "h", "mode": "blocking-strict", "truncate_enabled": True},
            "/a (blocking) and the webhook of h (blocking-strict, truncated)",
        ),
    ],
)
def test_where_events_go(log: dict[str, Any], webhook: dict[str, Any], said: str) -> None:
    """C9: the start-up line names places and modes, not classes."""
    groups = BackendGroups(
        audit_log=AuditLogOptions(**log), audit_webhook=AuditWebhookOptions(**webhook)
    )
    assert describe_backends(groups) == said


@pytest.mark.parametrize(
    ("host", "shown"), [("::", "[::]:1"), ("127.0.0.1", "127.0.0.1:1"), ("", ":1")]
)
def test_addresses(host: str, shown: str) -> None:
    """C9: put an IPv6 address in brackets."""
    assert shown_address(host, 1) == shown
    line = serving_line(options(bind_address=host, audit_log_path="/a.log"), 1)
    assert line == f"serving on {shown}, audit events go to /a.log (blocking)"


@pytest.mark.parametrize("arguments", [("version",), ("help",), ("serve", "--help")])
def test_nobody_reads(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """C4: any command whose reader has left says nothing, neither at the write nor at exit."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "auditproxy", *arguments],
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            timeout=50,
            cwd=tmp_path,
        )
    assert (done.returncode, done.stderr) == (1, "")
