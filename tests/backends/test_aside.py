"""Large events beside the event loop: order, the end, and what there is no room for."""

import threading

from auditproxy.apis.audit import Event
from auditproxy.audit.encode import LARGE, json_line, json_parts
from auditproxy.backends.aside import LargeAside
from auditproxy.backends.log import LogBackend
from auditproxy.backends.modes import Awaited
from auditproxy.backends.writer import LogWriter
from auditproxy.sockets.tasks import spawn
from tests.fakes.backends import Told, dropped, event, value
from tests.fakes.waiting import turns

DEADLINE = 20.0


class Lines:
    """A writer that keeps lines and threads; large ones wait for the gate."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.threads: list[str] = []
        self.parts: list[int] = []
        self.gate = threading.Event()
        self.is_closed = False

    def write(self, *parts: bytes) -> None:
        """Keep a line."""
        if sum(map(len, parts)) > LARGE:
            self.gate.wait(DEADLINE)
        self.lines.append(b"".join(parts))
        self.parts.append(len(parts))
        self.threads.append(threading.current_thread().name)

    def take_fault(self) -> str:
        """Nothing to tell."""
        return ""

    def probe(self) -> str:
        """Nothing speaks against a line."""
        return ""

    def close(self) -> None:
        """Remember that it was closed."""
        self.is_closed = True


class Bench:
    """A log whose large events go aside, and what became of them."""

    def __init__(self, maximum: int = 1000) -> None:
        self.lines, self.told = Lines(), Told()
        log = LogBackend(
            self.lines,
            encode=json_parts,
            losses=self.told.losses,
            report=self.told.lines.append,
        )
        self.writer = LogWriter(log)
        awaited = Awaited(self.writer, self.told.losses, maximum=maximum)
        self.backend = LargeAside(log, self.writer, awaited)


def large(audit_id: str = "large") -> Event:
    """An event whose body alone is large."""
    return event(audit_id, level="Request", body=b'"%b"' % (b"x" * LARGE))


async def test_only_large_events_go_aside() -> None:
    """Small events are written at once; a large one on the thread, in parts; then at once again."""
    bench = Bench()
    small = event("small", level="Request", body=b'"x"')
    assert bench.backend.process_events((small,)) is True
    bench.lines.gate.set()
    outcome = bench.backend.process_events((large(),))
    assert not isinstance(outcome, bool)
    assert await outcome is True
    assert bench.backend.process_events((small,)) is True
    here = threading.current_thread().name
    assert bench.lines.threads == [here, "audit-log", here]
    assert bench.lines.parts == [1, len(json_parts(large())), 1]
    assert bench.lines.lines == [json_line(one) for one in (small, large(), small)]
    await bench.backend.shutdown(DEADLINE)
    assert bench.lines.is_closed
    assert str(bench.backend) == "log"


async def test_order_is_kept() -> None:
    """What comes while a large event is being written is written behind it."""
    bench = Bench()
    given = [large(), event("a"), event("b"), large("second"), event("c")]
    outcomes = [bench.backend.process_events((one,)) for one in given]
    assert bench.lines.lines == []
    bench.lines.gate.set()
    for outcome in outcomes:
        assert not isinstance(outcome, bool)
        assert await outcome is True
    assert bench.lines.lines == [json_line(one) for one in given]
    assert value(bench.told.metrics, "auditproxy_audit_events_written_total", plugin="log") == 5
    await bench.backend.shutdown(DEADLINE)


async def test_nothing_is_lost_for_want_of_room() -> None:
    """With too much behind a large event the next one waits on the spot, as without a thread."""
    bench = Bench(maximum=2)
    outcomes = [bench.backend.process_events((one,)) for one in (large(), event("a"))]
    # Both are given to the thread.
    await turns()
    threading.Timer(0.05, bench.lines.gate.set).start()
    assert bench.backend.process_events((event("b"),)) is True
    assert bench.lines.lines == [json_line(one) for one in (large(), event("a"), event("b"))]
    for outcome in outcomes:
        assert not isinstance(outcome, bool)
        assert await outcome is True
    assert dropped(bench.told.metrics, "buffer-full") == 0
    await bench.backend.shutdown(DEADLINE)


async def test_after_the_end() -> None:
    """A late event is written on the spot, however large; one behind a stalled write is dropped."""
    bench = Bench()
    bench.lines.gate.set()
    await bench.backend.shutdown(DEADLINE)
    assert bench.backend.process_events((large(),)) is True
    assert bench.lines.lines == [json_line(large())]

    stalled = Bench()
    outcome = stalled.backend.process_events((large(),))
    closing = spawn(stalled.backend.shutdown(DEADLINE), "close the log")
    await turns()
    assert stalled.backend.process_events((event("late"),)) is False
    assert dropped(stalled.told.metrics, "shutdown") == 1
    stalled.lines.gate.set()
    await closing
    assert not isinstance(outcome, bool)
    assert await outcome is True
    assert stalled.lines.is_closed
