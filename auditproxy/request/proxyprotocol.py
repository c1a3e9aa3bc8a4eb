"""The PROXY protocol, versions 1 and 2: the client's address, told by a load balancer before TLS.

    missing(data) > 0   so many bytes more may be read without touching what follows the header
    missing(data) == 0  the header is complete: source(data)

(HAProxy's proxy-protocol.txt.) What a header says besides the source is skipped.
"""

import ipaddress
import re

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
"""The twelve bytes that begin version 2."""

LONGEST_V1 = 107
LONGEST_V2 = 4096
"""Bytes of the longest header with its extensions; nobody needs as many."""

VERSIONS = frozenset({"v1", "v2", "any"})

_V1 = re.compile(
    rb"PROXY (?:UNKNOWN(?: [\x20-\x7e]*)?|(TCP4|TCP6) ([0-9a-fA-F.:]{2,45}) ([0-9a-fA-F.:]{2,45}) "
    rb"(0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4}))\r\n"
)
_ADDRESS_BYTES = {0x11: 4, 0x12: 4, 0x21: 16, 0x22: 16}
"""Bytes of one address by family and transport: TCP and UDP over IPv4 and IPv6."""


class ProxyProtocolError(ValueError):
    """The bytes are no such header; the text repeats none of them."""


def missing(data: bytes, version: str) -> int:
    """How many bytes more may be read, 0 when the header is complete.

    ``version`` is one of VERSIONS. Raises ProxyProtocolError as soon as the bytes
    cannot become a header of it.
    """
    start = data[: len(SIGNATURE)]
    if version != "v1" and SIGNATURE.startswith(start):
        if len(data) < 16:
            # Version 1 may end before this many bytes.
            return (16 if start == SIGNATURE else len(SIGNATURE)) - len(data)
        length = 16 + int.from_bytes(data[14:16], "big")
        if length > LONGEST_V2:
            raise ProxyProtocolError("the PROXY header is too long")
        return max(0, length - len(data))
    if version != "v2" and b"PROXY ".startswith(data[:6]):
        if b"\r\n" in data:
            return 0
        if len(data) >= LONGEST_V1:
            raise ProxyProtocolError("the PROXY header is too long")
        # The shortest line has 15 bytes; then its end comes at any byte.
        return max(1, len(SIGNATURE) - len(data))
    raise ProxyProtocolError("there is no PROXY header")


def source(data: bytes) -> str:
    """The client's address, "" when the header tells none and the peer's own counts.

    ``data`` is exactly one header. Raises ProxyProtocolError.
    """
    return _source_v2(data) if data.startswith(SIGNATURE) else _source_v1(data)


def _source_v1(data: bytes) -> str:
    match = _V1.fullmatch(data)
    if match is None:
        raise ProxyProtocolError("the PROXY line is malformed")
    family, *texts = match.groups()
    if family is None:
        return ""
    if int(texts[2]) > 65535 or int(texts[3]) > 65535:
        raise ProxyProtocolError("the PROXY line has an invalid port")
    kind = ipaddress.IPv4Address if family == b"TCP4" else ipaddress.IPv6Address
    try:
        client, _ = (kind(text.decode("ascii")) for text in texts[:2])
    except ValueError:
        raise ProxyProtocolError("the PROXY line has an invalid address") from None
    return str(client)


def _source_v2(data: bytes) -> str:
    if data[12] not in (0x20, 0x21):
        raise ProxyProtocolError("the PROXY header has an unknown version or command")
    if data[12] == 0x20:
        # LOCAL: the load balancer itself, asking whether we are well.
        return ""
    size = _ADDRESS_BYTES.get(data[13])
    if size is None:
        return ""
    if len(data) < 16 + 2 * size + 4:
        raise ProxyProtocolError("the PROXY header is shorter than its addresses")
    return str(ipaddress.ip_address(data[16 : 16 + size]))
