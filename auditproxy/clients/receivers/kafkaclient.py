"""KafkaClient: the library's producer, with bounds, and with an end that waits for nothing.

The names with an underscore are not part of the library's public interface, so it is pinned to one
minor version, and the tests fail when they change.
"""

import asyncio
import contextlib
import logging
import ssl
import struct
import weakref
from contextvars import ContextVar
from typing import Any

from aiokafka import AIOKafkaProducer, conn, errors
from aiokafka.producer.sender import Sender

from auditproxy.clients.receivers.kafkatarget import KafkaTarget
from auditproxy.clients.receivers.receiver import MAXIMUM_ANSWER

CONNECT_TIMEOUT = 3.0
"""Seconds of connecting to one broker, TLS and login included; then the next one is tried."""

REQUEST_TIMEOUT = 10.0
"""Seconds in which a broker answers one request; then it is asked again."""

MAXIMUM_BATCH = 256 * 1024
"""Bytes of one record batch, up to the one event that is larger."""

CLOSE_TIMEOUT = 2.0
"""Seconds in which what runs for a client may end."""

MAXIMUM_ITERATIONS = 131072
"""Iterations that a broker may ask for with SCRAM; their thread cannot be stopped."""
_MINIMUM_ITERATIONS = 4096

# The library logs what it sends and what brokers write. All that matters comes as an exception.
logging.getLogger("aiokafka").addHandler(logging.NullHandler())
logging.getLogger("aiokafka").propagate = False
logging.getLogger("aiokafka").setLevel(logging.CRITICAL + 1)


class InvalidRecord(errors.BrokerResponseError):  # type: ignore[misc]
    """INVALID_RECORD: the broker will never take this record. The library lacks it."""

    errno = 87
    message = "INVALID_RECORD"


errors.kafka_errors[InvalidRecord.errno] = InvalidRecord


class UntrustedBrokerError(errors.KafkaError, ValueError):  # type: ignore[misc]
    """A broker to which a password is not to be proven; the text says what brokers do."""


class KafkaLink:
    """What connections of one client have in common: which there are, and the last fault."""

    def __init__(self) -> None:
        self.fault: BaseException | None = None
        self.connections: set[Any] = set()


_LINK: ContextVar[KafkaLink | None] = ContextVar("link", default=None)
"""That of the client whose task makes a connection; its other tasks inherit it."""


class BoundedScram(conn.ScramAuthenticator):  # type: ignore[misc]
    """The library's, which does not compute for ever, and proves nothing that is soon guessed."""

    def create_salted_password(self, salt: bytes, iterations: int) -> None:
        """Compute it within bounds; raises UntrustedBrokerError."""
        if not _MINIMUM_ITERATIONS <= iterations <= MAXIMUM_ITERATIONS:
            raise UntrustedBrokerError(
                f"ask for {iterations} iterations of our password, and not for "
                f"{_MINIMUM_ITERATIONS} to {MAXIMUM_ITERATIONS}"
            )
        super().create_salted_password(salt, iterations)

    def process_server_final_message(self, server_final: str) -> None:
        """See that the broker knows the password; raises UntrustedBrokerError.

        Raises SaslAuthenticationFailed for one that refuses it (RFC 5802, section 7: server-error).
        """
        if server_final.startswith("e="):
            raise errors.SaslAuthenticationFailed
        try:
            super().process_server_final_message(server_final)
        except (KeyError, ValueError):
            raise UntrustedBrokerError(
                "do not prove that they know our password; they may not be ours"
            ) from None


class BoundedConnection(conn.AIOKafkaConnection):  # type: ignore[misc]
    """The library's connection; what is read is bounded, and it ends at once."""

    async def connect(self) -> Any:
        """Connect and log in; the client's link has the fault, if any."""
        link = _LINK.get()
        try:
            if link is not None:
                link.connections.add(self)
            async with asyncio.timeout(CONNECT_TIMEOUT):
                streams = await super().connect()
        except Exception as error:
            if link is not None:
                # TLS 1.3: a broker refuses our certificate when the handshake is over.
                cause = error.__cause__
                link.fault = cause if isinstance(cause, ssl.SSLError) else error
                link.connections.discard(self)
            if isinstance(error, OSError | errors.KafkaError):
                raise
            # Of a broker that speaks something else; the next one may be sound.
            raise errors.KafkaConnectionError("the login failed") from None
        if link is not None:
            link.fault = None
        return streams

    def authenticator_scram(self) -> BoundedScram:
        """What logs in with SCRAM."""
        return BoundedScram(
            loop=self._loop,
            sasl_plain_password=self._sasl_plain_password,
            sasl_plain_username=self._sasl_plain_username,
            sasl_mechanism=self._sasl_mechanism,
        )

    @staticmethod
    async def _read(self_ref: "weakref.ref[BoundedConnection]") -> None:
        self = self_ref()
        if self is None:
            return
        reader = self._reader
        del self
        while True:
            (size,) = struct.unpack(">i", await reader.readexactly(4))
            if not 0 <= size <= MAXIMUM_ANSWER:
                raise ConnectionAbortedError("too much")
            answer = await reader.readexactly(size)
            self = self_ref()
            if self is None:
                return
            self._handle_frame(answer)
            del self

    def close(self, reason: Any = None, exc: Any = None) -> Any:
        """End the connection; what it has not yet written is not waited for."""
        writer = self._writer
        closed = super().close(reason, exc)
        if writer is not None:
            writer.transport.abort()
        return closed


# The library makes connections by this name in several places.
conn.AIOKafkaConnection = BoundedConnection


class EndingSender(Sender):  # type: ignore[misc]
    """The library's sender, whose requests can be ended."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.requests: set[asyncio.Task[None]] = set()
        self.is_ending = False

    async def _send_produce_req(self, node_id: Any, batches: Any) -> None:
        task = asyncio.current_task()
        assert task is not None
        if self.is_ending:
            return
        self.requests.add(task)
        try:
            await super()._send_produce_req(node_id, batches)
        finally:
            self.requests.discard(task)


class KafkaClient(AIOKafkaProducer):  # type: ignore[misc]
    """An idempotent producer that waits for all in-sync replicas; for one target, used once."""

    def __init__(self, target: KafkaTarget) -> None:
        milliseconds = int(REQUEST_TIMEOUT * 1000)
        super().__init__(
            bootstrap_servers=[
                f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
                for host, port in target.brokers
            ],
            client_id="auditproxy",
            acks="all",
            enable_idempotence=True,
            max_batch_size=MAXIMUM_BATCH,
            request_timeout_ms=milliseconds,
            security_protocol=target.protocol,
            ssl_context=target.ssl_context,
            sasl_mechanism=target.mechanism or "PLAIN",
            sasl_plain_username=target.user or None,
            sasl_plain_password=target.password or None,
        )
        self.link = KafkaLink()
        self._sender = EndingSender(
            self.client,
            acks=-1,
            txn_manager=self._txn_manager,
            retry_backoff_ms=100,
            message_accumulator=self._message_accumulator,
            request_timeout_ms=milliseconds,
        )

    async def start(self) -> None:
        """Connect and get a producer ID; raises what the library does."""
        token = _LINK.set(self.link)
        try:
            await super().start()
        finally:
            _LINK.reset(token)

    async def end(self) -> None:
        """End all connections and tasks at once; nothing more is sent."""
        self._closed = True
        self._sender.is_ending = True
        for connection in tuple(self.link.connections):
            connection.close()
        sync, sender = self.client._sync_task, self._sender.sender_task
        tasks = [*self._sender.requests, *filter(None, (sync, sender))]
        for task in tasks:
            task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await asyncio.gather(*tasks, return_exceptions=True)
        # Ones that were being made meanwhile.
        for connection in tuple(self.link.connections):
            connection.close()
        self.link.connections.clear()
