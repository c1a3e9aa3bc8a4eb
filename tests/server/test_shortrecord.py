"""Lines of the log: the short way writes what the chain's events give, byte for byte."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.bothways import JSON, OK, POD, Scene, Step, played
from tests.fakes.proxy import request
from tests.fakes.upstream import answer

LEASE = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1"
BODY = (
    b'{"kind":"Lease","apiVersion":"coordination.k8s.io/v1",'
    b'"metadata":{"name":"n1","uid":"u-1","resourceVersion":"7"}}'
)
PUT = request("PUT", LEASE, "Content-Type: application/json", body=BODY)
DELETE = request("DELETE", "/api/v1/namespaces/d/pods/box")
HEADS = {
    "a pod": request(),
    "a list": request("GET", "/api/v1/namespaces/d/pods?limit=5&labelSelector=a%3Db"),
    "a secret in the query": request("GET", "/api/v1/pods?access_token=hunter2"),
    "no resource": request("GET", "/version"),
    "an update": PUT,
    "a delete": DELETE,
    "an agent": request("GET", "/api/v1/pods", 'User-Agent: <a>&"b" \xe9'),
}
POLICIES = {
    "everything": "rules: [{level: RequestResponse}]",
    "requests": "rules: [{level: Request}]",
    "metadata": "rules: [{level: Metadata}]",
    "one event": "omitStages: [RequestReceived]\nrules: [{level: Metadata}]",
    "early only": "omitStages: [ResponseComplete]\nrules: [{level: Metadata}]",
    "nothing": "rules: [{level: None}]",
}

_OWN = re.compile(
    r"[0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\dT[0-9:.]+Z|\[redacted[^\]]*\]|(?<=\"port\":)\d+"
)


async def lines(
    folder: Path, steps: list[Step], raws: list[bytes], *, short: bool, **flags: Any
) -> tuple[list[str], dict[str, float], int]:
    """The log's lines without ids and times, the metrics, and the requests on the short way."""

    async def play(scene: Scene) -> None:
        for raw in raws:
            await scene.ask(raw)

    path = folder / f"{short}.log"
    seen = await played(
        folder, steps, play, short=short, own_backend=True, audit_log_path=str(path), **flags
    )
    found = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    assert all(json.loads(line)["kind"] == "Event" for line in found)
    return [_OWN.sub("own", line) for line in found], seen.metrics, seen.short


@pytest.mark.parametrize("raw", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
async def test_lines(tmp_path: Path, policy: str, raw: bytes) -> None:
    """Each kind of request at each level, sent again and again: the same lines, the same counts."""
    document = f"apiVersion: audit.k8s.io/v1\nkind: Policy\n{policy}\n"
    key = tmp_path / "key"
    key.write_bytes(b"k" * 32)
    flags = {"policy": document, "audit_redact_key_file": str(key)}
    raws = [raw] * 4
    chain, counted, none = await lines(tmp_path, [OK] * 4, raws, short=False, **flags)
    ours, counts, taken = await lines(tmp_path, [OK] * 4, raws, short=True, **flags)
    assert (none, taken >= 3) == (0, True)
    assert ours == chain
    assert counts == counted
    assert len(ours) == (0 if "None" in policy else 5 if "omitStages" in policy else 10)


@pytest.mark.parametrize(
    "flags",
    [
        {"audit_log_mode": "batch"},
        {"audit_log_mode": "blocking-strict"},
        {"audit_log_truncate_enabled": True},
        {"alerts_rules_file": "builtin"},
        {"audit_authorization_annotations": "off"},
    ],
    ids=str,
)
async def test_sinks(tmp_path: Path, flags: dict[str, Any]) -> None:
    """Sinks that need events get them, and write the same."""
    raws = [request()] * 4
    chain, _, _ = await lines(tmp_path, [OK] * 4, raws, short=False, **flags)
    ours, _, taken = await lines(tmp_path, [OK] * 4, raws, short=True, **flags)
    assert ours == chain
    assert len(ours) == 10
    assert taken >= 3


async def test_codes(tmp_path: Path) -> None:
    """A code has its own status in the line and its own series."""
    created = answer(201, POD, JSON, reason=b"Created")
    post = request("PUT", "/api/v1/namespaces/d/pods/box/status", "Content-Type: application/json")
    raws = [post, post, post, post]
    steps: list[Step] = [OK, created, OK, created]
    policy = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n"
    chain, counted, _ = await lines(tmp_path, steps, raws, short=False, policy=policy)
    ours, counts, taken = await lines(tmp_path, steps, raws, short=True, policy=policy)
    assert taken >= 3
    assert ours == chain
    assert counts == counted
    assert sum('"code":201' in line for line in ours) == 2
