"""The health port, served without a proxy, and a registry that takes its time."""

import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from auditproxy.health.server import HealthServer
from auditproxy.metrics.registry import Metrics

DEADLINE = 10.0


class Many:
    """A registry that takes as long as a test lets it."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.began = threading.Event()
        self.collected = 0
        self.fails = False

    def collect(self) -> Iterator[Metric]:
        """One metric, when the gate is open."""
        self.began.set()
        self.gate.wait(DEADLINE)
        if self.fails:
            raise RuntimeError
        self.collected += 1
        metric = Metric("collected", "How often.", "gauge")
        metric.add_sample("collected", {}, self.collected)
        yield metric


@contextlib.asynccontextmanager
async def serving(
    registry: CollectorRegistry | None = None, **settings: Any
) -> AsyncIterator[tuple[HealthServer, int]]:
    """A health server on a free port."""
    health = HealthServer(registry or Metrics().registry, **settings)
    port = await health.start("127.0.0.1", 0)
    try:
        yield health, port
    finally:
        await health.close()
