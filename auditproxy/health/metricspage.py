"""MetricsPage: the text of /metrics, at a bounded cost regardless of the rate of scrapes.

few    generated on the event loop, so that the values are consistent
many   generated on a thread, once for all waiting scrapes; if slow, cached for REST times as
       long as it took, so that it takes at most about a tenth of the time
"""

import asyncio
import time

from prometheus_client import CollectorRegistry, generate_latest

from auditproxy.sockets.tasks import spawn

REST = 10
"""How many times the duration of its generation a text is cached."""

AT_ONCE = 0.002
"""Seconds; a text generated faster is not cached."""


class MetricsPage:
    """Renders two registries; used on one event loop."""

    def __init__(self, few: CollectorRegistry, many: CollectorRegistry | None = None) -> None:
        self._few = few
        self._many = many
        self._text = b""
        self._good_until = float("-inf")
        self._writing: asyncio.Task[bytes] | None = None

    async def text(self) -> bytes:
        """Return the page in Prometheus' text format."""
        few = generate_latest(self._few)
        return few if self._many is None else few + await self._requests(self._many)

    async def _requests(self, many: CollectorRegistry) -> bytes:
        if time.monotonic() < self._good_until:
            return self._text
        if self._writing is None:
            self._writing = spawn(self._write(many), "write the metrics page")
        # Shielded: the first scraper may disconnect before the others have the text.
        return await asyncio.shield(self._writing)

    async def _write(self, many: CollectorRegistry) -> bytes:
        try:
            started = time.monotonic()
            self._text = await asyncio.to_thread(generate_latest, many)
            took = time.monotonic() - started
            if took > AT_ONCE:
                self._good_until = started + took + REST * took
            return self._text
        finally:
            self._writing = None
