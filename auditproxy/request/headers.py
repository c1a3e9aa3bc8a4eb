"""Header lists: from the client, to the upstream, and back.

The upstream's list is built from scratch. A client's header is copied unless its
name, lower-cased and with ``_`` read as ``-``, could carry an identity, change the
framing, or is meant only for us. Identity lines are written last and then verified.
"""

import re
from typing import Any

from auditproxy.apis.status import Status, failure
from auditproxy.request.frontproxyheaders import NO_FRONT_PROXY, FrontProxyHeaders

RawHeaders = tuple[tuple[bytes, bytes], ...]
"""Names and values as on the wire, in order."""

USER_AGENT_LIMIT = 1024
"""Bytes of a User-Agent that are shown in an event (apiserver audit/request.go)."""

LONGEST_VALUE = 128 * 1024
"""Bytes of one header's value; parsing a longer one would block other requests."""

_NAME_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-"
_VISIBLE = re.compile(r"[\x21-\x7e]{1,128}")
_HOST = re.compile(rb"[A-Za-z0-9\-._~!$%&'()*+,;=:\[\]]*")
"""The bytes that Go accepts in a Host (golang.org/x/net/http/httpguts ValidHostHeader)."""
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
"""Hop-by-hop headers except the two that a 101 needs."""
_NO_CACHE = (b"Cache-Control", b"no-cache, private")
_BYTES = ("utf-8", "surrogateescape")


class HeaderAssertionError(AssertionError):
    """The list for the upstream has the wrong identity: an internal error, never forwarded."""


class ClientHeaders:
    """The headers of one request, looked up by name in any spelling; values are trimmed text.

    Each byte that is not UTF-8 becomes a lone surrogate. ``known`` is what server/knownclient.py
    has found out about their sender.
    """

    __slots__ = ("_lines", "known", "raw")

    def __init__(self, raw: RawHeaders) -> None:
        self.raw = raw
        self.known: Any = None
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
        """Return the first value of a header, "" if absent (Go's Header.Get)."""
        found = self._lines.get(name.lower().encode("ascii"))
        return _text(found[0]) if found is not None else ""

    def values(self, name: str) -> tuple[str, ...]:
        """Return every value of a header, line by line."""
        return tuple(map(_text, self._lines.get(name.lower().encode("ascii"), ())))

    def with_prefix(self, prefix: str) -> tuple[tuple[str, str], ...]:
        """Return names and values, in order, of lines whose name starts with ``prefix``."""
        start = prefix.lower().encode("ascii")
        return tuple(
            (name.decode("latin-1"), _text(value))
            for name, value in self.raw
            if name.lower().startswith(start)
        )

    def has_prefix(self, prefix: bytes) -> bool:
        """Return whether a header's name starts with ``prefix``, which is lower case."""
        return any(key.startswith(prefix) for key in self._lines)

    def __contains__(self, name: str) -> bool:
        return name.lower().encode("ascii") in self._lines

    @property
    def content_length(self) -> int | None:
        """Return the announced body length in bytes, None if none is announced."""
        found = self._lines.get(b"content-length")
        if found is None or not found[0].isdigit():
            return None
        # Strip leading zeros first: int() raises an error of its own for very long strings.
        return int(found[0].lstrip(b"0") or b"0")

    def fault(self, front_proxy: FrontProxyHeaders = NO_FRONT_PROXY) -> str | None:
        """Return why these headers must not be forwarded, None if they may.

        Refused: names with characters other than letters, digits and ``-`` (they could
        hide another spelling of an identity header), a second or invalid Host, and
        Impersonate-* headers that kube-apiserver does not know. Extra keys may be
        percent-encoded. Several Authorization lines are accepted: the first one applies,
        as in kube-apiserver, and none is forwarded.
        """
        escaped = (b"impersonate-extra-", *front_proxy.extra_prefixes)
        for key, values in self._lines.items():
            if key.translate(None, _NAME_BYTES) and not key.startswith(escaped):
                return "a header name has characters other than letters, digits and '-'"
            if key.startswith(b"impersonate"):
                name = key.decode("latin-1")
                if name not in _IMPERSONATION and not name.startswith(_EXTRA):
                    return "an Impersonate-* header is not known to Kubernetes"
            if key == b"host":
                if len(values) > 1:
                    return "more than one Host header"
                if _HOST.fullmatch(values[0].strip(b" \t")) is None:
                    return "the Host header is not valid"
        return None

    def __repr__(self) -> str:
        # Values may be credentials.
        return f"ClientHeaders({len(self.raw)} lines)"


def _text(value: bytes) -> str:
    return value.strip(b" \t").decode("utf-8", "surrogateescape")


def framing_fault(headers: ClientHeaders, version: tuple[int, int]) -> Status | None:
    """Return the Status for an invalid framing or protocol version, None if valid.

    The parser accepts more than may be forwarded. Only HTTP/1.0 and 1.1 are allowed,
    only ``chunked`` as a transfer coding, and no transfer coding with HTTP/1.0.
    """
    if any(len(value) > LONGEST_VALUE for _, value in headers.raw):
        return failure(431, "", f"a header is longer than {LONGEST_VALUE} bytes")
    if version not in ((1, 0), (1, 1)):
        return failure(505, "", "only HTTP/1.0 and HTTP/1.1 are supported")
    codings = headers.values("transfer-encoding")
    if codings:
        if version == (1, 0):
            return failure(400, "BadRequest", "HTTP/1.0 does not support Transfer-Encoding")
        # Compare bytes: str.lower() maps the Kelvin sign to k.
        if len(codings) > 1 or codings[0].encode(*_BYTES).lower() != b"chunked":
            return failure(501, "", "the only supported transfer coding is chunked")
    expectation = headers.get("expect")
    if expectation and expectation.lower() != "100-continue":
        return failure(417, "", "the only supported expectation is 100-continue")
    return None


def audit_id_from(headers: ClientHeaders) -> str:
    """Return the client's Audit-ID, "" unless it is 1 to 128 visible ASCII characters."""
    offered = headers.get("audit-id")
    return offered if _VISIBLE.fullmatch(offered) else ""


def user_agent(headers: ClientHeaders) -> str:
    """Return the User-Agent for events: at most 1024 bytes, with a mark where it was cut."""
    agent = headers.get("user-agent")
    if len(agent) * 4 <= USER_AGENT_LIMIT:
        return agent
    raw = agent.encode("utf-8", "surrogateescape")
    if len(raw) <= USER_AGENT_LIMIT:
        return agent
    return raw[:USER_AGENT_LIMIT].decode("utf-8", "surrogateescape") + "...TRUNCATED"


def upgrade_token(headers: ClientHeaders) -> bytes | None:
    """Return the protocol that a request asks to switch to, None if none.

    Requires an Upgrade header and a Connection line that contains ``upgrade``
    (apimachinery util/httpstream IsUpgradeRequest). Protocols other than the two that
    Kubernetes streams are ignored, and the request is a plain one. SPDY/3.1 may be one
    item of a list, websocket may not (streaming httpstream/spdy/upgrade.go, wsstream).
    """
    if "upgrade" not in headers:
        return None
    if not any("upgrade" in value.lower() for value in headers.values("connection")):
        return None
    # Compare bytes: str.lower() maps the Kelvin sign to k.
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
    front_proxy: FrontProxyHeaders = NO_FRONT_PROXY,
) -> RawHeaders:
    """Return the header list for the upstream, without framing headers.

    ``subprotocols`` replaces the client's Sec-WebSocket-Protocol lines if they
    contained a token. Raises HeaderAssertionError if the result does not carry
    exactly the given identity.
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
    kept.append((b"Audit-ID", audit_id.encode("ascii")))
    kept += identity_headers
    result = tuple(kept)
    _assert_identity(result, identity_headers)
    return result


def _connection_named(client: ClientHeaders) -> frozenset[bytes]:
    """Return the headers named by the client's Connection, except WebSocket's own."""
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
    """Verify that exactly the given identity lines are present, for exactly one user.

    X-Remote-* lines must be alone: together with a credential there would be two users.
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
                # Compare the literal name: the upstream recognises only this spelling.
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
    """Return the header list for the client, without framing headers.

    Hop-by-hop headers and those named by Connection are dropped. There is exactly one
    Audit-Id (ours). Cache-Control defaults to kube-apiserver's value if the upstream's
    is absent or dropped. With ``upgrade``, for a 101, the lines that switch protocols
    and the headers named by Connection are kept, and without ``audit_id`` the
    upstream's own Audit-Id is kept.
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
    """Return the headers named by the upstream's Connection."""
    lines = [value for name, value in upstream if name.lower() == b"connection"]
    if not lines:
        return frozenset()
    return frozenset(option.strip(b" \t") for option in b",".join(lines).lower().split(b","))
