"""J: no credential where it does not belong (oracle O2 of the rig looks for alice's token)."""

import base64
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from auditproxy.apis.attributes import Attributes
from auditproxy.apis.audit import Level
from auditproxy.app.proxy import build
from auditproxy.audit.policy.builtin import BUILTIN_POLICY
from auditproxy.audit.policy.evaluator import PolicyRuleEvaluator, load_policy
from auditproxy.audit.redaction.redactor import MARKER
from tests.fakes.options import options
from tests.fakes.proxy import (
    ALICE,
    EVERYTHING,
    TOKENS,
    EventCollector,
    RunningProxy,
    request,
    write_files,
)
from tests.fakes.upstream import FakeConnection, FakeUpstream, answer, replying
from tests.threats.rig import OK, RigFactory, each_way, read_refusal, send
from tests.threats.rules import ROOT

METADATA = EVERYTHING.replace("RequestResponse", "Metadata")


@each_way
@pytest.mark.parametrize(
    "line",
    ["Authorization: Bearer {}\x01", "Authorization: Bearer\r\n {}", "Authorization : Bearer {}",
     "Authorization: Bearer {}\x7f", "Authorization: Bearer \0{}", "Authorization {}",
     "Authorization: Bearer " + "x" * 9000 + "{}"],
)  # fmt: skip
async def test_malformed_authorization(rigged: RigFactory, line: str, cut: str) -> None:
    """T296: a credential in a line that cannot be read, or is too long, is repeated nowhere."""
    async with rigged() as rig:
        reader, writer = await rig.connect()
        raw = f"GET /api HTTP/1.1\r\nHost: a\r\n{line.format(rig.canary)}\r\n\r\n".encode()
        await send(writer, raw, cut)
        assert await read_refusal(rig, reader, "GET", cut) in (400, 401)


@each_way
@pytest.mark.parametrize(
    "start",
    ["GET /api?token={} HTTP/9.9", "G@T /api?token={} HTTP/1.1", "GET api?token={} HTTP/1.1",
     "GET /api?token={} x HTTP/1.1", "GET /api?token={}\x01 HTTP/1.1"],
)  # fmt: skip
async def test_token_in_a_bad_line(rigged: RigFactory, start: str, cut: str) -> None:
    """T297: a token in a request line that is refused is in no answer and no line for operators."""
    async with rigged() as rig:
        rig.canary_in_events = True  # The URI of a refused request is in its event, as it came.
        reader, writer = await rig.connect()
        await send(writer, f"{start.format(rig.canary)}\r\nHost: a\r\n\r\n".encode(), cut)
        assert await read_refusal(rig, reader, "GET", cut) in (400, 505)


@pytest.mark.parametrize("name", ["access_token", "token"])
@pytest.mark.parametrize("fault", ["", "&timeout=x", "#"])
async def test_token_in_a_query(rigged: RigFactory, name: str, fault: str) -> None:
    """T298: a token in a query is nowhere; with redaction off it is in the event alone."""
    async with rigged() as rig:
        await rig.ask(rig.request("GET", f"/api/v1/pods?{name}={rig.canary}{fault}"))
        assert f"?{name}={MARKER}" in rig.events[-1]["requestURI"]
    async with rigged(audit_redact="none") as rig:
        rig.canary_in_events = True
        await rig.ask(rig.request("GET", f"/api/v1/pods?{name}={rig.canary}{fault}"))
        assert rig.canary in rig.events[-1]["requestURI"]


@pytest.mark.parametrize("known", [True, False])
async def test_token_in_a_protocol(rigged: RigFactory, known: bool) -> None:
    """T299: a token among the WebSocket protocols shows nowhere, neither bare nor encoded."""

    async def script(connection: FakeConnection) -> None:
        await connection.read_head()
        connection.send(answer(403, b"no"))

    async with rigged(script, anonymous_auth=False) as rig:
        token = rig.canary if known else rig.canary + "x"
        encoded = base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")
        raw = "\r\n".join(
            (
                "GET /api/v1/pods?watch=1 HTTP/1.1", "Host: a", "Connection: Upgrade",
                "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                "Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: v5.channel.k8s.io, "
                f"base64url.bearer.authorization.k8s.io.{encoded}", "", "",
            )
        )  # fmt: skip
        assert (await rig.ask(raw.encode())).status == (403 if known else 401)
        for forwarded in rig.forwarded():
            assert forwarded.values(b"sec-websocket-protocol") == [b"v5.channel.k8s.io"]
    assert encoded not in rig.said
    assert not any(encoded in line for line in rig.lines())


@pytest.mark.parametrize("reply", [OK, b"garbage\r\n\r\n", answer(500, b"x"), b""])
async def test_most_talkative(rigged: RigFactory, reply: bytes) -> None:
    """T300: with every line for operators shown (the rig does), no token is, whatever goes wrong."""

    async def script(connection: FakeConnection) -> None:
        await connection.read_head()
        connection.send(reply)
        connection.close()

    async with rigged(script) as rig:
        await rig.ask(rig.request())
        await rig.ask(rig.request("GET", "/api", "Impersonate-User: jane"))
        await rig.ask(rig.request().replace(rig.canary.encode(), rig.canary.encode() + b"x"))


SECRETS = [
    ("", "secrets", ""),
    ("", "configmaps", ""),
    ("", "serviceaccounts", "token"),
    ("authentication.k8s.io", "tokenreviews", ""),
    ("certificates.k8s.io", "certificatesigningrequests", ""),
]
SHIPPED = {
    "built-in": BUILTIN_POLICY,
    "base": (ROOT / "manifests/base/policy.yaml").read_bytes(),
    "sample": (ROOT / "manifests/policy-sample.yaml").read_bytes(),
}


@pytest.mark.parametrize("policy", SHIPPED)
@pytest.mark.parametrize(("group", "resource", "subresource"), SECRETS)
@pytest.mark.parametrize("verb", ["create", "get", "list", "watch", "patch", "update"])
def test_shipped_policies(
    policy: str, group: str, resource: str, subresource: str, verb: str
) -> None:
    """T302, T303: no policy that we ship records the bodies of what holds secrets."""
    evaluator = PolicyRuleEvaluator(load_policy(SHIPPED[policy], "")[0])
    attributes = Attributes(
        user=None,
        verb=verb,
        is_resource_request=True,
        path="/",
        api_group=group,
        resource=resource,
        subresource=subresource,
    )
    assert evaluator.evaluate(attributes).level <= Level.METADATA


async def test_upstream_that_quotes_the_token(rigged: RigFactory) -> None:
    """T305: a token that the upstream quotes in an error goes back to its owner and into no line of ours."""

    async def script(connection: FakeConnection) -> None:
        head = await connection.read_head()
        connection.send(answer(401, head, b"Content-Type: text/plain"))

    async with rigged(script, policy=METADATA, upstream_identity="passthrough") as rig:
        rig.compare_identity = False
        got = await rig.ask(rig.request())
        assert rig.canary.encode() in got.body
        rig.answers.clear()


def test_no_core_dump() -> None:
    """T306: the process that serves leaves no core behind when it crashes."""
    code = (
        "import resource\n"
        "from auditproxy.app.process import forbid_core_dumps\n"
        "forbid_core_dumps()\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout == "(0, 0)\n"


async def test_labels(rigged: RigFactory) -> None:
    """T307: no label of a metric holds a user, a name, a path or what a client made up."""
    async with rigged() as rig:
        await rig.ask(rig.request("GET", "/api/v1/namespaces/canary-ns/pods/canary-name"))
        await rig.ask(rig.request("CANARY", "/canary-path/canary"))
        await rig.ask(rig.request("GET", "/x", "User-Agent: canary-agent", "Audit-ID: canary-id"))
        metrics = generate_latest(rig.proxy.proxy.handler.shared.metrics.registry).decode()
        assert "canary" not in metrics.lower()
        assert "alice" not in metrics


async def test_modes_of_the_log(tmp_path: Path) -> None:
    """T308: the log and what is rotated are for their owner alone, whatever the umask."""
    log = tmp_path / "audit" / "audit.log"
    before = os.umask(0)
    try:
        async with FakeUpstream(replying(OK)) as upstream:
            flags = write_files(upstream.port, tmp_path, policy=EVERYTHING, tokens=TOKENS)
            proxy = await build(options(**flags, audit_log_path=str(log)), listener_tls=False)
            running = RunningProxy(proxy, EventCollector())
            await proxy.start()
            await running.ask(request(token=ALICE))
            for writer in running.writers:
                writer.transport.abort()
            await proxy.close()
    finally:
        os.umask(before)
    assert len(log.read_text().splitlines()) == 2
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.parent.stat().st_mode) == 0o700


async def test_refused_json_web_token(rigged: RigFactory) -> None:
    """T310: of a JSON Web Token that nobody knows, no part is told."""
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in ({"alg": "RS256", "kid": "canary-key"}, {"sub": "canary-sub"}, "signature")
    ]
    async with rigged() as rig:
        raw = rig.request().replace(rig.canary.encode(), ".".join(parts).encode())
        assert (await rig.ask(raw)).status == 401
    for text in (*parts, "canary-key", "canary-sub"):
        assert text not in rig.said
        assert not any(text in line for line in rig.lines())


async def test_401_tells_nothing(rigged: RigFactory) -> None:
    """T311: a wrong token is answered alike, whoever's it nearly is."""
    async with rigged() as rig:
        seen = set()
        for token in (rig.canary[:-1], rig.canary + "x", "nobody", "x" * 500):
            got = await rig.ask(rig.request().replace(rig.canary.encode(), token.encode()))
            headers = [h for h in got.headers if h[0] not in ("Audit-Id", "Date")]
            seen.add((got.status, got.body, str(headers)))
        assert len(seen) == 1
        assert re.search(r"Unauthorized", str(seen))
