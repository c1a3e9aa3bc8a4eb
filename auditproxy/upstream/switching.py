"""Upgrades: the check of a 101.

Bytes are joined only after a verified 101: the asked protocol, one of the two
that kube-apiserver streams, confirmed by the upstream (and for WebSocket, the
right answer to the key). Anything else would leave a connection that is
authenticated as us in a client's hands (CVE-2018-1002105).
"""

import asyncio

import msgspec

from auditproxy.tunnel.protocols import WEBSOCKET, is_upgrade_protocol, websocket_accept
from auditproxy.tunnel.tie import TunnelSide
from auditproxy.upstream.messages import ResponseHead, UpstreamRequest


class Switched(msgspec.Struct, frozen=True, gc=False):
    """An upstream that switched protocols, verified; tie it or abort it."""

    head: ResponseHead
    upstream: TunnelSide

    @property
    def transport(self) -> asyncio.Transport | None:
        """The upstream connection's transport."""
        return self.upstream.transport

    def abort(self) -> None:
        """Drop the upstream connection."""
        if self.upstream.transport is not None:
            self.upstream.transport.abort()


class NotSwitched(msgspec.Struct, frozen=True, gc=False):
    """An upstream that answered instead; its answer went to the sink, its connection is closed."""

    head: ResponseHead


def switch_fault(head: ResponseHead, request: UpstreamRequest) -> str | None:
    """Why a 101 is not the switch that was asked for; None when it is.

    Content-Length and Transfer-Encoding of a 101 mean nothing and are ignored.
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
        keys = _values(request.headers, b"sec-websocket-key")
        accepts = _values(head.headers, b"sec-websocket-accept")
        if len(keys) != 1 or [a.strip(b" \t") for a in accepts] != [websocket_accept(keys[0])]:
            return "invalid upgrade response: wrong Sec-WebSocket-Accept"
    return None


def _values(headers: tuple[tuple[bytes, bytes], ...], name: bytes) -> list[bytes]:
    """All values of one header, its name in lower case."""
    return [value for header, value in headers if header.lower() == name]
