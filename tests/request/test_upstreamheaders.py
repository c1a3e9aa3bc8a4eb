"""What goes upstream of a client's headers, as a list and as lines that are remembered."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given

from auditproxy.request.frontproxyheaders import FrontProxyHeaders
from auditproxy.request.headerlines import UnwritableHeadersError, header_lines
from auditproxy.request.headers import ClientHeaders, RawHeaders
from auditproxy.request.upstreamheaders import (
    MAXIMUM_LINES,
    HeaderAssertionError,
    upstream_headers,
    upstream_lines,
)
from tests.fakes.headers import IDENTITY, LINES, headers_of


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


# --- as lines that are remembered ---------------------------------------------------


def lines_of(client: ClientHeaders, **changes: Any) -> bytes:
    """The lines of a client's request, the same but for the changes."""
    same: dict[str, Any] = {"host": b"h", "identity_headers": IDENTITY, "audit_id": "id-1"}
    return upstream_lines(client, **{**same, **changes})


def fresh_of(client: ClientHeaders, **changes: Any) -> bytes:
    """The same for a block that was never seen before."""
    return lines_of(ClientHeaders(client.raw), **changes)


def test_lines() -> None:
    """The list, line by line, as often as it is asked for."""
    client = headers_of("Accept: a", "Authorization: theirs", "X-B: \udcff")
    for _ in range(3):
        assert lines_of(client) == (
            b"Host: h\r\nAccept: a\r\nX-B: \xff\r\nAudit-ID: id-1\r\n" + header_lines(IDENTITY)
        )


BOB: RawHeaders = ((b"Authorization", b"Bearer ours"), (b"Impersonate-User", b"bob"))


@pytest.mark.parametrize(
    "other",
    [
        {"identity_headers": BOB},
        {"identity_headers": ()},
        {"identity_headers": ((b"Authorization", b"Bearer next"), *IDENTITY[1:])},
        {"identity_headers": (*IDENTITY[:-1], (b"Impersonate-Extra-x", b"value"))},
        {"host": b"other"},
        {"subprotocols": "v5.channel.k8s.io"},
        {"subprotocols": ""},
        {"front_proxy": FrontProxyHeaders.of(("X-Login",), ())},
        {"front_proxy": FrontProxyHeaders.of((), ("X-Login",))},
        {"audit_id": "id-2"},
    ],
    ids=repr,
)
def test_lines_of_everything_they_follow_from(other: dict[str, Any]) -> None:
    """Another identity, host, front proxy, subprotocol or id has its own lines; none is mixed up."""
    client = headers_of("X-Login: x", "Sec-WebSocket-Protocol: t", "Accept: a")
    plain = fresh_of(client)
    for _ in range(3):
        assert lines_of(client) == plain
        changed = lines_of(client, **other)
        assert changed == fresh_of(client, **other)
        assert changed != plain


def test_lines_of_each_block() -> None:
    """What was remembered of one block is of no other, on this connection or another."""
    one, other = headers_of("Accept: a"), headers_of("Accept: b")
    assert b"Accept: a\r\n" in lines_of(one)
    assert b"Accept: b\r\n" in lines_of(other)
    assert b"Accept: a\r\n" in lines_of(one)


def test_lines_are_made_once() -> None:
    """The second request of a block makes no list; its lines are found under what they follow from."""
    client = headers_of("Accept: a")
    lines_of(client)
    ((key, halves),) = client.upstream_lines.items()
    lines_of(client, audit_id="id-2")
    assert client.upstream_lines[key] is halves
    lines_of(client, identity_headers=BOB)
    assert len(client.upstream_lines) == 2


def test_lines_have_bounds() -> None:
    """A few identities for each block, and none whose lines are long."""
    client = headers_of("Accept: a")
    for number in range(20):
        identity = ((b"Impersonate-User", b"user-%d" % number),)
        assert lines_of(client, identity_headers=identity) == fresh_of(
            client, identity_headers=identity
        )
        assert len(client.upstream_lines) <= 2
    long = headers_of("X-A: " + "a" * MAXIMUM_LINES)
    assert lines_of(long) == lines_of(long)
    assert not long.upstream_lines


@pytest.mark.parametrize(
    "identity",
    [
        ((b"Impersonate-Group", b"system:masters"),),
        ((b"Impersonate-User", b"alice\r\nImpersonate-Group: system:masters"),),
        ((b"Impersonate-User", b"alice"), (b"X-Other", b"1")),
        ((b"Impersonate-User: bob\r\nX", b"alice"),),
    ],
)
def test_lines_that_are_not_the_identity(identity: RawHeaders) -> None:
    """What is not exactly one user is neither sent nor remembered, however often it is asked for."""
    client = headers_of("Accept: a")
    for _ in range(2):
        with pytest.raises(HeaderAssertionError):
            lines_of(client, identity_headers=identity)
        assert not client.upstream_lines


def test_lines_that_would_break_out() -> None:
    """A line break in any value, or in an audit id, is never sent."""
    for value in (b"a\r\nImpersonate-User: admin", b"a\nb", b"a\0"):
        with pytest.raises(UnwritableHeadersError):
            lines_of(ClientHeaders(((b"X-A", value),)))
    client = headers_of("Accept: a")
    assert lines_of(client)
    for audit_id in ("a\r\nImpersonate-User: admin", "a\n", "\0"):
        with pytest.raises(HeaderAssertionError):
            lines_of(client, audit_id=audit_id)


def test_names_that_hold_a_line() -> None:
    """A name that would be read as another header is found in the bytes, not only in the list."""
    with pytest.raises(HeaderAssertionError):
        lines_of(ClientHeaders(((b"Authorization: Bearer theirs, X", b"1"),)))


@given(LINES)
def test_any_lines(raw: RawHeaders) -> None:
    """Read again, the lines are the list, the first time and later."""
    client = ClientHeaders(raw)
    wanted = upstream_headers(client, host=b"h", identity_headers=IDENTITY, audit_id="id-1")
    for _ in range(2):
        *lines, end = lines_of(client).split(b"\r\n")
        assert (tuple(tuple(line.split(b": ", 1)) for line in lines), end) == (wanted, b"")
