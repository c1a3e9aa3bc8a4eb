"""B5: whether a client offers TLS 1.3, as real clients say it and as bytes may be."""

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.tls.clienthello import missing, offers_tls13


def hello(*, maximum: ssl.TLSVersion, minimum: ssl.TLSVersion, name: str = "localhost") -> bytes:
    """What OpenSSL sends first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version, context.maximum_version = minimum, maximum
    outgoing = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
NEW = hello(minimum=V12, maximum=V13)


@pytest.mark.parametrize(
    ("minimum", "maximum", "offers"), [(V12, V12, False), (V12, V13, True), (V13, V13, True)]
)
def test_openssl(minimum: ssl.TLSVersion, maximum: ssl.TLSVersion, offers: bool) -> None:
    """B5: what OpenSSL says with some versions allowed, with a longer name too."""
    for name in ("localhost", "a" * 60 + ".example"):
        data = hello(minimum=minimum, maximum=maximum, name=name)
        assert missing(data) == 0
        assert offers_tls13(data) is offers


@given(st.integers(0, len(NEW) - 1))
def test_parts(size: int) -> None:
    """B5: a part of it is no offer, and says how much more to wait for."""
    part = NEW[:size]
    assert not offers_tls13(part)
    if size >= 5:
        assert missing(part) == len(NEW) - size
    else:
        assert 0 < missing(part) <= 5


@given(st.binary(max_size=100) | st.binary(max_size=100).map(lambda tail: NEW[:60] + tail))
def test_anything(data: bytes) -> None:
    """B5: bytes of any kind raise nothing, and never ask for more than a record."""
    assert offers_tls13(data) in (True, False)
    assert 0 <= missing(data) <= 16 * 1024 + 5


@given(at=st.integers(0, len(NEW) - 1), value=st.integers(0, 255))
def test_bent(at: int, value: int) -> None:
    """B5: one byte changed raises nothing."""
    data = NEW[:at] + bytes((value,)) + NEW[at + 1 :]
    assert offers_tls13(data) in (True, False)


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\n\r\n", b"\x80\x2e\x01\x03\x03", b"\x16\x03\x01\xff\xff"]
)
def test_no_record(data: bytes) -> None:
    """B5: what is no record of TLS is not waited for."""
    assert missing(data) == 0
    assert not offers_tls13(data)
