"""PeerCertificate: the identity in a client certificate, read from its DER once.

The TLS handshake verifies the chain, and authorities.py verifies it again, periods and usages
included: this module reads none of these. It reads what Go's crypto/x509 and pkix.Name would
give kube-apiserver: the last CN, every O in order, the uid attribute. Only string types that all
implementations decode alike are supported (UTF8String, PrintableString, IA5String,
NumericString). A CN or O in T61String or BMPString is a fault, although Go accepts those.
"""

import hashlib
from dataclasses import dataclass, field, replace

_COMMON_NAME = bytes.fromhex("550403")
_ORGANIZATION = bytes.fromhex("55040a")
_UID = bytes.fromhex("2b0601040183c25302")
"""1.3.6.1.4.1.57683.2, the attribute that contains a Kubernetes uid."""

_INTEGER, _OID, _SEQUENCE, _SET = 0x02, 0x06, 0x30, 0x31
_VERSION = 0xA0
_UTF8_STRING = 0x0C
_ASCII_STRINGS = frozenset({0x12, 0x13, 0x16})


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """A leaf certificate: the identity that it claims, not verified.

    ``fault`` says why it provides no identity, "" if it does. ``der`` and the ``intermediates``
    sent by the client are kept, because the set of authorities may change while the
    connection is open.
    """

    der: bytes = field(repr=False)
    fingerprint: str
    common_name: str = ""
    organizations: tuple[str, ...] = ()
    uids: tuple[str, ...] = ()
    fault: str = ""
    intermediates: tuple[bytes, ...] = field(default=(), repr=False)

    @classmethod
    def from_der(cls, der: bytes, intermediates: tuple[bytes, ...] = ()) -> "PeerCertificate":
        """Read a certificate; never raises, a malformed one gets a fault."""
        fingerprint = hashlib.sha256(der).hexdigest()
        try:
            read = _read_certificate(der, fingerprint)
        except _DerError as error:
            return cls(der=der, fingerprint=fingerprint, fault=str(error))
        return replace(read, intermediates=intermediates) if intermediates else read


class _DerError(ValueError):
    """The bytes are not the expected DER."""


@dataclass(frozen=True, slots=True)
class _Value:
    """One TLV: tag and content."""

    tag: int
    content: bytes


def _values(data: bytes) -> list[_Value]:
    """Parse the TLVs that fill ``data`` exactly; single-byte tags, definite minimal lengths."""
    values = []
    position = 0
    while position < len(data):
        if position + 2 > len(data) or data[position] & 0x1F == 0x1F:
            raise _DerError("the certificate is not DER")
        tag, length = data[position], data[position + 1]
        position += 2
        if length >= 0x80:
            size = length & 0x7F
            octets = data[position : position + size]
            length = int.from_bytes(octets, "big")
            if not 1 <= size <= 4 or len(octets) != size or length < 0x80 or octets[0] == 0:
                raise _DerError("the certificate is not DER")
            position += size
        if position + length > len(data):
            raise _DerError("the certificate is not DER")
        values.append(_Value(tag, data[position : position + length]))
        position += length
    return values


def _only(values: list[_Value], tag: int) -> bytes:
    if len(values) != 1 or values[0].tag != tag:
        raise _DerError("the certificate is not DER of the expected form")
    return values[0].content


def _read_certificate(der: bytes, fingerprint: str) -> PeerCertificate:
    outer = _values(_only(_values(der), _SEQUENCE))
    if not outer:
        raise _DerError("the certificate is empty")
    parts = _values(_only(outer[:1], _SEQUENCE))
    if parts and parts[0].tag == _VERSION:
        parts = parts[1:]
    # serial, signature algorithm, issuer, validity, subject, public key, ...
    tags = [part.tag for part in parts[:6]]
    if tags != [_INTEGER, _SEQUENCE, _SEQUENCE, _SEQUENCE, _SEQUENCE, _SEQUENCE]:
        raise _DerError("the certificate is not DER of the expected form")
    common_name, organizations, uids = _read_subject(parts[4].content)
    return PeerCertificate(
        der=der,
        fingerprint=fingerprint,
        common_name=common_name,
        organizations=organizations,
        uids=uids,
    )


def _read_subject(content: bytes) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Return the last CN, every O and every uid, in the order of the certificate."""
    common_name = ""
    organizations: list[str] = []
    uids: list[str] = []
    for relative_name in _values(content):
        if relative_name.tag != _SET:
            raise _DerError("the subject is not a name")
        for attribute in _values(relative_name.content):
            pair = _values(attribute.content)
            if attribute.tag != _SEQUENCE or len(pair) != 2 or pair[0].tag != _OID:
                raise _DerError("the subject is not a name")
            kind, value = pair[0].content, pair[1]
            if kind == _COMMON_NAME:
                common_name = _read_text(value)
            elif kind == _ORGANIZATION:
                organizations.append(_read_text(value))
            elif kind == _UID:
                uids.append(_read_text(value))
    return common_name, tuple(organizations), tuple(uids)


def _read_text(value: _Value) -> str:
    try:
        if value.tag == _UTF8_STRING:
            return value.content.decode("utf-8")
        if value.tag in _ASCII_STRINGS:
            return value.content.decode("ascii")
    except UnicodeDecodeError:
        raise _DerError("a name of the subject is not valid text") from None
    raise _DerError("a name of the subject has an unsupported encoding")
