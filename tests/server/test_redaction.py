"""Secrets through the whole chain: bodies and request URIs of real requests."""

import base64
import json
from pathlib import Path

import pytest

from auditproxy.audit.redaction.redactor import MARKER
from tests.fakes.proxy import proxy_before, request
from tests.fakes.upstream import FakeUpstream, answer, replying
from tests.fakes.wire import block, envelope

CANARY = "canary-5f0c"
SECRETS = "/api/v1/namespaces/default/secrets"
SECRET = json.dumps({"kind": "Secret", "metadata": {"name": "s"}, "data": {"a": CANARY}}).encode()
JSON = "Content-Type: application/json"


async def test_a_secret_passes_and_is_not_recorded(tmp_path: Path) -> None:
    """T302: the upstream and the client get every byte, no event at RequestResponse has the value."""
    async with (
        FakeUpstream(replying(answer(201, SECRET, JSON.encode()))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        got = await proxy.ask(request("POST", SECRETS, JSON, body=SECRET))
        assert got.body == SECRET
        assert SECRET in upstream.connections[0].received
        assert CANARY not in json.dumps(proxy.events)
        last = proxy.events[-1]
        assert last["requestObject"]["data"]["a"] == last["responseObject"]["data"]["a"]
        assert last["annotations"]["auditproxy.io/redacted"] == "requestObject,responseObject"
        assert last["objectRef"]["name"] == "s"


async def test_a_secret_in_protobuf(tmp_path: Path) -> None:
    """T302: what is decoded from protobuf is marked as what came as JSON, in request and answer."""
    value = base64.b64encode(CANARY.encode()).decode()
    row = block(1, b"a") + block(2, CANARY.encode())
    secret = envelope("v1", "Secret", block(1, block(1, b"s")) + block(2, row))
    kind = "Content-Type: application/vnd.kubernetes.protobuf"
    async with (
        FakeUpstream(replying(answer(201, secret, kind.encode()))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        got = await proxy.ask(request("POST", SECRETS, kind, body=secret))
        assert got.body == secret
        last = proxy.events[-1]
        for member in ("requestObject", "responseObject"):
            assert last[member]["kind"] == "Secret"
            assert last[member]["data"]["a"].startswith(MARKER)
        for text in (CANARY, value):
            assert text not in json.dumps(proxy.events)
        assert last["annotations"]["auditproxy.io/redacted"] == "requestObject,responseObject"


async def test_none_is_parity(tmp_path: Path) -> None:
    """With none a secret is recorded as kube-apiserver records it, the URI too."""
    async with (
        FakeUpstream(replying(answer(201, SECRET, JSON.encode()))) as upstream,
        proxy_before(upstream.port, tmp_path, audit_redact="none") as proxy,
    ):
        await proxy.ask(request("POST", f"{SECRETS}?token=x", JSON, body=SECRET))
        last = proxy.events[-1]
        assert last["requestObject"] == last["responseObject"] == json.loads(SECRET)
        assert last["requestURI"] == f"{SECRETS}?token=x"
        assert "auditproxy.io/redacted" not in last["annotations"]


@pytest.mark.parametrize(
    "target",
    [
        f"/api/v1/namespaces/default/services/web/proxy/login?token={CANARY}&x=1",
        f"/api/v1/namespaces/default/pods/box/log?access_token={CANARY}",
        f"/version?token={CANARY}",
        f"/api/v1/watch?token={CANARY}",
        f"/api/v1/pods?timeout=nonsense&token={CANARY}",
        f"http://elsewhere/?token={CANARY}",
        f"/broken%zz?token={CANARY}",
    ],
)
async def test_tokens_in_query_strings(tmp_path: Path, target: str) -> None:
    """T297 T298: however the request ends, in no event and no line for operators is its token."""
    lines: list[str] = []
    async with (
        FakeUpstream(replying(answer(200, b"ok", b"Content-Type: text/plain"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        proxy.proxy.handler.shared.report = lines.append
        await proxy.ask(request("GET", target))
        await proxy.ask(request("GET", target, token="wrong"))
        assert proxy.events
        assert CANARY not in json.dumps(proxy.events)
        assert CANARY not in "".join(lines)
        for event in proxy.events:
            assert event["annotations"]["auditproxy.io/redacted"] == "requestURI"


async def test_a_patch_that_carries_a_secret_away(tmp_path: Path) -> None:
    """A14: what a JSON patch copies out of a Secret is in no event, though the client gets it."""
    value = base64.b64encode(CANARY.encode()).decode()
    patch = [
        {"op": "copy", "from": "/data/a", "path": "/metadata/labels/l"},
        {"op": "test", "path": "/metadata/labels/l", "value": value},
    ]
    after = {
        "kind": "Secret",
        "metadata": {"name": "s", "labels": {"l": value}},
        "data": {"a": value},
    }
    kind = "Content-Type: application/json-patch+json"
    async with (
        FakeUpstream(replying(answer(200, json.dumps(after).encode(), JSON.encode()))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        got = await proxy.ask(
            request("PATCH", f"{SECRETS}/s", kind, body=json.dumps(patch).encode())
        )
        assert value.encode() in got.body
        assert value not in json.dumps(proxy.events)
        assert proxy.events[-1]["responseObject"]["metadata"]["name"] == "s"


async def test_a_refused_patch_at_metadata(tmp_path: Path) -> None:
    """A14: at Metadata too a patch is kept as long as its refusal may quote a secret of it."""
    patch = json.dumps({"data": {"a": CANARY}}).encode()
    message = f'Secret "s" is invalid: data[a]: Invalid value: "{CANARY}"'
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
              "message": message, "reason": "Invalid", "code": 422}  # fmt: skip
    policy = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n"
    kind = "Content-Type: application/merge-patch+json"
    async with (
        FakeUpstream(replying(answer(422, json.dumps(status).encode(), JSON.encode()))) as upstream,
        proxy_before(upstream.port, tmp_path, policy=policy) as proxy,
    ):
        got = await proxy.ask(request("PATCH", f"{SECRETS}/s", kind, body=patch))
        assert CANARY.encode() in got.body
        assert CANARY not in json.dumps(proxy.events)
        assert proxy.events[-1]["responseStatus"]["code"] == 422
