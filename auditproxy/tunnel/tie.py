"""Join two connections (exec, attach, port-forward) after a verified upgrade.

client  --data--> write   upstream        one Direction each way:
upstream --data--> write  client          OPEN -(eof)-> HALF_CLOSED -(lost)-> ENDED
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

SHUTTING_DOWN = "auditproxy is shutting down"
"""Why a client's session is ended when the proxy stops; kubectl shows it as its error."""

LINGER = 1.0
"""Seconds to flush one side after the other has ended."""

_WRITE_HIGH_WATER = 64 * 1024


class TunnelReceiver(Protocol):
    """The far end of a tunnel; receives every event of one connection."""

    def data_received(self, data: bytes) -> None:
        """Receive bytes."""

    def eof_received(self) -> bool | None:
        """Handle the end of the stream; return True to keep the transport open for writing."""

    def connection_lost(self, exc: BaseException | None) -> None:
        """Handle the loss of the connection; called once."""

    def pause_writing(self) -> None:
        """The transport's buffer is full."""

    def resume_writing(self) -> None:
        """The transport's buffer has room again."""


class TunnelSide(Protocol):
    """One of the two connections that ``tie`` joins."""

    @property
    def transport(self) -> asyncio.Transport | None:
        """The connection's transport; None if it is already gone."""

    def start_tunnel(self, receiver: TunnelReceiver) -> bytes:
        """Pass all later events to ``receiver``; return the bytes received before."""


class Tap(Protocol):
    """Sees the bytes of a tunnel after they were passed on; must not raise."""

    def tied(self, hold: Callable[[bool], None]) -> None:
        """The tunnel begins; ``hold`` stops and resumes reading from both sides."""

    def from_client(self, data: bytes) -> None:
        """Bytes of the client, in order."""

    def from_upstream(self, data: bytes) -> None:
        """Bytes of the upstream, in order."""


class LastWords(Protocol):
    """Ends a tunnel for its client with a reason."""

    def stopping(self, seconds: float) -> None:
        """The proxy stops, and waits so long for this tunnel: its client reads it, if possible."""

    def say(self, transport: asyncio.Transport | None, reason: str) -> None:
        """Send what the protocol has for it, if the client can parse it now, and close."""


async def tie(
    client: TunnelSide,
    upstream: TunnelSide,
    *,
    linger: float = LINGER,
    tap: Tap | None = None,
) -> None:
    """Copy bytes both ways until both connections have ended.

    ``tap`` gets a copy of them, each piece after it was written to the other side.

    Bytes received before joining go first, in order. A full buffer on one side pauses
    reading on the other. The end of one direction is passed on if the transport supports
    half-close (TCP). If it does not (TLS), or if a connection is lost, the other side
    gets what was already read and is closed within ``linger`` seconds. Cancellation
    aborts both.
    """
    tunnel = _Tunnel(linger)
    tunnel.start(client, upstream, tap)
    try:
        await tunnel.ended
    finally:
        tunnel.abort()


class _Direction:
    """Writes the bytes of one side to the other."""

    __slots__ = (
        "copy",
        "destination",
        "eof",
        "is_full",
        "is_held",
        "lost",
        "opposite",
        "source",
        "tunnel",
    )

    opposite: "_Direction"

    def __init__(self, tunnel: "_Tunnel", source: TunnelSide, destination: TunnelSide) -> None:
        self.tunnel = tunnel
        self.source = source.transport
        self.destination = destination.transport
        self.copy: Callable[[bytes], None] | None = None
        self.is_full = False
        self.is_held = False
        self.eof = False
        self.lost = False

    def data_received(self, data: bytes) -> None:
        """Write to the other side; it pauses this one when its buffer is full."""
        destination = self.destination
        if destination is not None and not destination.is_closing():
            destination.write(data)
            if self.copy is not None:
                self.copy(data)

    def eof_received(self) -> bool:
        """Pass the half-close on, or start closing the tunnel; true keeps the source open."""
        self.eof = True
        source, destination = self.source, self.destination
        if source is None or not source.can_write_eof():
            # The source (TLS) closes on return, so an answer could not be sent: end the tunnel.
            self.tunnel.close(destination)
            return False
        if destination is None or destination.is_closing() or self.opposite.eof:
            # Both directions have ended: flush and close both sides.
            self.tunnel.close(destination)
            self.tunnel.close(source)
        elif destination.can_write_eof():
            try:
                destination.write_eof()
            except OSError:
                # The destination was reset, but its connection_lost is still to come.
                self.tunnel.close(destination)
        else:
            # Without half-close only closing the destination can report the end to it.
            self.tunnel.close(destination)
        return True

    def connection_lost(self, exc: BaseException | None) -> None:
        """End the other side after flushing what was read, or the tunnel if both are lost."""
        self.lost = True
        if self.opposite.lost:
            self.tunnel.end()
        else:
            self.tunnel.close(self.destination)

    def pause_writing(self) -> None:
        """The source's write buffer is full: stop reading from the other side."""
        self.opposite.is_full = True
        self.opposite.pace()

    def resume_writing(self) -> None:
        """The source's write buffer has room: resume reading from the other side."""
        self.opposite.is_full = False
        self.opposite.pace()

    def hold(self, held: bool) -> None:
        """Stop or resume reading from this direction's source, whatever the destination takes."""
        self.is_held = held
        self.pace()

    def pace(self) -> None:
        """Read from the source only while the destination takes it and nothing holds it."""
        source = self.source
        if source is None or source.is_closing() or self.eof:
            return
        if self.is_full or self.is_held:
            source.pause_reading()
        else:
            source.resume_reading()


class _Tunnel:
    """Two directions, and the deadline for closing."""

    __slots__ = ("_deadline", "_linger", "_loop", "ended", "from_client", "from_upstream")

    from_client: _Direction
    from_upstream: _Direction

    def __init__(self, linger: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._linger = linger
        self._deadline: asyncio.TimerHandle | None = None
        self.ended: asyncio.Future[None] = self._loop.create_future()

    def start(self, client: TunnelSide, upstream: TunnelSide, tap: Tap | None) -> None:
        """Join the two sides; bytes received before go first."""
        self.from_client = _Direction(self, client, upstream)
        self.from_upstream = _Direction(self, upstream, client)
        if tap is not None:
            self.from_client.copy = tap.from_client
            self.from_upstream.copy = tap.from_upstream
            tap.tied(self.hold)
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
        # Only now, because each side must already receive the other's flow control.
        for direction, data in early:
            if data:
                direction.data_received(data)
        for direction in (self.from_client, self.from_upstream):
            source, destination = direction.source, direction.destination
            if source is None or source.is_closing():
                continue
            if destination is None or destination.is_closing():
                continue
            # It may have filled up before this direction received its events.
            direction.is_full = destination.get_write_buffer_size() > _WRITE_HIGH_WATER
            direction.pace()

    def hold(self, held: bool) -> None:
        """Stop or resume reading from both sides, whatever the other takes."""
        self.from_client.hold(held)
        self.from_upstream.hold(held)

    def close(self, transport: asyncio.Transport | None) -> None:
        """Flush and close one side, and end the whole tunnel within ``linger`` seconds."""
        if transport is not None:
            transport.close()
        if self._deadline is None and not self.ended.done():
            self._deadline = self._loop.call_later(self._linger, self.abort)

    def abort(self) -> None:
        """Abort both sides now."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        for direction in (self.from_client, self.from_upstream):
            if direction.source is not None and not direction.lost:
                direction.source.abort()

    def end(self) -> None:
        """Resolve ``ended``: both connections are gone."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if not self.ended.done():
            self.ended.set_result(None)
