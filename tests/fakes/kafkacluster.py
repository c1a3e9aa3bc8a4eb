"""A cluster of Kafka: librdkafka's mock cluster, three brokers in a process of their own.

    python -m tests.fakes.kafkacluster       prints its brokers; then, for each line COUNT TOPIC,
                                             that many records as a consumer gets them

It is the test cluster of the library in C, with producer IDs and real sockets; not Kafka itself.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from typing import Any


class MockCluster:
    """Such a process; ``brokers`` are host and port."""

    def __init__(
        self, process: asyncio.subprocess.Process, brokers: tuple[tuple[str, int], ...]
    ) -> None:
        self._process = process
        self.brokers = brokers

    async def consumed(self, topic: str, count: int) -> list[dict[str, Any]]:
        """The first records of a topic: partition, key, value, headers."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{count} {topic}\n".encode())
        found: list[dict[str, Any]] = json.loads(await self._process.stdout.readline())
        return found


@contextlib.asynccontextmanager
async def kafka_cluster() -> AsyncIterator[MockCluster]:
    """Run one."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=2**26,
    )
    try:
        assert process.stdout is not None
        brokers = json.loads(await process.stdout.readline())
        yield MockCluster(process, tuple((host, port) for host, port in brokers))
    finally:
        process.kill()
        await process.wait()


def _main() -> None:
    from confluent_kafka import Consumer, Producer

    each: Any
    found: list[dict[str, Any]]

    producer = Producer({"bootstrap.servers": "x", "test.mock.num.brokers": 3})
    brokers = producer.list_topics(timeout=30).brokers.values()
    _say([(each.host, each.port) for each in brokers])
    for line in sys.stdin:
        count, topic = line.split()
        consumer = Consumer(
            {
                "bootstrap.servers": ",".join(f"{each.host}:{each.port}" for each in brokers),
                "group.id": "tests",
                "auto.offset.reset": "earliest",
            }
        )
        consumer.subscribe([topic])
        found = []
        while len(found) < int(count):
            for each in consumer.consume(int(count), timeout=0.1):
                assert each.error() is None
                found.append(
                    {
                        "partition": each.partition(),
                        "key": each.key().decode(),
                        "value": each.value().decode(),
                        "headers": {name: value.decode() for name, value in each.headers()},
                    }
                )
        _say(found)
        consumer.close()


def _say(what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _main()
