"""A spool in the blocking modes: what a connection's next request waits for."""

import json
from pathlib import Path

import pytest

from tests.fakes.proxy import proxy_before, request
from tests.fakes.upstream import FakeConnection, FakeUpstream, answer, dial

LEASE = "/apis/coordination.k8s.io/v1/namespaces/a/leases/b"
POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- {level: RequestResponse, verbs: [update]}
- {level: Metadata}
"""


def config(folder: Path) -> str:
    """A receiver that is away: nothing listens on port 1."""
    path = folder / "hook"
    hook = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {}}],
    }
    path.write_text(json.dumps(hook))
    return str(path)


@pytest.mark.parametrize("mode", ["blocking", "blocking-strict"])
@pytest.mark.parametrize(("values", "processes"), [(20_000, 0), (250_000, 1)])
async def test_the_next_request_waits_for_what_is_decoded(
    tmp_path: Path, mode: str, values: int, processes: int
) -> None:
    """ResponseComplete with bodies that are decoded aside, on a thread or in a process, is in the
    spool before the connection's next request is forwarded.
    """
    body = json.dumps({"kind": "Lease", "a": ["x" * 10] * values}).encode()
    put = request("PUT", LEASE, "Content-Type: application/json", body=body)
    stored: list[bool] = []

    async def script(connection: FakeConnection) -> None:
        while True:
            await connection.read_request()
            spool = b"".join(path.read_bytes() for path in (tmp_path / "spool").glob("*.spool"))
            records = spool.split(b"\xffEVT")
            stored.append(
                any(
                    b'"verb":"update"' in each and b'"stage":"ResponseComplete"' in each
                    for each in records
                )
            )
            connection.send(answer(200, b"{}", b"Content-Type: application/json"))

    async with (
        FakeUpstream(script) as upstream,
        proxy_before(
            upstream.port,
            tmp_path,
            policy=POLICY,
            own_backend=True,
            audit_webhook_config_file=config(tmp_path),
            audit_webhook_mode=mode,
            audit_webhook_spool_dir=str(tmp_path / "spool"),
            audit_decode_processes=processes,
            audit_grace=0,
        ) as proxy,
    ):
        client = await dial("127.0.0.1", proxy.proxy.port)
        client.send(put + request())
        await client.until(lambda: bytes(client.received).count(b"HTTP/1.1 200") == 2)
        await client.stop()
    assert stored == [False, True]
