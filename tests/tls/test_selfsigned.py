"""Self-signed serving certificates."""

import datetime
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509

from auditproxy.tls.selfsigned import CertificateError, ensure_self_signed

NOW = datetime.datetime(2026, 11, 23, tzinfo=datetime.UTC)
NAMES = ("localhost", "127.0.0.1", "::1")


def test_made_once(tmp_path: Path) -> None:
    """A pair is made where there is none, the key 0600, and used again afterwards."""
    folder = tmp_path / "a" / "certs"
    certificate, key, made = ensure_self_signed(folder, NAMES, NOW)
    assert made
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    content = certificate.read_bytes()
    again = ensure_self_signed(folder, NAMES, NOW)
    assert again == (certificate, key, False)
    assert certificate.read_bytes() == content


def test_usable_for_tls(tmp_path: Path) -> None:
    """It names every host, and is its own authority for clients."""
    certificate, key, _ = ensure_self_signed(tmp_path, NAMES, NOW)
    parsed = x509.load_pem_x509_certificate(certificate.read_bytes())
    names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    assert parsed.not_valid_before_utc < NOW < parsed.not_valid_after_utc
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    ssl.create_default_context(cafile=str(certificate))


@pytest.mark.parametrize("missing", ["auditproxy.crt", "auditproxy.key"])
def test_half_a_pair(tmp_path: Path, missing: str) -> None:
    """Half a pair is never completed: the text says what to do."""
    ensure_self_signed(tmp_path, NAMES, NOW)
    (tmp_path / missing).unlink()
    with pytest.raises(CertificateError, match="without its partner: remove it"):
        ensure_self_signed(tmp_path, NAMES, NOW)


def test_unwritable_folder(tmp_path: Path) -> None:
    """A folder that cannot be made names the flag and the fix."""
    (tmp_path / "file").touch()
    with pytest.raises(CertificateError, match="--cert-dir .* cannot be written"):
        ensure_self_signed(tmp_path / "file" / "certs", NAMES, NOW)
