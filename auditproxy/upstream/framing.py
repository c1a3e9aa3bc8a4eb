"""HTTP/1.1 framing towards the upstream: encodes request heads, parses answer heads and bodies.

Messages with ambiguous framing are refused, never repaired. httptools (llhttp without its
leniencies) defines the grammar of an answer's head. What it accepts beyond that is refused
here: versions other than 1.0 and 1.1, transfer codings other than a single ``chunked``,
control characters in the reason. The ends of heads and bodies are determined here, so that
any byte after the end of an answer is noticed.

    ChunkedDecoder:  SIZE -> DATA -> DATA_END -> SIZE ...
                     SIZE -(0)-> TRAILER -(empty line)-> ended
"""

import re

import httptools

from auditproxy.request.headerlines import UnwritableHeadersError, header_lines
from auditproxy.request.headers import RawHeaders
from auditproxy.request.responseheaders import response_facts
from auditproxy.sockets.pieces import Piece
from auditproxy.upstream.messages import (
    ResponseHead,
    UpstreamProtocolError,
    UpstreamRequest,
    UpstreamRequestError,
)

MAXIMUM_CHUNK_LINE = 4096
"""Bytes of one chunk's size line, extensions included."""

MAXIMUM_TRAILERS = 64 * 1024
"""Bytes of all trailer lines of one answer."""

_TOKEN_TEXT = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED_TEXT = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
_TOKEN = re.compile(_TOKEN_TEXT)
# RFC 9112 section 7.1.1 without its optional spaces, which some parsers refuse.
_SIZE_LINE = re.compile(
    rb"([0-9A-Fa-f]{1,15})(?:;%b(?:=(?:%b|%b))?)*" % (_TOKEN_TEXT, _TOKEN_TEXT, _QUOTED_TEXT)
)
_TRAILER_LINE = re.compile(rb"%b:[^\x00-\x08\x0a-\x1f\x7f]*" % _TOKEN_TEXT)
_TARGET = re.compile(rb"/[^ \r\n\0]*")
_UPGRADE = re.compile(rb"[^\r\n\0]+")
_LINE_END = re.compile(rb"\r\n")
_UNFIT_FOR_REASON = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")

_VERSIONS = {"1.1": (1, 1), "1.0": (1, 0)}
_REFUSED_METHODS = frozenset({b"CONNECT", b"TRACE"})
_METHODS_WITH_BODY = frozenset({b"POST", b"PUT", b"PATCH"})
_KNOWN_METHODS = frozenset({b"GET", b"HEAD", b"OPTIONS", b"DELETE"}) | _METHODS_WITH_BODY


def write_head(request: UpstreamRequest) -> bytes:
    """Return the request's head, including the final empty line.

    Raises UpstreamRequestError for a request that the upstream could read differently:
    line breaks, NUL, framing headers from the caller, CONNECT, TRACE.
    """
    method, target, lines = request.method, request.target, request.lines
    if method not in _KNOWN_METHODS and (
        method in _REFUSED_METHODS or _TOKEN.fullmatch(method) is None
    ):
        raise UpstreamRequestError("the method cannot be sent upstream")
    if _TARGET.fullmatch(target) is None:
        raise UpstreamRequestError("the request target is not in origin form")
    if lines is None:
        try:
            lines = header_lines(request.headers)
        except UnwritableHeadersError as error:
            raise UpstreamRequestError(str(error)) from None
    framing = b""
    if (
        request.body is not None
        or request.content_length is not None
        or request.upgrade is not None
        or method in _METHODS_WITH_BODY
    ):
        framing = _framing_lines(request)
    return b"%b %b HTTP/1.1\r\n%b%b\r\n" % (method, target, lines, framing)


def _framing_lines(request: UpstreamRequest) -> bytes:
    """Return the framing headers of a request, from its body and length."""
    body, length = request.body, request.content_length
    lines = b""
    if body is None:
        if length:
            raise UpstreamRequestError("a length is announced without a body")
        if length == 0 or request.method in _METHODS_WITH_BODY:
            lines = b"Content-Length: 0\r\n"
    elif isinstance(body, bytes):
        if length is not None and length != len(body):
            raise UpstreamRequestError("the body is not as long as announced")
        lines = b"Content-Length: %d\r\n" % len(body)
    elif length is not None:
        if length < 0:
            raise UpstreamRequestError("a length cannot be negative")
        lines = b"Content-Length: %d\r\n" % length
    else:
        lines = b"Transfer-Encoding: chunked\r\n"
    if request.upgrade is not None:
        if _UPGRADE.fullmatch(request.upgrade) is None:
            raise UpstreamRequestError("the upgrade contains a line break or NUL")
        lines += b"Connection: Upgrade\r\nUpgrade: %b\r\n" % request.upgrade
    return lines


class _HeadReader:
    """Collects httptools' callbacks for one head."""

    __slots__ = ("complete", "headers", "reason")

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.reason = b""
        self.complete = False

    def on_status(self, reason: bytes) -> None:
        self.reason = reason

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self.complete = True


def read_head(raw: bytes, method: bytes) -> ResponseHead:
    """Parse a head, from the status line to the final empty line.

    ``method`` is the request's: answers to HEAD have no body. Raises
    UpstreamProtocolError.
    """
    if not raw.startswith(b"HTTP/1."):
        raise UpstreamProtocolError("the answer is not HTTP/1.1")
    reader = _HeadReader()
    parser = httptools.HttpResponseParser(reader)
    try:
        parser.feed_data(raw)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError as error:
        # llhttp reports an error for a 101 without Upgrade, after parsing the whole head.
        if not (reader.complete and parser.get_status_code() == 101):
            raise UpstreamProtocolError(f"the answer's head is invalid: {error}") from None
    version = _VERSIONS.get(parser.get_http_version())
    status: int = parser.get_status_code()
    if version is None or not reader.complete or status < 100:
        raise UpstreamProtocolError("the answer's head is invalid")
    if _UNFIT_FOR_REASON.search(reader.reason) is not None:
        raise UpstreamProtocolError("the answer's reason contains a control character")
    return _framed(method, status, reader.reason, tuple(reader.headers), version)


def _framed(
    method: bytes, status: int, reason: bytes, headers: RawHeaders, version: tuple[int, int]
) -> ResponseHead:
    """Return the head with its framing determined."""
    content_length: int | None = None
    chunked = False
    keep_alive = version == (1, 1)
    for name, value in headers:
        size = len(name)
        if size == 14:
            if name.lower() == b"content-length":
                content_length = _length(content_length, value)
        elif size == 10:
            if name.lower() == b"connection" and b"close" in value.lower():
                keep_alive = False
        elif size == 17 and name.lower() == b"transfer-encoding":
            if chunked or version != (1, 1) or value.strip(b" \t").lower() != b"chunked":
                raise UpstreamProtocolError("the answer's transfer coding is not a single chunked")
            chunked = True
    if status == 101:
        # After a switch HTTP frames nothing, so a length has no meaning.
        content_length, chunked = None, False
    elif chunked and content_length is not None:
        raise UpstreamProtocolError("the answer has a length and a transfer coding")
    return ResponseHead(
        status=status,
        reason=reason,
        headers=headers,
        version=version,
        content_length=content_length,
        chunked=chunked,
        has_body=not (method == b"HEAD" or status < 200 or status == 204 or status == 304),
        keep_alive=keep_alive,
        facts=response_facts(headers),
    )


def _length(earlier: int | None, value: bytes) -> int:
    """Parse a Content-Length; it must be the only one and consist of digits."""
    digits = value.strip(b" \t")
    if earlier is not None or not digits.isdigit() or len(digits) > 18:
        raise UpstreamProtocolError("the answer's length is not one number")
    return int(digits)


class ChunkedDecoder:
    """Decodes one chunked body, strictly, independent of how its bytes are segmented.

    Extensions and trailers are bounded, validated and dropped.
    """

    __slots__ = ("_held", "_remaining", "_state", "_trailers")

    _SIZE, _DATA, _DATA_END, _TRAILER = range(4)

    def __init__(self) -> None:
        self._state = self._SIZE
        self._remaining = 0
        self._held = b""
        self._trailers = 0

    def feed(self, data: Piece) -> tuple[Piece, bytes | None]:
        """Return the payload in ``data``, and the bytes after the body once it has ended, or None.

        The payload is ``data`` itself where that is payload only. Raises UpstreamProtocolError.
        """
        if self._held:
            data = self._held + data
            self._held = b""
        pieces: list[memoryview] = []
        view = memoryview(data)
        position, size = 0, len(data)
        while True:
            if self._state == self._DATA:
                end = position + self._remaining
                if end > size:
                    self._remaining = end - size
                    if not position:
                        return data, None
                    pieces.append(view[position:])
                    return _joined(pieces), None
                pieces.append(view[position:end])
                position = end
                self._state = self._DATA_END
            if self._state == self._DATA_END:
                if bytes(view[position : position + 2]) != b"\r\n":
                    held = bytes(view[position:])
                    if not b"\r\n".startswith(held):
                        raise UpstreamProtocolError("a chunk does not end with a line break")
                    self._held = held
                    return _joined(pieces), None
                position += 2
                self._state = self._SIZE
            line_end = _line_end(data, position)
            if line_end < 0:
                self._hold(bytes(view[position:]))
                return _joined(pieces), None
            line = bytes(view[position:line_end])
            position = line_end + 2
            if self._state == self._SIZE:
                self._size_line(line)
            elif not line:
                return _joined(pieces), bytes(view[position:])
            else:
                self._trailer_line(line)

    def _hold(self, line: bytes) -> None:
        """Keep the start of a line until the rest arrives."""
        if b"\n" in line:
            raise UpstreamProtocolError("a line in the chunked body has no carriage return")
        limit = MAXIMUM_CHUNK_LINE if self._state == self._SIZE else MAXIMUM_TRAILERS
        if len(line) > limit:
            raise UpstreamProtocolError("a line in the chunked body is too long")
        self._held = line

    def _size_line(self, line: bytes) -> None:
        """Start a chunk, or the trailers after the last one."""
        match = _SIZE_LINE.fullmatch(line)
        if match is None or len(line) > MAXIMUM_CHUNK_LINE:
            raise UpstreamProtocolError("a chunk's size is invalid")
        self._remaining = int(match[1], 16)
        self._state = self._DATA if self._remaining else self._TRAILER

    def _trailer_line(self, line: bytes) -> None:
        """Validate and drop a trailer."""
        self._trailers += len(line) + 2
        if self._trailers > MAXIMUM_TRAILERS or _TRAILER_LINE.fullmatch(line) is None:
            raise UpstreamProtocolError("the chunked body's trailers are invalid")


def _line_end(data: Piece, position: int) -> int:
    """Where the next line ends, -1 without an end."""
    if isinstance(data, bytes):
        return data.find(b"\r\n", position)
    found = _LINE_END.search(data, position)
    return -1 if found is None else found.start()


def _joined(pieces: list[memoryview]) -> bytes:
    """Copy the pieces, once, into one."""
    return bytes(pieces[0]) if len(pieces) == 1 else b"".join(pieces)
