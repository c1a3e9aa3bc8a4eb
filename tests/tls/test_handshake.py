"""Handshakes that fail: the alert that the client reads, and the line that operators read."""

import asyncio
import datetime
import ssl
from pathlib import Path

import pytest

from auditproxy.tls.handshake import ServingContext, handshake_fault
from auditproxy.tls.serving import new_serving_context, read_key_pair
from tests.fakes.authority import Authority
from tests.fakes.proxy import RunningProxy, proxy_before
from tests.fakes.upstream import FakeUpstream, answer, replying

BOTH_LOOPS = True
ROOT, OTHER = Authority("our-clients"), Authority("stranger")
VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


def client(folder: Path, name: str, version: ssl.TLSVersion) -> ssl.SSLContext:
    """A client that shows a certificate and believes any server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = version
    context.load_cert_chain(folder / f"{name}.crt", folder / f"{name}.key")
    return context


async def refused(proxy: RunningProxy, context: ssl.SSLContext) -> str:
    """The alert that a client reads: at once, or in TLS 1.3 with its first answer."""
    with pytest.raises(ssl.SSLError) as caught:
        async with asyncio.timeout(10):
            await _read(proxy.proxy.port, context)
    return str(caught.value.reason)


async def _read(port: int, context: ssl.SSLContext) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        await reader.read(1)
    finally:
        writer.transport.abort()


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
async def test_unknown_authority(version: ssl.TLSVersion, tmp_path: Path) -> None:
    """C7: the client reads the alert "unknown CA", the operator which authorities are known."""
    ROOT.write_leaf(tmp_path / "server", "localhost")
    OTHER.write_leaf(tmp_path / "bob", "bob")
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    ROOT.write_leaf(
        tmp_path / "old", "old", not_before=past - datetime.timedelta(days=1), not_after=past
    )
    (tmp_path / "ca.crt").write_bytes(ROOT.pem)
    told: list[str] = []
    async with FakeUpstream(replying(answer(200, b"ok"))) as upstream:
        async with proxy_before(
            upstream.port,
            tmp_path,
            tls=True,
            client_ca_file=str(tmp_path / "ca.crt"),
            tls_cert_file=str(tmp_path / "server.crt"),
            tls_private_key_file=str(tmp_path / "server.key"),
        ) as proxy:
            proxy.proxy._serving._report = told.append
            assert "UNKNOWN_CA" in await refused(proxy, client(tmp_path, "bob", version))
            assert "EXPIRED" in await refused(proxy, client(tmp_path, "old", version))
    assert told[0].startswith("TLS handshake error from 127.0.0.1: its client certificate is")
    assert "not signed by an authority in --client-ca-file (" in told[0]
    assert "CN=our-clients" in told[0]
    assert "certificate has expired" in told[1]
    assert "no authority" not in told[1]


def test_names_of_authorities(tmp_path: Path) -> None:
    """C7: the first of them are named, so that a line stays one line."""
    ROOT.write_leaf(tmp_path / "server", "localhost")
    pair = read_key_pair(f"{tmp_path}/server.crt", f"{tmp_path}/server.key")
    many = b"".join(Authority(f"a{number}").pem for number in range(7))
    context = new_serving_context(pair, client_authorities=many, minimum="VersionTLS12")
    error = ssl.SSLCertVerificationError("x")
    error.verify_code, error.verify_message = 20, "unable to get local issuer certificate"
    line = handshake_fault(error, context)
    assert line.count("CN=") == 4
    assert "...;" in line


@pytest.mark.parametrize(
    ("code", "unknown"),
    [(2, True), (18, True), (19, True), (20, True), (21, True), (9, False), (10, False)],
)
def test_codes_of_openssl(code: int, unknown: bool) -> None:
    """C7: each way to have no known issuer names the bundle; what is out of its time does not."""
    error = ssl.SSLCertVerificationError("x")
    error.verify_code, error.verify_message = code, "what OpenSSL says"
    context = ServingContext(ssl.PROTOCOL_TLS_SERVER)
    context.authorities_source = "--flag"
    line = handshake_fault(error, context)
    assert "what OpenSSL says" in line
    assert ("an authority in --flag (" in line) is unknown


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("TLSV1_ALERT_UNKNOWN_CA", "the client ended it (unknown ca)"),
        ("SSLV3_ALERT_BAD_CERTIFICATE", "the client ended it (bad certificate)"),
        ("UNSUPPORTED_PROTOCOL", "UNSUPPORTED_PROTOCOL"),
    ],
)
def test_other_faults(reason: str, said: str) -> None:
    """C7: who refused whom."""
    error = ssl.SSLError()
    error.reason = reason
    assert handshake_fault(error, None).startswith(said)
    context = ServingContext(ssl.PROTOCOL_TLS_SERVER)
    context.certificate_source = "--flag"
    line = handshake_fault(error, context)
    assert line.startswith(said)
    assert line.endswith("needs the authority of --flag") is ("_ALERT_" in reason)


def test_without_a_reason() -> None:
    """C7: a peer that left or took too long."""
    context = ServingContext(ssl.PROTOCOL_TLS_SERVER)
    assert handshake_fault(ConnectionResetError(), context) == "the client broke it off"
    for error in (TimeoutError(), ConnectionAbortedError("SSL handshake is taking longer")):
        assert handshake_fault(error, context) == "it took too long"
    assert handshake_fault(OSError(), context) == "OSError"
