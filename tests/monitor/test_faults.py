"""Faults of the upstream: a cause for each way to fail, a line with address and fix."""

import socket
import ssl
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.clients.apiserver import ReviewError
from auditproxy.kubeconfig.credentials import CredentialError, UpstreamTarget
from auditproxy.metrics.upstream import CAUSES
from auditproxy.monitor.faults import Place, UpstreamFault, fault_of
from auditproxy.upstream.messages import (
    UpstreamClosedEarly,
    UpstreamCredentialRefused,
    UpstreamLimits,
    UpstreamProtocolError,
    UpstreamRequest,
    UpstreamSwitchedEarly,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from auditproxy.upstream.pool import UpstreamPool
from tests.fakes.certificates import localhost_contexts
from tests.fakes.upstream import FakeConnection, FakeUpstream, RecordingSink

PLACE = Place("https://10.0.0.1:443", "kubeconfig k")


def test_places() -> None:
    """C2: an address as in a URL, base path and brackets too."""
    target = UpstreamTarget("::1", 6443, "https", "x", "/k8s/c", None)
    assert Place.of(target, "k") == Place("https://[::1]:6443/k8s/c", "k")


@pytest.mark.parametrize(
    ("error", "cause", "fix"),
    [
        (CredentialError("cannot read the token file /t"), "credential-missing", "/t"),
        (UpstreamCredentialRefused("401"), "credential-refused", "renew"),
        (UpstreamTimeout("no answer within 10 seconds"), "timeout", "10 seconds"),
        (UpstreamClosedEarly("eof"), "closed-early", "idle timeout"),
        (UpstreamProtocolError("no head"), "protocol-error", "is the server in kubeconfig k"),
        (UpstreamSwitchedEarly("101"), "protocol-error", "before the request was complete"),
        (UpstreamUnreachable("x", reason="connect-timeout"), "timeout", "firewall"),
        (ReviewError("POST /x: larger than 5 bytes"), "unexpected-answer", "larger"),
        (ReviewError("x", UpstreamClosedEarly("eof")), "closed-early", "restarts"),
    ],
)
def test_causes(error: Exception, cause: str, fix: str) -> None:
    """C2: what is raised, the cause that is counted, what the line says."""
    fault = fault_of(error, PLACE)
    assert fault.cause == cause
    assert cause in CAUSES
    assert fault.text.startswith("upstream https://10.0.0.1:443: ")
    assert fix in fault.text
    assert "\n" not in fault.text


def test_http_for_https() -> None:
    """C: an http:// address whose server closes at once is told what is likely wrong."""
    place = Place("http://10.0.0.1:6443", "kubeconfig k")
    fault = fault_of(UpstreamClosedEarly("eof"), place)
    assert fault.cause == "closed-early"
    assert "write https:// for the server in kubeconfig k" in fault.text


async def failure(
    host: str, port: int, context: ssl.SSLContext | None, name: str = ""
) -> UpstreamFault:
    """What a real connection fails with, as operators read it."""
    target = UpstreamTarget(host, port, "https" if context else "http", name or host, "", context)
    pool = UpstreamPool(target, limits=UpstreamLimits(connect_timeout=3.0))
    try:
        request = UpstreamRequest(method=b"GET", target=b"/", headers=((b"Host", b"h"),))
        with pytest.raises(UpstreamUnreachable) as caught:
            await pool.round_trip(request, RecordingSink())
    finally:
        await pool.close()
    return fault_of(caught.value, PLACE)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_connection_refused(host: str) -> None:
    """C2: nobody listens, whether one address or several were tried."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]
    fault = await failure(host, port, None)
    assert fault.cause == "connection-refused"


async def test_name_that_cannot_be_resolved() -> None:
    """C2: the DNS knows no such name; one that is no name at all counts as such."""
    assert (await failure("nosuch.invalid", 1, None)).cause == "dns"
    assert (await failure("a..b", 1, None)).cause == "dns"


async def nothing(connection: FakeConnection) -> None:
    """TLS alone."""


async def plain(connection: FakeConnection) -> None:
    """No TLS at all."""
    connection.send(b"HTTP/1.0 400 Bad Request\r\n\r\n")
    await connection.wait_closed()


async def test_certificates(tmp_path: Path) -> None:
    """C2: another authority, another name, no TLS at all: three causes."""
    for name in ("ours", "other"):
        (tmp_path / name).mkdir()
    server, client = localhost_contexts(tmp_path / "ours")
    _, other = localhost_contexts(tmp_path / "other")
    async with FakeUpstream(nothing, server_context=server) as upstream:
        fault = await failure("127.0.0.1", upstream.port, other, "localhost")
        assert fault.cause == "certificate-authority"
        assert "certificate-authority of kubeconfig k" in fault.text
        fault = await failure("127.0.0.1", upstream.port, client, "example.com")
        assert fault.cause == "certificate-name"
        assert "tls-server-name" in fault.text
    async with FakeUpstream(plain) as upstream:
        assert (await failure("127.0.0.1", upstream.port, client, "localhost")).cause == "tls"


@pytest.mark.parametrize("code", [9, 10])
def test_certificate_out_of_its_period(code: int) -> None:
    """C2: the clock may be what is wrong."""
    why = ssl.SSLCertVerificationError("x")
    why.verify_code, why.verify_message = code, "certificate has expired"
    error = UpstreamUnreachable("x", reason="tls")
    error.__cause__ = why
    fault = fault_of(error, PLACE)
    assert fault.cause == "certificate-expired"
    assert "clock" in fault.text


@given(st.integers(1, 200), st.text(max_size=20))
def test_any_error_has_one_line(number: int, text: str) -> None:
    """C2: whatever the system says, there is a known cause and one line."""
    for why in (OSError(number, text), OSError(f"Multiple exceptions: [Errno {number}] {text}")):
        error = UpstreamUnreachable("no connection")
        error.__cause__ = why
        fault = fault_of(error, PLACE)
        assert fault.cause in CAUSES
