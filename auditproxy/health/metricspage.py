"""MetricsPage: the text of /metrics, whose cost is bounded no matter how often it is scraped.

few    written on the event loop, so that they belong to one moment
many   written on a thread, one writing for all who ask, and good for REST times as long as it
       took: nine tenths of the time nothing is written, for any rate of scrapes
"""

import asyncio
import time

from prometheus_client import CollectorRegistry, generate_latest

REST = 10
"""How many times as long as the writing took it is good for."""

AT_ONCE = 0.002
"""Seconds; what takes no longer is written each time."""


class MetricsPage:
    """Writes down what two registries hold; used on one event loop."""

    def __init__(self, few: CollectorRegistry, many: CollectorRegistry | None = None) -> None:
        self._few = few
        self._many = many
        self._text = b""
        self._good_until = float("-inf")
        self._writing: asyncio.Task[bytes] | None = None

    async def text(self) -> bytes:
        """The page in Prometheus' text form."""
        few = generate_latest(self._few)
        return few if self._many is None else few + await self._requests(self._many)

    async def _requests(self, many: CollectorRegistry) -> bytes:
        if time.monotonic() < self._good_until:
            return self._text
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write(many))
        # The first client may disconnect before the others have the page.
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
