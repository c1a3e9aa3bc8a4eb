"""``auditproxy demo``: the proxy in front of an embedded API server, with events as they come.

certificates -> API server -> proxy -> kubeconfig and commands to try -> events, until Ctrl-C
                                    -> (--once) a fixed set of requests, checked -> exit code
"""

import asyncio
import contextlib
import os
import signal
import ssl
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from auditproxy.alerts.alert import Alert
from auditproxy.app.standardstreams import counted
from auditproxy.commands.demo.cluster import (
    ADMIN,
    VIEWER_TOKEN,
    DemoCluster,
    DemoFiles,
    demo_cluster,
)
from auditproxy.commands.demo.events import EventLog, follow
from auditproxy.commands.demo.folder import FolderError, demo_folder
from auditproxy.commands.demo.requests import Followed, drive
from auditproxy.commands.demo.screen import JsonScreen, PlainScreen, Screen, ScreenGoneError
from auditproxy.tls.client import client_context

EXPECTED_ALERT = "ExecIntoPod"
"""The rule that a request of --once matches."""


class DemoError(Exception):
    """The demo cannot start; the text says what to do."""


async def run_demo(
    *,
    once: bool,
    raw_json: bool,
    directory: Path | None,
    out: TextIO | None = None,
    err: TextIO | None = None,
) -> int:
    """Run the demo until a signal ends it, or once; returns the exit code.

    ``directory`` None is a temporary folder that is removed at the end, also when the terminal is
    closed. Raises DemoError.
    """
    out = out or sys.stdout
    screen = screen_for(out, err or sys.stderr, raw_json=raw_json, pinned=not once)
    try:
        with ending_on_signals(), demo_folder(directory) as folder, screen:
            async with demo_cluster(folder) as cluster:
                return await show(folder, cluster, screen, once=once)
    except FolderError as error:
        raise DemoError(str(error)) from None
    except asyncio.CancelledError:
        return 1 if once else 0
    except ScreenGoneError:
        silence(out)
        return 1 if once else 0


async def show(folder: Path, cluster: DemoCluster, screen: Screen, *, once: bool) -> int:
    """Introduce the demo and show its events; with ``once`` the exit code is the verdict."""
    files, proxy = cluster.files, cluster.proxy
    audit = Followed(EventLog(files.audit_log), screen.take)
    sessions = Followed(EventLog(files.session_log), screen.take_session)
    alerts = ShownAlerts(cluster.alerts, screen)
    if once:
        by_certificate, by_token = client_contexts(files)

        def look() -> bool:
            # Rules are evaluated beside the requests, and later the busier the machine is.
            alerts.look()
            return EXPECTED_ALERT in {alert.name for alert in alerts.shown}

        faults = await drive(
            proxy.port, by_certificate, by_token, VIEWER_TOKEN, audit, sessions, look
        )
        if not look():
            faults.append(f"shell: no alert {EXPECTED_ALERT}")
        for fault in faults:
            screen.say(f"missing or wrong: {fault}")
        verdict = "every expected one is there" if not faults else counted(len(faults), "fault")
        screen.say(
            f"{counted(len(audit.events), 'event')}, "
            f"{counted(len(sessions.events), 'line of sessions')}, "
            f"{counted(len(alerts.shown), 'alert')}, {verdict}"
        )
        return 1 if faults else 0
    screen.introduce(folder / "kubeconfig")

    def tick() -> None:
        alerts.look()
        screen.tick()

    await follow(((audit.log, audit.show), (sessions.log, sessions.show)), tick)
    return 0


class ShownAlerts:
    """Shows alerts, each one look after it came: the logs are read before, so that the row of the
    request that raised it is there.
    """

    def __init__(self, raised: deque[Alert], screen: Screen) -> None:
        self.shown: list[Alert] = []
        self._raised = raised
        self._screen = screen
        self._due = 0

    def look(self) -> None:
        """Show those that were there at the last look."""
        for _ in range(self._due):
            alert = self._raised.popleft()
            self.shown.append(alert)
            self._screen.take_alert(alert)
        self._due = len(self._raised)


def client_contexts(files: DemoFiles) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS of the clients: of the administrator with its certificate, of others without one."""
    authorities = files.client_ca.read_bytes()
    by_certificate, by_token = client_context(authorities), client_context(authorities)
    pki = files.client_ca.parent
    by_certificate.load_cert_chain(pki / f"{ADMIN}.crt", pki / f"{ADMIN}.key")
    return by_certificate, by_token


@contextlib.contextmanager
def ending_on_signals() -> Iterator[None]:
    """Cancel the task on Ctrl-C (also where the shell had it ignored), SIGTERM and SIGHUP.

    A closed terminal sends SIGHUP; under nohup it stays ignored.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, task.cancel)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def silence(out: TextIO) -> None:
    """Let nothing more be written: Python would flush at exit, fail, and complain."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())


def screen_for(out: TextIO, err: TextIO, *, raw_json: bool, pinned: bool) -> Screen:
    """The screen that fits ``out``; ``pinned`` keeps the commands to try in sight."""
    if raw_json:
        return JsonScreen(out, err)
    if out.isatty() and os.environ.get("TERM", "") not in ("", "dumb"):
        try:
            from auditproxy.commands.demo.terminalscreen import TerminalScreen
        except ImportError:
            # Without the extra "demo" the same rows come without colour.
            return PlainScreen(out)
        return TerminalScreen(out, pinned=pinned)
    return PlainScreen(out)
