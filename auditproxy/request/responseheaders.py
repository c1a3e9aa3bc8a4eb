"""The headers of the upstream's answer: the lines that a client gets of them, and what they say."""

import msgspec

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
_NO_CACHE = b"Cache-Control: no-cache, private\r\n"


class ResponseFacts(msgspec.Struct, frozen=True, gc=False):
    """What one pass over an answer's headers finds.

    ``lines`` are those for the client, without Audit-Id and framing. ``audit_ids`` counts the
    Audit-Id headers: kube-apiserver sets one on every answer, before those of a server that it
    relays. The other fields are for the record.
    """

    lines: bytes = b""
    audit_ids: int = 0
    content_type: str = ""
    content_encoding: str = ""
    no_sniff: bool = False
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        # Lines may carry credentials.
        return f"ResponseFacts({len(self.lines)} bytes)"


NO_RESPONSE_FACTS = ResponseFacts()


def response_facts(upstream: RawHeaders) -> ResponseFacts:
    """Read the headers of an answer once, for its client and for its record.

    For the client, hop-by-hop headers and those named by Connection are dropped, and every
    Audit-Id, in whose place the client gets ours. Cache-Control defaults to kube-apiserver's
    value if the upstream's is absent or dropped.
    """
    keys = [name.lower() for name, _ in upstream]
    named = _connection_named(upstream) if b"connection" in keys else frozenset()
    lines = []
    audit_ids, is_cached, no_sniff = 0, False, False
    content_type, content_encoding = "", ""
    warnings = []
    for header, key in zip(upstream, keys, strict=True):
        if key == b"audit-id":
            audit_ids += 1
            continue
        if key == b"content-type":
            content_type = header[1].decode("latin-1")
        elif key == b"content-encoding":
            content_encoding = header[1].decode("latin-1")
        elif key == b"x-content-type-options":
            no_sniff = header[1].lower() == b"nosniff"
        elif key == b"warning":
            warnings.append(header[1].decode("utf-8", "replace"))
        if key in _HOP_BY_HOP or key in named or key[:6] == b"proxy-":
            continue
        if key == b"cache-control":
            is_cached = True
        lines.append(b"%b: %b\r\n" % header)
    if not is_cached:
        lines.insert(0, _NO_CACHE)
    return ResponseFacts(
        b"".join(lines), audit_ids, content_type, content_encoding, no_sniff, tuple(warnings)
    )


def switching_headers(upstream: RawHeaders) -> RawHeaders:
    """Return the header list for the client of a 101: without framing, otherwise as it came.

    What switches protocols stays, and what Connection names; so does the upstream's Audit-Id.
    """
    keys = [name.lower() for name, _ in upstream]
    return tuple(
        header
        for header, key in zip(upstream, keys, strict=True)
        if key not in _SWITCHED_OFF and key[:6] != b"proxy-"
    )


def _connection_named(upstream: RawHeaders) -> frozenset[bytes]:
    """Return the headers named by the upstream's Connection."""
    lines = [value for name, value in upstream if name.lower() == b"connection"]
    return frozenset(option.strip(b" \t") for option in b",".join(lines).lower().split(b","))
