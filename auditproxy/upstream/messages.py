"""What is said to the upstream and heard from it, as values, and the one tree of its errors.

    UpstreamError
      +-- UpstreamUnreachable     no connection: address, TCP, TLS, deadline; nothing was sent
      +-- UpstreamClosedEarly     the connection ended before the answer did
      +-- UpstreamProtocolError   the answer is not HTTP that can be framed without doubt
      +-- UpstreamTimeout         an upgrade was not decided in time
      +-- UpstreamRequestError    the request itself cannot be written
      +-- UpstreamCredentialRefused   the answer refuses our own credential, not the client's

Texts and representations name hosts, ports and counts, never a byte of a header
or body: both carry credentials.
"""

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import ClassVar, Protocol

import msgspec

from auditproxy.request.headers import RawHeaders
from auditproxy.sockets.flow import Flow


class UpstreamError(Exception):
    """The upstream did not give a whole answer.

    ``reason`` is one of a few fixed words, fit for a metric's label;
    ``response_started`` says whether the answer's head was already handed to
    the sink, so that the client's stream can only be cut.
    """

    default_reason: ClassVar[str] = "error"

    def __init__(
        self, message: str, *, reason: str | None = None, response_started: bool = False
    ) -> None:
        super().__init__(message)
        self.reason = reason or self.default_reason
        self.response_started = response_started


class UpstreamUnreachable(UpstreamError):  # noqa: N818 - the name says what happened
    """There is no connection and nothing was sent.

    ``reason`` is ``unreachable``, ``tls`` or ``connect-timeout``.
    """

    default_reason = "unreachable"


class UpstreamClosedEarly(UpstreamError):  # noqa: N818 - the name says what happened
    """The connection ended before the answer was complete.

    ``any_response_byte`` is False when not a single byte of an answer came.
    """

    default_reason = "closed-early"

    def __init__(
        self, message: str, *, response_started: bool = False, any_response_byte: bool = False
    ) -> None:
        super().__init__(message, response_started=response_started)
        self.any_response_byte = any_response_byte


class UpstreamProtocolError(UpstreamError):
    """The answer is not HTTP/1.1, not framed without doubt, or not what was asked for."""

    default_reason = "protocol-error"


class UpstreamTimeout(UpstreamError):  # noqa: N818 - the name says what happened
    """The upstream did not decide an upgrade in time."""

    default_reason = "timeout"


class UpstreamRequestError(UpstreamError):
    """The request cannot be written as one HTTP/1.1 message, or its body broke its promise."""

    default_reason = "request-error"


class UpstreamCredentialRefused(UpstreamError):  # noqa: N818 - the name says what happened
    """The upstream refused our own credential: nothing about the client was even read."""

    default_reason = "credential-refused"


class UpstreamTarget(Protocol):
    """Where the upstream is; read again for every new connection, so it may rotate credentials."""

    @property
    def host(self) -> str:
        """A name or an address, without brackets."""

    @property
    def port(self) -> int:
        """The TCP port."""

    @property
    def server_name(self) -> str | None:
        """The name the certificate must carry; None for ``host``."""

    @property
    def ssl_context(self) -> ssl.SSLContext | None:
        """How to speak TLS (ALPN set by its maker); None for plain TCP."""


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """One request as it goes up.

    ``headers`` are complete, Host included, but without Content-Length,
    Transfer-Encoding, Connection, Upgrade and Expect: those are written here.
    A ``body`` of unknown ``content_length`` goes out in chunks. An iterator is
    read once, may be cancelled inside ``__anext__``, and is closed at the end.
    """

    method: bytes
    target: bytes
    headers: RawHeaders
    content_length: int | None = None
    body: AsyncIterator[bytes] | bytes | None = None
    upgrade: bytes | None = None

    def __repr__(self) -> str:
        return f"UpstreamRequest({self.method!r}, {len(self.headers)} headers)"


class ResponseHead(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Status line and headers of one answer, headers as received.

    ``content_length`` is what the upstream wrote, also for HEAD and 304 where
    no body follows; ``has_body`` says whether one does.
    """

    status: int
    reason: bytes
    headers: RawHeaders
    version: tuple[int, int]
    content_length: int | None
    chunked: bool
    has_body: bool
    keep_alive: bool

    def __repr__(self) -> str:
        return f"ResponseHead({self.status}, {len(self.headers)} headers)"


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """How a round trip came about; ``connect_seconds`` is 0 on a reused connection."""

    retried: bool
    reused: bool
    connect_seconds: float


class UpstreamLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Deadlines in seconds and bounds in bytes of one pool's connections."""

    connect_timeout: float = 10.0
    """For the address, TCP and TLS together."""

    idle_timeout: float = 90.0
    """How long a connection is kept for the next request (kube-apiserver's IdleTimeout)."""

    upgrade_timeout: float = 30.0
    """From writing an upgrade request to its answer's head."""

    header_bytes: int = 1 << 20
    """The longest section of status line and headers (net/http's default in Go)."""

    interim_responses: int = 32
    """How many 1xx answers may come before the final one."""

    buffer_bytes: int = 64 * 1024
    """What a transport may hold of either direction before its source is paused."""


class ResponseSink(Protocol):
    """Takes one answer by plain calls while its bytes arrive; it must not block.

    An exception out of it ends the exchange and comes out of the round trip.
    """

    def head(self, head: ResponseHead, flow: Flow) -> None:
        """Take the final answer's head; called once."""

    def data(self, chunk: bytes) -> None:
        """Take a piece of the body, freed of chunks; never empty."""
