"""The recorder's thread: answers in time, shares of what it may be behind with, and its rest."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from auditproxy.apis.session import Carried, Channel, Record, Resized, SessionEvent
from auditproxy.recordings.store import RecordingRefused
from auditproxy.sessions.rules import RecordingRule
from auditproxy.supervision import recorderthread
from auditproxy.supervision.account import Account, Missing, Timed
from auditproxy.supervision.recorderthread import RecorderThread
from auditproxy.supervision.running import Running
from tests.fakes.clocks import Clock
from tests.fakes.recorded import a_session
from tests.fakes.supervised import Woken, a_running
from tests.fakes.waiting import turns, until

RULE = RecordingRule(record=Record.NONE)


class Crashes:
    """Keeps what crashed."""

    def __init__(self) -> None:
        self.found: list[Exception] = []

    def crashed(self, crash: Exception) -> None:
        """Keep one."""
        self.found.append(crash)


def _nothing(_: object) -> None:
    """Nobody listens."""


def of(size: int) -> list[Timed]:
    """A batch that takes so many bytes of the bounds."""
    return [(1, Carried(Channel.STDOUT, b"x" * (size - 64)))]


async def test_answer_in_time() -> None:
    """What the work returns; nothing where it crashes or takes too long."""
    faults = Crashes()
    thread = RecorderThread(faults)
    running = a_running(RULE, Woken())
    assert await thread.ask(lambda: 7, 5.0, running) == 7

    def crash() -> int:
        raise RecordingRefused("no")

    assert await thread.ask(crash, 5.0, running) is None
    assert [str(found) for found in faults.found] == ["no"]
    gate = threading.Event()
    assert await thread.ask(gate.wait, 0.01, running) is None
    gate.set()
    await until(lambda: thread.is_idle, "the end of the work")
    assert await thread.close(lambda: None, 5.0)


async def test_a_flood_leaves_others_their_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has taken all there is loses; another one, which has less than its share, not."""
    monkeypatch.setattr(recorderthread, "MOST_GIVEN", 10_000)
    thread = RecorderThread(Crashes())
    gate, stopped = threading.Event(), threading.Event()

    def stop() -> None:
        stopped.set()
        gate.wait()

    thread.do(stop)
    await until(stopped.is_set, "the stop of the thread")
    flood, quiet = a_running(RULE, Woken()), a_running(RULE, Woken())
    assert thread.give(flood, of(6_000), "")
    assert thread.give(flood, of(4_000), "")
    assert not thread.give(flood, of(100), "")
    assert thread.give(quiet, of(3_000), "")
    assert thread.give(quiet, of(333), "")
    assert not thread.give(quiet, of(100), "more than a third: there is room for a third session")
    gate.set()
    await until(lambda: thread.is_idle, "the end of the work")
    await until(lambda: thread.give(flood, of(10_000), ""), "room")
    assert await thread.close(lambda: None, 5.0)


async def test_no_terminal_is_followed_where_there_is_much_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What waits is recorded; the line of who has much to do is a gap."""
    monkeypatch.setattr(recorderthread, "MOST_FOLLOWED", 1_000)
    thread = RecorderThread(Crashes())
    found: list[SessionEvent] = []
    session = a_session(tty=True)
    account = Account(session, follows_commands=True, emit=found.append, failed=_nothing)
    running = Running(session, RULE, account, feeder=Woken(), now=iter(range(10**6)).__next__)
    gate, stopped = threading.Event(), threading.Event()

    def stop() -> None:
        stopped.set()
        gate.wait()

    def typed(line: bytes) -> list[Timed]:
        pieces = ((Channel.STDIN, line), (Channel.STDOUT, line), (Channel.STDIN, b"\r"))
        shown = (*pieces, (Channel.STDOUT, b"\r\n$ "))
        return [(1, Carried(channel, data)) for channel, data in shown]

    thread.do(stop)
    await until(stopped.is_set, "the stop of the thread")
    assert thread.give(running, typed(b"one"), "")
    assert thread.give(running, [(1, Resized(80, 24))] * 20, "")
    gate.set()
    await until(lambda: thread.is_idle, "the end of the work")
    assert thread.give(running, typed(b"two"), "")
    assert thread.give(running, typed(b"three"), "")
    assert await thread.close(lambda: None, 5.0)
    assert [(event.line, event.flags) for event in found] == [
        (None, ("hidden", "gap")),
        ("two", ()),
        ("three", ()),
    ]


@pytest.mark.parametrize(
    ("late", "rest"), [(0.0, 0.0), (0.01, 0.0), (0.015, 0.5), (0.03, 2.0), (1.0, 4.0)]
)
def test_rest(late: float, rest: float) -> None:
    """As a multiple of what it worked: none when the loop is in time, at most MOST_REST."""
    thread = RecorderThread(Crashes())
    thread.was_late(late)
    assert thread.rest(0.002) == pytest.approx(0.002 * rest)


async def test_close_of_what_never_ran() -> None:
    """The last work is done all the same."""
    done = asyncio.Event()
    assert await RecorderThread(Crashes()).close(done.set, 5.0)
    assert done.is_set()


class Kept:
    """A session whose lines are kept, with a terminal."""

    def __init__(self, order: list[str], name: str) -> None:
        self.lines: list[SessionEvent] = []
        session = a_session(tty=True)

        def emit(event: SessionEvent) -> None:
            self.lines.append(event)
            order.append(name)

        account = Account(session, follows_commands=True, emit=emit, failed=_nothing)
        self.running = Running(
            session, RULE, account, feeder=Woken(), now=iter(range(10**6)).__next__
        )


def entered(line: bytes, moment: int = 1) -> list[Timed]:
    """A line as a terminal shows it."""
    pieces = ((Channel.STDIN, line), (Channel.STDOUT, line), (Channel.STDIN, b"\r"))
    shown = (*pieces, (Channel.STDOUT, b"\r\n$ "))
    return [(moment, Carried(channel, data)) for channel, data in shown]


class Held:
    """A thread that does nothing until it is let go; its clock runs a little each time."""

    def __init__(self, step: float) -> None:
        self._now = 0.0
        self._step = step
        self._gate, self._stopped = threading.Event(), threading.Event()
        self.crashes = Crashes()
        self.thread = RecorderThread(self.crashes, clock=self._clock)
        self.thread.do(self._stop)

    def _clock(self) -> float:
        self._now += self._step
        return self._now

    def _stop(self) -> None:
        self._stopped.set()
        self._gate.wait()

    async def stopped(self) -> None:
        """Wait until it stands."""
        await until(self._stopped.is_set, "the stop of the thread")

    def go(self) -> None:
        """Let it go."""
        self._gate.set()


async def test_a_batch_is_split_whatever_it_holds() -> None:
    """A single frame of keys holds no other session up for longer than a turn."""
    held = Held(recorderthread.SLICE / 4)
    await held.stopped()
    order: list[str] = []
    flood, quiet = Kept(order, "flood"), Kept(order, "quiet")
    assert held.thread.give(flood.running, [(1, Carried(Channel.STDIN, b"\r" * 500))], "")
    assert held.thread.give(quiet.running, entered(b"id"), "")
    held.go()
    assert await held.thread.close(lambda: None, 20.0)
    assert [line.line for line in quiet.lines] == ["id"]
    assert order.index("quiet") < 20
    assert len(flood.lines) > 400, "all of it is accounted for"
    assert held.crashes.found == []


async def test_a_crash_within_a_batch_costs_one_session() -> None:
    """Also where it comes in a later turn."""
    held = Held(recorderthread.SLICE)
    await held.stopped()
    order: list[str] = []
    bad, quiet = Kept(order, "bad"), Kept(order, "quiet")
    batch: list[Any] = [*entered(b"id"), (2, Carried(Channel.STDIN, None))]  # type: ignore[arg-type]
    bad.running.cost_of = lambda batch: 100  # type: ignore[method-assign]
    assert held.thread.give(bad.running, batch, "a fault")
    assert held.thread.give(quiet.running, entered(b"id"), "")
    held.go()
    assert await held.thread.close(lambda: None, 20.0)
    assert len(held.crashes.found) == 1
    assert [line.line for line in quiet.lines] == ["id"]
    assert [line.reason for line in bad.lines][-1:] == ["a fault"]


async def test_a_gap_alone_is_a_batch() -> None:
    """It costs nothing of the bounds, and is accounted for after what does."""
    held = Held(0.0)
    await held.stopped()
    session = Kept([], "one")
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    assert held.thread.give(session.running, entered(b"id"), "")
    assert held.thread.give(session.running, [(2, Missing(10, sent=10))], "")
    held.go()
    assert await held.thread.close(lambda: None, 20.0)
    await turns()
    assert faults == []
    assert [line.flags for line in session.lines] == [(), ("hidden", "gap")]


async def test_who_is_behind_alone_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The flood of one session makes no gap in the lines of another."""
    monkeypatch.setattr(recorderthread, "MOST_FOLLOWED", 2_000)
    held = Held(0.0)
    await held.stopped()
    order: list[str] = []
    flood, quiet = Kept(order, "flood"), Kept(order, "quiet")
    assert held.thread.give(quiet.running, entered(b"id"), "")
    assert held.thread.give(flood.running, entered(b"ls"), "")
    assert held.thread.give(flood.running, entered(b"pwd"), "")
    assert held.thread.give(flood.running, [(1, Resized(80, 24))] * 50, "")
    held.go()
    assert await held.thread.close(lambda: None, 20.0)
    assert [(line.line, line.flags) for line in quiet.lines] == [("id", ())]
    assert (flood.lines[0].line, flood.lines[0].flags) == (None, ("hidden", "gap"))


async def test_the_work_of_others_is_no_sign_of_a_dead_disk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who is patient waits while it goes on; one piece that takes too long ends the wait."""
    monkeypatch.setattr(recorderthread, "PATIENCE", 1_000)
    clock = Clock()
    thread = RecorderThread(Crashes(), clock=clock)
    running = a_running(RULE, Woken())
    gate = threading.Event()
    thread.do(gate_of(gate), running)
    assert await thread.ask(lambda: 7, 0.02, running) is None
    asyncio.get_running_loop().call_later(0.1, gate.set)
    assert await thread.ask(lambda: 7, 0.02, running, patient=True) == 7
    stuck = threading.Event()
    thread.do(gate_of(stuck), running)
    await until(lambda: not thread.is_idle, "work")
    asyncio.get_running_loop().call_later(0.1, setattr, clock, "now", clock.now + 1.0)
    assert await thread.ask(lambda: 7, 0.02, running, patient=True) is None
    stuck.set()
    assert await thread.close(lambda: None, 5.0)


def gate_of(gate: threading.Event) -> Callable[[], None]:
    """Work that waits at a gate."""

    def wait() -> None:
        gate.wait(20)

    return wait


async def test_a_session_that_cannot_even_be_given_up() -> None:
    """Two faults of ours, one behind the other: what it had of the bounds is free again."""

    class Broken(Account):
        def steps(self, batch: Sequence[Timed], *, skips: bool = False) -> Iterator[None]:
            """Fail."""
            raise ValueError("first")

        def abandon(self, moment: int, reason: str) -> None:
            """Fail again."""
            raise ValueError("second")

    faults = Crashes()
    thread = RecorderThread(faults)
    account = Broken(a_session(), follows_commands=False, emit=_nothing, failed=_nothing)
    running = Running(a_session(), RULE, account, feeder=Woken(), now=lambda: 0)
    assert thread.give(running, of(6_000), "")
    await until(lambda: len(faults.found) == 2, "both faults")
    await until(lambda: not thread._given, "the bound is free")
    assert (thread._behind, [str(each) for each in faults.found]) == ({}, ["first", "second"])
    assert await thread.close(lambda: None, 5.0)
