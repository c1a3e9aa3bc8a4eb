"""Which serving certificate is used."""

import ssl
from pathlib import Path

import pytest

from auditproxy.files.files import read_files
from auditproxy.files.servingcertificate import listener_context, serving_certificate
from auditproxy.tls.handshake import handshake_fault
from auditproxy.tls.serving import ServingError
from tests.fakes.authority import Authority
from tests.fakes.options import options
from tests.files.test_files import kubeconfig


def test_self_signed(tmp_path: Path) -> None:
    """Without flags one is made at the first start and used at the next; a check makes none."""
    flags = options(cert_dir=str(tmp_path / "certs"), bind_address="10.0.0.1")
    assert serving_certificate(flags, make=False) is None
    made = serving_certificate(flags, make=True)
    again = serving_certificate(flags, make=True)
    assert made is not None
    assert again is not None
    assert made.pair == again.pair
    assert "made a self-signed" in made.notes[0]
    assert "using the self-signed" in again.notes[0]
    assert made.paths == (made.certificate, made.private_key)


def test_named(tmp_path: Path) -> None:
    """With flags it is theirs, and the authorities of clients are asked for."""
    root = Authority("root")
    root.write_leaf(tmp_path / "server", "localhost")
    (tmp_path / "ca.crt").write_bytes(root.pem)
    flags = options(
        tls_cert_file=str(tmp_path / "server.crt"),
        tls_private_key_file=str(tmp_path / "server.key"),
        client_ca_file=str(tmp_path / "ca.crt"),
        kubeconfig=kubeconfig(tmp_path),
    )
    named = serving_certificate(flags, make=False)
    assert named is not None
    assert named.notes == ()
    context = listener_context(flags, named.pair, read_files(flags))
    assert len(context.get_ca_certs()) == 1
    assert context.authority_flags == "--client-ca-file"
    (tmp_path / "server.key").write_text("")
    with pytest.raises(ServingError):
        serving_certificate(flags, make=False)


def test_flags_of_the_authorities(tmp_path: Path) -> None:
    """A refused client certificate is told with the flags whose authorities were tried."""
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
        kubeconfig=kubeconfig(tmp_path),
    )
    named = serving_certificate(flags, make=False)
    assert named is not None
    context = listener_context(flags, named.pair, read_files(flags))
    assert context.authority_flags == "--client-ca-file or --requestheader-client-ca-file"
    error = ssl.SSLCertVerificationError("x")
    error.verify_code, error.verify_message = 20, "unable to get local issuer certificate"
    line = handshake_fault(error, context)
    assert "no authority of --client-ca-file or --requestheader-client-ca-file has" in line
    assert "CN=root; CN=other" in line
