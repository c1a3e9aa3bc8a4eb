"""The recorder's thread: answers in time, shares of what it may be behind with, and its rest."""

import asyncio
import threading

import pytest

from auditproxy.apis.session import Carried, Channel, Record, SessionEvent
from auditproxy.recordings.store import RecordingRefused
from auditproxy.sessions.rules import RecordingRule
from auditproxy.supervision import recorderthread
from auditproxy.supervision.account import Account, Timed
from auditproxy.supervision.recorderthread import RecorderThread
from auditproxy.supervision.running import Running
from tests.fakes.recorded import a_session
from tests.fakes.supervised import Woken, a_running
from tests.fakes.waiting import until

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
    """What waits is recorded; the line that is being entered meanwhile is a gap."""
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
    assert thread.give(a_running(RULE, Woken()), of(2_000), "")
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
