"""Upgrades: a head in time, and verification of a 101.

The two connections are joined only after a verified 101: the upstream must confirm the
requested protocol, one of the two that kube-apiserver streams (and, for WebSocket, return
the right accept key). Otherwise the client would control a connection that is
authenticated as the proxy (CVE-2018-1002105).
"""

import asyncio

import msgspec

from auditproxy.sockets.flow import Flow
from auditproxy.sockets.pieces import Piece
from auditproxy.tunnel.protocols import WEBSOCKET, is_upgrade_protocol, websocket_accept
from auditproxy.tunnel.tie import TunnelSide
from auditproxy.upstream.connection import UpstreamConnection
from auditproxy.upstream.messages import (
    ResponseHead,
    ResponseSink,
    UpstreamRequest,
    UpstreamTimeout,
)


class Switched(msgspec.Struct, frozen=True, gc=False):
    """An upstream that switched, verified; the caller must tie it or abort it."""

    head: ResponseHead
    upstream: TunnelSide

    @property
    def transport(self) -> asyncio.Transport | None:
        """The upstream connection's transport."""
        return self.upstream.transport

    def abort(self) -> None:
        """Abort the upstream connection."""
        if self.upstream.transport is not None:
            self.upstream.transport.abort()


class NotSwitched(msgspec.Struct, frozen=True, gc=False):
    """An upstream that answered instead; the answer is in the sink, the connection closed."""

    head: ResponseHead


def switch_fault(head: ResponseHead, request: UpstreamRequest) -> str | None:
    """Return why a 101 is not the requested switch, None if it is.

    Content-Length and Transfer-Encoding of a 101 have no meaning and are ignored.
    """
    asked = (request.upgrade or b"").lower()
    if head.status != 101 or not is_upgrade_protocol(asked):
        return f"invalid upgrade response: status code {head.status}"
    if [value.strip(b" \t").lower() for value in _values(head.headers, b"upgrade")] != [asked]:
        return "invalid upgrade response: not the protocol that was asked for"
    options = b",".join(_values(head.headers, b"connection")).lower().split(b",")
    if b"upgrade" not in (option.strip(b" \t") for option in options):
        return "invalid upgrade response: no Connection: Upgrade"
    if asked == WEBSOCKET:
        keys = request.values(b"sec-websocket-key")
        accepts = _values(head.headers, b"sec-websocket-accept")
        if len(keys) != 1 or [a.strip(b" \t") for a in accepts] != [websocket_accept(keys[0])]:
            return "invalid upgrade response: wrong Sec-WebSocket-Accept"
    return None


def _values(headers: tuple[tuple[bytes, bytes], ...], name: bytes) -> list[bytes]:
    """Return all values of one header; ``name`` is in lower case."""
    return [value for header, value in headers if header.lower() == name]


class UntilHead:
    """Passes an answer on; fails the exchange if the head does not arrive in time."""

    __slots__ = ("_handle", "_sink")

    def __init__(self, sink: ResponseSink) -> None:
        self._sink = sink
        self._handle: asyncio.TimerHandle | None = None

    def start(
        self, connection: UpstreamConnection, loop: asyncio.AbstractEventLoop, seconds: float
    ) -> None:
        """Start the timer."""
        error = UpstreamTimeout(f"the upstream did not answer the upgrade within {seconds:g} s")
        self._handle = loop.call_later(seconds, connection.fail, error)

    def cancel(self) -> None:
        """Stop the timer: the answer began, or the exchange ended."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def head(self, head: ResponseHead, flow: Flow, *, follows: bool) -> None:
        """Stop the timer and pass the head on."""
        self.cancel()
        self._sink.head(head, flow, follows=follows)

    @property
    def keeps_data(self) -> bool:
        """Whether the sink keeps it."""
        return self._sink.keeps_data

    def data(self, chunk: Piece) -> None:
        """Pass a piece of the body on."""
        self._sink.data(chunk)
