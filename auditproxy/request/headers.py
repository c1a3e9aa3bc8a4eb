"""The headers of a client's request, and what follows from them.

A connection keeps the ``ClientHeaders`` of a block that comes again (request/memory.py), and
with it whatever was found out about the block.
"""

import re
from typing import Any

from auditproxy.apis.memo import Memo
from auditproxy.apis.once import Once
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
HTTP_1_1 = (1, 1)
_MOST_NAMES = 64
"""Names whose text one block remembers; we ask for fewer."""
_MOST_IDENTITIES = 2
"""Identities for which one block remembers its lines: a block's own, and the next credential."""

_LIKE_OTHERS = (
    "accept",
    "audit_id",
    "content_encoding",
    "content_type",
    "expects_continue",
    "framing",
    "impersonates",
    "offers_subprotocols",
    "upgrade_token",
    "user_agent",
)
"""Attributes that follow neither from the value of a Content-Length nor from a Traceparent's."""
_OWN = frozenset({b"content-length", b"traceparent"})
"""Names whose values are a block's own, where others are like it but for them."""

_SPDY = b"SPDY/3.1"
_BYTES = ("utf-8", "surrogateescape")


class KnownSender:
    """Room for what server/knownclient.py finds out about the sender of blocks that are alike."""

    __slots__ = ("known",)

    def __init__(self) -> None:
        self.known: Any = None


class ClientHeaders:
    """The headers of one request, looked up by name in any spelling; values are trimmed text.

    Each byte that is not UTF-8 becomes a lone surrogate. What is found out is kept: it follows
    from ``raw`` alone, which never changes. ``sender`` is shared by all that are alike, and
    ``trace`` the value of a Traceparent that request/memory.py looks past, otherwise empty.
    """

    def __init__(self, raw: RawHeaders) -> None:
        self.raw = raw
        self.sender = KnownSender()
        self.trace = b""
        lines: dict[bytes, list[bytes]] = {}
        for name, value in raw:
            key = name.lower()
            if key in lines:
                lines[key].append(value)
            else:
                lines[key] = [value]
        self._lines = lines
        self._texts: dict[str, tuple[str, ...]] = {}
        self._judged: tuple[FrontProxyHeaders, str | None] | None = None

    def with_own(self, raw: RawHeaders, length: bytes, trace: bytes) -> "ClientHeaders":
        """Return the headers of a block that differs from this one in these values alone.

        ``length`` is that of its Content-Length, at most 15 digits, ``trace`` that of its
        Traceparent; each is empty if both blocks have none. What was found out and follows from
        neither is taken over.
        """
        other = ClientHeaders(())
        other.raw = raw
        lines = other._lines = self._lines.copy()
        if length:
            lines[b"content-length"] = [length]
        if trace:
            lines[b"traceparent"] = [trace]
            other.trace = trace
        other.sender = self.sender
        other._texts = self._texts
        other._judged = self._judged
        known, taken = self.__dict__, other.__dict__
        for name in _LIKE_OTHERS:
            if name in known:
                taken[name] = known[name]
        # A Content-Length does not go upstream as it came.
        if not trace and "upstream_lines" in known:
            taken["upstream_lines"] = known["upstream_lines"]
        return other

    def get(self, name: str) -> str:
        """Return the first value of a header, "" if absent (Go's Header.Get)."""
        texts = self._texts[name] if name in self._texts else self.values(name)
        return texts[0] if texts else ""

    def values(self, name: str) -> tuple[str, ...]:
        """Return every value of a header, line by line."""
        if name in self._texts:
            return self._texts[name]
        key = name.lower().encode("ascii")
        lines = self._lines.get(key)
        texts = tuple(map(_text, lines)) if lines is not None else ()
        # Blocks that are alike have the same texts, but for these.
        if len(self._texts) < _MOST_NAMES and key not in _OWN:
            self._texts[name] = texts
        return texts

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

    @Once
    def content_length(self) -> int | None:
        """The announced body length in bytes, None if none is announced."""
        found = self._lines.get(b"content-length")
        if found is None or not found[0].isdigit():
            return None
        # Strip leading zeros first: int() raises an error of its own for very long strings.
        return int(found[0].lstrip(b"0") or b"0")

    @Once
    def audit_id(self) -> str:
        """The audit id that the client offers; see ``audit_id_from``."""
        return audit_id_from(self)

    @Once
    def user_agent(self) -> str:
        """The User-Agent as events show it; see ``user_agent``."""
        return user_agent(self)

    @Once
    def accept(self) -> str:
        """The first Accept, "" if absent."""
        return self.get("accept")

    @Once
    def content_type(self) -> str:
        """The first Content-Type, "" if absent."""
        return self.get("content-type")

    @Once
    def content_encoding(self) -> str:
        """The first Content-Encoding, "" if absent."""
        return self.get("content-encoding")

    @Once
    def upgrade_token(self) -> bytes | None:
        """The protocol that is asked for; see ``upgrade_token``."""
        return upgrade_token(self)

    @Once
    def impersonates(self) -> bool:
        """Whether a header's name starts with ``Impersonate-``."""
        return self.has_prefix(b"impersonate-")

    @Once
    def offers_subprotocols(self) -> bool:
        """Whether there is a Sec-WebSocket-Protocol."""
        return b"sec-websocket-protocol" in self._lines

    @Once
    def expects_continue(self) -> bool:
        """Whether the client waits for a 100 Continue before it sends its body."""
        return self.get("expect").lower() == "100-continue"

    @Once
    def framing(self) -> Status | None:
        """What ``framing_fault`` says of a request of HTTP/1.1."""
        return framing_fault(self, HTTP_1_1)

    @Once
    def upstream_lines(self) -> Memo[tuple[object, ...], tuple[bytes, bytes]]:
        """What ``upstream_lines`` of request/upstreamheaders.py remembers of this block."""
        return Memo(_MOST_IDENTITIES)

    def fault(self, front_proxy: FrontProxyHeaders = NO_FRONT_PROXY) -> str | None:
        """Return why these headers must not be forwarded, None if they may.

        Kept for the ``front_proxy`` that it follows from. Refused: names with characters other
        than letters, digits and ``-`` (they could hide another spelling of an identity header),
        a second or invalid Host, and Impersonate-* headers that kube-apiserver does not know.
        Extra keys may be percent-encoded. Several Authorization lines are accepted: the first
        one applies, as in kube-apiserver, and none is forwarded.
        """
        judged = self._judged
        if judged is None or judged[0] is not front_proxy:
            judged = self._judged = (front_proxy, self._fault(front_proxy))
        return judged[1]

    def _fault(self, front_proxy: FrontProxyHeaders) -> str | None:
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
