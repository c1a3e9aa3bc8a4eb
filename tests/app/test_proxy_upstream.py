"""The upstream of a running proxy: what is said at start, when it is ready, whose fault a 401 is."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from auditproxy.apis.faults import Unusable
from tests.e2e.cluster import free_ports
from tests.fakes.asked import ADMITTED, JSON, UNAUTHORIZED, AskedUpstream
from tests.fakes.processes import Started, started
from tests.fakes.proxy import RunningProxy, proxy_before, request
from tests.fakes.upstream import FakeUpstream, answer

OFTEN = "--upstream-check-period=1s"


async def until_ready(proxy: Started, ready: bool) -> bytes:
    """Wait until /readyz says so; what it says."""
    async with asyncio.timeout(20):
        while True:
            answered = await proxy.health("/readyz?verbose")
            if (answered.status == 200) is ready:
                return answered.body


async def test_said_at_start(tmp_path: Path) -> None:
    """C2: one line says which upstream, who we are and what we may; /readyz follows."""
    asked = AskedUpstream()
    async with FakeUpstream(asked.script) as upstream:
        async with started(upstream.port, tmp_path, OFTEN) as proxy:
            await proxy.until_said(
                f"upstream http://127.0.0.1:{upstream.port} is v1.36.2; the proxy is "
                "system:serviceaccount:auditproxy:auditproxy and may impersonate users"
            )
            ready = await until_ready(proxy, True)
            assert b"[+]upstream ok\n" in ready
            assert b"info: upstream v1.36.2: ready for" in ready
            asked.code = 401
            await proxy.until_said("the proxy's own credential was refused (401)")
            not_ready = await until_ready(proxy, False)
            assert b"[-]upstream failed: reason withheld\n" in not_ready
            assert b"not ready for" in not_ready
            assert (await proxy.health("/livez")).status == 200
            asked.code = 0
            await until_ready(proxy, True)


async def test_started_before_its_upstream(tmp_path: Path) -> None:
    """C2: an upstream that is not there yet is one line and not ready; then it is found."""
    (port,) = free_ports(1)
    async with started(port, tmp_path, OFTEN) as proxy:
        await proxy.until_said(f"upstream http://127.0.0.1:{port}: connection refused; start it")
        await until_ready(proxy, False)
        asked = AskedUpstream()
        server = await asyncio.start_server(_served(asked), "127.0.0.1", port)
        try:
            await until_ready(proxy, True)
            await proxy.until_said("is v1.36.2")
        finally:
            server.close()


def _served(asked: AskedUpstream) -> Callable[..., Any]:
    """The script as a server's callback, for a port that was chosen before."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
                body = await reader.readexactly(int(length or 0))
                writer.write(asked.answer(head, body))
        writer.close()

    return serve


@pytest.mark.parametrize("workers", [1, 2])
async def test_required_upstream(tmp_path: Path, workers: int) -> None:
    """C2: --require-upstream ends with code 1 and one line, before anything listens or is made."""
    (port, *own) = free_ports(3)
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        json.dumps(
            {
                "current-context": "c",
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
                "users": [{"name": "u", "user": {"token": "canary-token"}}],
            }
        )
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "auditproxy", "serve", "--require-upstream", f"--workers={workers}",
        f"--kubeconfig={kubeconfig}", f"--cert-dir={tmp_path}/certs",
        f"--audit-log-path={tmp_path}/audit.log", f"--secure-port={own[0]}",
        f"--health-bind-address=127.0.0.1:{own[1]}",
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(30):
        _, said = await process.communicate()
    assert process.returncode == 1
    errors = [line for line in said.decode().splitlines() if "error:" in line]
    assert len(errors) == 1
    assert "connection refused" in errors[0]
    assert "--require-upstream" in errors[0]
    assert b"serving on" not in said
    assert b"Traceback" not in said
    assert b"canary" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["kubeconfig"]


async def test_a_balancer_with_nothing_behind_it(tmp_path: Path) -> None:
    """A 503 to the first question is not an upstream that can serve: --require-upstream ends."""
    asked = AskedUpstream()
    async with FakeUpstream(asked.script) as upstream:
        asked.code = 503
        async with proxy_before(upstream.port, tmp_path) as proxy:
            with pytest.raises(Unusable, match="was answered with 503"):
                await proxy.proxy.require_upstream()
            asked.code = 0
            await proxy.proxy.require_upstream()
            asked.code = 503
            await proxy.proxy.require_upstream()


@contextlib.asynccontextmanager
async def refusing(
    code: int, headers: tuple[bytes, ...], folder: Path
) -> AsyncIterator[RunningProxy]:
    """A proxy whose upstream answers every client's request with a kube-apiserver's refusal."""
    asked = AskedUpstream()
    asked.others = lambda head: answer(code, UNAUTHORIZED, JSON, *headers)
    async with FakeUpstream(asked.script) as upstream, proxy_before(upstream.port, folder) as proxy:
        await proxy.proxy.require_upstream()
        yield proxy


async def test_our_own_credential_is_refused(tmp_path: Path) -> None:
    """C2: the client reads a 503 Status about the proxy, the event says so, a metric counts it."""
    async with refusing(401, (), tmp_path) as proxy:
        answered = await proxy.ask(request())
        assert answered.status == 503
        status = json.loads(answered.body)
        assert status["reason"] == "ServiceUnavailable"
        assert "credential of the proxy itself, not yours" in status["message"]
        last = proxy.events[-1]
        assert last["responseStatus"]["code"] == 503
        assert last["annotations"]["auditproxy.io/upstream-error"] == "credential-refused"
        assert last["user"]["username"] == "admin"
        assert proxy.metric("auditproxy_upstream_failures_total", cause="credential-refused") == 1


async def test_a_refusal_behind_the_api_server(tmp_path: Path) -> None:
    """C2: what an aggregated API server answers is the client's, as it is."""
    async with refusing(401, (ADMITTED,), tmp_path) as proxy:
        answered = await proxy.ask(request())
        assert (answered.status, answered.body) == (401, UNAUTHORIZED)
        assert proxy.events[-1]["responseStatus"]["code"] == 401


@pytest.mark.parametrize(
    "target", ["/api/v1/namespaces/d/pods/p/proxy/", "/api/v1/namespaces/d/pods/p/log"]
)
async def test_a_refusal_of_a_pod(target: str, tmp_path: Path) -> None:
    """C2: a pod's or kubelet's own 401 passes; nothing of kube-apiserver's marks it."""
    async with refusing(401, (), tmp_path) as proxy:
        assert (await proxy.ask(request("GET", target))).status == 401


async def test_token_users_while_our_credential_is_refused(tmp_path: Path) -> None:
    """C2: a token that cannot be reviewed with our refused credential is not the client's fault."""

    def others(head: bytes) -> bytes:
        return answer(401, UNAUTHORIZED, JSON)

    asked = AskedUpstream()
    asked.others = others
    asked.refuse_ours = True
    async with FakeUpstream(asked.script) as upstream:
        async with proxy_before(upstream.port, tmp_path, authentication_token_review=True) as proxy:
            with pytest.raises(Unusable):
                await proxy.proxy.require_upstream()
            answered = await proxy.ask(request(token="known-to-the-upstream-only"))
            assert answered.status == 503
            assert b"credential of the proxy itself" in answered.body


async def test_tokens_that_cannot_be_reviewed(tmp_path: Path) -> None:
    """C2: an upstream that cannot be asked about a token is told and counted by its cause."""
    (port,) = free_ports(1)
    async with proxy_before(port, tmp_path, authentication_token_review=True) as proxy:
        answered = await proxy.ask(request(token="known-to-the-upstream-only"))
        assert answered.status == 401
        assert proxy.metric("auditproxy_upstream_failures_total", cause="connection-refused") == 1


async def test_our_own_credential_is_not_there(tmp_path: Path) -> None:
    """C2: a token file that is taken away is a 503 about the proxy, and counted by its cause."""
    token = tmp_path / "token"
    token.write_text("ours")
    asked = AskedUpstream()
    async with (
        FakeUpstream(asked.script) as upstream,
        proxy_before(
            upstream.port,
            tmp_path,
            change=lambda config: config["users"][0].update(user={"tokenFile": str(token)}),
        ) as proxy,
    ):
        token.unlink()
        answered = await proxy.ask(request())
        assert answered.status == 503
        assert b"the proxy has no usable credential" in answered.body
        assert proxy.metric("auditproxy_upstream_failures_total", cause="credential-missing") == 1
        assert asked.heads == []
