"""A whole proxy with a secret of its own, and the oracles that hold after every test.

O1  each request that the upstream read has one Audit-ID and the stages the policy asks for
O2  the test's canary (the client's token) is nowhere but where a test says it may be
O3  the upstream sees exactly the identity that the event shows
O4  tasks and file descriptors are what they were
O5  every event is one line of valid JSON, unique by (auditID, stage)
O6  events generated = events that the backend got
"""

import asyncio
import contextlib
import json
import os
import re
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest

from auditproxy.app import operatorlog
from auditproxy.audit.redaction.redactor import MARKER
from tests.conformance.client import Answer, read_answer
from tests.fakes.gohttp import GoRequest, read_request, request_uri
from tests.fakes.proxy import EVERYTHING, RunningProxy, proxy_before
from tests.fakes.upstream import FakeConnection, FakeUpstream, Script, answer
from tests.fakes.waiting import turns, until

DEADLINE = 5.0
WHOLE, HALVES, BYTES = "whole", "halves", "bytes"
CUTS = (WHOLE, HALVES, BYTES)
each_way = pytest.mark.parametrize("cut", CUTS)
"""Runs a test with the bytes in one segment, in two, and one byte a segment."""

POD = b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"box"}}\n'
OK = answer(200, POD, b"Content-Type: application/json")


async def plain(connection: FakeConnection) -> None:
    """An upstream that answers every request alike."""
    while True:
        head, _ = await connection.read_request()
        connection.send(OK.replace(POD, b"") if head.startswith(b"HEAD ") else OK)


@dataclass
class Rig:
    """The proxy, its upstream, and the canary that is alice's token."""

    proxy: RunningProxy
    upstream: FakeUpstream
    canary: str
    answers: list[bytes] = field(default_factory=list)
    canary_in_events: bool = False
    compare_identity: bool = True
    said: str = ""

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event so far."""
        return self.proxy.events

    def request(
        self, method: str = "GET", target: str = "/api/v1/pods", *headers: str, body: bytes = b""
    ) -> bytes:
        """A request of alice's."""
        return self.raw(f"{method} {target} HTTP/1.1", "Host: proxy", *headers, body=body)

    def raw(self, *lines: str | bytes, body: bytes = b"") -> bytes:
        """These lines and alice's token, as they are; a body gets its length."""
        parts = [line.encode("latin-1") if isinstance(line, str) else line for line in lines]
        parts.append(f"Authorization: Bearer {self.canary}".encode())
        if body:
            parts.append(b"Content-Length: %d" % len(body))
        return b"\r\n".join(parts) + b"\r\n\r\n" + body

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection of the test's own."""
        return await self.proxy.connect()

    async def ask(self, raw: bytes, cut: str = WHOLE) -> Answer:
        """Send bytes, cut into segments, on a new connection and read one answer."""
        reader, writer = await self.connect()
        await send(writer, raw, cut)
        return await self.read(reader, raw.partition(b" ")[0].decode("latin-1"))

    async def read(self, reader: asyncio.StreamReader, method: str = "GET") -> Answer:
        """Read one answer and wait for its events."""
        async with asyncio.timeout(DEADLINE):
            got = await read_answer(reader, method)
        self.answers.append(got.body)
        await self.proxy.proxy.settle()
        return got

    def forwarded(self) -> list[GoRequest]:
        """Every request that the upstream got, as Go reads it; reviews of our own left out."""
        found = []
        for connection in self.upstream.connections:
            data = bytes(connection.received)
            while data and (read := read_request(data)) is not None:
                request, end = read
                data = b"" if request.values(b"upgrade") else data[end:]
                if b"subjectaccessreviews" not in request.target:
                    found.append(request)
        return found

    def lines(self) -> list[str]:
        """Every event as the line that a log holds."""
        return [json.dumps(event) for event in self.events]


async def send(writer: asyncio.StreamWriter, raw: bytes, cut: str) -> None:
    """Write bytes in one segment, in two, or one byte a segment."""
    if cut == WHOLE:
        writer.write(raw)
        return
    step = 1 if cut == BYTES else max(1, len(raw) // 2)
    for start in range(0, len(raw), step):
        if writer.transport.is_closing():
            return
        writer.write(raw[start : start + step])
        await turns()


async def read_refusal(rig: Rig, reader: asyncio.StreamReader, method: str, cut: str) -> int:
    """The answer's code; 400 where bytes sent after the end took the answer along (RST)."""
    try:
        return (await rig.read(reader, method)).status
    except (asyncio.IncompleteReadError, ConnectionError):
        assert cut != WHOLE
        return 400


RigFactory = Callable[..., contextlib.AbstractAsyncContextManager[Rig]]


@contextlib.asynccontextmanager
async def new_rig(
    folder: Path, capture: pytest.CaptureFixture[str], script: Script = plain, **flags: Any
) -> AsyncIterator[Rig]:
    """A rig; leaving it holds everything against the oracles."""
    canary = f"canary-{secrets.token_hex(8)}"
    tokens = f'{canary},alice,1,"dev"\nbob-token,bob,2\nadmin-token,admin,3,"system:masters"\n'
    operatorlog.configure(verbosity=10, json_lines=False)
    tasks, descriptors = len(asyncio.all_tasks()), open_descriptors()
    flags = {"policy": EVERYTHING, "tokens": tokens, **flags}
    async with FakeUpstream(script) as upstream:
        async with proxy_before(upstream.port, folder, **flags) as proxy:
            rig = Rig(proxy, upstream, canary)
            yield rig
            await quiet(rig)
            metrics = generate_latest(proxy.proxy.handler.shared.metrics.registry).decode()
            assert proxy.metric("auditproxy_audit_events_generated_total") == len(rig.events)  # O6
    hold_events(rig)
    if rig.compare_identity:
        hold_forwarded(rig)
    shown = capture.readouterr()  # O2
    rig.said = shown.out + shown.err
    for place in (rig.said, metrics, *(() if rig.canary_in_events else rig.lines())):
        assert canary not in place
        assert "proxy-credential" not in place
    assert all(canary.encode() not in body for body in rig.answers)
    await until(  # O4
        lambda: len(asyncio.all_tasks()) <= tasks and open_descriptors() <= descriptors,
        "no task and no descriptor is left",
    )


async def quiet(rig: Rig) -> None:
    """End the client's connections and wait until no request is under way."""
    for writer in rig.proxy.writers:
        writer.transport.abort()
    await until(lambda: not rig.proxy.proxy.handler.under_way, "no request is under way")
    async with asyncio.timeout(DEADLINE):
        await rig.proxy.proxy.settle()


_SECRET = re.compile("(?<=[?&]token=)[^&]+|(?<=[?&]access_token=)[^&]+")
_MARKED = re.compile(f"(?:(?<=[?&]token=)|(?<=[?&]access_token=)){MARKER}[0-9a-f]{{16}}(?=&|$)")
"""Tokens in a query as they came, and what an event shows of them."""


def hold_events(rig: Rig) -> None:
    """O5, and that each request ended once."""
    seen = [(event["auditID"], event["stage"]) for event in rig.events]
    assert len(set(seen)) == len(seen)
    stages: dict[str, list[str]] = {}
    for audit_id, stage in seen:
        stages.setdefault(audit_id, []).append(stage)
    for found in stages.values():
        assert found in (
            ["ResponseStarted"],
            ["RequestReceived", "ResponseComplete"],
            ["RequestReceived", "ResponseStarted", "ResponseComplete"],
            ["RequestReceived", "Panic"],
        )
    for line in rig.lines():
        assert "\n" not in line
        json.loads(line.encode("utf-8"))


def hold_forwarded(rig: Rig) -> None:
    """O1 and O3."""
    for request in rig.forwarded():
        (audit_id,) = request.values(b"audit-id")
        events = [event for event in rig.events if event["auditID"] == audit_id.decode()]
        assert events, request
        uri = request_uri(request.target).decode("utf-8", "surrogateescape")
        uri = re.sub("[\udc80-\udcff]", "\ufffd", uri)
        (shown,) = {event["requestURI"] for event in events}
        assert _MARKED.sub("", shown) == (_SECRET.sub("", uri) if _MARKED.search(shown) else uri)
        user = events[-1].get("impersonatedUser") or events[-1]["user"]
        assert request.values(b"impersonate-user") == [user["username"].encode()]
        groups = [group.encode() for group in user.get("groups", ())]
        assert request.values(b"impersonate-group") == groups
        assert request.values(b"authorization") == [b"Bearer proxy-credential"]
        assert not [name for name, _ in request.headers if name.startswith(b"x-remote")]


def open_descriptors() -> int:
    """Descriptors of this process that are open."""
    return len(os.listdir("/proc/self/fd"))
