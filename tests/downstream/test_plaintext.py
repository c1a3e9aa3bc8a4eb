"""Plain HTTP on the TLS port."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from auditproxy.downstream import plaintext
from auditproxy.downstream.plaintext import HINT
from auditproxy.tls.pki import create_pki
from tests.fakes.proxy import RunningProxy, proxy_before, request
from tests.fakes.upstream import FakeUpstream, answer, replying
from tests.server.test_serving import ask, client_tls

BOTH_LOOPS = True


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A development PKI."""
    folder = tmp_path_factory.mktemp("pki")
    create_pki(folder / "ours", server_names=("localhost", "127.0.0.1"))
    return folder


@contextlib.asynccontextmanager
async def serving(pki: Path, folder: Path) -> AsyncIterator[RunningProxy]:
    """A proxy with TLS."""
    flags = {
        "tls_cert_file": str(pki / "ours" / "server.crt"),
        "tls_private_key_file": str(pki / "ours" / "server.key"),
    }
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, folder, tls=True, **flags) as proxy,
    ):
        yield proxy


@pytest.mark.parametrize(
    ("sent", "told", "why"),
    [
        (request("GET", "/api/v1/pods"), HINT, "client sent an HTTP request to an HTTPS server"),
        (request("POST", "/x", body=b"x" * 30_000), HINT, "client sent an HTTP request"),
        (b"HEAD /", HINT, "client sent an HTTP request"),
        (b"PUT /x HTTP/1.1\r\n", HINT, "client sent an HTTP request"),
        (b"OPTIONS * HTTP/1.1\r\n", HINT, "client sent an HTTP request"),
        (b"GETTY /secret", b"", "the first bytes are not TLS"),
        (b"\0\0\0\0\0\0\0\0", None, ""),
        (b"SSH-2.0-x\r\n", None, ""),
    ],
)
@pytest.mark.parametrize("step", [1 << 20, 1], ids=["whole", "bytes"])
async def test_no_tls(
    tmp_path: Path,
    pki: Path,
    capsys: pytest.CaptureFixture[str],
    sent: bytes,
    told: bytes | None,
    why: str,
    step: int,
) -> None:
    """C10: Go's answer to HTTP, told and counted, without an event; TLS goes on as ever."""
    async with serving(pki, tmp_path) as proxy:
        reader, writer = await proxy.connect()
        for start in range(0, min(len(sent), 1000), step):
            writer.write(sent[start : start + step])
            await asyncio.sleep(0)
            if writer.is_closing():
                break
        else:
            writer.write(sent[1000:])
        async with asyncio.timeout(10):
            try:
                got = await reader.read()
            except ConnectionError:
                got = b""
            writer.close()
            while not proxy.metric("apiserver_tls_handshake_errors_total"):
                await asyncio.sleep(0.01)
        if told is not None:
            assert got == told
        output = "".join(capsys.readouterr())
        assert f"TLS handshake error from 127.0.0.1: {why}" in output
        assert "secret" not in output
        assert proxy.events == []
        assert len(proxy.proxy._serving.limits) == 0
        answered = await ask(proxy.proxy.port, client_tls(pki), "admin-token")
        assert answered.status == 200


@pytest.mark.parametrize("bound", ["DRAIN_TIMEOUT", "DRAIN_BYTES"])
async def test_who_stays(
    tmp_path: Path, pki: Path, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    """C10: who stays after the answer, silent or sending on, soon has no place any more."""
    monkeypatch.setattr(plaintext, bound, 0.1 if bound == "DRAIN_TIMEOUT" else 1000)
    other = "DRAIN_BYTES" if bound == "DRAIN_TIMEOUT" else "DRAIN_TIMEOUT"
    monkeypatch.setattr(plaintext, other, 1 << 30)
    monkeypatch.setattr("auditproxy.server.serving.HANDSHAKE_TIMEOUT", 60.0)
    async with serving(pki, tmp_path) as proxy:
        reader, writer = await proxy.connect()
        writer.write(b"GET / HTTP/1.1\r\n")
        async with asyncio.timeout(5):
            assert await reader.readexactly(len(HINT)) == HINT
            if bound == "DRAIN_BYTES":
                writer.write(b"x" * 1000)
            while len(proxy.proxy._serving.limits):
                await asyncio.sleep(0.01)


async def test_silence(tmp_path: Path, pki: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """C10: who says nothing has the handshake's time, once."""
    monkeypatch.setattr("auditproxy.server.serving.HANDSHAKE_TIMEOUT", 0.3)
    async with serving(pki, tmp_path) as proxy:
        for sent in (b"", b"G", b"\x16"):
            reader, writer = await proxy.connect()
            writer.write(sent)
            # What was sent and never read makes a reset of the end.
            with contextlib.suppress(ConnectionResetError):
                async with asyncio.timeout(5):
                    assert await reader.read() == b""
        assert proxy.metric("apiserver_tls_handshake_errors_total") == 3
