"""The demo's cluster: what listens while it runs, and nothing afterwards."""

import asyncio
import json
import ssl
from pathlib import Path

import pytest

from auditproxy.commands.demo.cluster import ADMIN, VIEWER, VIEWER_TOKEN, demo_cluster


async def test_cluster(tmp_path: Path) -> None:
    """The kubeconfig has a context for each user and names the proxy, which reaches the server."""
    async with demo_cluster(tmp_path) as cluster:
        kubeconfig = json.loads((tmp_path / "kubeconfig").read_text(encoding="utf-8"))
        assert [context["name"] for context in kubeconfig["contexts"]] == [ADMIN, VIEWER]
        (named,) = kubeconfig["clusters"]
        assert named["cluster"]["server"] == f"https://127.0.0.1:{cluster.proxy.port}"
        context = ssl.create_default_context(cafile=str(cluster.files.client_ca))
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", cluster.proxy.port, ssl=context, server_hostname="localhost"
        )
        writer.write(
            b"GET /api/v1/namespaces/default/pods HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n"
            b"Authorization: Bearer " + VIEWER_TOKEN.encode() + b"\r\n\r\n"
        )
        answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'"PodList"' in answer
    assert cluster.files.audit_log.read_text(encoding="utf-8").count('"ResponseComplete"') == 1
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection("127.0.0.1", cluster.proxy.port)


async def test_keys_are_private(tmp_path: Path) -> None:
    """Files that hold a secret can be read by their owner alone."""
    async with demo_cluster(tmp_path):
        secret = [*tmp_path.rglob("*.key"), *tmp_path.glob("*kubeconfig"), tmp_path / "tokens.csv"]
        assert len(secret) > 4
        assert {path.stat().st_mode & 0o077 for path in secret} == {0}
