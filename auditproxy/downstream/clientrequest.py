"""A client's request as the chain gets it, and what aiohttp's parser refuses, read once more.

refused head -> respelled, a new parser -> the request, as Go's net/http reads it
             -> still refused           -> RefusedHead: answered and recorded by the chain
"""

import re
from typing import Any, NamedTuple

from aiohttp import web
from aiohttp.http_parser import HttpRequestParser, RawRequestMessage
from aiohttp.http_writer import HttpVersion11
from aiohttp.web_protocol import RequestHandler, _ErrInfo
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
BodyError = web.RequestPayloadError
"""A body that is not framed as its head says."""

_NO_HEADERS: CIMultiDictProxy[str] = CIMultiDictProxy(CIMultiDict())


class ClientRequest(web.BaseRequest):
    """A request with its head as the parser read it (aiohttp's own access to it is deprecated)."""

    def __init__(self, message: RawRequestMessage, *args: Any) -> None:
        super().__init__(message, *args)
        self.head = message
        self.refusal: Status | None = None
        """What a request is answered that could not be read."""


class RefusedHead(NamedTuple):
    """A request that is not read further: what is known of it, and what it is answered."""

    message: RawRequestMessage
    status: Status


def refusal(head: bytes, status: Status | None) -> "RefusedHead | _ErrInfo":
    """The message for a head that is not read: RefusedHead, or aiohttp's own error without a line.

    ``status`` None stands for what is wrong with the head itself.
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
        URL("/"),
    )
    return RefusedHead(message, status or head_fault(head, line))


def with_known_method(head: bytes) -> tuple[bytes, str]:
    """A head with a method that the parser knows, and the one to put back, "" for none."""
    method, _, rest = head.partition(b" ")
    if method in _METHODS or _METHOD.fullmatch(method) is None:
        return head, ""
    return b"POST " + rest, method.decode("ascii")


def asks_upgrade(message: RawRequestMessage) -> bool:
    """Whether the request might be upgraded: with an Upgrade line, and Connection says so.

    As a part of any word, as kube-apiserver reads it (apimachinery util/httpstream
    IsUpgradeRequest); the parser itself looks for the whole word.
    """
    headers = message.headers
    if "Upgrade" not in headers:
        return False
    return any("upgrade" in value.lower() for value in headers.getall("Connection", ()))


def new_parser(protocol: RequestHandler, loop: Any, buffer_size: int) -> Any:
    """A parser like the one that aiohttp made for this connection: an error ends a parser."""
    return HttpRequestParser(
        protocol,
        loop,
        buffer_size,
        max_line_size=protocol.max_line_size,
        max_field_size=protocol.max_field_size,
        max_headers=protocol.max_headers,
        payload_exception=web.RequestPayloadError,
        auto_decompress=False,
    )


def put_back(message: RawRequestMessage, again: Respelled) -> RawRequestMessage:
    """The message with method, target and names as the client sent them."""
    names = iter(again.names)
    headers = tuple(
        (next(names) if name == OTHER_NAME else name, value) for name, value in message.raw_headers
    )
    return message._replace(
        method=again.line.method,
        path=again.line.target.decode("utf-8", "surrogateescape"),
        raw_headers=headers,
    )
