"""The log on a thread of its own: order, counts, and an end that a stalled pipe cannot hold up."""

import asyncio
import threading

from auditproxy.audit.encode import json_line, json_parts
from auditproxy.backends.log import LogBackend
from auditproxy.backends.writer import LogWriter
from tests.fakes.backends import Told, dropped, events, value
from tests.fakes.waiting import turns


class Lines:
    """A writer whose lines may be held up."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.threads: set[str] = set()
        self.gate = threading.Event()
        self.gate.set()
        self.began = threading.Event()
        self.closed = False

    def write(self, *parts: bytes) -> None:
        """Keep a line, when the gate is open."""
        self.began.set()
        self.gate.wait(20)
        self.threads.add(threading.current_thread().name)
        self.lines.append(b"".join(parts))

    def take_fault(self) -> str:
        """Nothing to tell."""
        return ""

    def probe(self) -> str:
        """Nothing speaks against a line."""
        return ""

    def close(self) -> None:
        """Remember it."""
        self.closed = True


def writer_of(lines: Lines, told: Told) -> LogWriter:
    """A writer over a log backend."""
    backend = LogBackend(
        lines,
        encode=json_parts,
        losses=told.losses,
        report=told.lines.append,
    )
    return LogWriter(backend)


async def test_in_order_on_one_thread() -> None:
    """Every line whole and in order, none on the event loop's thread; the end closes the file."""
    lines, told = Lines(), Told()
    writer = writer_of(lines, told)
    batch = events(100)
    assert await writer.deliver(batch) is True
    assert await writer.deliver(batch[:5]) is True
    await writer.shutdown()
    assert lines.lines == [json_line(one) for one in (*batch, *batch[:5])]
    assert lines.threads == {"audit-log"}
    assert lines.closed
    assert str(writer) == "log"
    assert value(told.metrics, "auditproxy_audit_events_written_total", plugin="log") == 105


async def test_never_used() -> None:
    """A writer without an event closes the file and starts no thread."""
    lines, told = Lines(), Told()
    await writer_of(lines, told).shutdown()
    assert lines.closed


async def test_cancelled_delivery_is_counted() -> None:
    """T259: of a batch that a stalled reader holds up, all but the line under way are dropped."""
    lines, told = Lines(), Told()
    lines.gate.clear()
    writer = writer_of(lines, told)
    delivery = asyncio.create_task(writer.deliver(events(10)))
    await asyncio.to_thread(lines.began.wait, 10)
    delivery.cancel()
    await asyncio.wait({delivery})
    assert delivery.cancelled()
    assert dropped(told.metrics, "shutdown") == 9
    lines.gate.set()
    await writer.shutdown()
    assert value(told.metrics, "auditproxy_audit_events_written_total", plugin="log") == 1


async def test_stalled_reader_does_not_hold_up_the_end() -> None:
    """B3: the shutdown returns although the thread is stuck in a write, whose line is lost."""
    lines, told = Lines(), Told()
    lines.gate.clear()
    writer = writer_of(lines, told)
    delivery = asyncio.create_task(writer.deliver(events(1)))
    await asyncio.to_thread(lines.began.wait, 10)
    async with asyncio.timeout(10):
        await writer.shutdown()
    assert not lines.closed
    assert writer.stalled > 0
    assert dropped(told.metrics, "shutdown") == 1
    lines.gate.set()
    await delivery
    assert writer.stalled == 0


async def test_work_is_done_in_turn() -> None:
    """Opening the file again waits for the lines before it."""
    lines, told = Lines(), Told()
    writer = writer_of(lines, told)
    seen: list[int] = []
    deliveries = asyncio.create_task(writer.deliver(events(3)))
    await turns()
    writer.run(lambda: seen.append(len(lines.lines)))
    await deliveries
    await writer.shutdown()
    assert seen == [3]


async def test_a_crash_loses_one_event() -> None:
    """Whatever writing raises, the event is counted, and the next ones are written."""

    class Crashing(Lines):
        def write(self, *parts: bytes) -> None:
            super().write(*parts)
            if len(self.lines) == 2:
                raise MemoryError

    lines, told = Crashing(), Told()
    writer = writer_of(lines, told)
    batch = events(3)
    async with asyncio.timeout(10):
        assert await writer.deliver(batch) is False
        assert await writer.deliver(batch) is True
        await writer.shutdown()
    assert lines.lines == [json_line(one) for one in (*batch, *batch)]
    assert lines.closed
    assert dropped(told.metrics, "crash") == 1
    assert told.lines == [
        "lost 1 audit event (audit plugin 'log'): writing crashed: MemoryError; "
        "report it as a fault of the proxy"
    ]


def test_a_loop_that_has_ended() -> None:
    """A line that was held up until then costs no fault, and the thread goes on."""
    lines, told = Lines(), Told()
    lines.gate.clear()
    writer = writer_of(lines, told)

    async def begin() -> None:
        writer.deliver(events(1)).close()
        await asyncio.to_thread(lines.began.wait, 10)

    asyncio.run(begin())
    lines.gate.set()
    written = threading.Event()
    writer.run(lambda: None, written.set)
    assert written.wait(10)
    assert len(lines.lines) == 1
