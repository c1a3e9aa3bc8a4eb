"""The listener's TLS settings."""

import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.files.files import read_files
from auditproxy.files.listener import listener_context
from auditproxy.tls.handshake import handshake_fault
from auditproxy.tls.serving import KeyPair
from tests.fakes.authority import Authority
from tests.fakes.kubeconfigs import kubeconfig_file
from tests.fakes.options import options


def test_context(tmp_path: Path) -> None:
    """The certificate in use, and the authorities of clients are asked for."""
    root = Authority("root")
    root.write_leaf(tmp_path / "server", "localhost")
    (tmp_path / "ca.crt").write_bytes(root.pem)
    flags = options(
        tls_cert_file=str(tmp_path / "server.crt"),
        tls_private_key_file=str(tmp_path / "server.key"),
        client_ca_file=str(tmp_path / "ca.crt"),
        kubeconfig=kubeconfig_file(tmp_path),
    )
    files = read_files(flags)
    context = listener_context(flags, files)
    assert context is not None
    assert len(context.get_ca_certs()) == 1
    assert context.authorities_source == "--client-ca-file"
    assert files.certificate is not None
    broken = replace(files.certificate, pair=KeyPair(b"", b""))
    with pytest.raises(Unusable, match="the serving TLS settings cannot be used"):
        listener_context(flags, replace(files, certificate=broken))
    assert listener_context(flags, replace(files, certificate=None)) is None


def test_flags_of_the_authorities(tmp_path: Path) -> None:
    """A refused client certificate is reported with the flags whose authorities were tried."""
    root, other = Authority("root"), Authority("other")
    root.write_leaf(tmp_path / "server", "localhost")
    (tmp_path / "ca.crt").write_bytes(root.pem)
    (tmp_path / "other.crt").write_bytes(other.pem)
    flags = options(
        tls_cert_file=str(tmp_path / "server.crt"),
        tls_private_key_file=str(tmp_path / "server.key"),
        client_ca_file=str(tmp_path / "ca.crt"),
        requestheader_client_ca_file=str(tmp_path / "other.crt"),
        requestheader_username_headers=("X-Remote-User",),
        requestheader_group_headers=("X-Remote-Group",),
        kubeconfig=kubeconfig_file(tmp_path),
    )
    context = listener_context(flags, read_files(flags))
    assert context is not None
    assert context.make_again is not None
    error = ssl.SSLCertVerificationError("x")
    error.verify_code, error.verify_message = 20, "unable to get local issuer certificate"
    for each in (context, context.make_again()):
        line = handshake_fault(error, each)
        assert "by an authority in --client-ca-file or --requestheader-client-ca-file" in line
        assert "CN=root; CN=other" in line
        alert = ssl.SSLError()
        alert.reason = "TLSV1_ALERT_UNKNOWN_CA"
        assert handshake_fault(alert, each).endswith("needs the authority of --tls-cert-file")
