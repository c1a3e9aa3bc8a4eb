"""Backends with policies of their own get what a proxy with that policy alone would have written."""

import asyncio
import contextlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditproxy.apis.audit import Event, Stage
from auditproxy.app.sinks.backendpolicies import OwnBackend, with_policies
from auditproxy.audit.encode import json_line
from auditproxy.audit.policy.evaluator import PolicyRuleEvaluator, load_policy, with_stage
from auditproxy.audit.redaction.decoding import builtin_redactor
from auditproxy.audit.redaction.redactor import Redactor
from auditproxy.server.services import Services
from tests.conformance.client import read_answer
from tests.fakes.options import options
from tests.fakes.policies import HEAD
from tests.fakes.proxy import ADMIN, ALICE, BOB, RunningProxy, proxy_before, request
from tests.fakes.randompolicies import POD, POLICIES, TARGETS, WRONG
from tests.fakes.upstream import FakeConnection, FakeUpstream, answer
from tests.fakes.waiting import until

Asked = tuple[str, str, str, bytes, bytes]
"""Method, target, token, body, and the upstream's answer."""

JSON = b"Content-Type: application/json"
MANAGED = (
    b'{"kind":"Secret","apiVersion":"v1","metadata":{"name":"s","namespace":"shop",'
    b'"managedFields":[{"manager":"kubectl"}]},"data":{"password":"aHVudGVyMg=="}}'
)
LARGE = MANAGED.replace(b'"kubectl"', b'"%b"' % (b"k" * 300_000))
STATUS = (
    b'{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"no",'
    b'"reason":"Forbidden","code":403}'
)
WATCHED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
LEAVES = b""
"""No answer comes, and the client leaves."""
UNREADABLE = b"HTTP/1.1 204 No Content\r\n\r\n"
"""For a client that accepts nothing that the proxy can write."""
TARGET = st.sampled_from(
    [
        *TARGETS,
        "/api/v1/namespaces/shop/secrets",
        "/api/v1/namespaces/shop/secrets/s?token=abc",
        "/api/v1/pods?timeout=never",
        "/api/v1/watch",
    ]
)
ASKED = st.tuples(
    st.sampled_from(["GET", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]),
    TARGET,
    st.sampled_from([ALICE, BOB, ADMIN, ADMIN, "", WRONG]),
    st.sampled_from([b"", POD, MANAGED, MANAGED, b"{", LARGE]),
    st.sampled_from(
        [
            answer(200, POD, JSON),
            answer(201, MANAGED, JSON),
            answer(200, LARGE, JSON),
            answer(403, STATUS, JSON),
            answer(200, b"no JSON", JSON),
            WATCHED,
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbroken off",
            b"no HTTP",
            LEAVES,
            UNREADABLE,
        ]
    ),
)
LEVELS = ("None", "Metadata", "Request", "RequestResponse")
POLICY = st.tuples(
    st.one_of(
        POLICIES,
        st.sampled_from([(HEAD + f"rules: [{{level: {level}}}]").encode() for level in LEVELS]),
    ),
    st.booleans(),
).map(lambda made: made[0] + (b"\nomitManagedFields: true" if made[1] else b""))
REDACTOR = st.sampled_from(
    [
        None,
        builtin_redactor(b"k" * 32),
        Redactor((), frozenset({"command"}), b"other" * 8),
    ]
)


@dataclass
class Lines:
    """A backend that keeps lines."""

    lines: list[bytes] = field(default_factory=list)

    def process_events(self, events: tuple[Event, ...]) -> bool:
        """Keep the events as the log writes them."""
        self.lines += map(json_line, events)
        return True

    async def shutdown(self, grace: float) -> None:
        """Nothing waits."""


@dataclass(frozen=True)
class Wanted:
    """What one backend is to get."""

    policy: bytes
    redactor: Redactor | None
    strict: bool = False

    def alone(self, services: Services) -> Services:
        """The services of a proxy with this policy alone."""
        policy, _ = load_policy(self.policy)
        if self.strict:
            policy = with_stage(policy, Stage.REQUEST_RECEIVED)
        return replace(services, evaluator=PolicyRuleEvaluator(policy), redactor=self.redactor)


WANTED = st.builds(Wanted, POLICY, REDACTOR, st.booleans())


@dataclass
class Proxied:
    """A proxy whose services the test replaces, and what its upstream answers next."""

    proxy: RunningProxy
    answers: list[bytes]

    async def ask(self, asked: list[Asked]) -> None:
        """Send each on a connection of its own, and wait until its events are out."""
        for number, each in enumerate(asked):
            await self.ask_one(number, *each)

    async def ask_one(
        self, number: int, method: str, target: str, token: str, body: bytes, reply: bytes
    ) -> None:
        """Send a request whose audit ID is the number."""
        handler = self.proxy.proxy.handler
        self.answers[:] = [reply]
        accepted = "text/csv" if reply == UNREADABLE else "application/json"
        headers = ["Connection: close", f"Audit-ID: {number}", f"Accept: {accepted}"]
        if body:
            headers.append("Content-Type: application/json")
        reader, writer = await asyncio.open_connection("127.0.0.1", self.proxy.proxy.port)
        writer.write(request(method, target, *headers, body=body, token=token))
        answered = asyncio.create_task(read_answer(reader, method))
        if reply == LEAVES:
            # Unless the proxy answers it itself.
            await until(lambda: answered.done() or not self.answers, "it is sent")
            writer.transport.abort()
        async with asyncio.timeout(10):
            await asyncio.gather(answered, return_exceptions=True)
        writer.close()
        await until(lambda: not handler.under_way, "the request is over")
        await self.proxy.proxy.settle()


@contextlib.asynccontextmanager
async def stage(folder: Path, **flags: Any) -> Any:
    """A proxy at whose every clock no time passes."""
    answers: list[bytes] = []

    async def script(connection: FakeConnection) -> None:
        with contextlib.suppress(EOFError):
            while True:
                await connection.read_request()
                reply = answers.pop()
                connection.send(reply)
                if b"broken" in reply or b"no HTTP" in reply:
                    connection.transport.close()
                    return

    async with FakeUpstream(script) as upstream:
        async with proxy_before(upstream.port, folder, **flags) as proxy:
            shared = proxy.proxy.handler.shared
            shared.wall_clock, shared.monotonic_clock = lambda: 10**18, lambda: 0
            # As it is without the short way, which proxies with such backends do not have.
            proxy.proxy._serving.server._take = None
            yield Proxied(proxy, answers)


async def compared(
    folder: Path,
    wanted: list[Wanted],
    asked: list[Asked],
    *,
    change: Callable[[Services], Services] = lambda services: services,
    **flags_of_stage: Any,
) -> tuple[list[list[bytes]], list[list[bytes]]]:
    """The lines of each backend: with policies of their own, and each in a proxy of its own."""
    async with stage(folder, **flags_of_stage) as found:
        handler = found.proxy.proxy.handler
        shared, before = handler.shared, change(handler.services)
        main = Lines()
        plugins = ("log", "webhook")
        flags: dict[str, Any] = {"audit_webhook_config_file": "x"}
        files: dict[str, Any] = {}
        for plugin, each in zip(plugins, wanted[1:], strict=True):
            flags[f"audit_{plugin}_policy_file"] = "a file"
            flags[f"audit_{plugin}_mode"] = "blocking-strict" if each.strict else "blocking"
            flags[f"audit_{plugin}_redact"] = "none" if each.redactor is None else "a file"
            files[f"audit_{plugin}_policy"] = load_policy(each.policy)[0]
            files[f"audit_{plugin}_redactor"] = each.redactor
        own = {plugin: Lines() for plugin in plugins}
        handler.services = with_policies(
            wanted[0].alone(before),
            options(**flags),
            replace(found.proxy.proxy._composed.files, **files),
            main,
            tuple(OwnBackend(plugin, backend) for plugin, backend in own.items()),
        )
        await found.ask(asked)
        alone = []
        for each in wanted:
            shared.sink = lines = Lines()
            handler.services = each.alone(before)
            await found.ask(asked)
            alone.append(lines.lines)
        return [main.lines, *(each.lines for each in own.values())], alone


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(WANTED, min_size=3, max_size=3), st.lists(ASKED, min_size=1, max_size=6))
def test_as_if_alone(wanted: list[Wanted], asked: list[Asked]) -> None:
    """R16: whatever the policies and requests, byte for byte what each alone would have had."""
    with tempfile.TemporaryDirectory() as folder:
        several, alone = asyncio.run(compared(Path(folder), wanted, asked))
    assert several == alone


def at(level: str, more: str = "") -> bytes:
    """A policy with one level."""
    return (HEAD + f"rules: [{{level: {level}}}]{more}").encode()


SECRETS = "/api/v1/namespaces/shop/secrets"
REDACTING = builtin_redactor(b"k" * 32)


@pytest.mark.parametrize(
    "asked",
    [
        ("POST", SECRETS, ADMIN, MANAGED, answer(201, MANAGED, JSON)),
        ("GET", f"{SECRETS}/s?token=abc", ADMIN, b"", answer(200, LARGE, JSON)),
        ("GET", f"{SECRETS}/s", ADMIN, b"", answer(403, STATUS + b" " * 300_000, JSON)),
        ("GET", f"/api/v1/pods?x={'y' * 70_000}", ADMIN, b"", answer(200, POD, JSON)),
        ("GET", "/api/v1/pods?watch=1", ADMIN, b"", answer(403, STATUS, JSON)),
        ("GET", "/api/v1/pods?timeout=never", ADMIN, b"", UNREADABLE),
        ("GET", "/api/v1/pods", WRONG, b"", LEAVES),
        ("GET", "/api/v1/pods", ADMIN, b"", LEAVES),
        ("PATCH", SECRETS, ADMIN, LARGE, b"no HTTP"),
    ],
    ids=["managed", "large", "long status", "long uri", "watch", "unread", "401", "left", "broken"],
)
@pytest.mark.parametrize(
    "policies",
    [
        ("RequestResponse", "Metadata", "Request"),
        ("Metadata", "RequestResponse", "None"),
        ("None", "None", "Request"),
    ],
)
async def test_each_way(tmp_path: Path, policies: tuple[str, str, str], asked: Asked) -> None:
    """Each way in which a request is recorded, at the levels that differ most."""
    omitted = "\nomitManagedFields: true"
    wanted = [
        Wanted(at(policies[0]), None),
        Wanted(at(policies[1], omitted), REDACTING),
        Wanted(at(policies[2]), REDACTING),
    ]
    several, alone = await compared(tmp_path, wanted, [asked])
    assert several == alone
    assert any(several)


async def test_managed_fields_alone(tmp_path: Path) -> None:
    """Policies of one level that differ in managed fields do not share a record."""
    wanted = [
        Wanted(at("Request"), None),
        Wanted(at("Request", "\nomitManagedFields: true"), None),
        Wanted(at("Request"), None),
    ]
    asked = [("POST", SECRETS, ADMIN, MANAGED, answer(201, MANAGED, JSON))]
    several, alone = await compared(tmp_path, wanted, asked)
    assert several == alone
    assert several[0] == several[2] != several[1]


@pytest.mark.parametrize("processes", [0, 1], ids=["thread", "process"])
async def test_decoded_aside(tmp_path: Path, processes: int) -> None:
    """Bodies that take long are read aside for each record, on a thread or in a process."""
    wanted = [
        Wanted(at("RequestResponse"), None),
        Wanted(at("Metadata"), REDACTING),
        Wanted(at("RequestResponse", "\nomitManagedFields: true"), REDACTING),
    ]
    items = b",".join([MANAGED.replace(b"kubectl", b"k" * 2000)] * 2000)
    body = b'{"kind":"SecretList","apiVersion":"v1","metadata":{},"items":[%b]}' % items
    asked = [("GET", SECRETS, ADMIN, b"", answer(200, body, JSON))]
    several, alone = await compared(tmp_path, wanted, asked, audit_decode_processes=processes)
    assert several == alone
    assert len(several[0][1]) > len(several[2][1]) > len(several[1][1])
    assert b"redacted:hmac" in several[2][1]


class Broken:
    """A fault of ours on the way to the upstream."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


async def test_crash(tmp_path: Path) -> None:
    """A fault of ours is a Panic in each."""
    wanted = [
        Wanted(at("RequestResponse"), None),
        Wanted(at("Metadata"), None),
        Wanted(at("None"), None),
    ]
    asked = [("POST", SECRETS, ADMIN, POD, LEAVES)]
    several, alone = await compared(
        tmp_path, wanted, asked, change=lambda services: replace(services, upstream=Broken())
    )
    assert several == alone
    assert [len(lines) for lines in several] == [2, 2, 0]
    assert all(b'"stage":"Panic"' in lines[-1] for lines in several[:2])
