"""Serving: TLS, the listener, and the named steps of a shutdown.

    start -> serving -> stop_accepting -> finish_short -> end_long_running -> finish_events

TLS is started on accepted connections one by one, so that a handshake that
fails is counted and told with its peer; a bad client certificate fails it,
because Python's ssl cannot ask for a certificate without verifying it.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import cast

from auditproxy.server.connection import ClientServer
from auditproxy.server.handler import Handler

HANDSHAKE_TIMEOUT = 10.0
"""Seconds for a TLS handshake."""

TLS_VERSIONS = {
    "VersionTLS10": ssl.TLSVersion.TLSv1,
    "VersionTLS11": ssl.TLSVersion.TLSv1_1,
    "VersionTLS12": ssl.TLSVersion.TLSv1_2,
    "VersionTLS13": ssl.TLSVersion.TLSv1_3,
}


class ServingError(Exception):
    """The listener or its certificates cannot be used; the text names the flag and the fix."""


def serving_context(
    certificate: str, private_key: str, *, client_ca: str | None, minimum: str
) -> ssl.SSLContext:
    """The TLS settings of the client's side.

    Tickets are off: a resumed session would carry a client certificate past a
    change of the client CA (rule R22), and client-go does not resume anyway.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = TLS_VERSIONS[minimum]
    context.set_alpn_protocols(["http/1.1"])
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    # kube-apiserver takes certificates without an Authority Key Identifier, Python 3.13 not.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    try:
        context.load_cert_chain(certificate, private_key)
    except (OSError, ssl.SSLError) as error:
        raise ServingError(
            f"--tls-cert-file {certificate} and --tls-private-key-file {private_key} "
            f"cannot be used: {error.strerror or error}"
        ) from None
    if client_ca is not None:
        try:
            context.load_verify_locations(client_ca)
        except (OSError, ssl.SSLError) as error:
            raise ServingError(
                f"--client-ca-file {client_ca} cannot be used: {error.strerror or error}; "
                "it must hold PEM certificates"
            ) from None
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


class _Handshake(asyncio.Protocol):
    """Holds an accepted connection until its TLS handshake is done."""

    def __init__(self, serving: "Serving") -> None:
        self._serving = serving
        self._early = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes.
        transport = cast("asyncio.Transport", transport)
        transport.pause_reading()
        task = asyncio.get_running_loop().create_task(self._shake_hands(transport))
        self._serving.handshakes.add(task)
        task.add_done_callback(self._serving.handshakes.discard)

    def data_received(self, data: bytes) -> None:
        # A TLS 1.3 client may send its first request along with its Finished.
        self._early += data

    async def _shake_hands(self, transport: asyncio.Transport) -> None:
        serving = self._serving
        assert serving.tls is not None
        try:
            secured = await asyncio.get_running_loop().start_tls(
                transport,
                self,
                serving.tls,
                server_side=True,
                ssl_handshake_timeout=HANDSHAKE_TIMEOUT,
            )
        except (OSError, TimeoutError) as error:
            transport.abort()
            serving.handshake_failed(transport, error)
            return
        if secured is None or secured.is_closing():
            return
        protocol = serving.server()
        secured.set_protocol(protocol)
        protocol.connection_made(secured)
        if self._early:
            protocol.data_received(bytes(self._early))


class Serving:
    """The proxy's own listener; ``tls`` None serves plain HTTP, for tests."""

    def __init__(
        self,
        handler: Handler,
        tls: ssl.SSLContext | None,
        *,
        report: Callable[[str], None],
    ) -> None:
        self.handler = handler
        self.tls = tls
        self.handshakes: set[asyncio.Task[None]] = set()
        self._report = report
        self._listener: asyncio.Server | None = None
        self.server = ClientServer(handler.handle, on_unparsed=self._unparsed)

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port. Raises ServingError when the address cannot be had."""
        loop = asyncio.get_running_loop()
        factory = self.server if self.tls is None else self._handshake
        try:
            self._listener = await loop.create_server(factory, host, port, backlog=1024)
        except OSError as error:
            raise ServingError(
                f"--bind-address {host} --secure-port {port} cannot be used: {error.strerror}; "
                "choose another or stop what listens there"
            ) from None
        bound: int = self._listener.sockets[0].getsockname()[1]
        return bound

    def _handshake(self) -> _Handshake:
        return _Handshake(self)

    def handshake_failed(self, transport: asyncio.Transport, error: BaseException) -> None:
        """Count and tell a failed handshake; the reason is OpenSSL's, no bytes of the peer's."""
        self.handler.services.metrics.tls_handshake_error()
        peer = transport.get_extra_info("peername")
        host = peer[0] if isinstance(peer, tuple) else peer
        reason = getattr(error, "reason", None) or type(error).__name__
        self._report(f"TLS handshake error from {host}: {reason}")

    def _unparsed(self, code: int, why: str) -> None:
        """Count and tell bytes that were no request; no event can be written for them."""
        self.handler.services.metrics.rejected_unparsed(code)
        self._report(f"answered {code} to bytes that are no request we can read: {why}")

    async def close(self, grace: float) -> None:
        """Shut down in order; short requests get ``grace`` seconds, long-running ones end at once.

        Every request that was begun has its last event when this returns.
        """
        self.stop_accepting()
        for handshake in list(self.handshakes):
            handshake.cancel()
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
