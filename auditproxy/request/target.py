"""The request target, parsed once with Go's semantics (net/url URL.setPath, RequestURI, Query).

One value has three views: ``path`` and ``query`` for policy and RequestInfo,
``request_uri`` for the event, ``raw`` for the upstream. Nothing is normalised:
dot segments, doubled slashes and escapes stay as the client sent them.
"""

import re
from collections.abc import Iterator

MAXIMUM_QUERY_PAIRS = 10_000
"""Number of pairs above which Go's query map stays empty (net/url parseQuery)."""

_PATH_KEPT = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~!$&'()*+,;=:@/[]%"
)
"""Bytes of a raw path that Go accepts as the client's own valid encoding."""

_PATH_PLAIN = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~$&+,/:;=@"
)
"""Bytes that Go leaves unescaped when it encodes a path itself."""

_DELETE_KEPT = bytes(sorted(_PATH_KEPT))
_REFUSED = bytes([*range(0x21), 0x7F])
"""Control bytes, which Go refuses, and the space, which would end the target."""

_ESCAPED = tuple(bytes((byte,)) if byte in _PATH_PLAIN else b"%%%02X" % byte for byte in range(256))
"""Go's encoding of each byte of a decoded path."""

_HOST_PORT = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")

_HEX = {ord(digit): value for value, digit in enumerate("0123456789abcdef")} | {
    ord(digit): value for value, digit in enumerate("0123456789ABCDEF")
}


class TargetError(ValueError):
    """The target must not be forwarded; the text gives the reason and repeats nothing of it."""


class Query:
    """Go's query map: drops pairs with a ``;`` or an invalid escape, keeps order of values.

    ``maximum_pairs``: older Go has no bound, so what must see whatever any server may read gives
    a larger one.
    """

    __slots__ = ("_values",)

    def __init__(self, raw: bytes, maximum_pairs: int = MAXIMUM_QUERY_PAIRS) -> None:
        self._values: dict[str, list[str]] = {}
        if not raw or raw.count(b"&") >= maximum_pairs:
            return
        for pair in raw.split(b"&"):
            if not pair or b";" in pair:
                continue
            key, _, value = pair.partition(b"=")
            decoded_key, decoded_value = _query_unescape(key), _query_unescape(value)
            if decoded_key is None or decoded_value is None:
                continue
            name = decoded_key.decode("utf-8", "surrogateescape")
            text = decoded_value.decode("utf-8", "surrogateescape")
            known = self._values.get(name)
            if known is None:
                self._values[name] = [text]
            else:
                known.append(text)

    def __bool__(self) -> bool:
        return bool(self._values)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the keys, in order."""
        return iter(self._values)

    def values(self, name: str) -> tuple[str, ...]:
        """Return every value of a key, in order."""
        return tuple(self._values.get(name, ()))

    def first(self, name: str) -> str | None:
        """Return the first value of a key, None if the key is absent."""
        values = self._values.get(name)
        return values[0] if values is not None else None

    def __repr__(self) -> str:
        # A value may be a token.
        return f"Query({len(self._values)} keys)"


class Target:
    """A target as Go's server reads it; each byte that is not UTF-8 becomes a lone surrogate.

    ``raw`` is sent upstream byte for byte: in origin form except for ``*`` and CONNECT.
    ``authority`` is the host of an absolute-form target or of CONNECT, None for all
    others; the caller decides whether that host is acceptable.
    """

    __slots__ = ("_query", "authority", "path", "raw", "raw_path", "raw_query", "request_uri")

    def __init__(
        self,
        raw: bytes,
        path: bytes,
        raw_path: bytes,
        raw_query: bytes,
        request_uri: bytes,
        authority: bytes | None,
    ) -> None:
        self.raw = raw
        self.path = path.decode("utf-8", "surrogateescape")
        self.raw_path = raw_path
        self.raw_query = raw_query
        self.request_uri = request_uri.decode("utf-8", "surrogateescape")
        self.authority = authority
        self._query: Query | None = None

    @property
    def query(self) -> Query:
        """The decoded query, parsed on first access."""
        query = self._query
        if query is None:
            query = self._query = Query(self.raw_query)
        return query

    def is_for(self, host: str) -> bool:
        """Return whether the target matches the Host; only an absolute target may not."""
        if self.authority is None:
            return True
        return self.authority == host.encode("utf-8", "surrogateescape")

    def __repr__(self) -> str:
        # A query may hold a token.
        return f"Target({self.raw_path!r})"


def parse_target(method: str, raw: bytes) -> Target:
    """Parse a request line's target; raises TargetError for what is refused with 400.

    Refused: an empty target, control bytes and spaces, a fragment, an invalid escape in
    the path, and anything other than a path, ``*``, ``host:port`` of CONNECT, or an
    absolute http(s) URL without user information.
    """
    if not raw or raw.translate(None, _REFUSED) != raw:
        raise TargetError("it is empty or has blanks or control characters")
    if b"#" in raw:
        raise TargetError("it has a fragment")
    if raw[0] == 0x2F:
        return _origin_form(raw, None)
    if raw == b"*":
        return Target(raw, b"*", b"*", b"", b"*", None)
    if method == "CONNECT":
        return _connect_form(raw)
    return _absolute_form(raw)


def refused_uri(method: str, raw: bytes) -> bytes:
    """Return what an event shows of a refused target: no fragment, no user information.

    Both may contain a password or a token. Of an absolute URL, path and query are
    kept, as in Go's RequestURI. Nothing is kept if its host is invalid, or if a later
    ``@`` could end a password that contains a slash or a question mark.
    """
    shown, _, _ = raw.partition(b"#")
    if shown.startswith(b"/"):
        return shown
    _, absolute, rest = shown.partition(b"://")
    if not absolute and method != "CONNECT":
        opaque, mark, query = shown.partition(b"?")
        return opaque.rpartition(b"@")[2] + mark + query
    authority, rest = _split_authority(rest if absolute else shown)
    host = authority.rpartition(b"@")[2]
    if _HOST_PORT.fullmatch(host) is None or b"@" in rest:
        return b"/"
    return rest if rest.startswith(b"/") else b"/" + rest


def _origin_form(raw: bytes, authority: bytes | None, sent: bytes | None = None) -> Target:
    """Parse a path with an optional query; ``sent`` is what goes upstream if not ``raw``."""
    raw_path, mark, raw_query = raw.partition(b"?")
    path = raw_path
    if b"%" in raw_path:
        decoded = _path_unescape(raw_path)
        if decoded is None:
            raise TargetError("its path has an invalid percent escape")
        path = decoded
    escaped = raw_path
    if raw_path.translate(None, _DELETE_KEPT):
        escaped = _path_escape(path)
    # A trailing empty question mark is kept (URL.ForceQuery).
    request_uri = escaped + mark + raw_query
    return Target(sent or raw, path, raw_path, raw_query, request_uri, authority)


def _absolute_form(raw: bytes) -> Target:
    """Parse ``http://host/path``; the path is used, the caller must check the host."""
    scheme, colon, rest = raw.partition(b":")
    if not colon or scheme.lower() not in (b"http", b"https") or not rest.startswith(b"//"):
        raise TargetError("it is neither a path nor an absolute URL")
    authority, path_and_query = _cut_authority(rest[2:])
    if _HOST_PORT.fullmatch(authority) is None:
        raise TargetError("its authority is not a valid host")
    if not path_and_query.startswith(b"/"):
        path_and_query = b"/" + path_and_query
    return _origin_form(path_and_query, authority)


def _connect_form(raw: bytes) -> Target:
    """Parse ``host:port``; usually no path, which Go shows as ``/``; forwarded unchanged."""
    authority, rest = _cut_authority(raw)
    if rest.startswith(b"/"):
        return _origin_form(rest, authority, sent=raw)
    return Target(raw, b"", b"", rest[1:], b"/" + rest, authority)


def _cut_authority(rest: bytes) -> tuple[bytes, bytes]:
    """Return the host before the first ``/`` or ``?``, and the rest."""
    authority, rest = _split_authority(rest)
    if not authority or b"@" in authority:
        raise TargetError("its authority is empty or has user information")
    return authority, rest


def _split_authority(rest: bytes) -> tuple[bytes, bytes]:
    end = len(rest)
    for mark in (b"/", b"?"):
        found = rest.find(mark, 0, end)
        if found >= 0:
            end = found
    return rest[:end], rest[end:]


def _path_unescape(raw: bytes) -> bytes | None:
    """Percent-decode, ``+`` unchanged; None for an invalid escape."""
    pieces = raw.split(b"%")
    out = bytearray(pieces[0])
    for piece in pieces[1:]:
        if len(piece) < 2:
            return None
        high, low = _HEX.get(piece[0]), _HEX.get(piece[1])
        if high is None or low is None:
            return None
        out.append(high << 4 | low)
        out += piece[2:]
    return bytes(out)


def _query_unescape(raw: bytes) -> bytes | None:
    """Percent-decode, ``+`` as a space; None for an invalid escape."""
    if b"+" in raw:
        raw = raw.replace(b"+", b" ")
    return _path_unescape(raw) if b"%" in raw else raw


def _path_escape(path: bytes) -> bytes:
    """Return Go's own encoding of a decoded path."""
    return b"".join(map(_ESCAPED.__getitem__, path))
