"""The header list that goes upstream with a client's request.

It is built from scratch. A client's header is copied unless its name, lower-cased and with ``_``
read as ``-``, could carry an identity, change the framing, or is meant only for us. Identity lines
are written last and then verified.
"""

from auditproxy.request.frontproxyheaders import NO_FRONT_PROXY, FrontProxyHeaders
from auditproxy.request.headerlines import header_lines
from auditproxy.request.headers import ClientHeaders, RawHeaders

MAXIMUM_LINES = 16 * 1024
"""Bytes of the lines of one request that are remembered; longer ones are made each time."""

_PLACE = "-"
"""Stands for the audit id in lines that are verified before there is one."""

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


class HeaderAssertionError(AssertionError):
    """The list for the upstream has the wrong identity: an internal error, never forwarded."""


def upstream_headers(
    client: ClientHeaders,
    *,
    host: bytes,
    identity_headers: RawHeaders,
    audit_id: str,
    subprotocols: str | None = None,
    front_proxy: FrontProxyHeaders = NO_FRONT_PROXY,
    dropped: frozenset[bytes] = frozenset(),
) -> RawHeaders:
    """Return the header list for the upstream, without framing headers.

    ``subprotocols`` replaces the client's Sec-WebSocket-Protocol lines if they
    contained a token. ``dropped`` are lower-case names of further headers of the client that are
    left out. Raises HeaderAssertionError if the result does not carry exactly the given identity.
    """
    named = _connection_named(client)
    denied = _DENIED | front_proxy.names if front_proxy.names else _DENIED
    denied = denied | dropped if dropped else denied
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


def upstream_lines(
    client: ClientHeaders,
    *,
    host: bytes,
    identity_headers: RawHeaders,
    audit_id: str,
    subprotocols: str | None = None,
    front_proxy: FrontProxyHeaders = NO_FRONT_PROXY,
    dropped: frozenset[bytes] = frozenset(),
    traceparent: bytes = b"",
) -> bytes:
    """Return the lines of ``upstream_headers`` as they are written.

    ``traceparent`` is our own, unless it is empty.

    Raises UnwritableHeadersError and HeaderAssertionError.
    """
    before, after = lines_around_audit_id(
        client,
        host=host,
        identity_headers=identity_headers,
        subprotocols=subprotocols,
        front_proxy=front_proxy,
        dropped=dropped,
    )
    if not audit_id.isprintable():
        raise HeaderAssertionError("the audit id would break out of its line")
    if traceparent:
        after = b"\r\ntraceparent: " + traceparent + after
    return before + audit_id.encode("ascii") + after


def lines_around_audit_id(
    client: ClientHeaders,
    *,
    host: bytes,
    identity_headers: RawHeaders,
    subprotocols: str | None = None,
    front_proxy: FrontProxyHeaders = NO_FRONT_PROXY,
    dropped: frozenset[bytes] = frozenset(),
) -> tuple[bytes, bytes]:
    """Return the lines of ``upstream_headers`` before and after the audit id.

    The block keeps them by everything else that they follow from: host, identity, subprotocols,
    front proxy and what is dropped. Raises as ``upstream_lines``.
    """
    key = (
        host,
        identity_headers,
        subprotocols,
        front_proxy.names,
        front_proxy.extra_prefixes,
        dropped,
    )
    remembered = client.upstream_lines
    if key in remembered:
        return remembered[key]
    headers = upstream_headers(
        client,
        host=host,
        identity_headers=identity_headers,
        audit_id=_PLACE,
        subprotocols=subprotocols,
        front_proxy=front_proxy,
        dropped=dropped,
    )
    before, after = _around_audit_id(headers, identity_headers)
    if len(before) + len(after) <= MAXIMUM_LINES:
        remembered.remember(key, (before, after))
    return before, after


def _around_audit_id(headers: RawHeaders, identity: RawHeaders) -> tuple[bytes, bytes]:
    """Return the lines before and after the audit id's value.

    What is verified is what is sent: these bytes are read again, and must be the list that was
    found to carry the identity.
    """
    place = len(headers) - len(identity)
    before = header_lines(headers[:place]).removesuffix(_PLACE.encode() + b"\r\n")
    after = b"\r\n" + header_lines(identity)
    lines = (before + _PLACE.encode() + after).split(b"\r\n")
    if lines.pop() or tuple([tuple(line.split(b": ", 1)) for line in lines]) != headers:
        raise HeaderAssertionError("the lines are not the list that was verified")
    return before, after


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
    for header in headers:
        key = header[0].lower().replace(b"_", b"-")
        if key == b"authorization" or key.startswith(_IDENTITY_PREFIXES):
            found.append(header)
    is_whole = tuple(found) == identity
    keys = [name.lower().replace(b"_", b"-") for name, _ in identity]
    # The literal names: the upstream recognises only this spelling.
    named = [name.lower() for name, value in identity if value]
    for family in (b"impersonate", b"x-remote"):
        members = [key for key in keys if key.startswith(family)]
        if named.count(family + b"-user") != bool(members):
            is_whole = False
        if family == b"x-remote" and len(members) not in (0, len(identity)):
            is_whole = False
    if not is_whole:
        raise HeaderAssertionError("the header list does not carry the request's identity")
    written = b"".join([part for line in identity for part in line])
    if written.translate(None, b"\r\n\0") != written:
        raise HeaderAssertionError("an identity header would break out of its line")
