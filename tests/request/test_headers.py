"""Header lists: what is read of the client's, what goes upstream, what comes back."""

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.request.headers import (
    LONGEST_VALUE,
    ClientHeaders,
    HeaderAssertionError,
    RawHeaders,
    audit_id_from,
    framing_fault,
    response_headers,
    upgrade_token,
    upstream_headers,
    user_agent,
)

IDENTITY: RawHeaders = (
    (b"Authorization", b"Bearer ours"),
    (b"Impersonate-User", b"alice"),
    (b"Impersonate-Group", b"dev"),
    (b"Impersonate-Group", b"system:authenticated"),
    (b"Impersonate-Extra-example.com%2Fkey", b"value"),
)
HTTP_1_1 = (1, 1)


def headers_of(*lines: str) -> ClientHeaders:
    """Headers from ``Name: value`` lines."""
    return ClientHeaders(raw_of(*lines))


def raw_of(*lines: str) -> RawHeaders:
    """Raw headers from ``Name: value`` lines."""
    cut = (line.encode("utf-8", "surrogateescape").partition(b":") for line in lines)
    return tuple((name, value.removeprefix(b" ")) for name, _, value in cut)


def upstream_of(
    *lines: str, identity: RawHeaders = IDENTITY, subprotocols: str | None = None
) -> RawHeaders:
    """What goes upstream of a request with these lines."""
    return upstream_headers(
        headers_of(*lines),
        host=b"upstream:6443",
        identity_headers=identity,
        audit_id="id-1",
        subprotocols=subprotocols,
    )


OURS: RawHeaders = ((b"Host", b"upstream:6443"), (b"Audit-ID", b"id-1"), *IDENTITY)


# --- what the client sent --------------------------------------------------------


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
    """T025: of two Authorization headers the first counts, as for Go, and none goes upstream."""
    lines = [f"Authorization: {value}" for value in order]
    headers = headers_of(*lines)
    assert headers.get("Authorization") == order[0]
    assert [line for line in upstream_of(*lines) if line[0].lower() == b"authorization"] == [
        (b"Authorization", b"Bearer ours")
    ]


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


# --- what goes upstream -----------------------------------------------------------


def test_upstream_list() -> None:
    """Host first, the client's own in order and as spelled, then Audit-ID and identity, last."""
    found = upstream_of(
        "Accept: a", "host: evil", "aCCEPT: b", "User-Agent: \udcff x ", "Audit-ID: z"
    )
    assert found == (
        (b"Host", b"upstream:6443"),
        (b"Accept", b"a"),
        (b"aCCEPT", b"b"),
        (b"User-Agent", b"\xff x "),
        (b"Audit-ID", b"id-1"),
        *IDENTITY,
    )


@pytest.mark.parametrize(
    "name",
    [
        "Impersonate-User",
        "iMPERSONATE-uSER",
        "IMPERSONATE-GROUP",
        "Impersonate-Uid",
        "Impersonate-Extra-x",
        "impersonate-foo",
        "Impersonate_User",
        "impersonate",
    ],
)
def test_client_impersonation_stays_behind(name: str) -> None:
    """T005, T017: no Impersonate-* line of the client goes upstream, in no spelling."""
    assert upstream_of(f"{name}: system:masters", f"{name}: again") == OURS


@pytest.mark.parametrize(
    "name",
    ["X-Remote-User", "X-Remote-Group", "x-remote-uid", "X-REMOTE-EXTRA-foo", "X_Remote_User"],
)
def test_front_proxy_headers_stay_behind(name: str) -> None:
    """T007: the front proxy's identity headers stay behind."""
    assert upstream_of(f"{name}: admin") == OURS


@pytest.mark.parametrize(
    "connection",
    [
        ("Connection: Impersonate-User, Impersonate-Group",),
        ("Connection: foo, Impersonate-User",),
        ("Connection: impersonate-user,\tIMPERSONATE-GROUP ,,",),
        ("Connection: Impersonate-User", "Connection: impersonate-group", "connection: a"),
        ("Connection: authorization, host, content-length, audit-id",),
        ("Connection: Impersonate-Extra-example.com%2Fkey",),
        ("Connection: \udcff\u212a",),
    ],
)
def test_connection_cannot_remove_ours(connection: tuple[str, ...]) -> None:
    """T008, T009: what Connection names, it cannot name our own lines away."""
    assert upstream_of(*connection, "Impersonate-User: admin", "Content-Length: 3") == OURS


def test_connection_named_headers_stay_behind() -> None:
    """T009: what Connection names of the client's own stays behind, and Connection itself."""
    found = upstream_of("Connection: x-a,\tX-B ,", "X-A: 1", "x-b: 2", "X-C: 3", "connection: x-d")
    assert found[1:-6] == ((b"X-C", b"3"),)


def test_upgrade_request() -> None:
    """T010: an upgrade's handshake carries the identity and WebSocket's own headers."""
    found = upstream_of(
        "Connection: Upgrade, Impersonate-User, Sec-WebSocket-Key",
        "Upgrade: websocket",
        "HTTP2-Settings: x",
        "Sec-WebSocket-Key: k",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: v5.channel.k8s.io",
        "Sec-WebSocket-Extensions: e",
    )
    assert found[1:-6] == (
        (b"Sec-WebSocket-Key", b"k"),
        (b"Sec-WebSocket-Version", b"13"),
        (b"Sec-WebSocket-Protocol", b"v5.channel.k8s.io"),
        (b"Sec-WebSocket-Extensions", b"e"),
    )
    assert found[-5:] == IDENTITY


@pytest.mark.parametrize(
    "name",
    [
        "Keep-Alive",
        "Proxy-Connection",
        "TE",
        "Trailer",
        "Proxy-Authorization",
        "Proxy-Foo",
        "Transfer-Encoding",
        "Upgrade",
        "HTTP2-Settings",
        "Content-Length",
        "Expect",
    ],
)
def test_hop_by_hop_stays_behind(name: str) -> None:
    """T011: what is between the client and us stays there."""
    assert upstream_of(f"{name}: x", f"{name.lower()}: y") == OURS


@pytest.mark.parametrize(
    "name",
    [
        "X-Forwarded-User",
        "X-Auth-Request-User",
        "X-Forwarded-Client-Cert",
        "SSL-Client-Cert",
        "X-Forwarded-For",
        "X-Real-Ip",
        "Forwarded",
        "Cookie",
        "X-Forwarded-Host",
    ],
)
def test_other_proxies_identities_stay_behind(name: str) -> None:
    """T012: what other proxies tell of a client stays behind."""
    assert upstream_of(f"{name}: admin") == OURS


@pytest.mark.parametrize(
    "name",
    [
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Forwarded-Uri",
        "X-HTTP-Method-Override",
        "x-original-method",
        "X_Original_Url",
    ],
)
def test_other_targets_stay_behind(name: str) -> None:
    """T013: only the request line says what is asked."""
    assert upstream_of(f"{name}: /api/v1/secrets") == OURS


def test_client_token_stays_behind() -> None:
    """T020: the client's own credential goes upstream in no header and no subprotocol."""
    token = "base64url.bearer.authorization.k8s.io.Y2FuYXJ5"
    lines = (
        "Authorization: Bearer canary",
        "Proxy-Authorization: Bearer canary",
        f"Sec-WebSocket-Protocol: {token}, v5.channel.k8s.io",
        "sec-websocket-protocol: v4.channel.k8s.io",
    )
    found = upstream_of(*lines, subprotocols="v5.channel.k8s.io,v4.channel.k8s.io")
    assert found == (
        (b"Host", b"upstream:6443"),
        (b"Sec-WebSocket-Protocol", b"v5.channel.k8s.io,v4.channel.k8s.io"),
        (b"Audit-ID", b"id-1"),
        *IDENTITY,
    )


def test_no_subprotocol_left() -> None:
    """When the token was the only subprotocol there is no line at all."""
    assert upstream_of("Sec-WebSocket-Protocol: token", subprotocols="") == OURS


@pytest.mark.parametrize(
    "identity",
    [
        (),
        ((b"Authorization", b"Bearer theirs"),),
        ((b"Impersonate-User", b"alice"),),
        ((b"X-Remote-User", b"alice"), (b"X-Remote-Group", b"dev")),
        IDENTITY,
    ],
)
def test_identities_that_are_whole(identity: RawHeaders) -> None:
    """Anonymous, a token, one user, a front proxy's user: all go upstream as they are."""
    assert upstream_of("Accept: x", identity=identity)[3:] == identity


@pytest.mark.parametrize(
    "identity",
    [
        ((b"Impersonate-Group", b"system:masters"),),
        ((b"Authorization", b"Bearer ours"), (b"Impersonate-Uid", b"1")),
        ((b"Impersonate-User", b""),),
        ((b"Impersonate-User", b"alice"), (b"impersonate-user", b"bob")),
        ((b"Impersonate_User", b"alice"),),
        ((b"Impersonate-User", b"alice\r\nImpersonate-Group: system:masters"),),
        ((b"Impersonate-User", b"alice\n"),),
        ((b"Impersonate-User", b"a\x00"),),
        ((b"Impersonate-User", b"a"), (b"Impersonate-Extra-x\r\nY", b"1")),
        ((b"X-Other", b"1"),),
        ((b"X-Remote-Group", b"system:masters"),),
        ((b"X-Remote-User", b""),),
        ((b"X-Remote-User", b"alice"), (b"X-Remote-User", b"bob")),
        ((b"X_Remote_User", b"alice"),),
        ((b"Authorization", b"Bearer ours"), (b"X-Remote-User", b"alice")),
        ((b"X-Remote-User", b"alice"), (b"Impersonate-User", b"bob")),
    ],
)
def test_identities_that_are_not(identity: RawHeaders) -> None:
    """What would act as ourselves, as two users or as more than it says is never sent."""
    with pytest.raises(HeaderAssertionError) as caught:
        upstream_of(identity=identity)
    assert "alice" not in str(caught.value)


# --- what comes back ----------------------------------------------------------------


def response_of(*lines: str) -> RawHeaders:
    """What the client gets of an answer with these lines."""
    return response_headers(raw_of(*lines), audit_id="id-1")


AUDIT_ID = (b"Audit-Id", b"id-1")
CACHE_CONTROL = (b"Cache-Control", b"no-cache, private")


def test_response_list() -> None:
    """The upstream's headers in order, Date and doubled ones included; hop-by-hop ones not."""
    found = response_of(
        "Content-Type: application/json",
        "Connection: keep-alive",
        "Keep-Alive: timeout=5",
        "Proxy-Authenticate: x",
        "proxy-connection: x",
        "TE: x",
        "Trailer: x",
        "Transfer-Encoding: chunked",
        "Upgrade: h2c",
        "Content-Length: 5",
        "Warning: 299 - a",
        "Warning: 299 - b",
        "Date: now",
    )
    assert found == (
        AUDIT_ID,
        CACHE_CONTROL,
        (b"Content-Type", b"application/json"),
        (b"Warning", b"299 - a"),
        (b"Warning", b"299 - b"),
        (b"Date", b"now"),
    )


def test_one_audit_id() -> None:
    """T119: however many the upstream sends, the client gets one Audit-Id, and it is ours."""
    assert response_of("Audit-Id: theirs", "AUDIT-ID: again") == (AUDIT_ID, CACHE_CONTROL)


def test_response_connection() -> None:
    """T120: what the upstream's Connection names stays behind, ours cannot."""
    found = response_of(
        "Set-Cookie: a",
        "Connection: Set-Cookie, Audit-Id,,",
        "connection:\tX-B\t",
        "x-b: 1",
        "X-C: 2",
    )
    assert found == (AUDIT_ID, CACHE_CONTROL, (b"X-C", b"2"))


def test_cache_control() -> None:
    """kube-apiserver's default stands in only for a Cache-Control that does not pass."""
    assert response_of("cache-control: public") == (AUDIT_ID, (b"cache-control", b"public"))
    found = response_of("Cache-Control: public", "Connection: cache-control")
    assert found == (AUDIT_ID, CACHE_CONTROL)


def test_switching_protocols() -> None:
    """T211: a 101 keeps what switches protocols and loses all framing."""
    switching = raw_of(
        "Connection: Upgrade, Sec-WebSocket-Accept",
        "Upgrade: websocket",
        "Sec-WebSocket-Accept: a",
        "Content-Length: 5",
        "Transfer-Encoding: chunked",
        "Audit-Id: theirs",
    )
    kept = (*switching[:3], switching[5])
    assert response_headers(switching, audit_id="", upgrade=True) == kept
    found = response_headers(switching, audit_id="id-1", upgrade=True)
    assert found == (AUDIT_ID, *switching[:3])


# --- properties ---------------------------------------------------------------------

NAMES = st.one_of(
    st.sampled_from(
        [
            "Impersonate-User",
            "impersonate_group",
            "X-Remote-User",
            "AUTHORIZATION",
            "Host",
            "Connection",
            "Audit-ID",
            "Content-Length",
            "Transfer-Encoding",
            "Accept",
            "X-A",
        ]
    ),
    st.text("aA-_xX0", min_size=1, max_size=12),
)
VALUES = st.one_of(
    st.sampled_from(["Impersonate-User", "authorization, host, audit-id", "x-a", "chunked"]),
    st.text("aA,- \t\u00e4", max_size=20),
)
LINES = st.lists(st.tuples(NAMES, VALUES), max_size=12).map(
    lambda pairs: tuple((name.encode(), value.encode()) for name, value in pairs)
)


IDENTITY_NAMES = (
    "impersonate-user",
    "impersonate-group",
    "impersonate-uid",
    "impersonate-extra-scopes",
    "x-remote-user",
    "x-remote-group",
    "x-remote-extra-scopes",
    "authorization",
    "proxy-authorization",
)
SPELLINGS: tuple[Callable[[str], str], ...] = (
    str,
    str.upper,
    str.title,
    str.swapcase,
    lambda name: name.replace("-", "_"),
    lambda name: name.replace("-", "_", 1),
    lambda name: name.title().replace("-", "_"),
    lambda name: "".join(c.upper() if i % 2 else c for i, c in enumerate(name)),
    lambda name: "".join(c if i % 2 else c.upper() for i, c in enumerate(name)),
)
CONNECTIONS = (
    (),
    ("Connection: close",),
    ("Connection: {name}",),
    ("Connection: Upgrade, {name}", "Upgrade: websocket"),
    ("connection:\t{name}\t,,", "CONNECTION: audit-id, host"),
    ("Connection: Impersonate-User, authorization, Impersonate-Group",),
)


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_identity_names_in_any_spelling(connection: tuple[str, ...]) -> None:
    """T005, T008, T010: no spelling, alone or with Connection's help, reaches the upstream."""
    for name, spell in itertools.product(IDENTITY_NAMES, SPELLINGS):
        spelt = spell(name)
        lines = [line.format(name=spelt) for line in connection]
        for order in (lines, lines[::-1]):
            assert upstream_of(f"{spelt}: admin", *order, f"{spelt}: again") == OURS


@given(LINES)
def test_nothing_of_the_client_changes_ours(raw: RawHeaders) -> None:
    """Whatever a client sends, upstream there is one host, one id and exactly our identity."""
    found = upstream_headers(
        ClientHeaders(raw), host=b"h", identity_headers=IDENTITY, audit_id="id-1"
    )
    assert found[0] == (b"Host", b"h")
    assert found[-6:] == ((b"Audit-ID", b"id-1"), *IDENTITY)
    middle = found[1:-6]
    assert all(line in raw for line in middle)
    reserved = (b"impersonate", b"x-remote", b"authorization", b"host", b"audit-id")
    framing = (b"connection", b"content-length", b"transfer-encoding")
    for name, _ in middle:
        assert name.lower().replace(b"_", b"-") not in (*reserved, *framing)
        assert not name.lower().replace(b"_", b"-").startswith((b"impersonate", b"x-remote-"))


@given(LINES)
def test_nothing_of_the_upstream_changes_ours(raw: RawHeaders) -> None:
    """Whatever an upstream sends, the client gets one Audit-Id, ours, and no framing."""
    found = response_headers(raw, audit_id="id-1")
    names = [name.lower() for name, _ in found]
    assert found[0] == AUDIT_ID
    assert names.count(b"audit-id") == 1
    assert b"cache-control" in names
    assert not {b"connection", b"content-length", b"transfer-encoding"} & set(names)


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
