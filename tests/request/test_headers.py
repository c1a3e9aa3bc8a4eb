"""Headers of clients: what is read of them, and that it is read once."""

import pytest
from hypothesis import given

from auditproxy.request.frontproxyheaders import NO_FRONT_PROXY, FrontProxyHeaders
from auditproxy.request.headers import (
    HTTP_1_1,
    LONGEST_VALUE,
    ClientHeaders,
    RawHeaders,
    audit_id_from,
    framing_fault,
    upgrade_token,
    user_agent,
)
from tests.fakes.headers import LINES, headers_of


def test_read_by_name() -> None:
    """Names are read in any spelling, values line by line and trimmed."""
    headers = headers_of("ACCEPT: \t a, b \t", "accept: c", "X-B: ", "x-c: \u00e4\udcff")
    assert headers.get("Accept") == headers.get("accept") == "a, b"
    assert headers.values("aCCEPT") == ("a, b", "c")
    assert headers.get("X-B") == ""
    assert headers.get("X-C") == "\u00e4\udcff"
    assert "x-b" in headers
    assert "X-D" not in headers
    assert headers.get("X-D") == ""
    assert headers.values("X-D") == ()
    assert headers.raw[0] == (b"ACCEPT", b"\t a, b \t")


def test_read_by_prefix() -> None:
    """Every line whose name starts so, in order, with its name as it was written."""
    headers = headers_of(
        "IMPERSONATE-extra-Foo%2Fbar: 1", "Impersonate-User: u", "impersonate-extra-x: 2"
    )
    assert headers.with_prefix("Impersonate-Extra-") == (
        ("IMPERSONATE-extra-Foo%2Fbar", "1"),
        ("impersonate-extra-x", "2"),
    )
    assert headers.with_prefix("X-Remote-") == ()


def test_no_value_in_a_repr() -> None:
    """A repr shows how many lines there are and none of them."""
    assert "canary" not in repr(headers_of("Authorization: Bearer canary"))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((), None),
        (("Content-Length: 0",), 0),
        (("content-length: 42",), 42),
        (("Content-Length: 007",), 7),
        ((f"Content-Length: {'0' * 5000}7",), 7),
        ((f"Content-Length: {'0' * 5000}",), 0),
        (("Content-Length: x",), None),
        (("Content-Length: -1",), None),
        (("Content-Length:",), None),
    ],
)
def test_content_length(lines: tuple[str, ...], expected: int | None) -> None:
    """The announced length, if it is a number."""
    assert headers_of(*lines).content_length == expected


@pytest.mark.parametrize(
    "line",
    [
        "Accept: x",
        "Impersonate-User: alice",
        "iMPERSONATE-gROUP: g",
        "Impersonate-Uid: 1",
        "Impersonate-Extra-Foo: x",
        "Impersonate-Extra-example.com%2Ffoo_bar: x",
        "Impersonate-Extra-: x",
        "X-Remote-User: alice",
        "0: x",
    ],
)
def test_no_fault(line: str) -> None:
    """Names that may be sent; what becomes of them is another matter."""
    assert headers_of(line).fault() is None


@pytest.mark.parametrize(
    "line",
    [
        "Impersonate-Foo: x",
        "Impersonate: x",
        "Impersonate-Users: x",
        "Impersonate-: x",
        "IMPERSONATE-FOO: x",
        "Impersonate-Extra: x",
        "Impersonatex: x",
    ],
)
def test_unknown_impersonation(line: str) -> None:
    """T004: an Impersonate-* header that Kubernetes does not know is refused."""
    assert "Impersonate" in str(headers_of("Accept: x", line).fault())


@pytest.mark.parametrize(
    "name",
    [
        "Impersonate_User",
        "X_Remote_User",
        "Impersonate-Extra_a",
        "Impersonate.User",
        "X-A b",
        "X~A",
        "X!",
        "ä",
        "�",
        "Impersonate-User\x0b",
    ],
)
def test_strange_names(name: str) -> None:
    """T006: a name with anything but letters, digits and ``-`` is refused, and not repeated."""
    fault = headers_of(f"{name}: canary").fault()
    assert fault is not None
    assert "canary" not in fault
    assert name not in fault


def test_two_hosts() -> None:
    """A second Host is refused."""
    assert headers_of("Host: a", "host: b").fault() == "more than one Host header"


@pytest.mark.parametrize("order", [("Bearer good", "Bearer evil"), ("Bearer evil", "Bearer good")])
def test_two_authorizations(order: tuple[str, str]) -> None:
    """T025: of two Authorization headers the first counts, as for Go."""
    lines = [f"Authorization: {value}" for value in order]
    headers = headers_of(*lines)
    assert headers.get("Authorization") == order[0]
    assert headers.fault() is None


@pytest.mark.parametrize(
    ("version", "lines", "code"),
    [
        ((1, 1), (), None),
        ((1, 0), (), None),
        ((1, 1), ("Transfer-Encoding: chunked",), None),
        # T088
        ((1, 1), ("Transfer-Encoding: CHUNKED",), None),
        ((1, 1), ("Transfer-Encoding: \tchunked \t",), None),
        # T087
        ((1, 1), ("Transfer-Encoding: gzip, chunked",), 501),
        ((1, 1), ("Transfer-Encoding: chunked, identity",), 501),
        ((1, 1), ("Transfer-Encoding: identity",), 501),
        ((1, 1), ("Transfer-Encoding: xchunked",), 501),
        ((1, 1), ("Transfer-Encoding: chunked;q=1",), 501),
        ((1, 1), ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), 501),
        ((1, 1), ("Transfer-Encoding:",), 501),
        # T089
        ((1, 1), ("Transfer-Encoding: \x0bchunked",), 501),
        ((1, 1), ("Transfer-Encoding: chunked\u00a0",), 501),
        ((1, 1), ("Transfer-Encoding: chun\u212aed",), 501),
        # T090
        ((1, 0), ("Transfer-Encoding: chunked",), 400),
        # T098
        ((0, 9), (), 505),
        ((2, 0), (), 505),
        ((1, 2), (), 505),
        ((1, 11), (), 505),
        # T105, T106
        ((1, 1), ("Expect: 100-Continue",), None),
        ((1, 1), ("Expect: foo",), 417),
    ],
)
def test_framing(version: tuple[int, int], lines: tuple[str, ...], code: int | None) -> None:
    """T087, T088, T089, T090, T098, T106: framing that two readers could read in two ways."""
    fault = framing_fault(headers_of(*lines), version)
    assert (fault.code if fault is not None else None) == code


def test_longest_value() -> None:
    """A value that would take long to read is refused, whatever its header; many short are not."""
    longest = "x" * LONGEST_VALUE
    assert framing_fault(headers_of("X-A: " + longest, "X-A: " + longest), HTTP_1_1) is None
    fault = framing_fault(headers_of("Accept: x", "X-A: x" + longest), HTTP_1_1)
    assert fault is not None
    assert fault.code == 431
    assert "xx" not in fault.message


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((), ""),
        (("Audit-ID: foo-bar-baz",), "foo-bar-baz"),
        (("audit-id: 0123",), "0123"),
        (("Audit-ID: dup-1", "Audit-ID: dup-2"), "dup-1"),
        (("Audit-ID:", "Audit-ID: dup-2"), ""),
        (("Audit-ID:  \t",), ""),
        ((f"Audit-ID: {'x' * 73}",), "x" * 73),
        ((f"Audit-ID: {'x' * 128}",), "x" * 128),
        ((f"Audit-ID: {'x' * 129}",), ""),
        (("Audit-ID: a b",), ""),
        (("Audit-ID: !~",), "!~"),
        (("Audit-ID: \u00e4",), ""),
        (("Audit-ID: a\udcff",), ""),
        (("Audit-ID: a\x7f",), ""),
        (("Audit-ID: a\n",), ""),
    ],
)
def test_audit_id(lines: tuple[str, ...], expected: str) -> None:
    """The first value counts when it is 1 to 128 visible ASCII characters."""
    assert audit_id_from(headers_of(*lines)) == expected


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        ("", ""),
        ("kubectl/v1.36", "kubectl/v1.36"),
        ("x" * 1023, "x" * 1023),
        ("x" * 1024, "x" * 1024),
        ("x" * 1025, "x" * 1024 + "...TRUNCATED"),
        ("x" * 5000, "x" * 1024 + "...TRUNCATED"),
        ("\u00e4" * 512, "\u00e4" * 512),
        ("\u00e4" * 513, "\u00e4" * 512 + "...TRUNCATED"),
        # Bytes are counted, so a character may be split; its bytes stay as what they are.
        ("x" + "\u00e4" * 512, "x" + "\u00e4" * 511 + "\udcc3...TRUNCATED"),
        ("\udcff" * 1024, "\udcff" * 1024),
        ("\udcff" * 1025, "\udcff" * 1024 + "...TRUNCATED"),
    ],
)
def test_user_agent(agent: str, expected: str) -> None:
    """Cut after 1024 bytes, and only when there are more."""
    assert user_agent(headers_of(f"User-Agent: {agent}")) == expected


def test_first_user_agent() -> None:
    """Of two lines the first counts."""
    assert user_agent(headers_of("User-Agent: a", "User-Agent: b")) == "a"
    assert user_agent(headers_of()) == ""


@pytest.mark.parametrize(
    ("lines", "token"),
    [
        (("Connection: Upgrade", "Upgrade: websocket"), b"websocket"),
        (("Connection: upgrade", "Upgrade: WebSocket"), b"WebSocket"),
        (("Connection: keep-alive, UPGRADE", "Upgrade: SPDY/3.1"), b"SPDY/3.1"),
        (("Connection: not", "Connection: upgrade", "Upgrade: spdy/3.1"), b"spdy/3.1"),
        # kube-apiserver looks for the word anywhere in the line.
        (("Connection: notupgrade", "Upgrade: websocket"), b"websocket"),
        (("Connection: close", "Upgrade: websocket"), None),
        (("Upgrade: websocket",), None),
        (("Connection: Upgrade",), None),
        (("Connection: Upgrade", "Upgrade:"), None),
        (("Connection: Upgrade", "Upgrade: h2c"), None),
        (("Connection: Upgrade", "Upgrade: TLS/1.0"), None),
        (("Connection: Upgrade", "Upgrade: foo"), None),
        (("Connection: Upgrade", "Upgrade: websocket, h2c"), None),
        (("Connection: Upgrade", "Upgrade: h2c", "Upgrade: websocket"), None),
        (("Connection: Upgrade", "Upgrade: websoc\u212aet"), None),
        (("Connection: Upgrade", "Upgrade: websocket\udcff"), None),
    ],
)
def test_upgrade_token(lines: tuple[str, ...], token: bytes | None) -> None:
    """T195, T196: only what Kubernetes streams is an upgrade, in any spelling of the two."""
    assert upgrade_token(headers_of(*lines)) == token


def test_found_out_once() -> None:
    """What follows from a block is found out once, and is what its function says."""
    headers = headers_of(
        "Host: h", "User-Agent: " + "a" * 2000, "Audit-ID: id", "Content-Length: 3"
    )
    assert headers.user_agent is headers.user_agent
    assert headers.user_agent == user_agent(headers)
    assert headers.get("User-Agent") is headers.get("User-Agent")
    assert (headers.accept, headers.content_type, headers.content_encoding) == ("", "", "")
    assert headers.values("user-agent") is headers.values("user-agent")
    assert (headers.audit_id, headers.content_length) == ("id", 3)
    assert headers.upstream_lines is headers.upstream_lines
    assert headers_of("Host: h").upstream_lines is not headers.upstream_lines


def test_forms_of_bodies() -> None:
    """The first line of each, in any spelling."""
    headers = headers_of(
        "ACCEPT: a", "accept: b", "Content-TYPE: c", "Content-Type: d", "content-encoding: \t e "
    )
    for _ in range(2):
        assert headers.accept == "a"
        assert headers.content_type == "c"
        assert headers.content_encoding == "e"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((), (False, False, False)),
        (("Impersonate-User: a",), (True, False, False)),
        (("iMPERSONATE-eXTRA-x: a",), (True, False, False)),
        (("Impersonate: a",), (False, False, False)),
        (("sec-websocket-PROTOCOL: ",), (False, True, False)),
        (("Expect: 100-Continue",), (False, False, True)),
        (("Expect: 101",), (False, False, False)),
    ],
)
def test_what_is_asked_of_a_block(lines: tuple[str, ...], expected: tuple[bool, ...]) -> None:
    """Whether it impersonates, offers subprotocols, or waits for a 100 Continue."""
    headers = headers_of(*lines)
    found = (headers.impersonates, headers.offers_subprotocols, headers.expects_continue)
    assert found == expected


def test_fault_of_each_front_proxy() -> None:
    """A verdict is kept for the front proxy that it follows from, and for no other."""
    headers = headers_of("X-Login-Extra-a%2fb: 1")
    front = FrontProxyHeaders.of(("X-Login",), ("X-Login-Extra-",))
    for _ in range(2):
        assert headers.fault() is not None
        assert headers.fault(front) is None
        assert headers.fault(NO_FRONT_PROXY) is not None


def test_framing_of_each_version() -> None:
    """What is kept of a block is for HTTP/1.1; HTTP/1.0 is judged for itself."""
    headers = headers_of("Transfer-Encoding: chunked")
    assert headers.framing is None
    assert framing_fault(headers, (1, 0)) is not None
    assert headers_of("Transfer-Encoding: gzip").framing is not None


@given(LINES)
def test_asking_in_any_order(raw: RawHeaders) -> None:
    """What was found out changes nothing of what is found out later."""
    used, fresh = ClientHeaders(raw), ClientHeaders(raw)
    for headers in (used, used, fresh):
        assert headers.audit_id == audit_id_from(ClientHeaders(raw))
        assert headers.user_agent == user_agent(ClientHeaders(raw))
        assert headers.upgrade_token == upgrade_token(ClientHeaders(raw))
        assert headers.framing == framing_fault(ClientHeaders(raw), HTTP_1_1)
        assert headers.fault() == ClientHeaders(raw).fault()
        for name, _ in raw:
            text = name.decode()
            assert headers.values(text) == ClientHeaders(raw).values(text.upper())
            assert headers.get(text) == headers.values(text)[0]


@given(LINES)
def test_reading_any_headers(raw: RawHeaders) -> None:
    """Every list of headers can be read; a name that passes is made of letters, digits and ``-``."""
    headers = ClientHeaders(raw)
    for name, value in raw:
        assert value.strip(b" \t").decode() in headers.values(name.decode())
    if headers.fault() is None:
        assert not any(b"_" in name for name, _ in raw)
    assert len(user_agent(headers)) <= 1036
    assert len(audit_id_from(headers)) <= 128
    assert upgrade_token(headers) is None or "connection" in headers
    framing_fault(headers, HTTP_1_1)


@pytest.mark.parametrize(
    ("host", "fault"),
    [
        (b"proxy:6443", False),
        (b"[::1]:6443", False),
        (b"", False),
        (b"a, b", True),
        (b"u@h", True),
        (b"h/p", True),
        (b"h?x", True),
        (b"h#x", True),
        (b"\xff", True),
    ],
)
def test_host(host: bytes, fault: bool) -> None:
    """T097: a Host has the bytes that Go takes in one, or the request is refused."""
    assert (ClientHeaders(((b"Host", host),)).fault() is not None) is fault
