"""sourceIPs: kube-apiserver's table, rows seen on a running server, then properties."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.request.headers import ClientHeaders
from auditproxy.request.sourceips import TrustedProxies, canonical, source_ips

FULL = "aaaa:bbbb:cccc:dddd:eeee:ffff:0:1111"
FULL_2 = "0:1111:2222:3333:4444:5555:6666:7777"
FULL_3 = "abcd:ef01:2345:6789:abcd:ef01:2345:6789"
FULL_4 = "aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa"


def addresses(*, forwarded: str = "", real: str = "", remote: str) -> list[str]:
    """The addresses of a request with these headers; an empty one is not there."""
    raw = []
    if forwarded:
        raw.append((b"X-Forwarded-For", forwarded.encode("utf-8", "surrogateescape")))
    if real:
        raw.append((b"X-Real-Ip", real.encode("utf-8", "surrogateescape")))
    return list(source_ips(ClientHeaders(tuple(raw)), remote))


@pytest.mark.parametrize(
    ("forwarded", "real", "remote", "expected"),
    [
        # apimachinery util/net/http_test.go TestSourceIPs
        ("", "", "", []),
        ("", "", "1.2.3.4:555", ["1.2.3.4"]),
        ("", "", "1.2.3.4", ["1.2.3.4"]),
        (" ", "", "1.2.3.4", ["1.2.3.4"]),
        ("garbage garbage values!", "", "1.2.3.4", ["1.2.3.4"]),
        ("garbage garbage values!,4.5.6.7", "", "1.2.3.4", ["4.5.6.7", "1.2.3.4"]),
        (
            "120.120.120.126,2.2.2.2,4.5.6.7",
            "",
            "1.2.3.4",
            ["120.120.120.126", "2.2.2.2", "4.5.6.7", "1.2.3.4"],
        ),
        ("2.2.2.2,1.2.3.4", "", "1.2.3.4", ["2.2.2.2", "1.2.3.4"]),
        ("", "garbage, just garbage!", "1.2.3.4", ["1.2.3.4"]),
        ("2.2.2.2", "garbage, just garbage!", "1.2.3.4", ["2.2.2.2", "1.2.3.4"]),
        ("", "2.2.2.2", "1.2.3.4", ["2.2.2.2", "1.2.3.4"]),
        ("", "1.2.3.4", "1.2.3.4", ["1.2.3.4"]),
        (
            "120.120.120.126,4.5.6.7",
            "2.2.2.2",
            "1.2.3.4",
            ["120.120.120.126", "4.5.6.7", "2.2.2.2", "1.2.3.4"],
        ),
        (
            "120.120.120.126,2.2.2.2,4.5.6.7",
            "2.2.2.2",
            "1.2.3.4",
            ["120.120.120.126", "2.2.2.2", "4.5.6.7", "1.2.3.4"],
        ),
        ("1.2.3.4", "1.2.3.4", "1.2.3.4", ["1.2.3.4"]),
        (f"{FULL},{FULL_2}", FULL_3, FULL_4, [FULL, FULL_2, FULL_3, FULL_4]),
        (f"{FULL},1.2.3.4", "", "0:0:0:0:0:ffff:102:304", [FULL, "1.2.3.4"]),
        # Seen on a running server.
        (
            "127.0.0.1, 5.5.5.5",
            "",
            "127.0.0.1:4",
            ["127.0.0.1", "5.5.5.5", "127.0.0.1"],
        ),
        ("010.001.0.09", "", "1.2.3.4:5", ["10.1.0.9", "1.2.3.4"]),
        ("1.2.3.4:55, [::1], fe80::1%eth0", "", "9.9.9.9:1", ["9.9.9.9"]),
        ("::ffff:9.8.7.6", "", "9.9.9.9:1", ["9.8.7.6", "9.9.9.9"]),
        ("5.5.5.5,5.5.5.5", "", "9.9.9.9:1", ["5.5.5.5", "5.5.5.5", "9.9.9.9"]),
        # Equality is that of addresses.
        ("::ffff:5.5.5.5", "5.5.5.5", "[::ffff:505:505]:80", ["5.5.5.5"]),
        ("", "::ffff:5.5.5.5", "9.9.9.9:1", ["5.5.5.5", "9.9.9.9"]),
        # Peers.
        ("", "", "[::1]:80", ["::1"]),
        ("", "", "::1", ["::1"]),
        ("", "", "1.2.3.4:", ["1.2.3.4"]),
        ("", "", "[fe80::1%eth0]:80", []),
        ("", "", "[::1]", []),
        ("", "", "@", []),
        ("", "", "/run/socket", []),
        ("5.5.5.5", "", "[fe80::1%eth0]:80", ["5.5.5.5"]),
        # Any space of Unicode around an entry is trimmed; within X-Real-Ip a comma is no list.
        ("\u00a05.5.5.5\u3000", "", "9.9.9.9:1", ["5.5.5.5", "9.9.9.9"]),
        ("", "5.5.5.5,6.6.6.6", "9.9.9.9:1", ["9.9.9.9"]),
        (f"1.2.3.{'0' * 5000}7", "", "9.9.9.9:1", ["1.2.3.7", "9.9.9.9"]),
        (f"1.2.3.{'7' * 5000}", "", "9.9.9.9:1", ["9.9.9.9"]),
        (f"::{'0' * 5000}7", "", "9.9.9.9:1", ["::7", "9.9.9.9"]),
    ],
)
def test_source_ips(forwarded: str, real: str, remote: str, expected: list[str]) -> None:
    """T015: spoofed entries come first as on kube-apiserver; the last is always the peer's."""
    assert addresses(forwarded=forwarded, real=real, remote=remote) == expected


def test_first_line_only() -> None:
    """A second line of a header is not looked at."""
    headers = ClientHeaders(
        (
            (b"x-forwarded-for", b"5.5.5.5"),
            (b"X-FORWARDED-FOR", b"6.6.6.6"),
            (b"X-Real-IP", b"7.7.7.7"),
            (b"X-Real-IP", b"8.8.8.8"),
        )
    )
    assert source_ips(headers, "9.9.9.9:1") == ("5.5.5.5", "7.7.7.7", "9.9.9.9")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.0.0.0", "0.0.0.0"),
        ("255.255.255.255", "255.255.255.255"),
        ("256.1.1.1", ""),
        ("1.1.1", ""),
        ("1.1.1.1.1", ""),
        ("1.1.1.", ""),
        (".1.1.1", ""),
        ("1.1.1.-1", ""),
        ("1.1.1.\u0663", ""),
        ("1.1.1.\u00b2", ""),
        (" 1.1.1.1", ""),
        ("0x1.1.1.1", ""),
        ("16909060", ""),
        ("", ""),
        ("::", "::"),
        ("::1", "::1"),
        ("1::", "1::"),
        ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
        ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
        ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
        ("1::2:3:4:5:6:7:8", ""),
        ("1:2:3:4:5:6:7:8::", ""),
        ("::1:2:3:4:5:6:7:8", ""),
        ("1:2:3:4:5:6:7", ""),
        ("1:2:3:4:5:6:7:8:9", ""),
        ("1::2::3", ""),
        (":::", ""),
        (":1", ""),
        ("1:", ""),
        ("::g", ""),
        ("ABCD::EF", "abcd::ef"),
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
        ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"),
        ("00001::0000ffff", "1::ffff"),
        ("10000::", ""),
        ("::10000", ""),
        ("::1.2.3.4", "::102:304"),
        ("::001.2.3.04", "::102:304"),
        ("64:ff9b::1.2.3.4", "64:ff9b::102:304"),
        ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
        ("1:2:3:4:5:6:7:1.2.3.4", ""),
        ("1:2:3:4:5:1.2.3.4", ""),
        ("::1:2:3:4:5:6:1.2.3.4", ""),
        ("::1.2.3.4:5", ""),
        ("1.2.3.4::", ""),
        ("::1.2.3", ""),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("::FFFF:102:304", "1.2.3.4"),
        ("::fffe:1.2.3.4", "::fffe:102:304"),
        ("fe80::1%eth0", ""),
        ("[::1]", ""),
        ("::1/64", ""),
        ("::1 ", ""),
    ],
)
def test_canonical(text: str, expected: str) -> None:
    """Go's sloppy parser and its spelling."""
    assert canonical(text) == expected


@given(st.ip_addresses())
def test_canonical_of_addresses(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """Any spelling of an address has one canonical form, which is its own."""
    short = canonical(str(address))
    assert canonical(address.exploded) == short
    assert canonical(str(address).upper()) == short
    assert canonical(short) == short
    assert ipaddress.ip_address(short) in (address, getattr(address, "ipv4_mapped", None))


@given(st.text("0123456789abcdefF.:% []x\u0663", max_size=45))
def test_any_text(text: str) -> None:
    """What is taken is an address, and every text is taken or not."""
    found = canonical(text)
    assert not found or str(ipaddress.ip_address(found)) == found


@given(st.text(max_size=60), st.text(max_size=20))
def test_the_peer_is_last(forwarded: str, real: str) -> None:
    """Whatever a client sends, the last address is the peer's."""
    forwarded, real = forwarded.replace("\ud800", ""), real.replace("\ud800", "")
    raw = tuple(
        (name, text.encode("utf-8", "replace"))
        for name, text in ((b"X-Forwarded-For", forwarded), (b"X-Real-Ip", real))
    )
    assert source_ips(ClientHeaders(raw), "9.9.9.9:1")[-1] == "9.9.9.9"


TRUSTED = TrustedProxies(
    (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("2001:db8::/32"))
)


def way(remote: str, *lines: tuple[str, str]) -> tuple[str, ...]:
    """The addresses where the proxies are known."""
    raw = tuple((name.encode(), value.encode()) for name, value in lines)
    return source_ips(ClientHeaders(raw), remote, TRUSTED)


@pytest.mark.parametrize(
    ("remote", "lines", "expected"),
    [
        ("10.0.0.1", (), ("10.0.0.1",)),
        ("", (("X-Forwarded-For", "1.2.3.4"),), ()),
        # T015: nobody but a trusted proxy is believed.
        ("9.9.9.9", (("X-Forwarded-For", "1.2.3.4"), ("X-Real-Ip", "1.2.3.4")), ("9.9.9.9",)),
        ("10.0.0.1", (("X-Forwarded-For", "1.2.3.4"),), ("1.2.3.4", "10.0.0.1")),
        # T016: back from the peer, up to the first that is no proxy of ours.
        (
            "10.0.0.1",
            (("X-Forwarded-For", "6.6.6.6, 1.2.3.4, 10.0.0.3, 2001:db8::2"),),
            ("1.2.3.4", "10.0.0.3", "2001:db8::2", "10.0.0.1"),
        ),
        (
            "10.0.0.1",
            (("X-Forwarded-For", "1.2.3.4, garbage, 10.0.0.3"),),
            ("10.0.0.3", "10.0.0.1"),
        ),
        ("10.0.0.1", (("X-Forwarded-For", "1.2.3.4, "),), ("10.0.0.1",)),
        # A line of the client's own, and the proxy's behind it.
        (
            "10.0.0.1",
            (("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-For", "1.2.3.4")),
            ("1.2.3.4", "10.0.0.1"),
        ),
        ("::ffff:10.0.0.1", (("X-Real-Ip", "1.2.3.4"),), ("1.2.3.4", "10.0.0.1")),
        (
            "10.0.0.1",
            (("X-Real-Ip", "6.6.6.6"), ("X-Forwarded-For", "1.2.3.4")),
            ("1.2.3.4", "10.0.0.1"),
        ),
    ],
)
def test_trusted_proxies(
    remote: str, lines: tuple[tuple[str, str], ...], expected: tuple[str, ...]
) -> None:
    """T016: only what trusted proxies tell counts; malformed entries never widen the trust."""
    assert way(remote, *lines) == expected


@given(st.lists(st.sampled_from(["10.0.0.1", "1.2.3.4", "x", "", "6.6.6.6"])))
def test_nobody_stands_behind_the_client(entries: list[str]) -> None:
    """Whatever is claimed: all addresses but the first are trusted proxies, the last the peer."""
    found = way("10.0.0.9", ("X-Forwarded-For", ",".join(entries)))
    assert found[-1] == "10.0.0.9"
    assert all(address in TRUSTED for address in found[1:])
