"""Refusals of every kind through the proxy: its events are the server's own, in both identity modes.

Runs where KUBEBUILDER_ASSETS names a folder with kube-apiserver and etcd.
"""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from auditproxy.app.proxy import build
from tests.conformance.compare import differences
from tests.e2e.cluster import VIEWER_TOKEN, Cluster, assets
from tests.e2e.refusal_rows import ROWS, Row
from tests.e2e.refusals import Client, refusing
from tests.fakes.options import options

pytestmark = [
    pytest.mark.skipif(
        assets() is None, reason="KUBEBUILDER_ASSETS names no folder with kube-apiserver and etcd"
    ),
    pytest.mark.timeout(300),
]
DECISION = "authorization.k8s.io/decision"
UNTOLD = ("PUT widgets/w/", "PATCH widgets/w/")
"""Subresources that a custom resource may have: docs/parity.md."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster that refuses for every reason."""
    with refusing(tmp_path_factory.mktemp("refusals")) as (cluster, _):
        yield cluster


@asynccontextmanager
async def proxied(
    cluster: Cluster, log: Path, upstream: Path, **flags: Any
) -> AsyncIterator[Client]:
    """A client of a proxy before the cluster."""
    pki = cluster.folder / "pki"
    proxy = await build(
        options(
            kubeconfig=str(upstream),
            audit_policy_file=str(cluster.policy),
            audit_log_path=str(log),
            audit_redact="none",
            tls_cert_file=str(pki / "server.crt"),
            tls_private_key_file=str(pki / "server.key"),
            **flags,
        ),
        listener_tls=True,
    )
    await proxy.start()
    try:
        yield Client(f"https://127.0.0.1:{proxy.port}", cluster.ca)
    finally:
        await proxy.close()


async def sent(client: Client, rows: list[Row]) -> dict[str, Row]:
    """Send rows one after the other; returns them by Audit-ID."""
    found = {}
    for row in rows:
        audit_id = str(uuid.uuid4())
        await asyncio.to_thread(client.send, row, audit_id)
        found[audit_id] = row
    return found


def last_events(log: Path) -> dict[str, dict[str, Any]]:
    """The last event of each request in a log."""
    found = {}
    with log.open(encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            if event["stage"] != "RequestReceived":
                found[event["auditID"]] = event
    return found


def faults_of(row: Row, recorded: dict[str, Any], ours: dict[str, Any]) -> list[str]:
    """What differs; who asks and the reason of a decision are for other tests."""
    recorded, ours = dict(recorded), dict(ours)
    for event in (recorded, ours):
        for key in ("user", "impersonatedUser", "authenticationMetadata", "sourceIPs"):
            event.pop(key, None)
        event["annotations"] = {DECISION: event.get("annotations", {}).get(DECISION, "none")}
        if row.method == "HEAD":
            # HEAD sends no body: its Status is not seen.
            event["responseStatus"] = {"code": event["responseStatus"]["code"]}
            event.pop("responseObject", None)
    found = differences(recorded, ours, with_objects=True)
    return [f"{row.source} {row.name}: {fault}" for fault in found]


async def test_same_events(cluster: Cluster, tmp_path: Path) -> None:
    """A4 to A9b: object, objectRef, Status and decision of every refusal are the server's own."""
    upstream = cluster.kubeconfig("upstream", certificate=cluster.folder / "pki" / "auditproxy.crt")
    log = tmp_path / "audit.log"
    async with proxied(cluster, log, upstream, token_auth_file=str(cluster.tokens)) as client:
        rows = await sent(client, list(ROWS))
    theirs = last_events(cluster.folder / "audit.log")
    events = last_events(log)
    assert events.keys() >= rows.keys()
    faults, compared = [], 0
    for audit_id, row in rows.items():
        # Some are refused by the proxy itself, and of some the server loses its event.
        if audit_id in theirs and not any(part in row.name for part in UNTOLD):
            compared += 1
            faults += faults_of(row, theirs[audit_id], events[audit_id])
    assert not faults, "\n".join(faults)
    assert compared > 500


async def test_passthrough(cluster: Cluster, tmp_path: Path) -> None:
    """A11: an impersonation that the server refuses: the user alone, and nobody decided anything."""
    log = tmp_path / "audit.log"
    upstream = cluster.kubeconfig("passing", token=VIEWER_TOKEN)
    rows = [
        row
        for row in ROWS
        if "impersonat" in row.name.lower() or row.headers.get("Impersonate-User")
    ]
    async with proxied(cluster, log, upstream, upstream_identity="passthrough") as client:
        by_id = await sent(client, rows)
    theirs = last_events(cluster.folder / "audit.log")
    refused = 0
    for audit_id, ours in last_events(log).items():
        recorded, row = theirs[audit_id], by_id[audit_id]
        assert not faults_of(row, recorded, ours)
        assert ours["user"]["username"] == recorded["user"]["username"]
        names = [event.get("impersonatedUser", {}).get("username") for event in (recorded, ours)]
        assert names[0] == names[1], row
        refused += "impersonatedUser" not in ours
    assert refused >= 6
