"""The first things that are known of a request, on either way."""

import asyncio
from pathlib import Path

from auditproxy.server.arrival import arrived
from tests.fakes.bothways import scene
from tests.fakes.proxy import request

GET = request()


async def test_arrived(tmp_path: Path) -> None:
    """The clocks are asked once each, in the task that is to end with the request."""
    async with scene(tmp_path, [], short=True) as (of, _):
        shared = of.handler.shared
        monotonic, wall = iter((5, 6)), iter((7, 8))
        shared.monotonic_clock = lambda: next(monotonic)
        shared.wall_clock = lambda: next(wall)
        arrival = arrived(shared)
        assert (arrival.started, arrival.received, arrival.audit_id) == (5, 7, "")
        assert arrival.task is asyncio.current_task()
        assert (next(monotonic), next(wall)) == (6, 8)


async def test_one_id_and_one_time(tmp_path: Path) -> None:
    """A request that is handed over to the chain keeps the id and the time that it began with."""
    missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    async with scene(tmp_path, [missing] * 3, short=True) as (of, _):
        times = iter(range(1_000_000_000, 2_000_000_000, 1_000_000))
        of.handler.shared.wall_clock = lambda: next(times)
        for _ in range(3):
            await of.ask(GET)
        assert of.handler.short.taken == 2
        sent = bytes(of.upstream.connections[0].received).split(b"\r\n")
        ids = [line.partition(b": ")[2].decode() for line in sent if line.startswith(b"Audit-ID")]
        assert [event["auditID"] for event in of.proxy.events[::2]] == ids
        assert [event["auditID"] for event in of.proxy.events[1::2]] == ids
        received = [event["requestReceivedTimestamp"] for event in of.proxy.events]
        assert received[::2] == received[1::2]
        assert len(set(received)) == 3
        assert [event["stageTimestamp"] for event in of.proxy.events[::2]] == received[::2]
