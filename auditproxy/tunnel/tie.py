"""Two connections tied together (exec, attach, port-forward) after an upgrade was verified.

client  --data--> write   upstream        one Direction each way:
upstream --data--> write  client          OPEN -(eof)-> HALF_CLOSED -(lost)-> ENDED
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

import msgspec

LINGER = 1.0
"""Seconds for flushing to one side after the other has ended."""

_WRITE_HIGH_WATER = 64 * 1024


class TunnelReceiver(Protocol):
    """The far end of a tunnel, called for everything that happens on one connection."""

    def data_received(self, data: bytes) -> None:
        """Bytes came."""

    def eof_received(self) -> bool | None:
        """No more bytes will come; true keeps the transport open for writing."""

    def connection_lost(self, exc: BaseException | None) -> None:
        """The connection is gone; called once."""

    def pause_writing(self) -> None:
        """The transport's buffer is full."""

    def resume_writing(self) -> None:
        """The transport's buffer has room again."""


class TunnelSide(Protocol):
    """One of the two connections that ``tie`` joins."""

    @property
    def transport(self) -> asyncio.Transport | None:
        """The connection's transport; None when it is already gone."""

    def start_tunnel(self, receiver: TunnelReceiver) -> bytes:
        """Give all later events to ``receiver``; returns the bytes that came before."""


class TunnelCounts(msgspec.Struct, frozen=True, gc=False):
    """The bytes that went each way."""

    from_client: int
    from_upstream: int


async def tie(
    client: TunnelSide,
    upstream: TunnelSide,
    *,
    linger: float = LINGER,
    follow: Callable[[bytes], None] | None = None,
) -> TunnelCounts:
    """Pump bytes both ways until both connections have ended; returns how many went.

    ``follow`` is shown what goes to the client.

    What came early goes first, in order. A full buffer on one side stops
    reading the other. The end of one direction is passed on where the
    transport can (TCP); where it cannot (TLS), and when a connection is lost,
    the other side gets what was read and is closed within ``linger`` seconds.
    Cancellation aborts both.
    """
    tunnel = _Tunnel(linger)
    tunnel.start(client, upstream, follow)
    try:
        await tunnel.ended
    finally:
        tunnel.abort()
    return TunnelCounts(tunnel.from_client.count, tunnel.from_upstream.count)


class _Direction:
    """Takes what one side sends and writes it to the other."""

    __slots__ = ("count", "destination", "eof", "follow", "lost", "opposite", "source", "tunnel")

    opposite: "_Direction"

    def __init__(self, tunnel: "_Tunnel", source: TunnelSide, destination: TunnelSide) -> None:
        self.tunnel = tunnel
        self.source = source.transport
        self.destination = destination.transport
        self.count = 0
        self.follow: Callable[[bytes], None] | None = None
        self.eof = False
        self.lost = False

    def data_received(self, data: bytes) -> None:
        """Write to the other side; it pauses us when it cannot keep up."""
        destination = self.destination
        if destination is not None and not destination.is_closing():
            self.count += len(data)
            if self.follow is not None:
                self.follow(data)
            destination.write(data)

    def eof_received(self) -> bool:
        """Pass the half-close on, or begin the end."""
        self.eof = True
        source, destination = self.source, self.destination
        if source is None or not source.can_write_eof():
            self.tunnel.close(destination)
            return False
        if destination is None or destination.is_closing() or self.opposite.eof:
            # Both directions have ended: flush and close, each on its own side.
            self.tunnel.close(destination)
            self.tunnel.close(source)
        elif destination.can_write_eof():
            try:
                destination.write_eof()
            except OSError:
                # It was reset a moment ago.
                self.tunnel.close(destination)
        else:
            self.tunnel.close(destination)
        return True

    def connection_lost(self, exc: BaseException | None) -> None:
        """The source is gone: the other side gets what was read, then ends."""
        self.lost = True
        if self.opposite.lost:
            self.tunnel.end()
        else:
            self.tunnel.close(self.destination)

    def pause_writing(self) -> None:
        """The source's write buffer is full: read no more from the other side."""
        self._feed(pause=True)

    def resume_writing(self) -> None:
        """The source's write buffer has room."""
        self._feed(pause=False)

    def _feed(self, *, pause: bool) -> None:
        """Stop or start the side whose bytes are written to this direction's source."""
        feeding = self.destination
        if feeding is None or feeding.is_closing() or self.opposite.eof:
            return
        if pause:
            feeding.pause_reading()
        else:
            feeding.resume_reading()


class _Tunnel:
    """Two directions and the deadline of their end."""

    __slots__ = ("_deadline", "_linger", "_loop", "ended", "from_client", "from_upstream")

    from_client: _Direction
    from_upstream: _Direction

    def __init__(self, linger: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._linger = linger
        self._deadline: asyncio.TimerHandle | None = None
        self.ended: asyncio.Future[None] = self._loop.create_future()

    def start(
        self, client: TunnelSide, upstream: TunnelSide, follow: Callable[[bytes], None] | None
    ) -> None:
        """Join the two, early bytes first."""
        self.from_client = _Direction(self, client, upstream)
        self.from_upstream = _Direction(self, upstream, client)
        self.from_upstream.follow = follow
        self.from_client.opposite = self.from_upstream
        self.from_upstream.opposite = self.from_client
        early: list[tuple[_Direction, bytes]] = []
        for side, direction in ((client, self.from_client), (upstream, self.from_upstream)):
            if direction.source is None:
                direction.connection_lost(None)
            else:
                if not direction.source.is_closing():
                    direction.source.set_write_buffer_limits(_WRITE_HIGH_WATER)
                early.append((direction, side.start_tunnel(direction)))
        # Only now, when each side hears that the other's buffer is full.
        for direction, data in early:
            if data:
                direction.data_received(data)
        for direction in (self.from_client, self.from_upstream):
            source, destination = direction.source, direction.destination
            if source is None or source.is_closing():
                continue
            if destination is None or destination.is_closing():
                continue
            if destination.get_write_buffer_size() <= _WRITE_HIGH_WATER:
                source.resume_reading()

    def close(self, transport: asyncio.Transport | None) -> None:
        """Flush and close one side, and give the whole tunnel ``linger`` seconds to end."""
        if transport is not None:
            transport.close()
        if self._deadline is None and not self.ended.done():
            self._deadline = self._loop.call_later(self._linger, self.abort)

    def abort(self) -> None:
        """Drop both sides now."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        for direction in (self.from_client, self.from_upstream):
            if direction.source is not None and not direction.lost:
                direction.source.abort()

    def end(self) -> None:
        """Both connections are gone."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if not self.ended.done():
            self.ended.set_result(None)
