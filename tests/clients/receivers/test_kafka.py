"""Publishing to Kafka: librdkafka's mock cluster, and brokers that fail in ways that we choose."""

import asyncio
import itertools
import ssl
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from auditproxy.clients.receivers import kafkaclient
from auditproxy.clients.receivers.kafka import KafkaReceiver
from auditproxy.clients.receivers.kafkatarget import KafkaTarget
from auditproxy.clients.receivers.receiver import EventRecord, ReceiverError
from auditproxy.tls.client import client_context
from tests.fakes.certificates import CERTIFICATE, KEY
from tests.fakes.kafkabroker import (
    AUTHENTICATE,
    GARBAGE,
    HANG,
    HUGE,
    LOST,
    METADATA,
    PRODUCE,
    PRODUCER_ID,
    RESET,
    VERSIONS,
    FakeBroker,
)
from tests.fakes.kafkacluster import kafka_cluster
from tests.fakes.publishing import records
from tests.fakes.waiting import until


def target(*ports: int) -> KafkaTarget:
    """Brokers on loopback."""
    return KafkaTarget(tuple(("127.0.0.1", port) for port in ports), "audit.events")


async def fault(receiver: KafkaReceiver, sent: Sequence[EventRecord]) -> ReceiverError:
    """Why records cannot be published."""
    with pytest.raises(ReceiverError) as raised:
        await receiver.publish(sent)
    return raised.value


async def test_a_cluster() -> None:
    """A consumer of librdkafka gets each event once, keyed, those of a key in order."""
    async with kafka_cluster() as cluster:
        receiver = KafkaReceiver(KafkaTarget(cluster.brokers, "audit.events"))
        sent = records(*(str(number % 100) for number in range(2000)), body=b'"%b"' % (b"x" * 500))
        # Lines that differ, so that each has a name of its own.
        sent = [
            EventRecord(replace(each.name, text=f"{each.name.text}-{number:04}"), each.line)
            for number, each in enumerate(sent)
        ]
        await receiver.publish(sent[:1500])
        await receiver.publish(sent[1500:])
        await receiver.close()
        found = await cluster.consumed("audit.events", len(sent))
    names = [each["headers"]["event-id"] for each in found]
    assert sorted(names) == sorted(each.name.text for each in sent)
    assert len({each["partition"] for each in found}) > 1
    by_key: dict[str, list[dict[str, Any]]] = {}
    for each in found:
        by_key.setdefault(each["key"], []).append(each)
    assert len(by_key) == 100
    for key, events in by_key.items():
        assert len({each["partition"] for each in events}) == 1
        assert [each["headers"]["event-id"] for each in events] == [
            each.name.text for each in sent if each.name.audit_id == key
        ]


async def test_on_the_wire() -> None:
    """All replicas are waited for; each partition's sequence begins at 0 and has no gaps."""
    async with FakeBroker() as broker:
        receiver = KafkaReceiver(target(broker.port))
        await receiver.publish(records(*map(str, range(50))))
        await receiver.publish(records(*map(str, range(50))))
        await receiver.close()
    assert broker.acks == {-1}
    assert {producer for producer, _, _ in broker.batches} == {1001}
    firsts = [sequence for _, partition, sequence in broker.batches if partition == 0]
    assert firsts == [0, len([each for each in broker.log if each.partition == 0]) // 2]
    assert len(broker.log) == 100


async def test_one_batch_at_a_time() -> None:
    """Events of one key that need several batches keep their order; a refused one stops them."""
    large = b'"%b"' % (b"x" * 100_000)
    sent = list(itertools.chain(*(records("a", body=large) for _ in range(10))))
    sent = [EventRecord(each.name, each.line + b" " * n) for n, each in enumerate(sent)]
    async with FakeBroker() as broker:
        receiver = KafkaReceiver(target(broker.port))
        broker.faults = [0, 10]
        error = await fault(receiver, sent)
        assert (error.reason, error.is_poison) == ("too-large", True)
        assert len(broker.batches) == 2
        broker.log.clear()
        await receiver.publish(sent)
        await receiver.close()
    assert len(broker.batches) > 6
    assert broker.events("a") == [each.line for each in sent]


async def test_lost_acknowledgements() -> None:
    """What a broker has stored without saying so is sent again, and dropped by its sequence."""
    async with FakeBroker(partitions=1) as broker:
        receiver = KafkaReceiver(target(broker.port))
        broker.faults = [LOST, 0, LOST, 0]
        await receiver.publish(records("a", "b"))
        await receiver.publish(records("c"))
        await receiver.close()
    assert broker.repeated == 2
    assert [each.key for each in broker.log] == [b"a", b"b", b"c"]


async def test_a_broker_that_is_away() -> None:
    """One that is killed and comes back: the call goes on, nothing is lost, nothing is twice."""
    async with FakeBroker() as broker:
        receiver = KafkaReceiver(target(broker.port))
        await receiver.publish(records("a"))
        broker.always[PRODUCE] = HANG
        task = asyncio.create_task(receiver.publish(records(*map(str, range(100)))))
        await until(lambda: broker.seen.count(PRODUCE) > 1, "a batch is on its way")
        await broker.stop()
        broker.always.clear()
        await broker.start()
        await asyncio.wait_for(task, 20)
        await receiver.close()
    assert sorted(each.key for each in broker.log) == sorted(
        [b"a", *(str(number).encode() for number in range(100))]
    )


async def test_not_enough_replicas() -> None:
    """It is asked again until there are (NOT_ENOUGH_REPLICAS)."""
    async with FakeBroker(partitions=1) as broker:
        receiver = KafkaReceiver(target(broker.port))
        broker.faults = [19, 20, 0]
        await receiver.publish(records("a"))
        await receiver.close()
    assert len(broker.batches) == 3
    assert len(broker.log) == 1


SCENES: list[tuple[int, Any, str]] = [
    (VERSIONS, HANG, "timeout"),
    (VERSIONS, GARBAGE, "bad-answer"),
    (VERSIONS, HUGE, "bad-answer"),
    (VERSIONS, RESET, "bad-answer"),
    (METADATA, HANG, "timeout"),
    (METADATA, GARBAGE, "disconnected"),
    (METADATA, RESET, "disconnected"),
    (PRODUCER_ID, HANG, "timeout"),
    (PRODUCER_ID, 31, "forbidden"),
    (PRODUCE, HANG, "timeout"),
    (PRODUCE, RESET, "timeout"),
    (PRODUCE, GARBAGE, "timeout"),
    (PRODUCE, HUGE, "timeout"),
    (PRODUCE, 29, "forbidden"),
    (PRODUCE, 47, "refused"),
    (PRODUCE, 42, "refused"),
    (PRODUCE, 87, "invalid"),
    (PRODUCE, 18, "too-large"),
]


@pytest.mark.parametrize(("kind", "meets", "reason"), SCENES)
async def test_hostile_brokers(
    kind: int, meets: Any, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each ends in a fault with a word of ours, in time, and leaves nothing behind."""
    if (kind, meets) == (VERSIONS, HANG):
        monkeypatch.setattr(kafkaclient, "CONNECT_TIMEOUT", 0.3)
    before = asyncio.all_tasks()
    async with FakeBroker() as broker:
        broker.always[kind] = meets
        receiver = KafkaReceiver(target(broker.port), timeout=1.0 if reason == "timeout" else 10.0)
        error = await fault(receiver, records("a", "b"))
        assert (error.reason, error.is_poison) == (reason, reason in ("invalid", "too-large"))
        broker.always.clear()
        receiver._timeout = 10.0
        await receiver.publish(records("c"))
        await receiver.close()
        assert not receiver._ending
        assert broker.log[-1].key == b"c"
    await until(lambda: asyncio.all_tasks() <= before, "all tasks have ended")


async def test_nobody_listens() -> None:
    """The fault is the operating system's word."""
    async with FakeBroker() as gone:
        port = gone.port
    error = await fault(KafkaReceiver(target(port)), records("a"))
    assert error.reason == "unreachable"
    assert str(error) == "the brokers of Kafka: connection refused"


async def test_a_topic_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is waited for, since it may be about to be made."""
    monkeypatch.setattr(kafkaclient, "REQUEST_TIMEOUT", 0.3)
    async with FakeBroker() as broker:
        broker.topics.clear()
        receiver = KafkaReceiver(target(broker.port))
        error = await fault(receiver, records("a"))
        assert (error.reason, error.is_poison) == ("no-topic", False)
        await receiver.close()


async def test_login() -> None:
    """A wrong password is a fault of its own; a new target counts from the next delivery on."""
    async with FakeBroker(users={"proxy": "right"}) as broker:
        login = replace(target(broker.port), mechanism="PLAIN", user="proxy", password="wrong")
        receiver = KafkaReceiver(login)
        error = await fault(receiver, records("a"))
        assert error.reason == "unauthorized"
        assert "wrong" not in f"{error}{login!r}{receiver!r}"
        receiver.replace(replace(login, password="right"))
        await receiver.publish(records("a"))
        await receiver.close()
        assert broker.seen.count(AUTHENTICATE) >= 2


async def test_tls(tmp_path: Any) -> None:
    """Brokers are verified, by their name too."""
    (tmp_path / "tls.crt").write_bytes(CERTIFICATE)
    (tmp_path / "tls.key").write_bytes(KEY)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    broker = FakeBroker()
    broker.ssl = served
    async with broker:
        receiver = KafkaReceiver(replace(target(broker.port), ssl_context=client_context()))
        error = await fault(receiver, records("a"))
        assert error.reason == "tls"
        assert "certificate verify failed" in str(error)
        trusting = client_context(CERTIFICATE)
        trusting.check_hostname = False
        receiver.replace(replace(target(broker.port), ssl_context=trusting))
        await receiver.publish(records("a"))
        await receiver.close()
        assert len(broker.log) == 1
