"""Differential fuzzing of the request path over real sockets.

    python -m tests.fuzz.requests --count 20000 --seed 1 --processes 2

Bent requests go to a real listener of the proxy; behind it stands an upstream
that reads as Go's net/http does (tests/fakes/gohttp.py). The oracle:

- each request that the upstream read was audited, once, under the Audit-ID it
  carries, and its method, URI, verb and object are those of the event,
- the identity lines that it carries are exactly the event's user,
- the upstream could read everything that it got,
- of what a connection sent we read the requests and bodies that Go reads, as far as both do (a
  client may itself be a proxy that reads as Go does), and of doubled headers every line goes up
  while the event shows the first,
- behind a request that asks for an upgrade nothing is read; after a switch it is the tunnel's,
- no event says Panic, and no handler failed outside its event.

Prints the counts and every finding with the bytes that the connection sent;
exits with 1 when there is one.
"""

import asyncio
import collections
import contextlib
import re
import sys
import tempfile
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import uvloop

from auditproxy.apis.audit import Event
from auditproxy.app import operatorlog
from auditproxy.app.proxy import build
from tests.fakes.gohttp import GoRequest, MalformedError, read_request, request_info, request_uri
from tests.fakes.options import options
from tests.fakes.proxy import TOKENS, write_files
from tests.fakes.waiting import until
from tests.fuzz.mutations import DOUBLED, stream
from tests.fuzz.shares import run_shares

PER_CONNECTION = 8
CONNECTIONS = 32
QUIET = 0.3
"""Seconds without a byte after which a connection that waits for a body is given up."""

POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
rules: [{level: Metadata}]
"""
REVIEW = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
DENIED = b'{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1","status":{"allowed":false}}'


class Oracle:
    """Holds what was audited against what the upstream read."""

    def __init__(self) -> None:
        self.events: dict[str, list[Event]] = {}
        self.forwarded: list[GoRequest] = []
        self.tunnels: dict[str, bytearray] = {}
        self.findings: list[str] = []
        self.counts: collections.Counter[str] = collections.Counter()

    def process_events(self, events: tuple[Event, ...]) -> bool:
        """The audit backend."""
        for event in events:
            self.events.setdefault(event.audit_id, []).append(event)
        return True

    async def shutdown(self, grace: float) -> None:
        """Nothing is buffered."""

    def found(self, what: str, detail: Any) -> None:
        """Note a fault."""
        self.findings.append(f"{what}: {detail!r}")

    def settle(self, streams: dict[str, bytes] | None = None) -> None:
        """Judge everything so far; called when no request is under way.

        ``streams`` is what each client sent, by its address.
        """
        for address, raw in (streams or {}).items():
            self._read_alike(address, raw)
        seen: collections.Counter[str] = collections.Counter()
        for request in self.forwarded:
            self.counts["forwarded"] += 1
            ids = request.values(b"audit-id")
            events = self.events.get(ids[0].decode("latin-1"), []) if len(ids) == 1 else []
            if not events:
                self.found("forwarded without an event", request)
                continue
            seen[events[0].audit_id] += 1
            self._compare(request, events)
        for audit_id, times in seen.items():
            retried = any(
                "auditproxy.io/retried" in event.annotations for event in self.events[audit_id]
            )
            if times > 1 + retried:
                self.found("one event, several requests", self.events[audit_id][-1])
        for events in self.events.values():
            self._stages(events)
        self.counts["requests with events"] += len(self.events)
        self.events.clear()
        self.forwarded.clear()
        self.tunnels.clear()

    def _read_alike(self, address: str, raw: bytes) -> None:
        """The requests that we read of a stream are those that Go reads of it, as far as both go."""
        up = {r.values(b"audit-id")[0].decode("latin-1"): r for r in self.forwarded}
        ours = [e for e in self.events.values() if e[0].source_ips[-1] == address]
        position = 0
        for events in ours:
            try:
                read = read_request(raw[position:])
            except MalformedError as error:
                self.counts["read where Go refuses"] += 1
                if events[0].audit_id in up:
                    self.counts[f"forwarded where Go refuses: {error}"] += 1
                return
            if read is None:
                self.counts["read before Go has all of the body"] += 1
                return
            request, size = read
            position += size
            self.counts["read as Go reads it"] += 1
            event = events[-1]
            if request.method == "CONNECT":
                return  # Answered 405, and the connection closes.
            if event.request_uri not in spellings(request.target, refused=len(events) == 1):
                self.found("another request than Go reads", (request, event, raw))
                return
            forwarded = up.get(event.audit_id)
            if forwarded is not None:
                if forwarded.body != request.body:
                    self.found("another body than Go reads", (request, event, raw))
                    return
                self._lines_alike(request, forwarded, event)
            if asks_upgrade(request):
                self.counts["asked for an upgrade"] += 1
                if events is not ours[-1]:
                    self.found("read behind an upgrade", (request, event, raw))
                tunnel = self.tunnels.get(event.audit_id)
                if tunnel is not None and not raw.startswith(bytes(tunnel), position):
                    self.found("other bytes in a tunnel", (request, bytes(tunnel), raw))
                return

    def _lines_alike(self, sent: GoRequest, forwarded: GoRequest, event: Event) -> None:
        """Doubled headers go up line by line, nobody's go up; the first User-Agent is the event's."""
        for name, value in forwarded.headers:
            if name not in OURS and not name.startswith(b"impersonate-"):
                protocols = name == b"sec-websocket-protocol"
                if (name, value) not in sent.headers and not protocols:
                    self.found("a header that nobody sent", (name, sent, forwarded))
        dropped = b",".join(sent.values(b"connection")).lower()
        for name in DOUBLED_NAMES:
            if sent.values(name) != forwarded.values(name) and name not in dropped:
                self.found("another header", (name, sent, forwarded))
            elif len(sent.values(name)) > 1:
                self.counts["doubled headers"] += 1
        agents = sent.values(b"user-agent")
        if agents and agents[0].decode("utf-8", "surrogateescape") != event.user_agent:
            self.found("another User-Agent", (sent, event))

    def _stages(self, events: list[Event]) -> None:
        stages = [event.stage for event in events]
        code = events[-1].response_status.code if events[-1].response_status else 0
        self.counts[f"code {code}"] += 1
        if len(set(stages)) != len(stages) or "Panic" in stages:
            self.found("stages", events[-1])
        if stages[-1] != "ResponseComplete" and stages != ["ResponseStarted"]:
            self.found("no last event", events[-1])

    def _compare(self, request: GoRequest, events: list[Event]) -> None:
        event = events[-1]
        uri = request_uri(request.target).decode("utf-8", "surrogateescape")
        if uri != event.request_uri:
            self.found("URI", (request, event))
        info = request_info(request.method, request.target)
        if info is None:
            self.found("forwarded without a meaning", (request, event))
            return
        reference = event.object_ref
        if info.verb != event.verb or (info.resource is None) != (reference is None):
            self.found("verb", (request, event))
        if reference is not None and info.resource is not None:
            ours = (
                reference.resource, reference.subresource, reference.namespace,
                reference.api_group, reference.api_version,
            )  # fmt: skip
            theirs = (info.resource, info.subresource, info.namespace, info.group, info.version)
            named = info.name in (reference.name, "?") or (info.verb == "create" and not info.name)
            if ours != theirs or not named:
                self.found("object", (request, event))
        user = event.impersonated_user or event.user
        expected = [(b"impersonate-user", user.username.encode())]
        expected += [(b"impersonate-uid", user.uid.encode())] if user.uid else []
        expected += [(b"impersonate-group", group.encode()) for group in user.groups]
        expected += [
            (b"impersonate-extra-" + key.encode(), value.encode())
            for key, values in user.extra.items()
            for value in values
        ]
        found = [
            (name, value)
            for name, value in request.headers
            if name.replace(b"_", b"-").startswith((b"impersonate-", b"x-remote-"))
        ]
        if sorted(found) != sorted(expected):
            self.found("identity", (request, event))
        if request.values(b"authorization") != [b"Bearer proxy-credential"]:
            self.found("credential", (request, event))


OURS = frozenset(
    {
        b"audit-id",
        b"authorization",
        b"connection",
        b"content-length",
        b"host",
        b"transfer-encoding",
        b"upgrade",
    }
)
DOUBLED_NAMES = sorted({name.lower() for name in DOUBLED})


def asks_upgrade(request: GoRequest) -> bool:
    """Whether kube-apiserver's handlers might hijack the connection."""
    wanted = b"".join(request.values(b"connection")).lower()
    return b"upgrade" in wanted and bool(request.values(b"upgrade"))


def spellings(target: bytes, *, refused: bool) -> set[str]:
    """How the event may show a target; a refused one without what could be a secret."""
    found = {target}
    with contextlib.suppress(MalformedError):
        found.add(request_uri(target))
    if refused:
        shown = target.split(b"#")[0]
        inner = re.sub(rb"^[^:/?]*://[^/?]*", b"", shown)
        found |= {shown, inner, b"/" + inner, b"/"}
        found |= {re.sub(rb"^[^?]*@", b"", shown), shown[:4096]}
    return {spelled.decode("utf-8", "surrogateescape") for spelled in found}


class Upstream(asyncio.Protocol):
    """One connection of an upstream that reads as Go does and answers everything alike."""

    def __init__(self, oracle: Oracle) -> None:
        self._oracle = oracle
        self._data = bytearray()
        self._tunnel: bytearray | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Read and answer every complete request."""
        if self._tunnel is not None:
            self._tunnel += data
            return
        self._data += data
        try:
            while (
                self._tunnel is None
                and self._data
                and (read := read_request(self._data)) is not None
            ):
                request, end = read
                del self._data[:end]
                self._answer(request)
        except MalformedError as error:
            self._oracle.found(f"the upstream cannot read this ({error})", bytes(self._data))
            self._transport.close()

    def _answer(self, request: GoRequest) -> None:
        if not any(name.startswith(b"impersonate") for name, _ in request.headers):
            if request.method != "POST" or request.target != REVIEW.encode():
                self._oracle.found("our credential without a user", request)
            self._write(201, DENIED)
            return
        self._oracle.forwarded.append(request)
        code = 200
        if upgrade := request.values(b"upgrade"):
            audit_id = request.values(b"audit-id")[0]
            code = (101, 200, 404, 403, 302, 201)[sum(audit_id) % 6]
            self._oracle.counts[f"upgrades answered {code}"] += 1
            if code == 101:
                self._switch(upgrade[0], audit_id.decode("latin-1"))
                return
        self._write(code, b"" if request.method == "HEAD" else b"{}")

    def _switch(self, protocol: bytes, audit_id: str) -> None:
        """Switch protocols; whatever comes from now on is the tunnel's."""
        self._tunnel = self._oracle.tunnels[audit_id] = self._data
        self._transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %b\r\n"
            b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n" % protocol
        )
        asyncio.get_running_loop().call_later(0.02, self._transport.close)

    def _write(self, code: int, body: bytes) -> None:
        head = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self._transport.write(head % (code, len(body)) + body)


class Client(asyncio.Protocol):
    """One connection that sends its bytes and waits for its end."""

    def __init__(self, raw: bytes, cuts: list[int], oracle: Oracle) -> None:
        self._raw = raw
        self._cuts = cuts
        self._oracle = oracle
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self.ended = self._loop.create_future()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first piece."""
        self._transport = transport  # type: ignore[assignment]
        self._send()
        self._wait()

    def _send(self) -> None:
        if self._transport.is_closing():
            return
        if not self._cuts:
            self._transport.write(self._raw)
            return
        cut = self._cuts.pop(0)
        self._transport.write(self._raw[:cut])
        self._raw = self._raw[cut:]
        self._loop.call_soon(self._send)

    def _wait(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(QUIET, self._transport.abort)

    def data_received(self, data: bytes) -> None:
        """Count answers."""
        self._wait()
        for code in re.findall(rb"HTTP/1\.1 (\d{3}) ", data):
            self._oracle.counts[f"answers {code.decode()}"] += 1

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        if self._timer is not None:
            self._timer.cancel()
        if not self.ended.done():
            self.ended.set_result(None)


async def run(count: int, seed: int) -> Oracle:
    """Send so many requests; returns the oracle with its counts and findings."""
    oracle = Oracle()
    random = Random(seed)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Upstream(oracle), "127.0.0.1", 0)
    upstream_port = server.sockets[0].getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        flags = write_files(upstream_port, Path(folder), policy=POLICY, tokens=TOKENS)
        proxy = await build(options(**flags), sink=oracle, listener_tls=False)
        await proxy.start()
        unparsed = proxy.handler.shared.metrics.registry
        sent = 0
        while sent < count and len(oracle.findings) < 20:
            streams = {}
            before = len(oracle.findings)
            async with asyncio.timeout(120):
                clients = []
                for number in range(CONNECTIONS):
                    address = f"127.0.0.{number + 2}"
                    raw = stream(random, PER_CONNECTION)
                    cuts = random_cuts(random, len(raw))
                    streams[address] = raw
                    client = Client(raw, cuts, oracle)
                    with contextlib.suppress(ConnectionError):
                        await loop.create_connection(
                            partial(itself, client),
                            "127.0.0.1",
                            proxy.port,
                            local_addr=(address, 0),
                        )
                        clients.append(client.ended)
                await asyncio.wait(clients)
                sent += CONNECTIONS * PER_CONNECTION
                await idle(proxy)
            oracle.settle(streams)
            crashes = unparsed.get_sample_value(
                "auditproxy_requests_unparsed_total", {"code": "500"}
            )
            if crashes:
                oracle.found("a handler failed outside its event", crashes)
            if len(oracle.findings) > before:
                oracle.findings.append(f"sent by these {CONNECTIONS} connections: {streams!r}")
        oracle.counts["sent"] = sent
        await proxy.close()
    server.close()
    await server.wait_closed()
    return oracle


def itself(client: Client) -> Client:
    """A factory of one client, for the loop that connects it."""
    return client


async def idle(proxy: Any) -> None:
    """Wait until the proxy has no request under way and every event is written."""
    await until(lambda: not proxy.handler.under_way, "no request is under way", seconds=60)
    await proxy.settle()


def random_cuts(random: Random, size: int) -> list[int]:
    """Where a stream is cut into segments: mostly nowhere, now and then at every byte."""
    kind = random.random()
    if kind < 0.8:
        return []
    if kind < 0.98:
        return [random.randint(1, 200) for _ in range(random.randint(1, 6))]
    return [1] * size


def work(arguments: tuple[int, int]) -> tuple[dict[str, int], list[str]]:
    """One process's share."""
    operatorlog.configure(verbosity=-1, json_lines=False)
    operatorlog.warn = lambda text: None
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        oracle = runner.run(run(*arguments))
    return dict(oracle.counts), oracle.findings


def main() -> int:
    """Run and print; 1 when something was found."""
    return run_shares("requests", "requests in all", 20_000, work)


if __name__ == "__main__":
    sys.exit(main())
