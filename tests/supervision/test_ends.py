"""When a session is ended by rule, or the proxy stops, and what its terminal reads before."""

from auditproxy.apis.session import Record
from auditproxy.sessions.rules import RecordingRule
from auditproxy.supervision.ends import NOTICE
from tests.fakes.supervised import SECOND, Stage

STEPPED_LOOP = True
ALLOW = RecordingRule(record=Record.OUTPUT)


async def test_maximum_duration() -> None:
    """A notice before the end, however busy the session is; then the end."""
    stage = Stage(RecordingRule(record=Record.OUTPUT, maximum_duration=600 * SECOND))
    await stage.pass_time(600 - NOTICE - 1)
    stage.running.from_client(b"busy")
    assert stage.tunnel.written == []
    await stage.pass_time(2)
    assert stage.tunnel.written == [
        b"notice: auditproxy: this session ends in 60 s, when its maximum duration is over"
    ]
    assert stage.tunnel.ends == []
    await stage.pass_time(NOTICE)
    assert stage.tunnel.ends == ["auditproxy ended this session: its maximum duration is over"]


async def test_short_duration() -> None:
    """Where there is less time, the notice comes after half of it."""
    stage = Stage(RecordingRule(record=Record.OUTPUT, maximum_duration=10 * SECOND))
    await stage.pass_time(5.5)
    assert stage.tunnel.written == [
        b"notice: auditproxy: this session ends in 5 s, when its maximum duration is over"
    ]
    await stage.pass_time(5)
    assert len(stage.tunnel.ends) == 1


async def test_no_notice_within_a_frame() -> None:
    """The client could not read it; the session ends all the same."""
    stage = Stage(RecordingRule(record=Record.OUTPUT, maximum_duration=10 * SECOND))
    stage.reader.is_in_frame = True
    await stage.pass_time(11)
    assert stage.tunnel.written == []
    assert len(stage.tunnel.ends) == 1


async def test_idleness() -> None:
    """What passes in either direction counts, pings and sizes do not; a notice, and the end."""
    stage = Stage(RecordingRule(record=Record.OUTPUT, idle_timeout=300 * SECOND))
    for send in (stage.running.from_client, stage.running.from_upstream):
        await stage.pass_time(200)
        send(b"busy")
    assert stage.tunnel.written == []
    await stage.pass_time(200)
    stage.running.from_client(b"ping")
    stage.running.from_upstream(b"ping")
    stage.running.from_client(b"size 80")
    stage.running.from_client(b"size 80")
    stage.running.from_client(b"size 81")
    await stage.pass_time(41)
    assert stage.tunnel.written == [
        b"notice: auditproxy: this session ends in 60 s unless something is sent"
    ]
    stage.running.from_client(b"still here")
    await stage.pass_time(100)
    assert stage.tunnel.ends == []
    await stage.pass_time(150)
    assert len(stage.tunnel.written) == 2
    await stage.pass_time(60)
    assert stage.tunnel.ends == ["auditproxy ended this session: nothing was sent for 300 s"]


async def test_stopping() -> None:
    """A proxy that stops says so at once and a minute before the end, and ends nothing by itself."""
    stage = Stage(ALLOW)
    text = b"notice: auditproxy: this session ends in %d s at the latest, as the proxy restarts"
    stage.running.stopping(300)
    stage.running.stopping(300)
    assert stage.tunnel.written == [text % 300]
    await stage.pass_time(300 - NOTICE - 1)
    assert stage.tunnel.written == [text % 300]
    await stage.pass_time(2)
    assert stage.tunnel.written == [text % 300, text % 60]
    await stage.pass_time(100)
    assert (len(stage.tunnel.written), stage.tunnel.ends) == (2, [])


async def test_stopping_within_a_frame() -> None:
    """What the client could not read now is said a second later; nothing after the session."""
    stage = Stage(ALLOW)
    stage.reader.is_in_frame = True
    stage.running.stopping(30)
    await stage.pass_time(1.5)
    assert stage.tunnel.written == []
    stage.reader.is_in_frame = False
    await stage.pass_time(1)
    text = b"notice: auditproxy: this session ends in 28 s at the latest, as the proxy restarts"
    assert stage.tunnel.written == [text]
    stage.running.closed("it ended")
    await stage.pass_time(30)
    assert stage.tunnel.written == [text]


async def test_nothing_is_said_while_bytes_are_not_read_yet() -> None:
    """What passed may end within a frame, which the reader does not know yet."""
    stage = Stage(ALLOW)
    stage.running.pace(True)
    stage.running.stopping(300)
    assert stage.tunnel.written == []
    stage.running.pace(False)
    await stage.pass_time(2)
    assert len(stage.tunnel.written) == 1
