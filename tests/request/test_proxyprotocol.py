"""The PROXY protocol: rows of its specification, and any bytes however they are cut."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.request.proxyprotocol import (
    LONGEST_V1,
    SIGNATURE,
    ProxyProtocolError,
    missing,
    source,
)

IPV4 = bytes((192, 0, 2, 1, 10, 0, 0, 1)) + b"\x01\x02\x01\xbb"
IPV6 = (
    ipaddress.IPv6Address("2001:db8::1").packed
    + ipaddress.IPv6Address("2001:db8::2").packed
    + b"\x01\x02\x01\xbb"
)


def v2(command: int, family: int, body: bytes) -> bytes:
    """A header of version 2."""
    return SIGNATURE + bytes((command, family)) + len(body).to_bytes(2, "big") + body


GOOD = [
    (b"PROXY TCP4 192.0.2.1 10.0.0.1 56324 443\r\n", "192.0.2.1"),
    (b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255"),
    (b"PROXY TCP6 2001:DB8::1 2001:db8::2 1 0\r\n", "2001:db8::1"),
    (b"PROXY UNKNOWN\r\n", ""),
    (b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", ""),
    (v2(0x21, 0x11, IPV4), "192.0.2.1"),
    (v2(0x21, 0x11, IPV4 + b"\x03\0\x04crc!"), "192.0.2.1"),
    (v2(0x21, 0x21, IPV6), "2001:db8::1"),
    (v2(0x20, 0x00, b""), ""),
    (v2(0x20, 0x11, IPV4), ""),
    (v2(0x21, 0x00, b""), ""),
    (v2(0x21, 0x31, b"\0" * 216), ""),
]


def read(data: bytes, version: str = "any") -> tuple[str, bytes]:
    """What the reader of a socket makes of the bytes: the source, and what is left."""
    position = 0
    while more := missing(data[:position], version):
        if position == len(data):
            raise EOFError
        position += min(more, len(data) - position)
    return source(data[:position]), data[position:]


@pytest.mark.parametrize(("header", "address"), GOOD)
def test_headers(header: bytes, address: str) -> None:
    """The source, and not one byte of what follows; only for the version that is wanted."""
    tls = b"\x16\x03\x01\x02\0"
    assert read(header + tls) == (address, tls)
    own, other = ("v2", "v1") if header.startswith(SIGNATURE) else ("v1", "v2")
    assert read(header + tls, own) == (address, tls)
    with pytest.raises(ProxyProtocolError):
        read(header + tls, other)


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\n\r\n",
        b"PROXY",
        b"PROXX TCP4 192.0.2.1 10.0.0.1 1 2\r\n",
        b"proxy TCP4 192.0.2.1 10.0.0.1 1 2\r\n",
        b"PROXY TCP4 192.0.2.1 10.0.0.1 1 2\n" + b" " * LONGEST_V1,
        b"PROXY TCP4 192.0.2.1 10.0.0.1 1\r\n",
        b"PROXY TCP4  192.0.2.1 10.0.0.1 1 2\r\n",
        b"PROXY TCP4 192.0.2.1 10.0.0.1 1 2 \r\n",
        b"PROXY TCP4 192.0.2.256 10.0.0.1 1 2\r\n",
        b"PROXY TCP4 2001:db8::1 10.0.0.1 1 2\r\n",
        b"PROXY TCP6 192.0.2.1 192.0.2.1 1 2\r\n",
        b"PROXY TCP4 192.0.2.1 10.0.0.1 65536 2\r\n",
        b"PROXY TCP4 192.0.2.1 10.0.0.1 01 2\r\n",
        b"PROXY UDP4 192.0.2.1 10.0.0.1 1 2\r\n",
        b"PROXY \r\n\0\0\0\0\0\0\0\0\0\0",
        v2(0x11, 0x11, IPV4),
        v2(0x22, 0x11, IPV4),
        v2(0x21, 0x11, IPV4[:-1]),
        v2(0x21, 0x21, IPV4),
        v2(0x21, 0x11, b"\0" * 5000),
        SIGNATURE,
        v2(0x21, 0x11, IPV4)[:-1],
    ],
)
def test_no_headers(data: bytes) -> None:
    """What is not of the form is refused, or waits for its end; nothing is guessed."""
    with pytest.raises((ProxyProtocolError, EOFError)):
        read(data)


@given(st.binary(max_size=200), st.sampled_from(["v1", "v2", "any"]))
def test_any_bytes(data: bytes, version: str) -> None:
    """Reading ends in a source, an error, or the wish for more."""
    try:
        address, _ = read(data, version)
    except (ProxyProtocolError, EOFError):
        return
    assert address == "" or str(ipaddress.ip_address(address)) == address


@given(st.sampled_from(GOOD), st.binary(max_size=30), st.integers(0, 60), st.integers(0, 255))
def test_a_changed_byte(good: tuple[bytes, str], tail: bytes, position: int, byte: int) -> None:
    """However a byte is changed, never more is read than the header says."""
    data = bytearray(good[0] + tail)
    data[position % len(data)] = byte
    try:
        read(bytes(data))
    except (ProxyProtocolError, EOFError):
        return


@given(st.ip_addresses(), st.integers(0, 65535))
def test_any_address(address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> None:
    """What a load balancer writes is what is read, in both versions."""
    four = address.version == 4
    line = f"PROXY TCP{address.version} {address} {address} {port} {port}\r\n".encode()
    assert read(line) == (str(address), b"")
    body = address.packed * 2 + port.to_bytes(2, "big") * 2
    assert read(v2(0x21, 0x11 if four else 0x21, body)) == (str(address), b"")
