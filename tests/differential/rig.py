"""Starts a kube-apiserver with everything that refuses requests, the proxy, and runs the workers."""

import asyncio
import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.differential import fixtures, parts, reads, refusals, webhooks, writes
from tests.differential.client import Client, Endpoint, Request
from tests.differential.compare import Report, compare, lost_events, read_log
from tests.differential.generator import Worker
from tests.differential.resources import CUSTOM
from tests.e2e.cluster import ADMIN_TOKEN, Cluster, free_ports, running
from tests.e2e.controllers import proxied

WORKERS = 8
WATCHES = 24
"""Watches and other long requests that may be under way at once."""

POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- level: {level}
"""

SCENARIOS: dict[Callable[[Worker], Request], float] = {
    writes.create: 14,
    writes.update: 9,
    writes.patch: 9,
    writes.apply: 5,
    writes.delete: 5,
    writes.delete_collection: 2,
    writes.review: 3,
    reads.get: 8,
    reads.list_: 7,
    reads.watch: 4,
    reads.plain: 4,
    reads.odd_method: 1.5,
    parts.status: 3,
    parts.scale: 1.5,
    parts.eviction: 1.5,
    parts.binding: 0.7,
    parts.token: 0.8,
    parts.approval: 0.6,
    parts.containers: 1,
    parts.namespace_part: 0.4,
    parts.session: 2,
    parts.nosuch: 2,
    refusals.policy: 2.5,
    refusals.webhook: 3,
    refusals.special_namespace: 2.5,
    refusals.large: 0.3,
    refusals.stranger: 3,
    refusals.unauthenticated: 0.8,
    refusals.impersonation: 2.5,
    refusals.refused_impersonation: 0.8,
}
"""Each sort of request, and how often it comes."""


@dataclass(frozen=True)
class Settings:
    """What a run does."""

    count: int
    seed: int
    level: str = "RequestResponse"
    upstream_identity: str = "impersonate"
    cbor: bool = True
    workers: int = WORKERS
    only: str = ""
    """Part of a scenario's name; empty is all."""


@dataclass
class _Run:
    """What the workers share."""

    settings: Settings
    proxy: Endpoint
    server: Endpoint
    lines: dict[str, str] = field(default_factory=dict)
    direct: set[str] = field(default_factory=set)
    report: Report = field(default_factory=Report)
    long: list["asyncio.Task[None]"] = field(default_factory=list)
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(WATCHES))


def run(folder: Path, settings: Settings) -> Report:
    """Start everything in ``folder``, send the requests, stop in order, and compare."""
    flags = ["--audit-log-maxsize=100000", "--authorization-mode=Node", "--allow-privileged=true"]
    if settings.cbor:
        flags.append("--feature-gates=CBORServingAndStorage=true")
    policy = POLICY.format(level=settings.level)
    with running(folder, *flags, tokens=fixtures.TOKEN_FILE, policy=policy) as cluster:
        pki = folder / "pki"
        (port,) = free_ports(1)
        with webhooks.serving(pki / "server.crt", pki / "server.key", port):
            prepare(cluster, f"https://127.0.0.1:{port}", settings.workers)
            with proxied(cluster, folder, *_identity(settings, pki)) as (url, _):
                passes_tokens = settings.upstream_identity == "passthrough"
                certificates = {} if passes_tokens else {"alice": pki / "alice.crt"}
                share = _Run(
                    settings,
                    Endpoint(url, cluster.ca, fixtures.TOKENS, certificates),
                    Endpoint(cluster.url, cluster.ca, fixtures.TOKENS, certificates),
                )
                started = time.monotonic()
                asyncio.run(_work(share))
                seconds = time.monotonic() - started
    # All have ended, so their last events are written.
    report = compare(
        read_log(folder / "proxy-audit.log"),
        read_log(folder / "audit.log"),
        share.lines,
        direct=share.direct,
        lost=lost_events(folder / "kube-apiserver.log"),
        identity=settings.upstream_identity,
    )
    report.requests, report.answered = share.report.requests, share.report.answered
    report.seconds = seconds
    return report


def _identity(settings: Settings, pki: Path) -> list[str]:
    """The proxy's flags for the way it tells the server who asks."""
    flags = [f"--upstream-identity={settings.upstream_identity}"]
    if settings.upstream_identity == "request-header":
        name = "front-proxy-client"
        flags.append(f"--proxy-client-cert-file={pki / name}.crt")
        flags.append(f"--proxy-client-key-file={pki / name}.key")
    return flags


async def _work(share: _Run) -> None:
    settings = share.settings
    scenarios = {k: v for k, v in SCENARIOS.items() if settings.only in k.__name__}
    each, more = divmod(settings.count, settings.workers)
    async with asyncio.TaskGroup() as group:
        for index in range(settings.workers):
            group.create_task(_worker(share, index, each + (index < more), scenarios))
    if share.long:
        await asyncio.wait(share.long)


async def _worker(
    share: _Run, index: int, count: int, scenarios: dict[Callable[[Worker], Request], float]
) -> None:
    worker = Worker(share.settings.seed, index)
    client, server = Client(share.proxy), Client(share.server)
    try:
        for _ in range(count):
            request = worker.next(scenarios)
            share.report.requests += 1
            share.lines[request.audit_id] = request.line
            if request.own_connection:
                await share.slots.acquire()
                share.long.append(asyncio.create_task(_long(share, request)))
                continue
            answer = await client.send(request)
            share.report.answered[answer.status if answer else 0] += 1
            if answer is None:
                continue
            if _refused_here(share.settings, request, answer.status):
                share.direct.add(request.audit_id)
                await server.send(request)
            worker.learn(request, answer)
    finally:
        await client.close()
        await server.close()


def _refused_here(settings: Settings, request: Request, code: int) -> bool:
    """Whether the proxy has refused a request by itself, so that the server never saw it."""
    if not request.refused or not 400 <= code < 500:
        return False
    acting = any(name.startswith("Impersonate-") for name, _ in request.headers)
    # Whom one may act as is the server's to say where it sees the client's own token.
    return code == 400 or not (acting and settings.upstream_identity == "passthrough")


async def _long(share: _Run, request: Request) -> None:
    """A request on a connection of its own, beside the others."""
    client = Client(share.proxy)
    try:
        answer = await client.send(request)
        share.report.answered[answer.status if answer else 0] += 1
    finally:
        await client.close()
        share.slots.release()


def prepare(cluster: Cluster, hooks: str, workers: int) -> None:
    """Make the fixed objects; raises RuntimeError where the server refuses one."""
    spaces = [f"w{index}" for index in range(workers)]
    for path, obj in fixtures.objects(hooks, cluster.ca, spaces):
        _send(cluster, "POST", path, obj)
    for path, obj in fixtures.STATUSES:
        _send(cluster, "PATCH", path, obj)
    _send(cluster, "DELETE", f"/api/v1/namespaces/{fixtures.ENDING}", None)
    for plural in ("widgets", "gadgets"):
        _eventually(cluster, f"/apis/{CUSTOM}/v1/namespaces/w0/{plural}")
    _eventually(cluster, f"/apis/{CUSTOM}/v1/planets")


def _send(cluster: Cluster, method: str, path: str, obj: Any) -> int:
    content_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
    request = urllib.request.Request(
        cluster.url + path,
        method=method,
        data=None if obj is None else json.dumps(obj).encode(),
        headers={"Authorization": f"Bearer {ADMIN_TOKEN}", "Content-Type": content_type},
    )
    context = ssl.create_default_context(cafile=str(cluster.ca))
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    try:
        with urllib.request.urlopen(request, context=context, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        if method == "GET":
            return error.code
        text = error.read().decode(errors="replace")
        raise RuntimeError(f"{method} {path}: {error.code} {text[:600]}") from None


def _eventually(cluster: Cluster, path: str) -> None:
    """Until a custom resource is served."""
    deadline = time.monotonic() + 30
    while _send(cluster, "GET", path, None) != 200:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{path} is not served")
