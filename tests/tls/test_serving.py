"""TLS settings of the listener: what is refused by name, and what is always set."""

import ssl
from pathlib import Path

import pytest

from auditproxy.tls.serving import (
    KeyPair,
    ServingError,
    certificate_end,
    new_serving_context,
    read_key_pair,
)
from tests.fakes.authority import Authority

ROOT = Authority("root")


def pair(folder: Path, name: str = "server") -> tuple[str, str]:
    """Paths of a new certificate and its key."""
    ROOT.write_leaf(folder / name, "localhost")
    return f"{folder}/{name}.crt", f"{folder}/{name}.key"


def test_refused(tmp_path: Path) -> None:
    """T279: files that cannot be used, or do not belong together, are refused with a reason."""
    certificate, key = pair(tmp_path)
    _, other = pair(tmp_path, "other")
    (tmp_path / "empty").touch()
    for paths in (
        ("/nope", key),
        (certificate, "/nope"),
        (str(tmp_path / "empty"), key),
        (certificate, other),
        (key, certificate),
    ):
        with pytest.raises(ServingError) as caught:
            read_key_pair(*paths)
        assert "PRIVATE KEY" not in str(caught.value)
    with pytest.raises(ServingError, match="cannot be used"):
        new_serving_context(KeyPair(b"", b""), client_authorities=b"", minimum="VersionTLS12")
    with pytest.raises(ServingError, match="cannot be used"):
        new_serving_context(
            read_key_pair(certificate, key), client_authorities=b"none", minimum="VersionTLS12"
        )


def test_refused_in_words(tmp_path: Path) -> None:
    """C: of a wrong pair the line says what is wrong and how to mend it, without OpenSSL's code."""
    certificate, key = pair(tmp_path)
    _, other = pair(tmp_path, "other")
    (tmp_path / "empty").touch()
    with pytest.raises(
        ServingError, match="the key does not match the certificate; give "
    ) as caught:
        read_key_pair(certificate, other)
    assert "_ssl.c" not in str(caught.value)
    for paths in ((key, certificate), (str(tmp_path / "empty"), key), (certificate, certificate)):
        with pytest.raises(ServingError, match="has no PEM certificate, or ") as caught:
            read_key_pair(*paths)
        assert "_ssl.c" not in str(caught.value)


def test_settings(tmp_path: Path) -> None:
    """T078: no tickets and no renegotiation; client certificates are asked for, never required."""
    read = read_key_pair(*pair(tmp_path))
    context = new_serving_context(read, client_authorities=b"", minimum="VersionTLS13")
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert context.num_tickets == 0
    assert context.options & ssl.OP_NO_TICKET
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.verify_mode is ssl.CERT_NONE
    bundle = b"# \xff comment\n" + ROOT.pem + b"\n# more\n" + Authority("other").pem
    asking = new_serving_context(read, client_authorities=bundle, minimum="VersionTLS12")
    assert asking.verify_mode is ssl.CERT_OPTIONAL
    assert len(asking.get_ca_certs()) == 2
    assert b"PRIVATE" not in repr(read).encode()


def test_end_of_a_certificate(tmp_path: Path) -> None:
    """C11: the end of the first certificate of the file; none of what is not one."""
    pair_of = read_key_pair(*pair(tmp_path))
    end = certificate_end(pair_of)
    assert end is not None
    assert certificate_end(KeyPair(b"# a comment\n" + pair_of.certificate, b"")) == end
    assert certificate_end(KeyPair(b"nothing", b"")) is None
