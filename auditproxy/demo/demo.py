"""``auditproxy demo``: the proxy in front of an embedded API server, with events as they come.

certificates -> API server -> proxy -> kubeconfig and commands to try -> events, until Ctrl-C
                                    -> (--once) a fixed set of requests, checked -> exit code
"""

import asyncio
import contextlib
import json
import shutil
import signal
import ssl
import sys
import tempfile
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TextIO

from auditproxy.apis.user import MASTERS, UserInfo
from auditproxy.demo.apiserver import EmbeddedApiServer
from auditproxy.demo.events import EventLog, one_line
from auditproxy.demo.pki import create_client, create_pki
from auditproxy.demo.requests import drive

ADMIN, VIEWER = "admin", "viewer"
VIEWER_TOKEN = "demo-viewer-token"  # noqa: S105 - it opens nothing but the demo
MARK = ".auditproxy-demo"
"""The file that tells a folder of ours from somebody else's."""

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
) -> int:
    """Run the demo until it is cancelled, or once; returns the exit code.

    ``directory`` None is a temporary folder that is gone afterwards. Raises DemoError.
    """
    out = out or sys.stdout
    with contextlib.ExitStack() as stack:
        if directory is None:
            name = stack.enter_context(tempfile.TemporaryDirectory(prefix="auditproxy-demo-"))
            folder = Path(name)
        else:
            folder = prepared(directory)
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
                return await show(folder, files, proxy, out, once=once, raw_json=raw_json)
            finally:
                await proxy.close()
        finally:
            await server.close()


async def show(
    folder: Path,
    files: DemoFiles,
    proxy: RunningProxy,
    out: TextIO,
    *,
    once: bool,
    raw_json: bool,
) -> int:
    """Say how to use the demo and show its events."""

    def print_event(line: str) -> None:
        print(line if raw_json else one_line(json.loads(line)), file=out, flush=True)

    kubeconfig = folder / "kubeconfig"
    write_kubeconfig(kubeconfig, folder / "pki", proxy.port, {ADMIN: ADMIN, VIEWER: ""})
    log = EventLog(files.audit_log)
    if once:
        context = ssl.create_default_context(cafile=str(files.client_ca))
        context.load_cert_chain(folder / "pki" / "admin.crt", folder / "pki" / "admin.key")
        faults = await drive(proxy.port, context, files.client_ca, VIEWER_TOKEN, log, print_event)
        for fault in faults:
            print(f"missing or wrong: {fault}", file=out)
        verdict = "every expected event is there" if not faults else f"{len(faults)} faults"
        print(f"{len(log.events)} events, {verdict}", file=out, flush=True)
        return 1 if faults else 0

    async def introduce_and_follow() -> None:
        print(instructions(kubeconfig), file=out, flush=True)
        await log.follow(print_event)

    await until_interrupted(introduce_and_follow())
    return 0


async def until_interrupted(work: Coroutine[None, None, None]) -> None:
    """Do something until Ctrl-C or SIGTERM, also where the shell had SIGINT ignored."""
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await task
    finally:
        task.cancel()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def instructions(kubeconfig: Path) -> str:
    """What to type in another terminal."""
    return f"""\
The proxy is running in front of an embedded API server. In another terminal:

    export KUBECONFIG={kubeconfig}
    kubectl get pods
    kubectl exec hello -- env
    kubectl --context viewer get secrets

Events appear below as they are written. Ctrl-C ends the demo.
"""


def prepared(directory: Path) -> Path:
    """An empty folder of ours at this path; raises DemoError when somebody else's is there."""
    if directory.exists() and not (directory / MARK).exists():
        raise DemoError(f"--dir {directory} exists and is not a demo's folder; name another")
    shutil.rmtree(directory, ignore_errors=True)
    try:
        directory.mkdir(parents=True, mode=0o700)
    except OSError as error:
        raise DemoError(f"--dir {directory} cannot be made: {error.strerror}") from None
    (directory / MARK).touch()
    return directory.resolve()


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
