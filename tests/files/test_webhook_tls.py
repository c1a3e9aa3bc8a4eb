"""The webhook's ways to a receiver on real sockets: another server name, proxies, exec certificates."""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from auditproxy.app.sinks.webhook import open_webhook
from auditproxy.files.webhook import load_target
from tests.fakes.backends import Told, event
from tests.fakes.certificates import CERTIFICATE, KEY
from tests.fakes.connectproxy import REFUSED, FakeConnectProxy
from tests.fakes.kubeconfigs import kubeconfig
from tests.fakes.webhook import OK, Receiver, server_context

CLOSING = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)


async def deliver(folder: Path, cluster: dict[str, Any], user: dict[str, Any]) -> tuple[bool, Told]:
    """Deliver one event to what a kubeconfig describes, without waiting between attempts."""
    path = folder / "webhook.yaml"
    path.write_text(json.dumps(kubeconfig(cluster, user)))
    told = Told("webhook")

    async def sleep(seconds: float) -> None:
        assert seconds > 0

    backend = open_webhook(
        load_target(str(path)), initial_backoff=1, losses=told.losses, sleep=sleep
    )
    try:
        return await backend.deliver((event(),)), told
    finally:
        await backend.shutdown()


Case = Callable[[Path], Coroutine[Any, Any, None]]


async def server_name(folder: Path) -> None:
    """The name that the kubeconfig gives is asked for and verified, not the URL's address."""
    context, ca = server_context(folder)
    asked: list[str | None] = []
    context.sni_callback = lambda _, name, __: asked.append(name)
    for name, good in (("localhost", True), ("elsewhere.example", False)):
        async with Receiver(CLOSING, context=context) as receiver:
            cluster = {
                "server": receiver.url,
                "certificate-authority": str(ca),
                "tls-server-name": name,
            }
            delivered, told = await deliver(folder, cluster, {})
            assert delivered is good
            assert len(receiver.received) == (1 if good else 0)
            assert good or "certificate verify failed" in told.lines[0]
    assert asked == ["localhost"] + ["elsewhere.example"] * 5


async def https_through_a_proxy(folder: Path) -> None:
    """A proxy sees where to, and neither our credential nor an event."""
    context, ca = server_context(folder)
    async with Receiver(CLOSING, context=context) as receiver, FakeConnectProxy() as proxy:
        cluster = {
            "server": receiver.url,
            "certificate-authority": str(ca),
            "proxy-url": f"http://127.0.0.1:{proxy.port}",
        }
        delivered, _ = await deliver(folder, cluster, {"token": "canary-token"})
        assert delivered
        (head,) = proxy.heads
        assert head.startswith(f"CONNECT 127.0.0.1:{receiver.port} HTTP/1.1\r\n".encode())
        assert b"canary" not in head
        assert receiver.received[0].headers["authorization"] == "Bearer canary-token"


async def http_through_a_proxy(folder: Path) -> None:
    """Plain HTTP goes to the proxy with the whole URL."""
    async with Receiver(CLOSING) as receiver, FakeConnectProxy() as proxy:
        cluster = {
            "server": f"{receiver.url}/some/path/",
            "proxy-url": f"http://127.0.0.1:{proxy.port}",
        }
        assert (await deliver(folder, cluster, {}))[0]
        url = f"http://127.0.0.1:{receiver.port}/some/path?timeout=30s"
        assert proxy.heads[0].startswith(f"POST {url} HTTP/1.1\r\n".encode())


async def refusing_proxy(folder: Path) -> None:
    """A proxy that refuses is a loss that says so."""
    context, ca = server_context(folder)
    async with Receiver(context=context) as receiver, FakeConnectProxy(REFUSED) as proxy:
        cluster = {
            "server": receiver.url,
            "certificate-authority": str(ca),
            "proxy-url": f"http://127.0.0.1:{proxy.port}",
        }
        delivered, told = await deliver(folder, cluster, {})
        assert (delivered, len(proxy.heads), receiver.received) == (False, 5, [])
        assert "the proxy answered 407" in told.lines[0]


async def https_proxy(folder: Path) -> None:
    """A proxy that is itself spoken to by TLS."""
    context, ca = server_context(folder)
    async with (
        Receiver(CLOSING, context=context) as receiver,
        FakeConnectProxy(context=context) as proxy,
    ):
        cluster = {
            "server": receiver.url,
            "certificate-authority": str(ca),
            "proxy-url": f"https://127.0.0.1:{proxy.port}",
        }
        delivered, told = await deliver(folder, cluster, {})
        assert delivered, told.lines


async def certificate_of_an_exec_plugin(folder: Path) -> None:
    """The certificate that an exec plugin gives is shown to the receiver."""
    for name, data in (("client.crt", CERTIFICATE), ("client.key", KEY)):
        (folder / name).write_bytes(data)
    context, ca = server_context(folder, folder / "client.crt")
    given = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {
            "clientCertificateData": CERTIFICATE.decode(),
            "clientKeyData": KEY.decode(),
        },
    }
    (folder / "given.json").write_text(json.dumps(given))
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": ["-c", f"print(open({str(folder / 'given.json')!r}).read())"],
        "interactiveMode": "Never",
    }
    async with Receiver(CLOSING, context=context) as receiver:
        cluster = {"server": receiver.url, "certificate-authority": str(ca)}
        delivered, told = await deliver(folder, cluster, {"exec": plugin})
        assert delivered, told.lines
        assert receiver.received[0].has_certificate


CASES: tuple[Case, ...] = (
    server_name,
    https_through_a_proxy,
    http_through_a_proxy,
    refusing_proxy,
    https_proxy,
    certificate_of_an_exec_plugin,
)


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_ways(
    new_loop: Callable[[], asyncio.AbstractEventLoop], case: Case, tmp_path: Path
) -> None:
    """T245: each way works on both event loops."""
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(case(tmp_path))
