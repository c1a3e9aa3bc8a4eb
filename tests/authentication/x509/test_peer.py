"""Certificates read from DER: rows built byte by byte, and agreement with another reader."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from auditproxy.authentication.x509.peer import PeerCertificate

CN, O, L, UID = "550403", "55040a", "550407", "2b0601040183c25302"  # noqa: E741 - X.520's own letter
UTF8, PRINTABLE, IA5, BMP, T61, INTEGER = 0x0C, 0x13, 0x16, 0x1E, 0x14, 0x02


def tlv(tag: int, *contents: bytes) -> bytes:
    """One DER value."""
    content = b"".join(contents)
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def der(
    *subject: tuple[str, int, bytes],
    version: bool = True,
) -> bytes:
    """A certificate of which only the parts that are read make sense."""
    attributes = [
        tlv(0x31, tlv(0x30, tlv(0x06, bytes.fromhex(kind)), tlv(tag, value)))
        for kind, tag, value in subject
    ]
    parts = [tlv(0xA0, tlv(0x02, b"\x02"))] if version else []
    parts += [tlv(0x02, b"\x01"), tlv(0x30), tlv(0x30), tlv(0x30)]
    parts += [tlv(0x30, *attributes), tlv(0x30)]
    return tlv(0x30, tlv(0x30, *parts), tlv(0x30), tlv(0x03, b"\0"))


class TestSubject:
    """Names as Go's pkix.Name shows them."""

    def test_common_name_and_organizations(self) -> None:
        """T047: every O in order, repeats and empty ones kept; other attributes do not matter."""
        read = PeerCertificate.from_der(
            der(
                (O, UTF8, b"dev"),
                (CN, PRINTABLE, b"alice"),
                (L, T61, b"\xe9"),
                (O, UTF8, b""),
                (O, IA5, b"dev"),
            )
        )
        assert read.fault == ""
        assert (read.common_name, read.organizations) == ("alice", ("dev", "", "dev"))

    def test_fifty_organizations(self) -> None:
        """T047: many groups stay in order."""
        names = [f"group-{number}" for number in range(50)]
        read = PeerCertificate.from_der(
            der((CN, UTF8, b"a"), *((O, UTF8, name.encode()) for name in names))
        )
        assert read.organizations == tuple(names)

    def test_last_common_name_wins(self) -> None:
        """T045: of two CNs the last one counts."""
        read = PeerCertificate.from_der(der((CN, UTF8, b"root"), (CN, UTF8, b"alice")))
        assert read.common_name == "alice"

    @pytest.mark.parametrize("subject", [(), ((O, UTF8, b"dev"),), ((CN, UTF8, b""),)])
    def test_no_common_name(self, subject: tuple[tuple[str, int, bytes], ...]) -> None:
        """T044: a certificate without a CN is no fault, it has no name."""
        read = PeerCertificate.from_der(der(*subject))
        assert (read.common_name, read.fault) == ("", "")

    @pytest.mark.parametrize("kind", [CN, O, UID])
    @pytest.mark.parametrize(
        ("tag", "value"),
        [
            (BMP, b"\0a\0l"),
            (T61, b"alice"),
            (INTEGER, b"\x01"),
            (UTF8, b"\xff"),
            (UTF8, b"\xed\xa0\x80"),
            (PRINTABLE, b"\xe4"),
        ],
    )
    def test_unread_encodings(self, kind: str, tag: int, value: bytes) -> None:
        """T046: names in encodings that readers disagree about are a fault."""
        read = PeerCertificate.from_der(der((CN, UTF8, b"alice"), (kind, tag, value)))
        assert "name of the subject" in read.fault
        assert read.common_name == ""

    def test_uids(self) -> None:
        """Every uid attribute is kept, whoever asks decides how many are good."""
        read = PeerCertificate.from_der(
            der((UID, UTF8, b"u-1"), (CN, UTF8, b"a"), (UID, UTF8, b""))
        )
        assert read.uids == ("u-1", "")


class TestWhole:
    """What is kept of the certificate itself."""

    def test_fingerprint_and_repr(self) -> None:
        """The fingerprint is of the whole DER, and the DER is not in the repr."""
        raw = der((CN, UTF8, b"a"), version=False)
        read = PeerCertificate.from_der(raw)
        assert read.fingerprint == hashlib.sha256(raw).hexdigest()
        assert read.der == raw
        assert "der=" not in repr(read)


class TestAnyBytes:
    """Nothing that a client sends makes the reader raise."""

    @given(st.binary(max_size=200))
    def test_noise(self, raw: bytes) -> None:
        """Noise has a fault and no name."""
        read = PeerCertificate.from_der(raw)
        assert read.fault
        assert read.common_name == ""

    @given(st.data())
    def test_damaged(self, data: st.DataObject) -> None:
        """A certificate with one byte changed or the end cut off is read or has a fault."""
        raw = bytearray(der((CN, UTF8, b"alice"), (O, UTF8, b"dev")))
        position = data.draw(st.integers(0, len(raw) - 1))
        raw[position] = data.draw(st.integers(0, 255))
        PeerCertificate.from_der(bytes(raw))
        assert PeerCertificate.from_der(bytes(raw[:position])).fault

    def test_deep_and_long_lengths(self) -> None:
        """Lengths that promise more than there is, or are not minimal, are faults."""
        for raw in (
            b"\x30\x84\xff\xff\xff\xff",
            b"\x30\x81\x05hello",
            b"\x30\x80\0\0",
            b"\x3f\x01",
        ):
            assert PeerCertificate.from_der(raw).fault


KEY = ec.generate_private_key(ec.SECP256R1())


@settings(max_examples=25, deadline=None)
@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20),
    st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20), max_size=5),
    st.integers(0, 2_000_000_000),
)
def test_agrees_with_cryptography(name: str, organizations: list[str], start: int) -> None:
    """What the cryptography package writes is read back the same."""
    begin = datetime.fromtimestamp(start, UTC)
    subject = [
        x509.NameAttribute(NameOID.COMMON_NAME, name, _validate=False),
        *(x509.NameAttribute(NameOID.ORGANIZATION_NAME, text) for text in organizations),
    ]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(subject))
        .issuer_name(x509.Name([]))
        .public_key(KEY.public_key())
        .serial_number(7)
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=1))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(KEY, hashes.SHA256())
    )
    read = PeerCertificate.from_der(certificate.public_bytes(Encoding.DER))
    assert (read.fault, read.common_name) == ("", name)
    assert read.organizations == tuple(organizations)
