"""The header list that a client gets of the upstream's answer."""

from auditproxy.request.headers import RawHeaders

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
_SWITCHED_OFF = _HOP_BY_HOP - {b"connection", b"upgrade"}
"""Hop-by-hop headers except the two that a 101 needs."""
_NO_CACHE = (b"Cache-Control", b"no-cache, private")


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
