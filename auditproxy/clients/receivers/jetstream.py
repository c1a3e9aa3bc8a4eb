"""NATS JetStream: publishes records to a stream that acknowledges each of them.

    connect -- to each server in turn --> publish a group -- all acknowledged --> the next group
                                          | one fails: close; the next attempt connects anew

``Nats-Msg-Id`` is the record's name, so that a stream drops what it has already (within its
duplicate window). A connection that breaks is never resumed: what a lost one had published is
not known, so the whole group is published again.

Protocol: docs.nats.io, reference/nats-protocol; ADR-22 (JetStream publish retries).
"""

import asyncio
import contextlib
import ssl
from collections.abc import Sequence

import msgspec
import nats.errors
from nats.aio.msg import Msg

from auditproxy.clients.receivers import natsclient
from auditproxy.clients.receivers.natsclient import NatsClient, NotEncrypted
from auditproxy.clients.receivers.natstarget import NatsTarget
from auditproxy.clients.receivers.receiver import (
    ATTEMPT_TIMEOUT,
    EventRecord,
    ReceiverError,
)
from auditproxy.clients.session import os_fault, tls_fault
from auditproxy.sockets.tasks import spawn

CLOSE_TIMEOUT = 2.0
"""Seconds in which a connection may end in order."""

MAXIMUM_UNACKNOWLEDGED = 1024
"""Records that are published before the first of them is acknowledged."""

MAXIMUM_UNACKNOWLEDGED_BYTES = 8 * 1024 * 1024
"""Bytes of such records, up to one record more."""

_EMPTY_HEADER = len("NATS/1.0\r\n\r\n")
_HEADER_LINE = len(": \r\n")
_TOO_LARGE = frozenset({10054, 10097})
"""JetStream's codes for a message, or its header, that exceeds what the stream takes."""

_NO_RESPONDERS = "503"


class _Error(msgspec.Struct):
    err_code: int = 0


class _Answer(msgspec.Struct):
    """An acknowledgement: which stream has the message, and where; or an error."""

    stream: str = ""
    seq: int = 0
    error: _Error | None = None


_ANSWER = msgspec.json.Decoder(_Answer)


class JetStreamReceiver:
    """Publishes records over one connection, which the first ``publish`` makes."""

    def __init__(self, target: NatsTarget, *, timeout: float = ATTEMPT_TIMEOUT) -> None:
        self._target = target
        self._timeout = timeout
        self._connection: _Connection | None = None
        self._turn = 0
        self._ending: set[asyncio.Task[None]] = set()

    async def publish(self, records: Sequence[EventRecord]) -> None:
        """Publish records; see ``Receiver``."""
        try:
            async with asyncio.timeout(self._timeout):
                connection = await self._connected()
                for group in _groups(records):
                    await connection.publish(group)
        except TimeoutError:
            place = self._connection.place if self._connection is not None else "the servers"
            self._drop()
            raise ReceiverError(
                "timeout", f"{place} did not acknowledge within {self._timeout:g} seconds"
            ) from None
        except ReceiverError as error:
            # The connection is still good after a refusal.
            if not error.is_poison:
                self._drop()
            raise
        except BaseException:
            self._drop()
            raise

    def replace(self, target: NatsTarget) -> None:
        """Use another target from the next ``publish`` on."""
        self._target = target
        self._drop()

    async def close(self) -> None:
        """End the connection."""
        self._drop()
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            task = spawn(connection.end(), "end a connection to NATS")
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def _connected(self) -> "_Connection":
        if self._connection is not None and self._connection.is_usable:
            return self._connection
        self._drop()
        servers = self._target.servers
        error = ReceiverError("unreachable", "no server is named")
        for _ in servers:
            host, port = servers[self._turn % len(servers)]
            connection = self._connection = _Connection(self._target, host, port)
            try:
                await connection.open()
            except ReceiverError as failed:
                self._drop()
                self._turn += 1
                error = failed
            else:
                return connection
        raise error


class _Connection:
    """One connection to one server."""

    def __init__(self, target: NatsTarget, host: str, port: int) -> None:
        self._target = target
        self._host, self._port = host, port
        self.place = f"nats://{f'[{host}]' if ':' in host else host}:{port}"
        self._client = NatsClient()
        self._ended = asyncio.Event()
        self._refusal = ""
        self._inbox = ""
        self._published = 0
        self._unacknowledged: dict[str, asyncio.Future[None]] = {}

    @property
    def is_usable(self) -> bool:
        return self._client.is_connected and not self._ended.is_set() and not self._refusal

    async def open(self) -> None:
        """Connect and log in; raises ReceiverError."""
        try:
            await self._client.log_in(
                self.place, self._host, self._target, self._failed, self._closed
            )
            # Not the library's own acknowledgements: one that is an error never comes to an end.
            self._inbox = self._client.new_inbox()
            await self._client.subscribe(f"{self._inbox}.*", cb=self._answered)
        except ssl.SSLError as error:
            raise ReceiverError("tls", f"{self.place}: TLS: {tls_fault(error)}") from None
        except OSError as error:
            if isinstance(error, TimeoutError):
                raise self._slow() from None
            raise ReceiverError("unreachable", f"{self.place}: {os_fault(error)}") from None
        except asyncio.CancelledError:
            raise
        except Exception as error:
            raise self._refused(error) from None

    def _slow(self) -> ReceiverError:
        return ReceiverError(
            "timeout", f"{self.place} did not greet us within {natsclient.CONNECT_TIMEOUT} seconds"
        )

    def _refused(self, error: Exception) -> ReceiverError:
        """What the library could not make of a server's greeting, or of its refusal."""
        if isinstance(error, NotEncrypted):
            return ReceiverError("tls", f"{self.place} offers no TLS, which is required")
        if "authoriz" in str(error).lower():
            return ReceiverError("unauthorized", f"{self.place} does not accept our credentials")
        return ReceiverError("bad-answer", f"{self.place} does not greet us as a NATS server does")

    async def _failed(self, error: Exception) -> None:
        """The library's report of what it could do nothing about."""
        if "permissions violation" in str(error).lower():
            self._refusal = "forbidden"
            self._ended.set()

    async def _closed(self) -> None:
        self._ended.set()

    async def publish(self, records: Sequence[EventRecord]) -> None:
        """Publish records at once and wait for all acknowledgements; raises ReceiverError."""
        self._client.received = 0
        acknowledgements: list[asyncio.Future[None]] = []
        ended = spawn(self._ended.wait(), "wait for the end of a connection to NATS")
        try:
            for record in records:
                acknowledgements.append(await self._publish(record))
            for acknowledgement in acknowledgements:
                if not acknowledgement.done():
                    await asyncio.wait(
                        (acknowledgement, ended), return_when=asyncio.FIRST_COMPLETED
                    )
                if not acknowledgement.done():
                    raise self._broken()
                acknowledgement.result()
        except (nats.errors.Error, OSError, AttributeError, AssertionError):
            # The last two are what the library makes of a connection that ends meanwhile.
            raise self._broken() from None
        finally:
            ended.cancel()
            self._unacknowledged.clear()
            for acknowledgement in acknowledgements:
                if not acknowledgement.cancel() and not acknowledgement.cancelled():
                    # The loop reports an exception that is never read.
                    acknowledgement.exception()

    async def _publish(self, record: EventRecord) -> "asyncio.Future[None]":
        """Publish one record; the future is its acknowledgement, or raises ReceiverError."""
        headers = {"Nats-Msg-Id": record.name.text}
        if self._target.stream:
            headers["Nats-Expected-Stream"] = self._target.stream
        size = len(record.line) + _EMPTY_HEADER
        size += sum(len(name) + len(text) + _HEADER_LINE for name, text in headers.items())
        if size > self._client.max_payload:
            # A server closes the connection of who sends more.
            text = f"{self.place}: an event exceeds max_payload"
            raise ReceiverError("too-large", text, is_poison=True)
        self._published += 1
        reply = f"{self._inbox}.{self._published}"
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._unacknowledged[reply] = future
        await self._client.publish(self._target.subject, record.line, reply=reply, headers=headers)
        return future

    async def _answered(self, message: Msg) -> None:
        """What a server says to one of our messages."""
        future = self._unacknowledged.pop(message.subject, None)
        if future is None or future.done():
            return
        fault = self._fault_in(message)
        if fault is None:
            future.set_result(None)
        else:
            future.set_exception(fault)

    def _fault_in(self, message: Msg) -> ReceiverError | None:
        """Why an answer acknowledges nothing; None if it does."""
        if (message.headers or {}).get("Status") == _NO_RESPONDERS:
            text = f"{self.place}: no stream takes subject {self._target.subject}"
            return ReceiverError("no-stream", text)
        try:
            answer = _ANSWER.decode(message.data)
        except msgspec.MsgspecError:
            answer = _Answer()
        code = answer.error.err_code if answer.error is not None else 0
        if code in _TOO_LARGE:
            text = f"{self.place}: an event exceeds what the stream takes"
            return ReceiverError("too-large", text, is_poison=True)
        if answer.error is not None:
            return ReceiverError("refused", f"{self.place}: JetStream answered error {code}")
        if not (answer.stream and answer.seq > 0):
            return ReceiverError("bad-answer", f"{self.place}: what answers is not JetStream")
        return None

    def _broken(self) -> ReceiverError:
        if self._refusal:
            text = f"{self.place}: we may not publish to subject {self._target.subject}"
            return ReceiverError(self._refusal, text)
        return ReceiverError("disconnected", f"{self.place}: the connection broke")

    async def end(self) -> None:
        """Close the connection, at once where the server does not let it end in order."""
        for _ in range(2):
            # What waits to be written may wait for ever; then it is closed again without.
            with contextlib.suppress(Exception):
                async with asyncio.timeout(CLOSE_TIMEOUT):
                    await self._client.close()
            self._client.abort()


def _groups(records: Sequence[EventRecord]) -> list[list[EventRecord]]:
    """The records in groups that may be unacknowledged together."""
    groups: list[list[EventRecord]] = []
    size = 0
    for record in records:
        if (
            not groups
            or len(groups[-1]) >= MAXIMUM_UNACKNOWLEDGED
            or size >= MAXIMUM_UNACKNOWLEDGED_BYTES
        ):
            groups.append([])
            size = 0
        groups[-1].append(record)
        size += len(record.line)
    return groups
