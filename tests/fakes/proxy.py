"""A whole proxy on loopback in front of a fake upstream, and a raw client for it.

async with proxy_before(upstream, tmp_path) as proxy:
    answer = await proxy.ask(b"GET /api/v1/pods HTTP/1.1\\r\\n" ...)
    events = proxy.events
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from auditproxy.apis.audit import Event
from auditproxy.app.proxy import Proxy, build
from auditproxy.audit.encode import json_line
from tests.conformance.client import Answer, read_answer
from tests.fakes.options import options

DEADLINE = 5.0
ALICE, BOB, ADMIN = "alice-token", "bob-token", "admin-token"
TOKENS = f'{ALICE},alice,1,"dev"\n{BOB},bob,2\n{ADMIN},admin,3,"system:masters"\n'
EVERYTHING = """\
apiVersion: audit.k8s.io/v1
kind: Policy
rules: [{level: RequestResponse}]
"""


class EventCollector:
    """A backend that keeps every event as its JSON; ``accepts`` False plays a strict backend's failure."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.accepts = True
        self.changed = asyncio.Event()

    def process_events(self, events: tuple[Event, ...]) -> bool:
        """Keep the events."""
        for event in events:
            self.events.append(json.loads(json_line(event)))
        self.changed.set()
        return self.accepts

    async def shutdown(self, grace: float) -> None:
        """Nothing is buffered."""

    def __str__(self) -> str:
        return "collector"


@dataclass
class RunningProxy:
    """The proxy, its port, and what it recorded."""

    proxy: Proxy
    collector: EventCollector
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    upstream: Any = None
    """The fake behind it, where a test's set-up made it."""

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event so far."""
        return self.collector.events

    def stages(self) -> list[tuple[str, int | None]]:
        """Stage and code of every event so far."""
        return [(e["stage"], e.get("responseStatus", {}).get("code")) for e in self.events]

    async def until_events(self, count: int) -> list[dict[str, Any]]:
        """Wait for so many events."""
        async with asyncio.timeout(DEADLINE):
            while len(self.events) < count:
                self.collector.changed.clear()
                await self.collector.changed.wait()
        return self.events

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A raw connection, closed at the end of the test."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.proxy.port, limit=1 << 24)
        self.writers.append(writer)
        return reader, writer

    async def ask(self, request: bytes) -> Answer:
        """Send bytes on a connection of their own, read one answer, wait for its events."""
        reader, writer = await self.connect()
        writer.write(request)
        async with asyncio.timeout(DEADLINE):
            answer = await read_answer(reader, request.partition(b" ")[0].decode("latin-1"))
        await self.proxy.settle()
        return answer

    def metric(self, name: str, **labels: str) -> float:
        """A metric's value now, 0 when it was never counted."""
        registry = self.proxy.handler.shared.metrics.registry
        return registry.get_sample_value(name, labels) or 0.0


def request(
    method: str = "GET",
    target: str = "/api/v1/namespaces/default/pods/box",
    *headers: str,
    body: bytes = b"",
    token: str = ADMIN,
) -> bytes:
    """A request as bytes."""
    lines = [f"{method} {target} HTTP/1.1", "Host: proxy"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    lines += headers
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def write_files(
    port: int,
    folder: Path,
    *,
    policy: str,
    tokens: str,
    change: Callable[[dict[str, Any]], object] = lambda kubeconfig: None,
) -> dict[str, Any]:
    """Write what such a proxy reads into a folder; returns the flags that name it."""
    (folder / "policy.yaml").write_text(policy, encoding="utf-8")
    (folder / "tokens.csv").write_text(tokens, encoding="utf-8")
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "fake",
        "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "proxy"}}],
        "clusters": [{"name": "fake", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "proxy", "user": {"token": "proxy-credential"}}],
    }
    change(kubeconfig)
    (folder / "kubeconfig").write_text(json.dumps(kubeconfig), encoding="utf-8")
    return {
        "kubeconfig": str(folder / "kubeconfig"),
        "audit_policy_file": str(folder / "policy.yaml"),
        "token_auth_file": str(folder / "tokens.csv"),
        "authentication_token_review": False,
    }


@contextlib.asynccontextmanager
async def proxy_before(
    port: int,
    folder: Path,
    *,
    policy: str = EVERYTHING,
    tokens: str = TOKENS,
    tls: bool = False,
    own_backend: bool = False,
    change: Callable[[dict[str, Any]], object] = lambda kubeconfig: None,
    **flags: Any,
) -> AsyncIterator[RunningProxy]:
    """A proxy in front of the plain HTTP server on ``port``; tokens by file, no reviews.

    With ``own_backend`` events go where the flags say, and nothing is collected.
    """
    collector = EventCollector()
    flags = {**write_files(port, folder, policy=policy, tokens=tokens, change=change), **flags}
    proxy = await build(options(**flags), sink=None if own_backend else collector, listener_tls=tls)
    running = RunningProxy(proxy, collector)
    await proxy.start()
    try:
        yield running
    finally:
        for writer in running.writers:
            writer.transport.abort()
        async with asyncio.timeout(10):
            await proxy.close()


POLICY = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n"
