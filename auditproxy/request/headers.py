"""Header lists: what the client sent, what goes upstream, what comes back.

The upstream's list is built from nothing: a client's header is copied unless
its name, lower-cased and with ``_`` read as ``-``, is one that could carry an
identity, change the framing or be meant for us alone. Identity lines are
written last and then checked.
"""

import re

from auditproxy.apis.status import Status, failure
from auditproxy.request.frontproxyheaders import NO_FRONT_PROXY, FrontProxyHeaders

RawHeaders = tuple[tuple[bytes, bytes], ...]
"""Names and values as on the wire, in order."""

USER_AGENT_LIMIT = 1024
"""Bytes of a User-Agent that an event shows (apiserver audit/request.go)."""

LONGEST_VALUE = 128 * 1024
"""Bytes of one header's value; reading a longer one would hold up everybody else."""

_NAME_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-"
_VISIBLE = re.compile(r"[\x21-\x7e]{1,128}")
_HOST = re.compile(rb"[A-Za-z0-9\-._~!$%&'()*+,;=:\[\]]*")
"""The bytes that Go takes in a Host (golang.org/x/net/http/httpguts ValidHostHeader)."""
_IMPERSONATION = frozenset({"impersonate-user", "impersonate-group", "impersonate-uid"})
_EXTRA = "impersonate-extra-"

_DENIED = frozenset(
    {
        b"audit-id",
        b"authorization",
        b"connection",
        b"content-length",
        b"cookie",
        b"expect",
        b"forwarded",
        b"host",
        b"http2-settings",
        b"keep-alive",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"x-http-method-override",
        b"x-real-ip",
    }
)
_IDENTITY_PREFIXES = (b"impersonate", b"x-remote-")
_DENIED_PREFIXES = (
    *_IDENTITY_PREFIXES,
    b"proxy-",
    b"x-forwarded-",
    b"x-original-",
    b"x-rewrite-",
    b"x-auth-request-",
    b"ssl-client-",
)
_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"content-length",
        b"keep-alive",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_SPDY = b"SPDY/3.1"
_SWITCHED_OFF = _HOP_BY_HOP - {b"connection", b"upgrade"}
"""Hop-by-hop headers but for those that make a 101 what it is."""
_NO_CACHE = (b"Cache-Control", b"no-cache, private")
_BYTES = ("utf-8", "surrogateescape")


class HeaderAssertionError(AssertionError):
    """The list that would go upstream does not say what it must; a fault of ours."""


class ClientHeaders:
    """The headers of one request, read by name in any spelling; values are trimmed text.

    Text holds a lone surrogate for each byte that is not UTF-8.
    """

    __slots__ = ("_lines", "raw")

    def __init__(self, raw: RawHeaders) -> None:
        self.raw = raw
        lines: dict[bytes, list[bytes]] = {}
        for name, value in raw:
            key = name.lower()
            found = lines.get(key)
            if found is None:
                lines[key] = [value]
            else:
                found.append(value)
        self._lines = lines

    def get(self, name: str) -> str:
        """The first value of a header, "" when there is none (Go's Header.Get)."""
        found = self._lines.get(name.lower().encode("ascii"))
        return _text(found[0]) if found is not None else ""

    def values(self, name: str) -> tuple[str, ...]:
        """Every value of a header, line by line."""
        return tuple(map(_text, self._lines.get(name.lower().encode("ascii"), ())))

    def with_prefix(self, prefix: str) -> tuple[tuple[str, str], ...]:
        """Names and values, in order, of every line whose name starts so in any spelling."""
        start = prefix.lower().encode("ascii")
        return tuple(
            (name.decode("latin-1"), _text(value))
            for name, value in self.raw
            if name.lower().startswith(start)
        )

    def has_prefix(self, prefix: bytes) -> bool:
        """Whether a header's name begins so; ``prefix`` in lower case."""
        return any(key.startswith(prefix) for key in self._lines)

    def __contains__(self, name: str) -> bool:
        return name.lower().encode("ascii") in self._lines

    @property
    def content_length(self) -> int | None:
        """The announced length of the body in bytes, None when none is announced."""
        found = self._lines.get(b"content-length")
        if found is None or not found[0].isdigit():
            return None
        # Leading zeros go first: int() refuses very long texts with an error of its own.
        return int(found[0].lstrip(b"0") or b"0")

    def fault(self, front_proxy: FrontProxyHeaders = NO_FRONT_PROXY) -> str | None:
        """Why these headers must not be forwarded, None when they may.

        Refused: names with characters outside letters, digits and ``-`` (other
        spellings of an identity header hide there), a second Host or one that
        is none, and Impersonate-* headers that kube-apiserver does not know. Extra keys may
        be percent-encoded. Of several Authorization lines the first counts, as
        for kube-apiserver, and none of them goes upstream.
        """
        escaped = (b"impersonate-extra-", *front_proxy.extra_prefixes)
        for key, values in self._lines.items():
            if key.translate(None, _NAME_BYTES) and not key.startswith(escaped):
                return "a header name has characters other than letters, digits and '-'"
            if key.startswith(b"impersonate"):
                name = key.decode("latin-1")
                if name not in _IMPERSONATION and not name.startswith(_EXTRA):
                    return "an Impersonate-* header is unknown to Kubernetes"
            if key == b"host":
                if len(values) > 1:
                    return "more than one Host header"
                if _HOST.fullmatch(values[0].strip(b" \t")) is None:
                    return "the Host header is not a valid host"
        return None

    def __repr__(self) -> str:
        # Values may be credentials.
        return f"ClientHeaders({len(self.raw)} lines)"


def _text(value: bytes) -> str:
    return value.strip(b" \t").decode("utf-8", "surrogateescape")


def framing_fault(headers: ClientHeaders, version: tuple[int, int]) -> Status | None:
    """What is wrong with a request's framing or protocol version, None when nothing is.

    The parser takes more than may be forwarded: only HTTP/1.0 and 1.1, only
    ``chunked`` as a transfer coding, and none at all with HTTP/1.0.
    """
    if any(len(value) > LONGEST_VALUE for _, value in headers.raw):
        return failure(431, "", f"a header is longer than {LONGEST_VALUE} bytes")
    if version not in ((1, 0), (1, 1)):
        return failure(505, "", "only HTTP/1.0 and HTTP/1.1 are supported")
    codings = headers.values("transfer-encoding")
    if codings:
        if version == (1, 0):
            return failure(400, "BadRequest", "HTTP/1.0 does not support Transfer-Encoding")
        # Bytes: in text, lower() makes a k of the Kelvin sign.
        if len(codings) > 1 or codings[0].encode(*_BYTES).lower() != b"chunked":
            return failure(501, "", "the only supported transfer coding is chunked")
    expectation = headers.get("expect")
    if expectation and expectation.lower() != "100-continue":
        return failure(417, "", "the only supported expectation is 100-continue")
    return None


def audit_id_from(headers: ClientHeaders) -> str:
    """The client's Audit-ID, "" when it is not 1 to 128 visible ASCII characters."""
    offered = headers.get("audit-id")
    return offered if _VISIBLE.fullmatch(offered) else ""


def user_agent(headers: ClientHeaders) -> str:
    """The User-Agent as events show it: at most 1024 bytes and a mark where it was cut."""
    agent = headers.get("user-agent")
    if len(agent) * 4 <= USER_AGENT_LIMIT:
        return agent
    raw = agent.encode("utf-8", "surrogateescape")
    if len(raw) <= USER_AGENT_LIMIT:
        return agent
    return raw[:USER_AGENT_LIMIT].decode("utf-8", "surrogateescape") + "...TRUNCATED"


def upgrade_token(headers: ClientHeaders) -> bytes | None:
    """The protocol that a request asks to switch to, None when it does not ask.

    Asking takes an Upgrade header and a Connection line that names it
    (apimachinery util/httpstream IsUpgradeRequest). A protocol that is none of
    the two that Kubernetes streams does not count: the request is a plain one. SPDY/3.1
    may stand in a list, websocket may not (streaming httpstream/spdy/upgrade.go, wsstream).
    """
    if "upgrade" not in headers:
        return None
    if not any("upgrade" in value.lower() for value in headers.values("connection")):
        return None
    # Bytes: in text, lower() makes a k of the Kelvin sign.
    token = headers.get("upgrade").encode(*_BYTES)
    lowered = token.lower()
    if lowered in (b"websocket", _SPDY.lower()):
        return token
    return _SPDY if _SPDY.lower() in lowered else None


def upstream_headers(
    client: ClientHeaders,
    *,
    host: bytes,
    identity_headers: RawHeaders,
    audit_id: str,
    subprotocols: str | None = None,
    forwarded_for: str | None = None,
    front_proxy: FrontProxyHeaders = NO_FRONT_PROXY,
) -> RawHeaders:
    """The whole header list for the upstream but for its framing.

    ``subprotocols`` replaces the client's Sec-WebSocket-Protocol lines when a
    token stood there. Raises HeaderAssertionError when the result does not
    carry exactly the given identity.
    """
    named = _connection_named(client)
    denied = _DENIED | front_proxy.names if front_proxy.names else _DENIED
    prefixes = _DENIED_PREFIXES + front_proxy.extra_prefixes
    kept = [(b"Host", host)]
    for name, value in client.raw:
        key = name.lower().replace(b"_", b"-")
        if key in denied or key in named or key.startswith(prefixes):
            continue
        if subprotocols is not None and key == b"sec-websocket-protocol":
            continue
        kept.append((name, value))
    if subprotocols:
        kept.append((b"Sec-WebSocket-Protocol", subprotocols.encode("latin-1")))
    if forwarded_for is not None:
        kept.append((b"X-Forwarded-For", forwarded_for.encode("latin-1")))
    kept.append((b"Audit-ID", audit_id.encode("ascii")))
    kept += identity_headers
    result = tuple(kept)
    _assert_identity(result, identity_headers)
    return result


def _connection_named(client: ClientHeaders) -> frozenset[bytes]:
    """What the client's Connection header names: left behind, but for WebSocket's own."""
    if "connection" not in client:
        return frozenset()
    named = set()
    for value in client.values("connection"):
        for option in value.lower().split(","):
            key = option.strip(" \t").encode("utf-8", "surrogateescape")
            if key and not key.startswith(b"sec-websocket-"):
                named.add(key)
    return frozenset(named)


def _assert_identity(headers: RawHeaders, identity: RawHeaders) -> None:
    """The identity lines are there and are the only ones of their kind, for exactly one user.

    X-Remote-* lines stand alone: with a credential beside them two would be named.
    """
    found = []
    families = dict.fromkeys((b"impersonate", b"x-remote"), 0)
    users = dict.fromkeys(families, 0)
    for header in headers:
        key = header[0].lower().replace(b"_", b"-")
        if key == b"authorization" or key.startswith(_IDENTITY_PREFIXES):
            found.append(header)
            for family in families:
                families[family] += key.startswith(family)
                # Not the normalised name: the upstream knows this one spelling of the user.
                users[family] += header[0].lower() == family + b"-user" and bool(header[1])
    if (
        tuple(found) != identity
        or any(users[family] != bool(count) for family, count in families.items())
        or families[b"x-remote"] not in (0, len(found))
    ):
        raise HeaderAssertionError("the header list does not carry the request's identity")
    written = b"".join([part for line in identity for part in line])
    if written.translate(None, b"\r\n\0") != written:
        raise HeaderAssertionError("an identity header would break out of its line")


def response_headers(upstream: RawHeaders, *, audit_id: str, upgrade: bool = False) -> RawHeaders:
    """The header list for the client but for its framing.

    Hop-by-hop headers and those that Connection names stay behind, there is
    exactly one Audit-Id (ours), and Cache-Control is kube-apiserver's default
    when the upstream's does not pass. With ``upgrade``, for a 101, the lines that
    switch protocols pass too, whatever Connection names passes, and without
    ``audit_id`` the upstream's own stays.
    """
    named = frozenset[bytes]() if upgrade else _response_connection_named(upstream)
    dropped = _SWITCHED_OFF if upgrade else _HOP_BY_HOP
    cached = upgrade
    kept = []
    for header in upstream:
        key = header[0].lower()
        if key in dropped or key in named or key.startswith(b"proxy-"):
            continue
        if key == b"audit-id" and audit_id:
            continue
        if key == b"cache-control":
            cached = True
        kept.append(header)
    if not cached:
        kept.insert(0, _NO_CACHE)
    if audit_id:
        kept.insert(0, (b"Audit-Id", audit_id.encode("ascii")))
    return tuple(kept)


def _response_connection_named(upstream: RawHeaders) -> frozenset[bytes]:
    """What the upstream's Connection header names."""
    lines = [value for name, value in upstream if name.lower() == b"connection"]
    if not lines:
        return frozenset()
    return frozenset(option.strip(b" \t") for option in b",".join(lines).lower().split(b","))
