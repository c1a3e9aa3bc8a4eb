"""The supervisor: one real thread for the accounts of all sessions."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from auditproxy.apis.session import Channel, Record, Session, SessionEvent
from auditproxy.metrics.sessions import SessionMetrics
from auditproxy.recordings.recording import Recording
from auditproxy.recordings.store import RecordingRefused, RecordingStore
from auditproxy.sessions.rules import RecordingRule
from auditproxy.supervision import supervisor as supervising
from auditproxy.supervision.running import Running
from auditproxy.supervision.supervisor import Supervisor
from tests.fakes.recorded import STARTED, Stores, a_session, read_recording
from tests.fakes.supervised import GivenRecordings, PlainReader, Tunnel, prepared
from tests.fakes.waiting import turns, until

ALLOW = RecordingRule(record=Record.INPUT_OUTPUT)
DENY = RecordingRule(record=Record.INPUT_OUTPUT, deny=True)


class SlowRecordings:
    """A store whose disk answers when the gate is open."""

    def __init__(self, store: RecordingStore) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.is_opening = threading.Event()
        self._store = store

    def open(self, session: Session, record: Record) -> Recording:
        """Open one, once the gate is open."""
        self.is_opening.set()
        self.gate.wait()
        return self._store.open(session, record, moment=STARTED)

    def settle(self) -> None:
        """Give the finished ones their names."""
        self._store.settle()


class Supervision:
    """A supervisor over a folder, with what it says and counts."""

    def __init__(self, folder: Path) -> None:
        self.stores = Stores(folder)
        self.recordings = SlowRecordings(self.stores.new())
        self.registry = CollectorRegistry()
        self.metrics = SessionMetrics(self.registry)
        self.lines: list[SessionEvent] = []
        self.reports: list[str] = []
        self.tunnel = Tunnel()
        self.stall = threading.Event()
        self.emit: Callable[[SessionEvent], None] = self.lines.append
        self.supervisor = self.new(self.recordings)

    def new(self, recordings: supervising.Recordings | None) -> Supervisor:
        """Another one, with these recordings."""
        return Supervisor(
            recordings=recordings,
            emit=lambda event: self.emit(event),
            metrics=self.metrics,
            report=self.reports.append,
            now=iter(range(STARTED, STARTED + 10**9, 1000)).__next__,
        )

    async def begin(self, rule: RecordingRule, session: Session | None = None) -> Running:
        """A session whose tunnel has begun."""
        running = await prepared(self.supervisor, rule, session)
        running.switched(PlainReader(), self.tunnel.ending)
        self.supervisor.started(running)
        running.tied(self.tunnel.holds.append)
        return running

    async def stop_the_thread(self) -> None:
        """It does nothing from now on until ``stall`` is set."""
        stopped = threading.Event()

        def wait() -> None:
            stopped.set()
            self.stall.wait()

        self.supervisor.run(wait)
        await until(stopped.is_set, "the stop of the thread")

    def count(self, name: str, **labels: str) -> float:
        """A metric, 0 without one."""
        return self.registry.get_sample_value(f"auditproxy_{name}", labels) or 0

    def types(self) -> list[str]:
        """Types of the lines."""
        return [line.type.value for line in self.lines]

    async def at_rest(self) -> None:
        """Wait until the thread has done what it had to do."""
        await until(lambda: self.supervisor.is_idle, "the end of the thread's work")


@pytest.fixture
def supervision(tmp_path: Path) -> Iterator[Supervision]:
    """A supervisor; its disk is no obstacle at the end."""
    found = Supervision(tmp_path)
    yield found
    found.recordings.gate.set()
    found.stall.set()


async def test_session(supervision: Supervision) -> None:
    """Its lines in order, its recording, its counts."""
    running = await supervision.begin(ALLOW)
    assert supervision.count("sessions_total", kind="exec", recorded="true") == 1
    assert supervision.count("sessions_open", kind="exec") == 1
    running.from_client(b"id\r")
    running.from_upstream(b"uid=0\r\n")
    running.from_upstream(b"end")
    reference, seconds = await supervision.supervisor.close(running, "the tunnel ended")
    assert reference is not None
    assert running.recording == reference.path
    assert seconds > 0
    assert supervision.types()[0] == "SessionStarted"
    assert supervision.types()[-1] == "SessionEnded"
    assert supervision.lines[-1].exit_code == 3
    await supervision.at_rest()
    cast = read_recording(reference.path)
    assert (cast.data(Channel.STDIN), cast.data(Channel.STDOUT)) == (b"id\r", b"uid=0\r\n")
    assert supervision.count("sessions_open", kind="exec") == 0
    assert supervision.count("session_recordings_total", state="Complete") == 1
    await until(lambda: not supervision.count("session_recorder_stalled_seconds"), "rest")
    assert supervision.reports == []


async def test_what_was_read_is_written_while_the_session_runs(supervision: Supervision) -> None:
    """kill -9 leaves what happened before the last moment; sessions do not mix."""
    one = await supervision.begin(ALLOW, a_session(id="one", tty=False))
    two = await supervision.begin(ALLOW, a_session(id="two", tty=False))
    one.from_upstream(b"first")
    two.from_upstream(b"second")

    def written() -> bool:
        texts = [path.read_bytes() for path in supervision.stores.folder.glob("*.part")]
        return (
            {b"first" in text for text in texts}
            == {b"second" in text for text in texts}
            == {
                True,
                False,
            }
        )

    await until(written, "both recordings have their output")
    for running in (one, two):
        await supervision.supervisor.close(running, "")


async def test_nothing_is_recorded_without_a_rule(supervision: Supervision) -> None:
    """Lines and annotations need no folder."""
    supervision.supervisor = supervision.new(None)
    running = await supervision.begin(RecordingRule())
    assert running.recording == ""
    assert (await supervision.supervisor.close(running, "x"))[0] is None
    assert supervision.types() == ["SessionStarted", "SessionEnded"]
    assert supervision.count("sessions_total", kind="exec", recorded="false") == 1


@pytest.mark.parametrize("recordings", [None, GivenRecordings(RecordingRefused("disk full"))])
async def test_refused(supervision: Supervision, recordings: GivenRecordings | None) -> None:
    """Deny refuses what cannot be recorded; Allow lets it run unrecorded, and both count."""
    supervision.supervisor = supervision.new(recordings)
    reason = "no folder for recordings is configured" if recordings is None else "disk full"
    with pytest.raises(RecordingRefused, match=reason):
        await prepared(supervision.supervisor, DENY)
    assert supervision.count("sessions_refused_total", reason="recording") == 1
    assert supervision.count("session_recording_failures_total", reason="open") == 1
    running = await supervision.begin(ALLOW)
    assert running.recording == ""
    assert (await supervision.supervisor.close(running, ""))[0] is None
    assert supervision.count("sessions_refused_total", reason="recording") == 1
    what = f'exec of "alice" in team-a/box cannot be recorded: {reason}'
    assert supervision.reports == [
        f"{what}; it is refused (onFailure: Deny)",
        f"{what}; it runs unrecorded",
    ]
    # Whoever fills the disk is not unseen: the log says why there is no recording.
    assert supervision.types() == ["SessionStarted", "RecordingStopped", "SessionEnded"]


async def test_a_crash_while_opening(supervision: Supervision) -> None:
    """A fault of ours is reported, and refuses under Deny."""
    supervision.supervisor = supervision.new(GivenRecordings(ZeroDivisionError("oops")))
    with pytest.raises(RecordingRefused):
        await prepared(supervision.supervisor, DENY)
    # Where it happened, and not its text, which could hold what the session carried.
    assert supervision.reports[0].startswith("recording a session crashed: ZeroDivisionError at ")
    assert "oops" not in supervision.reports[0]
    assert "a fault of auditproxy's own" in supervision.reports[1]
    assert supervision.count("session_recording_failures_total", reason="crash") == 1


async def test_disk_that_does_not_answer(
    supervision: Supervision, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session is refused in time; what is opened too late is removed."""
    monkeypatch.setattr(supervising, "OPENING", 0.05)
    supervision.recordings.gate.clear()
    with pytest.raises(RecordingRefused, match="does not answer"):
        await prepared(supervision.supervisor, DENY)
    assert supervision.count("session_recorder_stalled_seconds") > 0
    supervision.recordings.gate.set()
    await supervision.at_rest()
    assert supervision.stores.files() == []


async def test_client_that_leaves_while_its_recording_is_opened(supervision: Supervision) -> None:
    """Nothing is left of it."""
    supervision.recordings.gate.clear()
    preparing = asyncio.create_task(prepared(supervision.supervisor, ALLOW))
    await until(supervision.recordings.is_opening.is_set, "the opening")
    preparing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await preparing
    supervision.recordings.gate.set()
    await supervision.at_rest()
    assert supervision.stores.files() == []


async def test_discarded(supervision: Supervision) -> None:
    """The upstream did not switch."""
    running = await prepared(supervision.supervisor, ALLOW)
    supervision.supervisor.discard(running)
    await supervision.at_rest()
    assert supervision.stores.files() == []
    assert supervision.lines == []


async def test_slow_disk_leaves_a_gap(supervision: Supervision) -> None:
    """Allow: the session goes on, what does not fit is counted, and the recording says so."""
    running = await supervision.begin(ALLOW)
    await supervision.stop_the_thread()
    for _ in range(20):
        running.from_upstream(b"x" * 100_000)
    supervision.stall.set()
    reference, _ = await supervision.supervisor.close(running, "")
    assert reference is not None
    missing = int(supervision.count("session_recording_gap_bytes_total"))
    await supervision.at_rest()
    cast = read_recording(reference.path)
    assert len(cast.data(Channel.STDOUT)) == 2_000_000 - missing
    assert missing > 0
    assert supervision.tunnel.holds == []
    (told,) = supervision.reports
    assert told == (
        'exec of "alice" in team-a/box has a gap in its recording: the recorder did not keep up with '
        "it (onFailure: Allow); what is missing in all is at its end"
    )


async def test_slow_disk_holds_the_container(supervision: Supervision) -> None:
    """Deny: it is not read until the disk has caught up, and all of it is recorded."""
    running = await supervision.begin(DENY)
    await supervision.stop_the_thread()
    for _ in range(20):
        running.from_upstream(b"x" * 100_000)
    assert supervision.tunnel.holds == [True]
    supervision.stall.set()
    await until(lambda: supervision.tunnel.holds == [True, False], "room")
    reference, _ = await supervision.supervisor.close(running, "")
    assert reference is not None
    await supervision.at_rest()
    assert len(read_recording(reference.path).data(Channel.STDOUT)) == 2_000_000
    assert supervision.tunnel.ends == []


@pytest.mark.parametrize(("rule", "ends"), [(ALLOW, 0), (DENY, 1)], ids=["Allow", "Deny"])
async def test_recording_that_stops(
    supervision: Supervision, rule: RecordingRule, ends: int
) -> None:
    """Deny ends the session, for the client to read; Allow does not."""
    running = await supervision.begin(rule)
    running.from_client(b"broken")
    await until(
        lambda: supervision.count("session_recording_failures_total", reason="stopped"),
        "the failure",
    )
    assert len(supervision.tunnel.ends) == ends
    assert supervision.reports == [
        'exec of "alice" in team-a/box is not recorded any further: input cannot be read: broken'
    ]
    reference, _ = await supervision.supervisor.close(running, "")
    assert reference is not None
    assert reference.state == "Cut"


async def test_a_crash_costs_one_session(supervision: Supervision) -> None:
    """A fault of ours ends the recording of its session alone, and says so."""
    running = await supervision.begin(DENY)
    other = await supervision.begin(ALLOW, a_session(id="other"))

    def emit(event: SessionEvent) -> None:
        if event.type == "Command" and event.session_id == running.session.id:
            raise ZeroDivisionError("oops")
        supervision.lines.append(event)

    supervision.emit = emit
    for each in (running, other):
        each.from_upstream(b"$ ")
        each.from_client(b"id\r")
        each.from_upstream(b"id\r\nuid=0\r\n$ ")
    await until(lambda: supervision.tunnel.ends, "the end of the session")
    references = [(await supervision.supervisor.close(each, ""))[0] for each in (running, other)]
    assert [reference.state for reference in references if reference] == ["Cut", "Complete"]
    crashed, stopped = supervision.reports
    assert crashed.startswith("recording a session crashed: ZeroDivisionError at ")
    assert stopped.startswith(
        'exec of "alice" in team-a/box is not recorded any further: a fault of'
    )
    assert supervision.count("session_recording_failures_total", reason="crash") == 1
    assert "Command" in supervision.types()


async def test_a_crash_at_the_end(supervision: Supervision) -> None:
    """The event of the request does not wait for what crashed."""
    running = await supervision.begin(ALLOW)
    await supervision.at_rest()

    def emit(event: SessionEvent) -> None:
        raise ZeroDivisionError("oops")

    supervision.emit = emit
    assert (await supervision.supervisor.close(running, ""))[0] is None
    assert supervision.count("sessions_open", kind="exec") == 0
    assert len(supervision.reports) == 1


async def test_close_waits_no_longer_than_it_may(
    supervision: Supervision, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that stalls holds up no event; the recording is finished later."""
    monkeypatch.setattr(supervising, "CLOSING", 0.05)
    running = await supervision.begin(ALLOW)
    running.from_upstream(b"out")
    await supervision.stop_the_thread()
    assert (await supervision.supervisor.close(running, ""))[0] is None
    assert supervision.count("session_recordings_total", state="Complete") == 0
    supervision.stall.set()
    await supervision.at_rest()
    assert read_recording(running.recording).data(Channel.STDOUT) == b"out"


async def test_shutdown(supervision: Supervision) -> None:
    """What was given to the thread is done before its last work."""
    running = await supervision.begin(ALLOW)
    closing = asyncio.create_task(supervision.supervisor.close(running, "shutting down"))
    last: list[list[str]] = []
    await turns()
    await supervision.supervisor.shutdown(5.0, lambda: last.append(supervision.types()))
    assert last == [["SessionStarted", "SessionEnded"]]
    assert (await closing)[0] is not None
    assert supervision.stores.files() == [Path(running.recording).name]
    assert supervision.reports == []


async def test_shutdown_of_what_never_ran(supervision: Supervision) -> None:
    """Without a session there is no thread to wait for."""
    last: list[int] = []
    await supervision.supervisor.shutdown(5.0, lambda: last.append(1))
    assert last == [1]


async def test_shutdown_of_a_disk_that_does_not_answer(supervision: Supervision) -> None:
    """The process ends in time and says what it leaves."""
    await supervision.stop_the_thread()
    await supervision.supervisor.shutdown(0.05, lambda: None)
    supervision.stall.set()
    assert supervision.reports == [
        "the recorder of sessions does not answer; recordings are unfinished"
    ]


async def test_refused_by_rule(supervision: Supervision) -> None:
    """Counted by reason."""
    supervision.supervisor.refused("unreadable")
    assert supervision.count("sessions_refused_total", reason="unreadable") == 1


def test_loop_that_is_gone(tmp_path: Path) -> None:
    """What the thread does after the loop was closed reaches nobody, and is done all the same."""
    supervision = Supervision(tmp_path)

    async def leave() -> Running:
        running = await supervision.begin(DENY)
        running.from_client(b"broken")
        running.from_upstream(b"out")
        await supervision.stop_the_thread()
        await until(lambda: supervision.recordings.is_opening.is_set(), "the thread")
        closing = asyncio.create_task(supervision.supervisor.close(running, ""))
        await turns()
        closing.cancel()
        return running

    running = asyncio.run(leave())
    supervision.stall.set()
    asyncio.run(supervision.at_rest())
    assert read_recording(running.recording).data(Channel.STDOUT) == b"out"
    assert supervision.reports == []


async def test_a_flood_holds_up_no_opening(supervision: Supervision) -> None:
    """One frame of keys, and another session opens before all of it is followed."""
    flood = await supervision.begin(ALLOW, a_session(id="flood", tty=True))
    await supervision.at_rest()
    lines_at_opening: list[int] = []
    open_it = supervision.recordings.open

    def opened(session: Session, record: Record) -> Recording:
        lines_at_opening.append(len(supervision.lines))
        return open_it(session, record)

    supervision.recordings.open = opened  # type: ignore[method-assign]
    await supervision.stop_the_thread()
    flood.from_client(b"\r" * 15_000)
    supervision.supervisor.feed(flood)
    opening = asyncio.create_task(prepared(supervision.supervisor, DENY, a_session(id="other")))
    await turns()
    supervision.stall.set()
    assert (await opening).recording
    assert lines_at_opening[0] < 1_000, "the flood has hardly begun"
    await supervision.supervisor.close(flood, "it ended")
    await supervision.at_rest()
    counts = [line.folded.count for line in supervision.lines if line.folded is not None]
    own = [line for line in supervision.lines if line.type == "Command" and line.folded is None]
    assert sum(counts) + len(own) > 14_900, "every Enter is in the count"
    assert len(supervision.lines) < 1_100


async def test_keys_fill_the_queue_by_their_work(supervision: Supervision) -> None:
    """A session that floods falls behind by itself, and says so."""
    flood = await supervision.begin(ALLOW, a_session(tty=True))
    await supervision.at_rest()
    await supervision.stop_the_thread()
    for _ in range(100):
        flood.from_client(b"\r" * 1_000)
    assert flood.missing > 80_000
    supervision.stall.set()
    await supervision.supervisor.close(flood, "it ended")
    await supervision.at_rest()
    assert supervision.lines[-1].missing_bytes == flood.missing
    assert "gap" in supervision.lines[-1].flags
