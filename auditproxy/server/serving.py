"""Serving: TLS, the listener, and the named steps of a shutdown.

    start -> serving -> stop_accepting -> finish_short -> end_long_running -> finish_events

Connections are accepted here and their TLS is started one by one, so that a
handshake that fails is counted and told with its peer; a bad client certificate
fails it, because Python's ssl cannot ask for a certificate without verifying it.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from typing import Any

from auditproxy.request.proxyprotocol import ProxyProtocolError, missing, source
from auditproxy.server.clientserver import ClientServer
from auditproxy.server.connection import ClientConnection
from auditproxy.server.connectionlimits import ConnectionLimits, Lease
from auditproxy.server.handler import Handler
from auditproxy.server.handshake import ACCEPTED, handshake_fault
from auditproxy.server.serving_tls import ServingError

HANDSHAKE_TIMEOUT = 10.0
"""Seconds for a TLS handshake."""

TLS_SHUTDOWN_TIMEOUT = 1.0
"""Seconds for a client to answer the end of TLS."""

BACKLOG = 1024
ACCEPTED_AT_ONCE = 64


class Listener:
    """Accepts connections and hands each to ``serve``; short of descriptors it pauses.

    ``serve`` is started as a task with the accepted socket and ends when its
    connection is made or failed.
    """

    def __init__(
        self,
        bound: socket.socket,
        serve: Callable[[socket.socket], Coroutine[Any, Any, None]],
        report: Callable[[str], None],
    ) -> None:
        self._socket = bound
        self._serve = serve
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._paused: asyncio.TimerHandle | None = None
        bound.setblocking(False)
        self._loop.add_reader(bound.fileno(), self._accept)

    def _accept(self) -> None:
        """Accept what waits, at most so many at once that others get their turn."""
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                accepted, _ = self._socket.accept()
            except (BlockingIOError, ConnectionAbortedError, InterruptedError):
                return
            except OSError as error:
                # Out of descriptors or memory: those who wait will be served later.
                self._report(f"accepting connections pauses for a second: {error.strerror}")
                self._loop.remove_reader(self._socket.fileno())
                self._paused = self._loop.call_later(1.0, self._resume)
                return
            accepted.setblocking(False)
            task = self._loop.create_task(self._serve(accepted))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _resume(self) -> None:
        self._paused = None
        self._loop.add_reader(self._socket.fileno(), self._accept)

    def close(self) -> None:
        """Stop accepting and drop handshakes that are under way."""
        if self._paused is not None:
            self._paused.cancel()
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()
        for task in tuple(self._tasks):
            task.cancel()


class Serving:
    """The proxy's own listener; ``tls`` None serves plain HTTP, for tests."""

    def __init__(
        self,
        handler: Handler,
        tls: ssl.SSLContext | None,
        *,
        report: Callable[[str], None],
        limits: ConnectionLimits | None = None,
        proxy_protocol: str = "off",
    ) -> None:
        self.handler = handler
        self.tls = tls
        self.limits = ConnectionLimits() if limits is None else limits
        self._proxy_protocol = proxy_protocol
        handler.services.metrics.connections(self.limits.__len__)
        self._report = report
        self._listener: Listener | None = None
        self.server = ClientServer(handler.handle, on_unparsed=self._unparsed)

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port. Raises ServingError when the address cannot be had."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            bound = socket.create_server(
                (host, port), family=family, backlog=BACKLOG, dualstack_ipv6=host == "::"
            )
        except OSError as error:
            raise ServingError(
                f"--bind-address {host} --secure-port {port} cannot be used: {error.strerror}; "
                "choose another or stop what listens there"
            ) from None
        self._listener = Listener(bound, self._connect, self._report)
        number: int = bound.getsockname()[1]
        return number

    async def _connect(self, accepted: socket.socket) -> None:
        """Make a connection of an accepted socket, if there is a place for it."""
        metrics = self.handler.services.metrics
        lease = self.limits.admit()
        if lease is None:
            accepted.close()
            metrics.connection_refused("total")
            self._report("connections are closed at once: there are --max-connections")
            return
        peer = _peer(accepted)
        try:
            told = await self._client_address(accepted, peer)
            address = told or peer
            if not self._is_trusted(address) and not self.limits.claim(lease, address):
                metrics.connection_refused("address")
                self._report(f"{address} has --max-connections-per-address already")
                accepted.close()
            else:
                await self._secure(accepted, address, told, lease)
                return
        except ProxyProtocolError as error:
            accepted.close()
            metrics.proxy_protocol_error()
            self._report(f"a connection from the trusted proxy {peer} is closed: {error}")
        except BaseException:
            accepted.close()
            lease.release()
            raise
        lease.release()

    async def _client_address(self, accepted: socket.socket, peer: str) -> str:
        """The client's address as a trusted proxy tells it, "" where none does."""
        version = self._proxy_protocol
        if version == "off" or not self._is_trusted(peer):
            return ""
        loop = asyncio.get_running_loop()
        data = b""
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT):
                while more := missing(data, version):
                    piece = await loop.sock_recv(accepted, more)
                    if not piece:
                        raise ProxyProtocolError("it ended within the PROXY header")
                    data += piece
        except TimeoutError:
            raise ProxyProtocolError("the PROXY header did not come in time") from None
        except OSError as error:
            raise ProxyProtocolError(f"it broke: {type(error).__name__}") from None
        return source(data)

    def _is_trusted(self, address: str) -> bool:
        trusted = self.handler.services.trusted_proxies
        return trusted is not None and address in trusted

    async def _secure(self, accepted: socket.socket, address: str, told: str, lease: Lease) -> None:
        """Do the TLS handshake, and let the protocol have the connection."""
        loop = asyncio.get_running_loop()

        def connection() -> ClientConnection:
            return self.server(on_lost=lease.release, told_address=told)

        ACCEPTED.set(accepted)
        try:
            if self.tls is None:
                await loop.connect_accepted_socket(connection, accepted)
            else:
                await loop.connect_accepted_socket(
                    connection,
                    accepted,
                    ssl=self.tls,
                    ssl_handshake_timeout=HANDSHAKE_TIMEOUT,
                    ssl_shutdown_timeout=TLS_SHUTDOWN_TIMEOUT,
                )
        except (OSError, TimeoutError) as error:
            accepted.close()
            lease.release()
            self.handler.services.metrics.tls_handshake_error()
            self._report(f"TLS handshake error from {address}: {handshake_fault(error, self.tls)}")

    def _unparsed(self, code: int, why: str) -> None:
        """Count and tell bytes that were no request; no event can be written for them."""
        self.handler.services.metrics.rejected_unparsed(code)
        self._report(f"answered {code} to bytes that are no request we can read: {why}")

    async def close(self, grace: float) -> None:
        """Shut down in order; short requests get ``grace`` seconds, long-running ones end at once.

        Every request that was begun has its last event when this returns.
        """
        self.stop_accepting()
        await self.handler.finish_short(grace)
        await self.handler.end_long_running()
        await self.server.shutdown(1.0)
        await self.handler.finish_events()

    def stop_accepting(self) -> None:
        """Close the listener and every idle connection."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self.server.pre_shutdown()


def _peer(accepted: socket.socket) -> str:
    """The peer's address for operators; nothing when it is gone already."""
    try:
        return str(accepted.getpeername()[0])
    except OSError:
        return "a peer that has left"
