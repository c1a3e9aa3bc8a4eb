"""Requests to the upstream and its answers, as values, and the tree of its errors.

    UpstreamError
      +-- UpstreamUnreachable     no connection: address, TCP, TLS, deadline; nothing was sent
      +-- UpstreamClosedEarly     the connection ended before the answer did
      +-- UpstreamProtocolError   the answer is not unambiguously framed HTTP
      |     +-- UpstreamSwitchedEarly   a 101 before the request was complete
      +-- UpstreamTimeout         an upgrade was not decided in time
      +-- UpstreamRequestError    the request itself cannot be written
      +-- UpstreamCredentialRefused   the answer refuses our own credential, not the client's

Texts and representations contain hosts, ports and counts, never a byte of a header or
body: both carry credentials.
"""

import ssl
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import ClassVar, Protocol, Self

import msgspec

from auditproxy.request.headers import RawHeaders
from auditproxy.request.responseheaders import NO_RESPONSE_FACTS, ResponseFacts
from auditproxy.sockets.flow import Flow
from auditproxy.sockets.pieces import Piece


class UpstreamError(Exception):
    """The upstream did not return a complete answer.

    ``reason`` is one of a few fixed words, suitable as a metric label.
    """

    default_reason: ClassVar[str] = "error"

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason or self.default_reason


class UpstreamUnreachable(UpstreamError):  # noqa: N818 - the name says what happened
    """No connection could be established and nothing was sent.

    ``reason`` is ``unreachable``, ``tls`` or ``connect-timeout``.
    """

    default_reason = "unreachable"


class UpstreamClosedEarly(UpstreamError):  # noqa: N818 - the name says what happened
    """The connection ended before the answer was complete.

    ``any_response_byte`` is False if not a single byte of an answer was received.
    """

    default_reason = "closed-early"

    def __init__(self, message: str, *, any_response_byte: bool = False) -> None:
        super().__init__(message)
        self.any_response_byte = any_response_byte

    @classmethod
    def of(cls, *, any_byte: bool, why: Exception | None) -> Self:
        """One that says whether an answer had begun, and what the transport reported."""
        when = "inside its answer" if any_byte else "before it answered"
        how = f" ({type(why).__name__})" if why is not None else ""
        text = f"the upstream closed the connection {when}{how}"
        return cls(text, any_response_byte=any_byte)


class UpstreamProtocolError(UpstreamError):
    """The answer is not HTTP/1.1, is ambiguously framed, or does not match the request."""

    default_reason = "protocol-error"


class UpstreamSwitchedEarly(UpstreamProtocolError):  # noqa: N818 - the name says what happened
    """The upstream switched protocols before the whole body of the request was sent.

    kube-apiserver's own proxy sends all of a request before it reads the answer
    (apimachinery util/proxy/upgradeaware.go, dial).
    """


class UpstreamTimeout(UpstreamError):  # noqa: N818 - the name says what happened
    """The upstream did not decide an upgrade in time."""

    default_reason = "timeout"


class UpstreamRequestError(UpstreamError):
    """The request cannot be written as one HTTP/1.1 message, or its body has a wrong length."""

    default_reason = "request-error"


class UpstreamCredentialRefused(UpstreamError):  # noqa: N818 - the name says what happened
    """The upstream refused our own credential, before it considered the client's identity."""

    default_reason = "credential-refused"


class Endpoint(Protocol):
    """Address of the upstream; read for every new connection, so credentials may rotate."""

    @property
    def host(self) -> str:
        """A host name or address, without brackets."""

    @property
    def port(self) -> int:
        """The TCP port."""

    @property
    def server_name(self) -> str | None:
        """The name that the certificate must match; None for ``host``."""

    @property
    def ssl_context(self) -> ssl.SSLContext | None:
        """The TLS configuration (ALPN already set); None for plain TCP."""


class UpstreamRequest(msgspec.Struct, frozen=True):
    """One request to the upstream.

    ``headers`` are complete, including Host, but without Content-Length,
    Transfer-Encoding, Connection, Upgrade and Expect, which are written here. ``lines``, where
    given, are sent in their place: lines that ``upstream_lines`` of request/upstreamheaders.py
    has verified.
    A ``body`` without ``content_length`` is sent in chunks. An iterator is read once,
    may be cancelled inside ``__anext__``, and is closed at the end.
    """

    method: bytes
    target: bytes
    headers: RawHeaders = ()
    content_length: int | None = None
    body: AsyncIterator[bytes] | bytes | None = None
    upgrade: bytes | None = None
    lines: bytes | None = None

    def values(self, name: bytes) -> list[bytes]:
        """Return all values of one header that is sent; ``name`` is in lower case."""
        headers: Iterable[Sequence[bytes]] = self.headers
        if self.lines is not None:
            headers = [line.split(b": ", 1) for line in self.lines.split(b"\r\n")[:-1]]
        return [header[1] for header in headers if header[0].lower() == name]

    def __repr__(self) -> str:
        return f"UpstreamRequest({self.method!r}, {len(self.headers)} headers)"


class ResponseHead(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Status line and headers of one answer, headers as received.

    ``content_length`` is the upstream's value, even for HEAD and 304, where no body
    follows; ``has_body`` says whether one does. ``facts`` are what the headers say and the lines
    that a client gets of them.
    """

    status: int
    reason: bytes
    headers: RawHeaders
    version: tuple[int, int]
    content_length: int | None
    chunked: bool
    has_body: bool
    keep_alive: bool
    facts: ResponseFacts = NO_RESPONSE_FACTS

    def __repr__(self) -> str:
        return f"ResponseHead({self.status}, {len(self.headers)} headers)"


class RoundTrip(msgspec.Struct, frozen=True, gc=False):
    """How a round trip was made; ``retried`` is whether the request was sent twice."""

    retried: bool


class UpstreamLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Deadlines in seconds and limits in bytes of one pool's connections."""

    connect_timeout: float = 10.0
    """For name resolution, TCP and TLS together."""

    idle_timeout: float = 90.0
    """How long an idle connection is kept (kube-apiserver's IdleTimeout)."""

    upgrade_timeout: float = 30.0
    """From writing an upgrade request to receiving the answer's head."""

    header_bytes: int = 1 << 20
    """Maximum length of status line and headers (net/http's default in Go)."""

    interim_responses: int = 32
    """Maximum number of 1xx answers before the final one."""

    buffer_bytes: int = 64 * 1024
    """Bytes that a transport may buffer per direction before its source is paused."""


class AnswerTaker(Protocol):
    """Takes what comes of an answer before anything of it is read; never raises."""

    def received(self, data: bytes) -> None:
        """Take the next bytes."""

    def lost(self, error: UpstreamClosedEarly) -> None:
        """The connection ended before any byte came that was taken."""


class ResponseSink(Protocol):
    """Receives one answer through synchronous calls; must not block.

    An exception raised here ends the exchange and is raised from the round trip.
    """

    def head(self, head: ResponseHead, flow: Flow, *, follows: bool) -> None:
        """Receive the final answer's head; called once.

        ``follows``: a piece of its body came with it, and is passed right after this call.
        """

    @property
    def keeps_data(self) -> bool:
        """Whether pieces of the body are kept after ``data``; others may be lent."""

    def data(self, chunk: Piece) -> None:
        """Receive a piece of the body, decoded from chunks; never empty.

        A memoryview is lent: its memory has other bytes soon after this has returned.
        """
