"""A session while its tunnel runs: what waits for the recorder, and when the session is ended."""

import pytest

from auditproxy.apis.session import (
    Carried,
    Channel,
    Outcome,
    PortClosed,
    Record,
    Resized,
    Unreadable,
)
from auditproxy.sessions.rules import RecordingRule
from auditproxy.supervision.account import Account, Missing
from auditproxy.supervision.costs import EVENT_COST
from auditproxy.supervision.running import (
    HELD_LIMIT,
    MOST_SIZES_IN_A_ROW,
    QUEUE_FED,
    QUEUE_LIMIT,
    TOO_FAST,
    Running,
)
from tests.fakes.recorded import a_session
from tests.fakes.supervised import SECOND, PlainReader, Stage, Tunnel, Woken, a_running

STEPPED_LOOP = True
ALLOW = RecordingRule(record=Record.OUTPUT)
DENY = RecordingRule(record=Record.OUTPUT, deny=True)
PIECE = b"x" * (QUEUE_LIMIT // 4)


async def test_what_passes_waits_for_the_recorder() -> None:
    """In order, with what it counts; the feeder is woken for the first alone."""
    stage = Stage(ALLOW)
    running = stage.running
    running.from_client(b"in")
    running.from_upstream(b"out")
    running.from_client(b"port")
    running.from_upstream(b"port")
    running.from_upstream(b"end")
    assert stage.woken.count == 1
    batch, missed = running.waiting()
    assert [event for _, event in batch][:2] == [
        Carried(Channel.STDIN, b"in"),
        Carried(Channel.STDOUT, b"out"),
    ]
    moments = [moment for moment, _ in batch]
    assert moments == sorted(moments)
    assert (len(batch), missed) == (5, 0)
    assert (running.bytes_in, running.bytes_out) == (2 + 7, 3 + 9)
    assert running.outcome == Outcome(3, "NonZeroExitCode")
    assert running.waiting() == ([], 0)
    running.from_client(b"more")
    assert stage.woken.count == 2


async def test_what_was_sent_before_the_server_was_ready() -> None:
    """It is the client's, and takes what it gives back: no more may wait for it later."""
    stage = Stage(ALLOW)
    running = stage.running
    running.from_upstream(b"begin")
    assert (running.bytes_in, running.bytes_out) == (5 + 8, 0)
    batch, _ = running.waiting()
    running.taken(running.cost_of(batch))
    for _ in range(4):
        running.from_upstream(PIECE)
    assert running.missing == len(PIECE)


async def test_early_input_where_no_output_is_kept() -> None:
    """It is input, whatever it came with: the session log has its digest."""
    session = a_session(tty=False)
    account = Account(
        session, follows_commands=False, emit=lambda event: None, failed=lambda reason: None
    )
    running = Running(session, ALLOW, account, feeder=Woken(), now=iter(range(9)).__next__)
    running.switched(PlainReader(), Tunnel().ending)
    running.from_upstream(b"out")
    running.from_upstream(b"begin")
    batch, _ = running.waiting()
    carried = [event for _, event in batch if isinstance(event, Carried)]
    assert carried == [Carried(Channel.STDIN, b"\r" * 8)]


async def test_allow_leaves_out_what_the_recorder_is_too_slow_for() -> None:
    """A gap stands where it is; the tunnel is never held."""
    stage = Stage(ALLOW)
    running = stage.running
    for _ in range(6):
        running.from_upstream(PIECE)
    running.from_upstream(b"small enough")
    batch, missed = running.waiting()
    kinds = [type(event) for _, event in batch]
    assert kinds == [Carried, Carried, Carried, Missing, Carried]
    assert missed == 3 * len(PIECE)
    assert stage.tunnel.holds == []
    # Until the recorder has taken it, there is no more room, and nobody to be woken for.
    woken = stage.woken.count
    running.from_upstream(PIECE)
    assert stage.woken.count == woken
    running.taken(running.cost_of(batch))
    running.from_upstream(b"room again")
    batch, missed = running.waiting()
    assert [event for _, event in batch] == [
        Missing(len(PIECE)),
        Carried(Channel.STDOUT, b"room again"),
    ]
    assert missed == len(PIECE)
    assert stage.woken.count == woken + 1
    assert stage.tunnel.ends == []


async def test_a_gap_at_the_end() -> None:
    """It is not forgotten because nothing follows."""
    stage = Stage(ALLOW)
    for _ in range(4):
        stage.running.from_upstream(PIECE)
    stage.running.closed("it ended")
    batch, missed = stage.running.waiting()
    assert batch[-1][1] == Missing(len(PIECE))
    assert missed == len(PIECE)


async def test_deny_holds_the_container_until_there_is_room() -> None:
    """The container's side is not read meanwhile; nothing is left out."""
    stage = Stage(DENY)
    running = stage.running
    for _ in range(6):
        running.from_upstream(PIECE)
    assert stage.tunnel.holds == [True]
    batch, missed = running.waiting()
    assert (len(batch), missed) == (6, 0)
    running.taken(running.cost_of(batch[:2]))
    assert stage.tunnel.holds == [True]
    running.taken(running.cost_of(batch[2:]))
    assert stage.tunnel.holds == [True, False]
    await stage.pass_time(HELD_LIMIT + 1)
    assert stage.tunnel.ends == []


async def test_deny_ends_what_is_held_too_long() -> None:
    """A recorder that does not come back ends the session."""
    stage = Stage(DENY)
    for _ in range(6):
        stage.running.from_upstream(PIECE)
    await stage.pass_time(HELD_LIMIT - 1)
    assert stage.tunnel.ends == []
    await stage.pass_time(2)
    assert stage.tunnel.ends == [f"auditproxy ended this session: {TOO_FAST}"]


async def test_deny_ends_a_flood_of_the_client() -> None:
    """Input cannot be held; a session that loses some of it ends."""
    stage = Stage(DENY)
    for _ in range(4 * 4):
        stage.running.from_client(PIECE)
    assert stage.tunnel.ends == []
    for _ in range(4):
        stage.running.from_client(PIECE)
    assert set(stage.tunnel.ends) == {f"auditproxy ended this session: {TOO_FAST}"}


@pytest.mark.parametrize(("rule", "ends"), [(ALLOW, 0), (DENY, 1)], ids=["Allow", "Deny"])
async def test_recording_that_failed(rule: RecordingRule, ends: int) -> None:
    """Deny ends the session with it."""
    stage = Stage(rule)
    stage.running.recording_failed("the disk is full")
    assert (
        stage.tunnel.ends
        == ["auditproxy ended this session: it cannot be recorded any further: the disk is full"]
        * ends
    )


async def test_tunnel_that_cannot_be_read() -> None:
    """Its bytes are counted, and the reason goes to the account; nothing can be said in it."""
    stage = Stage(ALLOW, unread=True)
    stage.running.from_client(b"123")
    stage.running.from_upstream(b"4567")
    assert (stage.running.bytes_in, stage.running.bytes_out) == (3, 4)
    batch, _ = stage.running.waiting()
    assert [event for _, event in batch] == [Unreadable(False, "no protocol")]
    assert stage.running.last_words("bye") == b""


async def test_last_words() -> None:
    """Those of the reader, where a frame may begin."""
    stage = Stage(ALLOW)
    assert stage.running.last_words("bye") == b"end: bye"
    stage.reader.is_in_frame = True
    assert stage.running.last_words("bye") == b""


@pytest.mark.parametrize("unread", [True, False], ids=["from the beginning", "later"])
async def test_unreadable_is_not_idle(unread: bool) -> None:
    """Where nobody knows what the bytes are, all of them count."""
    stage = Stage(RecordingRule(record=Record.OUTPUT, idle_timeout=10 * SECOND), unread=unread)
    stage.running.from_client(b"broken")
    for _ in range(5):
        await stage.pass_time(4)
        stage.running.from_client(b"ping")
        await stage.pass_time(4)
        stage.running.from_upstream(b"ping")
    assert stage.tunnel.ends == []
    await stage.pass_time(11)
    assert len(stage.tunnel.ends) == 1


async def test_sizes_with_nothing_between() -> None:
    """Some are kept as they came; of a flood the last one counts, and it takes no more room."""
    stage = Stage(ALLOW)
    running = stage.running
    for columns in range(20, 120):
        running.from_client(b"size %d" % columns)
    running.from_client(b"id")
    for columns in range(120, 140):
        running.from_client(b"size %d" % columns)
    running.from_upstream(b"id")
    batch, _ = running.waiting()
    kept = MOST_SIZES_IN_A_ROW - 1
    assert [event for _, event in batch] == [
        *(Resized(20 + number, 24) for number in range(kept)),
        Resized(119, 24),
        Carried(Channel.STDIN, b"id"),
        *(Resized(120 + number, 24) for number in range(kept)),
        Resized(139, 24),
        Carried(Channel.STDOUT, b"id"),
    ]
    running.taken(running.cost_of(batch))
    running.from_client(b"size 20")
    assert [event for _, event in running.waiting()[0]] == [Resized(20, 24)]


async def test_two_reasons_to_hold() -> None:
    """The tunnel is read again when neither is left."""
    stage = Stage(DENY)
    running = stage.running
    running.pace(True)
    for _ in range(6):
        running.from_upstream(PIECE)
    batch, _ = running.waiting()
    running.pace(False)
    assert stage.tunnel.holds == [True]
    running.taken(running.cost_of(batch))
    assert stage.tunnel.holds == [True, False]
    running.pace(True)
    running.pace(True)
    running.pace(False)
    assert stage.tunnel.holds == [True, False, True, False]


async def test_closed() -> None:
    """What the end of the streams means comes last; no timer is left, and nothing can be said."""
    stage = Stage(
        RecordingRule(
            record=Record.OUTPUT,
            deny=True,
            maximum_duration=20 * SECOND,
            idle_timeout=30 * SECOND,
        )
    )
    for _ in range(5):
        stage.running.from_upstream(PIECE)
    stage.reader.last = [PortClosed(0), Outcome(0)]
    closing = stage.running.closed("the tunnel ended")
    assert closing.outcome == stage.running.outcome == Outcome(0)
    assert (closing.reason, closing.bytes_out) == ("the tunnel ended", 5 * len(PIECE))
    batch, _ = stage.running.waiting()
    assert [event for _, event in batch][-2:] == [PortClosed(0), Outcome(0)]
    await stage.pass_time(60)
    stage.running.recording_failed("too late")
    assert stage.tunnel.ends == []
    assert stage.tunnel.holds == [True]
    # The account may report later.
    stage.running.taken(stage.running.cost_of(batch))


async def test_never_tied() -> None:
    """A tunnel whose client was gone: holding it does nothing."""
    running = a_running(DENY, Woken())
    running.switched(PlainReader(), Tunnel().ending)
    for _ in range(6):
        running.from_upstream(PIECE)
    assert running.closed("the client left").reason == "the client left"


async def test_a_lot_goes_at_once() -> None:
    """A session that has much to say does not wait for the next turn."""
    stage = Stage(ALLOW)
    stage.running.from_upstream(b"x" * QUEUE_FED)
    assert (stage.woken.count, stage.woken.urgent) == (0, 1)
    stage.running.waiting()
    stage.running.from_upstream(b"x")
    assert (stage.woken.count, stage.woken.urgent) == (1, 1)


async def test_what_the_recorder_cannot_take_is_counted() -> None:
    """Bytes of every kind, which the account is told; under Deny the session ends."""
    stage = Stage(DENY)
    stage.running.from_upstream(b"four")
    stage.running.from_client(b"port")
    batch, missed = stage.running.waiting()
    assert missed == 0
    stage.running.lost(batch)
    assert stage.running.missing == 4 + 7
    batch, missed = stage.running.waiting()
    assert ([event for _, event in batch], missed) == ([Missing(4 + 7)], 4 + 7)
    assert len(stage.tunnel.ends) == 1
    # Refused again, it is told again, and counted once.
    stage.running.lost(batch)
    batch, missed = stage.running.waiting()
    assert ([event for _, event in batch], missed) == ([Missing(4 + 7)], 0)
    assert stage.running.missing == 4 + 7


async def test_what_ends_the_reading_is_not_lost() -> None:
    """Where the queue is full, the account learns it as soon as there is room."""
    stage = Stage(ALLOW)
    running = stage.running
    running.from_upstream(b"x" * (QUEUE_LIMIT - EVENT_COST))
    running.from_client(b"broken")
    running.from_client(b"id\r")
    running.from_upstream(b"end")
    batch, _ = running.waiting()
    assert [type(event) for _, event in batch] == [Carried]
    woken = stage.woken.count
    running.taken(running.cost_of(batch))
    assert stage.woken.count == woken + 1
    batch, _ = running.waiting()
    assert [event for _, event in batch] == [
        Missing(3, sent=3),
        Unreadable(True, "broken"),
        Outcome(3, "NonZeroExitCode"),
    ]


async def test_what_was_not_told_is_in_the_closing() -> None:
    """A last batch that the recorder does not take."""
    stage = Stage(ALLOW)
    stage.running.from_upstream(b"four")
    stage.running.from_client(b"broken")
    closing = stage.running.closed("it ended")
    batch, _ = stage.running.waiting()
    stage.running.lost(batch)
    assert stage.running.waiting() == ([], 4)
    closing = stage.running.unfed(closing)
    assert closing.missing == 4
    assert closing.unfed == (Missing(4), Unreadable(True, "broken"))


async def test_it_ends_once() -> None:
    """Whatever asks for it again."""
    stage = Stage(ALLOW)
    stage.running.end("one")
    stage.running.end("two")
    assert stage.tunnel.ends == ["auditproxy ended this session: one"]


async def test_reading_that_crashed() -> None:
    """Bytes are counted from then on, and the account learns that nothing follows."""
    stage = Stage(ALLOW)
    stage.running.reading_crashed()
    stage.running.from_upstream(b"1234")
    assert stage.running.bytes_out == 4
    batch, _ = stage.running.waiting()
    assert [event.from_client for _, event in batch if isinstance(event, Unreadable)] == [
        True,
        False,
    ]
