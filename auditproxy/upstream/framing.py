"""HTTP/1.1 framing on the upstream's side: bytes of a request's head, values of an answer's.

One reading only: what could be framed in two ways is refused, never repaired.
The grammar of an answer's head is httptools' (llhttp, none of its leniencies);
what it lets pass is refused here: other versions than 1.0 and 1.1, transfer
codings other than one ``chunked``, control characters in the reason. Where a
head ends and where a body ends is counted here, so that no byte after an
answer's last one can go unnoticed.

    ChunkedDecoder:  SIZE -> DATA -> DATA_END -> SIZE ...
                     SIZE -(0)-> TRAILER -(empty line)-> ended
"""

import re

import httptools

from auditproxy.request.headers import RawHeaders
from auditproxy.upstream.messages import (
    ResponseHead,
    UpstreamProtocolError,
    UpstreamRequest,
    UpstreamRequestError,
)

MAXIMUM_CHUNK_LINE = 4096
"""Bytes of one chunk's size and extensions."""

MAXIMUM_TRAILERS = 64 * 1024
"""Bytes of all trailer lines of one answer."""

_PROMISED_HERE = re.compile(
    rb"\n(?:content-length|transfer-encoding|connection|upgrade|expect|keep-alive|te|trailer)"
    rb"[ \t]*:"
)
_TOKEN_TEXT = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED_TEXT = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
_TOKEN = re.compile(_TOKEN_TEXT)
# RFC 9112 section 7.1.1 without its optional spaces, which not every reader takes.
_SIZE_LINE = re.compile(
    rb"([0-9A-Fa-f]{1,15})(?:;%b(?:=(?:%b|%b))?)*" % (_TOKEN_TEXT, _TOKEN_TEXT, _QUOTED_TEXT)
)
_TRAILER_LINE = re.compile(rb"%b:[^\x00-\x08\x0a-\x1f\x7f]*" % _TOKEN_TEXT)
_UNFIT_FOR_REASON = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")

_VERSIONS = {"1.1": (1, 1), "1.0": (1, 0)}
_REFUSED_METHODS = frozenset({b"CONNECT", b"TRACE"})
_METHODS_WITH_BODY = frozenset({b"POST", b"PUT", b"PATCH"})


def write_head(request: UpstreamRequest) -> bytes:
    """The request's head, request line up to and with the empty line.

    Raises UpstreamRequestError for what would not be read as exactly this
    request: line breaks, NUL, framing headers of the caller's, CONNECT, TRACE.
    """
    method, target, headers = request.method, request.target, request.headers
    if method in _REFUSED_METHODS or _TOKEN.fullmatch(method) is None:
        raise UpstreamRequestError("the method cannot be sent upstream")
    if b" " in target or not target.startswith(b"/"):
        raise UpstreamRequestError("the request target is not in origin form")
    lines = [b"%b: %b\r\n" % header for header in headers]
    ours = _framing_lines(request)
    head = b"".join((method, b" ", target, b" HTTP/1.1\r\n", *lines, *ours, b"\r\n"))
    breaks = len(lines) + len(ours) + 2
    if head.count(b"\n") != breaks or head.count(b"\r") != breaks or b"\0" in head:
        raise UpstreamRequestError("the head holds a line break or NUL")
    found = len(_PROMISED_HERE.findall(head.lower()))
    if found != len(ours):
        raise UpstreamRequestError("the head holds a framing header that is not ours to forward")
    return head


def _framing_lines(request: UpstreamRequest) -> list[bytes]:
    """The framing headers of a request, from its body and length."""
    body, length = request.body, request.content_length
    lines: list[bytes] = []
    if body is None:
        if length:
            raise UpstreamRequestError("a length is declared without a body")
        if length == 0 or request.method in _METHODS_WITH_BODY:
            lines.append(b"Content-Length: 0\r\n")
    elif isinstance(body, bytes):
        if length is not None and length != len(body):
            raise UpstreamRequestError("the body is not as long as declared")
        lines.append(b"Content-Length: %d\r\n" % len(body))
    elif length is not None:
        if length < 0:
            raise UpstreamRequestError("a length cannot be negative")
        lines.append(b"Content-Length: %d\r\n" % length)
    else:
        lines.append(b"Transfer-Encoding: chunked\r\n")
    if request.upgrade is not None:
        lines.append(b"Connection: Upgrade\r\n")
        lines.append(b"Upgrade: %b\r\n" % request.upgrade)
    return lines


class _HeadReader:
    """Collects what httptools finds in one head."""

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
    """The head that ``raw`` is, status line up to and with the empty line.

    ``method`` is the request's: HEAD has answers without a body. Raises
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
        # llhttp ends a 101 without an Upgrade header by an error after the whole head.
        if not (reader.complete and parser.get_status_code() == 101):
            raise UpstreamProtocolError(f"the answer's head is invalid: {error}") from None
    version = _VERSIONS.get(parser.get_http_version())
    status: int = parser.get_status_code()
    if version is None or not reader.complete or status < 100:
        raise UpstreamProtocolError("the answer's head is invalid")
    if _UNFIT_FOR_REASON.search(reader.reason) is not None:
        raise UpstreamProtocolError("the answer's reason holds a control character")
    return _framed(method, status, reader.reason, tuple(reader.headers), version)


def _framed(
    method: bytes, status: int, reason: bytes, headers: RawHeaders, version: tuple[int, int]
) -> ResponseHead:
    """The head with its framing decided."""
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
        # After a switch nothing is framed by HTTP; a length there means nothing.
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
    )


def _length(earlier: int | None, value: bytes) -> int:
    """A Content-Length; only the first one, only digits."""
    digits = value.strip(b" \t")
    if earlier is not None or not digits.isdigit() or len(digits) > 18:
        raise UpstreamProtocolError("the answer's length is not one number")
    return int(digits)


class ChunkedDecoder:
    """Takes chunks off one body, strictly, no matter how its bytes are segmented.

    Extensions and trailers are bounded, checked and dropped.
    """

    __slots__ = ("_held", "_remaining", "_state", "_trailers")

    _SIZE, _DATA, _DATA_END, _TRAILER = range(4)

    def __init__(self) -> None:
        self._state = self._SIZE
        self._remaining = 0
        self._held = b""
        self._trailers = 0

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        """The payload in ``data``, and what follows the body once it has ended (else None).

        Raises UpstreamProtocolError.
        """
        if self._held:
            data = self._held + data
            self._held = b""
        pieces: list[bytes] = []
        position, size = 0, len(data)
        while True:
            if self._state == self._DATA:
                end = position + self._remaining
                if end > size:
                    pieces.append(data[position:])
                    self._remaining = end - size
                    return _joined(pieces), None
                pieces.append(data[position:end])
                position = end
                self._state = self._DATA_END
            if self._state == self._DATA_END:
                if data[position : position + 2] != b"\r\n":
                    if not b"\r\n".startswith(data[position:]):
                        raise UpstreamProtocolError("a chunk does not end with a line break")
                    self._held = data[position:]
                    return _joined(pieces), None
                position += 2
                self._state = self._SIZE
            line_end = data.find(b"\r\n", position)
            if line_end < 0:
                self._hold(data[position:])
                return _joined(pieces), None
            line = data[position:line_end]
            position = line_end + 2
            if self._state == self._SIZE:
                self._size_line(line)
            elif not line:
                return _joined(pieces), data[position:]
            else:
                self._trailer_line(line)

    def _hold(self, line: bytes) -> None:
        """Keep the beginning of a line until the rest comes."""
        if b"\n" in line:
            raise UpstreamProtocolError("a line in the chunked body has no carriage return")
        limit = MAXIMUM_CHUNK_LINE if self._state == self._SIZE else MAXIMUM_TRAILERS
        if len(line) > limit:
            raise UpstreamProtocolError("a line in the chunked body is too long")
        self._held = line

    def _size_line(self, line: bytes) -> None:
        """Begin a chunk, or the trailers after the last one."""
        match = _SIZE_LINE.fullmatch(line)
        if match is None or len(line) > MAXIMUM_CHUNK_LINE:
            raise UpstreamProtocolError("a chunk's size is invalid")
        self._remaining = int(match[1], 16)
        self._state = self._DATA if self._remaining else self._TRAILER

    def _trailer_line(self, line: bytes) -> None:
        """Check and drop a trailer."""
        self._trailers += len(line) + 2
        if self._trailers > MAXIMUM_TRAILERS or _TRAILER_LINE.fullmatch(line) is None:
            raise UpstreamProtocolError("the chunked body's trailers are invalid")


def _joined(pieces: list[bytes]) -> bytes:
    """One value for the pieces, copied only when there are several."""
    if not pieces:
        return b""
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
