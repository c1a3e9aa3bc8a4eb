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
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from auditproxy.alerts.alert import Alert
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
    if once:
        by_certificate, by_token = client_contexts(files)
        faults = await drive(proxy.port, by_certificate, by_token, VIEWER_TOKEN, audit, sessions)
        alerted = show_alerts(cluster, screen)
        if not any(alert.name == "ExecIntoPod" for alert in alerted):
            faults.append("shell: no alert ExecIntoPod")
        for fault in faults:
            screen.say(f"missing or wrong: {fault}")
        verdict = "every expected one is there" if not faults else f"{len(faults)} faults"
        screen.say(
            f"{len(audit.events)} events, {len(sessions.events)} lines of sessions, "
            f"{len(alerted)} alerts, {verdict}"
        )
        return 1 if faults else 0
    screen.introduce(folder / "kubeconfig")

    def tick() -> None:
        show_alerts(cluster, screen)
        screen.tick()

    await follow(((audit.log, audit.show), (sessions.log, sessions.show)), tick)
    return 0


def show_alerts(cluster: DemoCluster, screen: Screen) -> list[Alert]:
    """Show the alerts that were raised since the last call."""
    raised = [cluster.alerts.popleft() for _ in range(len(cluster.alerts))]
    for alert in raised:
        screen.take_alert(alert)
    return raised


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
