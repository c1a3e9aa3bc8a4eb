"""Client requests as passed to the chain; heads that aiohttp's parser refuses are parsed again.

refused head -> respelled, a new parser -> the request, as Go's net/http reads it
             -> still refused           -> RefusedHead: answered and recorded by the chain
"""

import re
from typing import Any, NamedTuple

from aiohttp.helpers import set_exception
from aiohttp.http_parser import HttpRequestParser, RawRequestMessage
from aiohttp.http_writer import HttpVersion11
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler, RequestPayloadError, _ErrInfo
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from auditproxy.apis.status import Status
from auditproxy.request.heads import (
    METHOD_LIMIT,
    OTHER_NAME,
    Respelled,
    head_fault,
    request_line,
)

_METHODS = frozenset(
    {b"GET", b"POST", b"PUT", b"PATCH", b"DELETE", b"HEAD", b"OPTIONS", b"CONNECT", b"TRACE"}
)
_METHOD = re.compile(rb"[!#$%%&'*+.^_`|~0-9A-Za-z-]{1,%d}" % METHOD_LIMIT)
BodyError = RequestPayloadError
"""The framing of a body does not match its head."""

_NO_HEADERS: CIMultiDictProxy[str] = CIMultiDictProxy(CIMultiDict())
_NO_URL = URL("/")


class WholeBody:
    """A request's body of which every byte is here, as the chain reads it."""

    __slots__ = ("_left",)

    def __init__(self, body: bytes) -> None:
        self._left = body

    def is_eof(self) -> bool:
        """Whether the client has sent all of it."""
        return True

    def at_eof(self) -> bool:
        """Whether all of it was read."""
        return not self._left

    async def read(self) -> bytes:
        """Return what was not read yet."""
        left, self._left = self._left, b""
        return left

    readany = read


class ClientRequest:
    """A request as the chain gets it: its head as parsed, its body, and its connection.

    ``refusal`` is the Status to answer with, for a request that could not be parsed.
    """

    __slots__ = ("content", "head", "protocol", "refusal")

    def __init__(
        self,
        head: RawRequestMessage,
        content: StreamReader | WholeBody,
        protocol: RequestHandler,
        refusal: Status | None = None,
    ) -> None:
        self.head = head
        self.content = content
        self.protocol = protocol
        self.refusal = refusal

    @property
    def is_http_1_0(self) -> bool:
        """Whether the client does not know chunks and 1xx."""
        return self.head.version.minor == 0

    @property
    def keep_alive(self) -> bool:
        """Whether the client wants the connection to be kept."""
        return not self.head.should_close

    @property
    def can_read_body(self) -> bool:
        """Whether there is a body of which not all was read."""
        return not self.content.at_eof()

    def _cancel(self, error: BaseException) -> None:
        """The connection is gone: fail a pending read of the body. Called by aiohttp."""
        if isinstance(self.content, StreamReader):
            set_exception(self.content, error)


def known_request(
    method: str,
    target: str,
    headers: tuple[tuple[bytes, bytes], ...],
    body: bytes,
    protocol: RequestHandler,
) -> ClientRequest:
    """Return a request of HTTP/1.1 that keeps its connection and was not parsed for itself."""
    head = RawRequestMessage(
        method, target, HttpVersion11, _NO_HEADERS, headers, False, None, False, False, _NO_URL
    )
    return ClientRequest(head, WholeBody(body), protocol)


class RefusedHead(NamedTuple):
    """A request that is not parsed further: what is known of it, and its answer."""

    message: RawRequestMessage
    status: Status


def refusal(head: bytes, status: Status | None) -> "RefusedHead | _ErrInfo":
    """Return what a refused head is: RefusedHead, or aiohttp's error without a request line.

    ``status`` None means that the head itself is invalid; the Status is derived from it.
    """
    line = request_line(head)
    if line is None:
        code = status.code if status is not None else 400
        why = status.message if status is not None else "not HTTP/1.1"
        return _ErrInfo(status=code, exc=None, message=why)  # type: ignore[arg-type]
    message = RawRequestMessage(
        line.method,
        line.target.decode("utf-8", "surrogateescape"),
        HttpVersion11,
        _NO_HEADERS,
        (),
        True,
        None,
        False,
        False,
        _NO_URL,
    )
    return RefusedHead(message, status or head_fault(head, line))


def with_known_method(head: bytes) -> tuple[bytes, str]:
    """Return the head with a method the parser knows, and the original one, "" if unchanged."""
    method, _, rest = head.partition(b" ")
    if method in _METHODS or _METHOD.fullmatch(method) is None:
        return head, ""
    return b"POST " + rest, method.decode("ascii")


def asks_upgrade(message: RawRequestMessage) -> bool:
    """Return whether the request may be an upgrade: has Upgrade, and Connection contains upgrade.

    Substrings match too, as in kube-apiserver (apimachinery util/httpstream
    IsUpgradeRequest); the parser itself compares whole words.
    """
    headers = message.headers
    if "Upgrade" not in headers:
        return False
    return any("upgrade" in value.lower() for value in headers.getall("Connection", ()))


def new_parser(protocol: RequestHandler, loop: Any, buffer_size: int) -> Any:
    """Return a parser like aiohttp's for this connection; a parser is unusable after an error."""
    return HttpRequestParser(
        protocol,
        loop,
        buffer_size,
        max_line_size=protocol.max_line_size,
        max_field_size=protocol.max_field_size,
        max_headers=protocol.max_headers,
        payload_exception=RequestPayloadError,
        auto_decompress=False,
    )


def put_back(message: RawRequestMessage, again: Respelled) -> RawRequestMessage:
    """Restore the client's method, target and header names in the message."""
    names = iter(again.names)
    headers = tuple(
        (next(names) if name == OTHER_NAME else name, value) for name, value in message.raw_headers
    )
    return message._replace(
        method=again.line.method,
        path=again.line.target.decode("utf-8", "surrogateescape"),
        raw_headers=headers,
    )
