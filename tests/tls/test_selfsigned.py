"""Self-signed serving certificates: what is in them."""

import datetime
import ssl
from pathlib import Path

from cryptography import x509

from auditproxy.tls.selfsigned import VALIDITY, new_self_signed

NOW = datetime.datetime(2026, 11, 23, tzinfo=datetime.UTC)
NAMES = ("localhost", "127.0.0.1", "::1")


def test_usable_for_tls(tmp_path: Path) -> None:
    """It names every host, and is its own authority for clients."""
    pair = new_self_signed(NAMES, NOW)
    parsed = x509.load_pem_x509_certificate(pair.certificate)
    names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    assert parsed.not_valid_before_utc < NOW
    assert parsed.not_valid_after_utc == NOW + VALIDITY
    certificate, key = tmp_path / "crt", tmp_path / "key"
    certificate.write_bytes(pair.certificate)
    key.write_bytes(pair.private_key)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    ssl.create_default_context(cafile=str(certificate))


def test_each_has_its_own_key() -> None:
    """Two of them share neither key nor serial number."""
    one, other = new_self_signed(NAMES, NOW), new_self_signed(NAMES, NOW)
    assert one.private_key != other.private_key
    assert one.certificate != other.certificate
