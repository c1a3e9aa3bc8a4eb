"""Serving: TLS, the listener, and the named steps of a shutdown.

    start -> serving -> [announce_end] -> stop_accepting
          -> finish_short -> end_long_running -> finish_events
             finish_sessions, meanwhile

Connections are accepted here and their TLS is started one by one, so that a
handshake that fails is counted and logged with its peer; a bad client certificate
fails it, because Python's ssl cannot ask for a certificate without verifying it.
"""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

from auditproxy.apis.operatorline import OperatorLine
from auditproxy.downstream.connection import ClientConnection
from auditproxy.downstream.limits import ConnectionLimits, Lease
from auditproxy.downstream.plaintext import refuse_plaintext
from auditproxy.downstream.server import ClientServer
from auditproxy.request.proxyprotocol import ProxyProtocolError, missing, source
from auditproxy.server.handler import Handler
from auditproxy.sockets.listener import (
    ACCEPTED_AT_ONCE,
    Listener,
    fault_text,
    fault_word,
    fix_of_binding,
    listen,
    reserve,
    why_not_bound,
)
from auditproxy.sockets.tasks import spawn
from auditproxy.tls import clienthello
from auditproxy.tls.handshake import ACCEPTED, ServingContext, handshake_fault
from auditproxy.tls.serving import ServingError
from auditproxy.tls.turns import ContextTurns

HANDSHAKE_TIMEOUT = 10.0
"""Seconds for a TLS handshake."""

TLS_SHUTDOWN_TIMEOUT = 1.0
"""Seconds for a client to answer the end of TLS."""


def not_bound(host: str, port: int, error: OSError) -> ServingError:
    """Return what to say when the address of the listener cannot be had."""
    return ServingError(
        f"--bind-address {host} --secure-port {port} cannot be used: "
        f"{why_not_bound(error)}; {fix_of_binding(error)}"
    )


class Serving:
    """The proxy's own listener; ``tls`` None serves plain HTTP, for tests."""

    def __init__(
        self,
        handler: Handler,
        tls: ServingContext | None,
        *,
        report: Callable[[str], None],
        limits: ConnectionLimits | None = None,
        proxy_protocol: str = "off",
    ) -> None:
        self.handler = handler
        self.tls = tls
        self._turns = ContextTurns()
        self.limits = ConnectionLimits() if limits is None else limits
        self._proxy_protocol = proxy_protocol
        handler.shared.metrics.connections.counting(self.limits.__len__)
        self._report = report
        self._listener: Listener | None = None
        self.server = ClientServer(
            handler.handle,
            # The short way makes one record of a request.
            take=None if handler.services.policies else handler.short.take,
            on_unparsed=self._unparsed,
        )

    async def start(
        self,
        host: str,
        port: int,
        *,
        reserved: socket.socket | None = None,
        is_shared: bool = False,
    ) -> int:
        """Listen; returns the port. Raises ServingError when the address cannot be had.

        ``reserved`` is a socket bound to it, where it was bound before; ``is_shared`` is whether
        other processes accept from it as well.
        """
        try:
            bound = reserve(host, port) if reserved is None else reserved
            listen((bound,))
        except OSError as error:
            raise not_bound(host, port, error) from None
        self._listener = Listener(
            bound,
            self._accepted,
            self._accepting_failed,
            # Those that wait are for whichever process comes first.
            at_once=1 if is_shared else ACCEPTED_AT_ONCE,
        )
        number: int = bound.getsockname()[1]
        return number

    def _accepting_failed(self, error: OSError) -> None:
        self.handler.shared.metrics.connections.accept_error("secure", fault_word(error))
        self._report(OperatorLine(fault_text(error, "--secure-port"), flag="--secure-port"))

    def _accepted(self, accepted: socket.socket) -> Coroutine[Any, Any, None] | None:
        """Give an accepted socket its place; without one it is closed before others come."""
        lease = self.limits.admit()
        if lease is not None:
            return self._connect(accepted, lease)
        accepted.close()
        self.handler.shared.metrics.connections.refused("total")
        text = f"connections are closed at once: {self.limits.maximum} are open already"
        self._report(OperatorLine(text, flag="--max-connections", count=self.limits.maximum))
        return None

    async def _connect(self, accepted: socket.socket, lease: Lease) -> None:
        """Make a connection of an accepted socket, unless its address has too many."""
        metrics = self.handler.shared.metrics
        peer = _peer(accepted)
        try:
            told = await self._client_address(accepted, peer)
            address = told or peer
            if not self._is_trusted(address) and not self.limits.claim(lease, address):
                metrics.connections.refused("address")
                flag = "--max-connections-per-address"
                self._report(OperatorLine(f"{address} has {flag} already", peer=address, flag=flag))
                accepted.close()
            else:
                await self._secure(accepted, address, told, lease)
                return
        except ProxyProtocolError as error:
            accepted.close()
            metrics.connections.proxy_protocol_error()
            text = f"a connection from the trusted proxy {peer} is closed: {error}"
            self._report(OperatorLine(text, peer=peer))
        except BaseException:
            accepted.close()
            lease.release()
            raise
        lease.release()

    async def _client_address(self, accepted: socket.socket, peer: str) -> str:
        """The client's address as a trusted proxy reports it, "" where none does."""
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
            raise ProxyProtocolError("the PROXY header did not arrive in time") from None
        except OSError as error:
            raise ProxyProtocolError(f"the connection broke: {type(error).__name__}") from None
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
                deadline = loop.time() + HANDSHAKE_TIMEOUT
                async with asyncio.timeout_at(deadline):
                    await refuse_plaintext(accepted)
                    context = self.tls
                    if not await _speaks_tls13(accepted):
                        # Older sessions could be resumed in a context that they share.
                        context = await self._turns.make(self.tls)
                await loop.connect_accepted_socket(
                    connection,
                    accepted,
                    ssl=context,
                    ssl_handshake_timeout=max(deadline - loop.time(), 0.1),
                    ssl_shutdown_timeout=TLS_SHUTDOWN_TIMEOUT,
                )
        except (OSError, TimeoutError) as error:
            accepted.close()
            lease.release()
            self.handler.shared.metrics.connections.tls_handshake_error()
            text = f"TLS handshake error from {address}: {handshake_fault(error, self.tls)}"
            self._report(OperatorLine(text, peer=address))

    def _unparsed(self, code: int, why: str) -> None:
        """Count and log input that could not be parsed as a request; it has no audit event."""
        self.handler.shared.metrics.connections.rejected_unparsed(code)
        self._report(f"answered {code} to input that could not be parsed as a request: {why}")

    async def close(
        self,
        grace: float,
        audit_grace: float = 30.0,
        events_grace: float = 15.0,
        *,
        session_grace: float = 0.0,
    ) -> float:
        """Shut down in order; short requests get ``grace`` seconds, long-running ones end then.

        Short requests that wait for nothing but the audit backend get ``audit_grace``; sessions,
        whose terminals show it, have ``session_grace`` from now on.

        Every request that was begun has its last event when this returns, which decoding
        bodies holds up for little more than ``events_grace`` seconds. Returns how long it did.
        """
        try:
            self.stop_accepting()
            await self._end_requests(grace, audit_grace, session_grace)
            await self.server.shutdown(1.0)
        except Exception:
            # Requests that have ended get their events anyway.
            await self.handler.finish_events(events_grace)
            raise
        loop = asyncio.get_running_loop()
        started = loop.time()
        await self.handler.finish_events(events_grace)
        return loop.time() - started

    async def _end_requests(self, grace: float, audit_grace: float, session_grace: float) -> None:
        handler = self.handler

        async def short_and_watches() -> None:
            await handler.finish_short(grace, audit_grace)
            await handler.end_long_running(but_sessions=True)

        if session_grace:
            handler.warn_sessions(session_grace)
            # Watches do not wait for sessions: their clients go to another replica.
            sessions = spawn(handler.finish_sessions(session_grace), "wait for sessions")
            try:
                await short_and_watches()
                await sessions
            finally:
                sessions.cancel()
        else:
            await handler.finish_short(grace, audit_grace)
        await handler.end_long_running()

    def announce_end(self) -> None:
        """Each answer from now on is its connection's last, and says so."""
        self.server.leave()

    async def leave(self) -> None:
        """Leave new connections to other processes, and wait for those that are being made.

        Each answer from now on is its connection's last, and says so.
        """
        self.server.leave()
        if self._listener is not None:
            await self._listener.leave()

    def stop_accepting(self) -> None:
        """Close the listener and every idle connection."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self.server.pre_shutdown()


async def _speaks_tls13(accepted: socket.socket) -> bool:
    """Peek at the first bytes of a client without consuming them; raises OSError."""
    data = await _peek(accepted, 1)
    # Twice at most: the record's length, and then all of it.
    for _ in range(2):
        if more := clienthello.missing(data):
            data = await _peek(accepted, len(data) + more)
    # A client that left already (a health check that only connects) gets no context of its own.
    return not data or clienthello.offers_tls13(data)


async def _peek(accepted: socket.socket, size: int) -> bytes:
    """Wait until so many bytes have come, or the end; raises OSError."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, size)
    loop.add_reader(accepted.fileno(), _set, ready)
    try:
        await ready
        return accepted.recv(clienthello.LONGEST_RECORD + 8, socket.MSG_PEEK)
    finally:
        loop.remove_reader(accepted.fileno())
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)


def _set(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)


def _peer(accepted: socket.socket) -> str:
    """The peer's address for operators; nothing when it is gone already."""
    try:
        return str(accepted.getpeername()[0])
    except OSError:
        return "a disconnected peer"
