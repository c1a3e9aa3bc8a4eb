"""Which protocol a tunnel follows, by the head of its 101, and the reader for it.

The 101 decides, never method or path: GET with SPDY/3.1 works too. What the request says is
needed only where exec and port-forward look alike, and for the streams that it asks for.
"""

from collections.abc import Callable, Sequence

from auditproxy.apis.session import SessionKind, Unreadable
from auditproxy.sessions.wire.channels import ChannelReader
from auditproxy.sessions.wire.forwarded import ForwardReader
from auditproxy.sessions.wire.forwardedchannels import ForwardedChannelReader
from auditproxy.sessions.wire.reader import SessionReader
from auditproxy.sessions.wire.status import OutcomeReader
from auditproxy.sessions.wire.streams import STREAM_TYPES, StreamReader
from auditproxy.sessions.wire.tunnelled import SpdyReader, TunnelReader

_VERSIONS = {
    "channel.k8s.io": 1,
    "v2.channel.k8s.io": 2,
    "v3.channel.k8s.io": 3,
    "v4.channel.k8s.io": 4,
    "v5.channel.k8s.io": 5,
}
_WEBSOCKET_VERSIONS = {
    "": (1, False),
    "channel.k8s.io": (1, False),
    "base64.channel.k8s.io": (1, True),
    "v4.channel.k8s.io": (4, False),
    "v4.base64.channel.k8s.io": (4, True),
    "v5.channel.k8s.io": (5, False),
}
"""Version, and whether messages are in base64."""

_PORT_FORWARD = "portforward.k8s.io"
_TUNNEL_PREFIX, _TUNNEL_SUFFIX = "SPDY/3.1+", ".k8s.io"
_HALF_CLOSE_VERSION = 5
_JSON_STATUS_VERSION = 4
_RESIZE_VERSION = 3
_RESIZE_STREAM_VERSION = 2
_SHOWN = 80
"""Characters of a peer's own words in a reason."""


def open_reader(
    head: Sequence[tuple[bytes, bytes]],
    kind: SessionKind,
    *,
    stdin: bool = False,
    stdout: bool = False,
    stderr: bool = False,
    tty: bool = False,
    clock: Callable[[], float] | None = None,
) -> SessionReader | Unreadable:
    """Return the reader for the tunnel behind a 101 with these headers, or why there is none.

    ``kind`` and the streams are the request's. With UNKNOWN the streams are ignored: everything
    is read. The ports of a port-forward are on the wire and not needed here. ``clock`` gives
    seconds, from any origin, and never goes back: with it, a direction becomes Unreadable that has
    more small frames a second than are read (FrameBudget).
    """
    asked = _Asked(
        kind, stdin=stdin, stdout=stdout, stderr=stderr and not tty, tty=tty, clock=clock
    )
    upgrade = _first(head, b"upgrade").lower()
    reader: SessionReader | None
    if upgrade == "spdy/3.1":
        protocol = _first(head, b"x-stream-protocol-version")
        reader = _over_spdy(protocol, asked)
    elif upgrade == "websocket":
        protocol = _first(head, b"sec-websocket-protocol")
        reader = _over_websocket(protocol, asked)
        if reader is not None and _first(head, b"sec-websocket-extensions"):
            return Unreadable(False, "the server has agreed to a WebSocket extension")
    else:
        return Unreadable(False, f"the connection became {upgrade[:_SHOWN]!r}, which is not read")
    if reader is None:
        return Unreadable(False, f"{protocol[:_SHOWN]!r} is not a stream protocol of Kubernetes")
    return reader


class _Asked:
    """What the request says of its session."""

    def __init__(
        self,
        kind: SessionKind,
        *,
        stdin: bool,
        stdout: bool,
        stderr: bool,
        tty: bool,
        clock: Callable[[], float] | None,
    ) -> None:
        self.clock = clock
        self.kind = kind
        self.known = kind in (SessionKind.EXEC, SessionKind.ATTACH)
        self.stdin = stdin or not self.known
        # Whether what is attached to has a terminal, its own spec says.
        self.is_open = kind is SessionKind.ATTACH and not tty
        self.sizes = tty or not self.known or self.is_open
        self.streams = 1 + stdin + stdout + stderr
        self.tty = tty

    def outcome(self, version: int) -> OutcomeReader:
        """Return the reader of the session's last word."""
        return OutcomeReader(
            is_json=version >= _JSON_STATUS_VERSION,
            ends_command=self.kind is not SessionKind.ATTACH,
        )


def _over_spdy(protocol: str, asked: _Asked) -> SpdyReader | None:
    if protocol == _PORT_FORWARD:
        return ForwardReader(asked.clock)
    version = _VERSIONS.get(protocol)
    if version is None:
        return None
    expected = asked.streams + (asked.tty and version >= _RESIZE_VERSION)
    return StreamReader(
        asked.outcome(version),
        expected=expected if asked.known and not asked.is_open else None,
        one_input=asked.is_open,
        with_sizes=asked.sizes,
        types=STREAM_TYPES if version >= _RESIZE_STREAM_VERSION else STREAM_TYPES - {"resize"},
        clock=asked.clock,
    )


def _over_websocket(protocol: str, asked: _Asked) -> SessionReader | None:
    if protocol.startswith(_TUNNEL_PREFIX) and protocol.endswith(_TUNNEL_SUFFIX):
        within = _over_spdy(protocol.removeprefix(_TUNNEL_PREFIX), asked)
        return TunnelReader(within, asked.clock) if within is not None else None
    if not protocol and asked.kind is SessionKind.UNKNOWN:
        return None
    version, base64 = _WEBSOCKET_VERSIONS.get(protocol, (0, False))
    if not version:
        return None
    if asked.kind is SessionKind.PORT_FORWARD and version != _HALF_CLOSE_VERSION:
        return ForwardedChannelReader(base64=base64, clock=asked.clock)
    return ChannelReader(
        asked.outcome(version),
        base64=base64,
        half_close=version >= _HALF_CLOSE_VERSION,
        with_input=asked.stdin,
        with_sizes=asked.sizes,
        clock=asked.clock,
    )


def _first(head: Sequence[tuple[bytes, bytes]], name: bytes) -> str:
    """Return the first value of a header, "" if there is none."""
    for key, value in head:
        if key.lower() == name:
            return value.decode("latin-1").strip(" \t")
    return ""
