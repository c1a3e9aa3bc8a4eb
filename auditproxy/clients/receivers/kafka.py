"""Kafka: publishes records to a topic, each acknowledged by all in-sync replicas.

    connect -- producer ID --> a batch for each partition -- all acknowledged --> the next ones
                               | one fails: end; the next attempt connects anew

The key of a record is its audit ID, so that the events of a request are in one partition. A
partition has one batch of ours under way at a time, so that none overtakes another. A batch whose
acknowledgement is lost is sent again under its sequence number, by which the broker drops it when
it has it. After a failure nothing is resumed: the whole group is published again, and consumers
drop what is twice by the header ``event-id``.

Protocol: kafka.apache.org/protocol; KIP-98 (idempotent producer).
"""

import asyncio
import contextlib
import ssl
from collections.abc import Iterable, Sequence
from typing import Any

from aiokafka import errors
from aiokafka.partitioner import DefaultPartitioner

from auditproxy.clients.receivers import kafkaclient
from auditproxy.clients.receivers.kafkaclient import (
    InvalidRecord,
    KafkaClient,
    UntrustedBrokerError,
)
from auditproxy.clients.receivers.kafkatarget import KafkaTarget
from auditproxy.clients.receivers.receiver import ATTEMPT_TIMEOUT, EventRecord, ReceiverError
from auditproxy.clients.session import os_fault, tls_fault
from auditproxy.sockets.tasks import spawn

HEADER = "event-id"
"""The header with a record's name, by which consumers drop what is twice."""

_TOO_LARGE = (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError)
_LOGIN = (errors.SaslAuthenticationFailed, errors.IllegalSaslStateError)
_FORBIDDEN = (errors.TopicAuthorizationFailedError, errors.ClusterAuthorizationFailedError)

_partition_of = DefaultPartitioner()


class KafkaReceiver:
    """Publishes records with one producer, which the first ``publish`` makes."""

    def __init__(self, target: KafkaTarget, *, timeout: float = ATTEMPT_TIMEOUT) -> None:
        self._target = target
        self._timeout = timeout
        self._client: KafkaClient | None = None
        self._client_target = target
        self._ending: set[asyncio.Task[None]] = set()

    async def publish(self, records: Sequence[EventRecord]) -> None:
        """Publish records; see ``Receiver``."""
        target = self._target
        try:
            async with asyncio.timeout(self._timeout):
                client = await self._connected(target)
                await _publish(client, target.topic, records)
        except asyncio.CancelledError:
            self._drop()
            raise
        except Exception as error:
            # After any failure: the sequence of a partition has a gap then.
            fault = self._client.link.fault if self._client is not None else None
            self._drop()
            raise self._failed(target, error, fault) from None

    def replace(self, target: KafkaTarget) -> None:
        """Use another target from the next ``publish`` on."""
        self._target = target

    async def close(self) -> None:
        """End the connections."""
        self._drop()
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            task = spawn(client.end(), "end connections to Kafka")
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def _connected(self, target: KafkaTarget) -> KafkaClient:
        if self._client_target is not target:
            self._drop()
        if self._client is None:
            self._client, self._client_target = KafkaClient(target), target
            await self._client.start()
        return self._client

    def _failed(
        self, target: KafkaTarget, error: Exception, fault: BaseException | None
    ) -> ReceiverError:
        """A library's exception as ours; ``fault`` is why the last connection failed."""
        place = "the brokers of Kafka"
        if isinstance(error, _TOO_LARGE):
            text = f"{place}: an event exceeds what topic {target.topic} takes"
            return ReceiverError("too-large", text, is_poison=True)
        if isinstance(error, InvalidRecord):
            text = f"{place}: topic {target.topic} refuses an event as invalid"
            return ReceiverError("invalid", text, is_poison=True)
        if isinstance(error, _FORBIDDEN):
            text = f"{place}: we may not write to topic {target.topic}"
            return ReceiverError("forbidden", text)
        if isinstance(error, errors.UnknownTopicOrPartitionError):
            return ReceiverError("no-topic", f"{place} have no topic {target.topic}")
        return _connection_fault(place, target, fault) or self._other(place, error)

    def _other(self, place: str, error: Exception) -> ReceiverError:
        if isinstance(error, TimeoutError | errors.RequestTimedOutError):
            text = f"{place} did not acknowledge within {self._timeout:g} seconds"
            return ReceiverError("timeout", text)
        if isinstance(error, errors.BrokerResponseError):
            return ReceiverError("refused", f"{place} answered error {error.errno}")
        if isinstance(error, OSError | errors.KafkaConnectionError | errors.NodeNotReadyError):
            return ReceiverError("disconnected", f"{place}: the connection broke")
        if isinstance(error, errors.KafkaError):
            return ReceiverError("refused", f"{place} no longer accept our producer ID")
        return ReceiverError("bad-answer", f"{place} do not answer as Kafka does")


def _connection_fault(
    place: str, target: KafkaTarget, fault: BaseException | None
) -> ReceiverError | None:
    """Why the last connection could not be made; None if it could."""
    if fault is None:
        return None
    if isinstance(fault, UntrustedBrokerError):
        return ReceiverError("unauthorized", f"{place} {fault.args[0]}")
    if isinstance(fault, errors.UnsupportedSaslMechanismError):
        text = f"{place} do not offer {target.mechanism}; choose a SASL mechanism that they offer"
        return ReceiverError("unauthorized", text)
    if isinstance(fault, _LOGIN):
        text = f"{place} do not accept our login; correct the user name or the password file"
        return ReceiverError("unauthorized", text)
    if isinstance(fault, ssl.SSLError):
        ours = isinstance(fault, ssl.SSLCertVerificationError)
        files = "CA file" if ours else "certificate and key files"
        text = f"{place}: TLS: {tls_fault(fault)}; correct the {files}"
        return ReceiverError("tls", text)
    if isinstance(fault, TimeoutError):
        text = f"{place} did not greet us within {kafkaclient.CONNECT_TIMEOUT:g} seconds"
        return ReceiverError("timeout", text)
    if isinstance(fault, OSError):
        return ReceiverError("unreachable", f"{place}: {os_fault(fault)}")
    return ReceiverError("bad-answer", f"{place} do not greet us as Kafka does")


async def _publish(client: KafkaClient, topic: str, records: Iterable[EventRecord]) -> None:
    """Publish records in their order; raises what the library does."""
    partitions = sorted(await client.partitions_for(topic))
    waiting: dict[int, list[Any]] = {}
    for record in records:
        key = record.name.audit_id.encode()
        batches = waiting.setdefault(_partition_of(key, partitions, partitions), [])
        if not batches or not _appended(batches[-1], key, record):
            batches.append(client.create_batch())
            if not _appended(batches[-1], key, record):
                raise errors.MessageSizeTooLargeError
    # Nothing is appended any more: the library sends what it gets.
    for turn in range(max(map(len, waiting.values()), default=0)):
        sent: list[asyncio.Future[Any]] = []
        try:
            for partition, batches in waiting.items():
                if turn < len(batches):
                    sent.append(await client.send_batch(batches[turn], topic, partition=partition))
            await asyncio.gather(*sent)
        finally:
            for future in sent:
                # The loop reports an exception that is never read.
                if not future.cancel():
                    with contextlib.suppress(asyncio.CancelledError):
                        future.exception()


def _appended(batch: Any, key: bytes, record: EventRecord) -> bool:
    """Whether a batch has taken a record: it has if it was empty, whatever the size."""
    headers = [(HEADER, record.name.text.encode())]
    taken = batch.append(key=key, value=record.line, timestamp=None, headers=headers)
    return taken is not None
