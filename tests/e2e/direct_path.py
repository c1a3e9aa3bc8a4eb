"""A proxy of this process in front of a real API server, with whatever flags a test wants."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from auditproxy.app.proxy import build
from tests.e2e.cluster import Cluster
from tests.e2e.kubelet import Kubelet
from tests.fakes.options import options


@contextlib.contextmanager
def proxy_of(cluster: Cluster, upstream: Path, **flags: Any) -> Iterator[tuple[str, int]]:
    """Run the proxy and a kubelet on a thread of their own; its URL and the kubelet's port."""
    started = threading.Event()
    running: list[Any] = []

    async def serve() -> None:
        pki = cluster.folder / "pki"
        proxy = await build(
            options(
                kubeconfig=str(upstream),
                audit_policy_file=str(cluster.policy),
                audit_log_path=str(cluster.folder / "proxy-audit.log"),
                client_ca_file=str(cluster.ca),
                tls_cert_file=str(pki / "server.crt"),
                tls_private_key_file=str(pki / "server.key"),
                **flags,
            ),
            listener_tls=True,
        )
        await proxy.start()
        kubelet = Kubelet(pki)
        await kubelet.start()
        ending = asyncio.Event()
        running.extend((asyncio.get_running_loop(), ending, proxy.port, kubelet.port))
        started.set()
        await ending.wait()
        await proxy.close()
        await kubelet.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert started.wait(60), "the proxy did not start"
        _, _, port, kubelet_port = running
        yield f"https://127.0.0.1:{port}", kubelet_port
    finally:
        if running:
            running[0].call_soon_threadsafe(running[1].set)
        thread.join(30)
