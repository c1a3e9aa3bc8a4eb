"""``auditproxy demo``: the proxy in front of an embedded API server, with events as they come.

certificates -> API server -> proxy -> kubeconfig and commands to try -> events, until Ctrl-C
                                    -> (--once) a fixed set of requests, checked -> exit code
"""

import asyncio
import contextlib
import json
import os
import signal
import ssl
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TextIO

from auditproxy.apis.user import MASTERS, UserInfo
from auditproxy.commands.demo.events import EventLog
from auditproxy.commands.demo.folder import FolderError, demo_folder
from auditproxy.commands.demo.requests import drive
from auditproxy.commands.demo.screen import JsonScreen, PlainScreen, Screen, ScreenGoneError
from auditproxy.embedded.apiserver import EmbeddedApiServer
from auditproxy.tls.pki import create_client, create_pki

ADMIN, VIEWER = "admin", "viewer"
VIEWER_TOKEN = "demo-viewer-token"  # noqa: S105 - it opens nothing but the demo

POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitManagedFields: true
rules:
- level: Metadata
  resources:
  - resources: ["secrets", "serviceaccounts/token"]
  - group: authentication.k8s.io
    resources: ["tokenreviews"]
- level: RequestResponse
"""


class DemoError(Exception):
    """The demo cannot start; the text says what to do."""


@dataclass(frozen=True, slots=True)
class DemoFiles:
    """What the demo's proxy is started with; all paths exist but the audit log."""

    upstream_kubeconfig: Path
    policy: Path
    tokens: Path
    client_ca: Path
    certificate: Path
    private_key: Path
    audit_log: Path


class RunningProxy(Protocol):
    """The demo's proxy."""

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""

    async def close(self) -> None:
        """Stop it."""


StartProxy = Callable[[DemoFiles], Awaitable[RunningProxy]]


async def run_demo(
    *,
    once: bool,
    raw_json: bool,
    directory: Path | None,
    start_proxy: StartProxy,
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
            return await in_folder(folder, screen, start_proxy, once=once)
    except FolderError as error:
        raise DemoError(str(error)) from None
    except asyncio.CancelledError:
        return 1 if once else 0
    except ScreenGoneError:
        silence(out)
        return 1 if once else 0


async def in_folder(folder: Path, screen: Screen, start_proxy: StartProxy, *, once: bool) -> int:
    """Start the API server and the proxy with the folder's files, and show what happens."""
    files = make_files(folder)
    server = EmbeddedApiServer(
        tokens={VIEWER_TOKEN: UserInfo(username=VIEWER, groups=("viewers",))},
        permissions={VIEWER: frozenset({"get", "list", "watch"})},
        ssl_context=server_context(folder / "pki"),
    )
    port = await server.start("127.0.0.1", 0)
    write_kubeconfig(files.upstream_kubeconfig, folder / "pki", port, {"proxy": "auditproxy"})
    try:
        proxy = await start_proxy(files)
        try:
            return await show(folder, files, proxy, screen, once=once)
        finally:
            await proxy.close()
    finally:
        await server.close()


async def show(
    folder: Path, files: DemoFiles, proxy: RunningProxy, screen: Screen, *, once: bool
) -> int:
    """Say how to use the demo and show its events."""
    kubeconfig = folder / "kubeconfig"
    write_kubeconfig(kubeconfig, folder / "pki", proxy.port, {ADMIN: ADMIN, VIEWER: ""})
    log = EventLog(files.audit_log)
    if once:
        context = ssl.create_default_context(cafile=str(files.client_ca))
        context.load_cert_chain(folder / "pki" / "admin.crt", folder / "pki" / "admin.key")
        count, faults = await drive(
            proxy.port, context, files.client_ca, VIEWER_TOKEN, log, screen.take
        )
        for fault in faults:
            screen.say(f"missing or wrong: {fault}")
        verdict = "every expected event is there" if not faults else f"{len(faults)} faults"
        screen.say(f"{count} events, {verdict}")
        return 1 if faults else 0
    screen.introduce(kubeconfig)
    await log.follow(screen.take, screen.tick)
    return 0


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


def make_files(folder: Path) -> DemoFiles:
    """Certificates, policy and tokens in the folder."""
    pki = folder / "pki"
    create_pki(pki, server_names=("localhost", "127.0.0.1"))
    create_client(pki, "auditproxy", (MASTERS,))
    create_client(pki, ADMIN, (MASTERS,))
    files = DemoFiles(
        upstream_kubeconfig=folder / "upstream.kubeconfig",
        policy=folder / "policy.yaml",
        tokens=folder / "tokens.csv",
        client_ca=pki / "ca.crt",
        certificate=pki / "server.crt",
        private_key=pki / "server.key",
        audit_log=folder / "audit.log",
    )
    files.policy.write_text(POLICY, encoding="utf-8")
    files.tokens.touch(mode=0o600)
    files.tokens.write_text(f"{VIEWER_TOKEN},{VIEWER},,viewers\n", encoding="utf-8")
    return files


def server_context(pki: Path) -> ssl.SSLContext:
    """TLS of the embedded API server, which takes client certificates too."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / "server.crt", pki / "server.key")
    context.load_verify_locations(pki / "ca.crt")
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def write_kubeconfig(path: Path, pki: Path, port: int, users: dict[str, str]) -> None:
    """A kubeconfig with a context per user: by the certificate named, or the viewer's token."""
    credentials = {
        user: (
            {
                "client-certificate": str(pki / f"{certificate}.crt"),
                "client-key": str(pki / f"{certificate}.key"),
            }
            if certificate
            else {"token": VIEWER_TOKEN}
        )
        for user, certificate in users.items()
    }
    cluster = {
        "server": f"https://127.0.0.1:{port}",
        "certificate-authority": str(pki / "ca.crt"),
    }
    path.touch(mode=0o600)
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": next(iter(users)),
                "clusters": [{"name": "demo", "cluster": cluster}],
                "users": [{"name": user, "user": credentials[user]} for user in users],
                "contexts": [
                    {"name": user, "context": {"cluster": "demo", "user": user}} for user in users
                ],
            },
            indent=2,
        ),
        encoding="utf-8",
    )


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
