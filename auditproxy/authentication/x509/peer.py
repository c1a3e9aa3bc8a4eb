"""PeerCertificate: the parts of a client certificate that say who it is, read from its DER once.

The TLS handshake verifies the chain, and authorities.py does again. What is
read here is what Go's crypto/x509 and pkix.Name would show kube-apiserver: the
last CN, every O in order, the uid attribute. Only the encodings of text that
mean the same to everybody are read (UTF8String, PrintableString, IA5String,
NumericString); a CN or O in T61String or BMPString is a fault, although Go
reads those.
"""

import hashlib
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

_COMMON_NAME = bytes.fromhex("550403")
_ORGANIZATION = bytes.fromhex("55040a")
_UID = bytes.fromhex("2b0601040183c25302")
"""1.3.6.1.4.1.57683.2, the attribute that holds a Kubernetes uid."""
_EXTENDED_KEY_USAGE = bytes.fromhex("551d25")
_USAGES = (bytes.fromhex("2b06010505070302"), bytes.fromhex("551d2500"))
"""clientAuth and anyExtendedKeyUsage."""

_INTEGER, _OCTET_STRING, _OID, _SEQUENCE, _SET = 0x02, 0x04, 0x06, 0x30, 0x31
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_VERSION, _EXTENSIONS = 0xA0, 0xA3
_UTF8_STRING = 0x0C
_ASCII_STRINGS = frozenset({0x12, 0x13, 0x16})
_TIME = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})Z")


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """A leaf certificate; times are nanoseconds since the epoch.

    ``fault`` says why no identity can be taken from it, "" when one can.
    ``client_auth`` is whether its usages allow to be a client. ``der`` and the
    ``intermediates`` that the client sent are kept, because the set of authorities
    can change under an open connection.
    """

    der: bytes = field(repr=False)
    fingerprint: str
    common_name: str = ""
    organizations: tuple[str, ...] = ()
    uids: tuple[str, ...] = ()
    not_before: int = 0
    not_after: int = 0
    client_auth: bool = False
    fault: str = ""
    intermediates: tuple[bytes, ...] = field(default=(), repr=False)

    @classmethod
    def from_der(cls, der: bytes, intermediates: tuple[bytes, ...] = ()) -> "PeerCertificate":
        """Read a certificate; never raises, a certificate that makes no sense has a fault."""
        fingerprint = hashlib.sha256(der).hexdigest()
        try:
            read = _read_certificate(der, fingerprint)
        except _DerError as error:
            return cls(der=der, fingerprint=fingerprint, fault=str(error))
        return replace(read, intermediates=intermediates) if intermediates else read


class _DerError(ValueError):
    """The bytes are not the DER that was expected here."""


@dataclass(frozen=True, slots=True)
class _Value:
    """One TLV: its tag and its content."""

    tag: int
    content: bytes


def _values(data: bytes) -> list[_Value]:
    """The TLVs that fill ``data`` exactly; single-byte tags, definite minimal lengths."""
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
    period = _values(parts[3].content)
    if len(period) != 2:
        raise _DerError("the certificate has no validity period")
    common_name, organizations, uids = _read_subject(parts[4].content)
    return PeerCertificate(
        der=der,
        fingerprint=fingerprint,
        common_name=common_name,
        organizations=organizations,
        uids=uids,
        not_before=_read_time(period[0]),
        not_after=_read_time(period[1]),
        client_auth=_allows_client(parts[6:]),
    )


def _read_subject(content: bytes) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """The last CN, every O, every uid, in the order of the certificate."""
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
    raise _DerError("a name of the subject is in an encoding that is not supported")


def _read_time(value: _Value) -> int:
    text = value.content.decode("latin-1")
    if value.tag == _UTC_TIME:
        # RFC 5280: two-digit years are 1950 to 2049.
        text = ("20" if text[:2] < "50" else "19") + text
    elif value.tag != _GENERALIZED_TIME:
        raise _DerError("the validity period is not a time")
    match = _TIME.fullmatch(text)
    if match is None:
        raise _DerError("the validity period is not a time")
    year, month, day, hour, minute, second = map(int, match.groups())
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        raise _DerError("the validity period is not a time") from None
    return int(moment.timestamp()) * 1_000_000_000


def _allows_client(tail: list[_Value]) -> bool:
    """Whether no extended key usage stands there, or one that includes clientAuth."""
    for part in tail:
        if part.tag != _EXTENSIONS:
            continue
        for extension in _values(_only(_values(part.content), _SEQUENCE)):
            members = _values(extension.content)
            if not members or members[0].content != _EXTENDED_KEY_USAGE:
                continue
            if members[-1].tag != _OCTET_STRING:
                raise _DerError("the extended key usage cannot be read")
            usages = _values(_only(_values(members[-1].content), _SEQUENCE))
            return any(usage.content in _USAGES for usage in usages)
    return True
