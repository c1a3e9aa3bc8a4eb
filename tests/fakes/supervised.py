"""Parts of a supervised session that a test looks at: a reader, its tunnel, and who is fed."""

import asyncio

from auditproxy.apis.session import (
    Carried,
    Channel,
    Outcome,
    PortCarried,
    Record,
    Resized,
    Session,
    StreamEvent,
    Unreadable,
)
from auditproxy.recordings.recording import Recording
from auditproxy.sessions.rules import RecordingRule
from auditproxy.supervision.account import Account
from auditproxy.supervision.ends import Ending
from auditproxy.supervision.running import Running
from auditproxy.supervision.supervisor import Supervisor
from tests.fakes.loops import SteppedLoop
from tests.fakes.recorded import a_session

SECOND = 1_000_000_000


class PlainReader:
    """Bytes are the content of standard input and output; a few words have a meaning."""

    def __init__(self) -> None:
        self.is_in_frame = False
        self.free = 0.0
        """When nothing is owed any more."""
        self.last: list[StreamEvent] = []
        """What the end of the tunnel gives."""

    def from_client(self, data: bytes) -> list[StreamEvent]:
        """Standard input; ``ping`` is nothing, ``port`` 7 bytes of a connection.

        ``size 80`` is a terminal with so many columns.
        """
        if data == b"ping":
            return []
        if data == b"port":
            return [PortCarried(0, True, 7)]
        if data == b"broken":
            return [Unreadable(True, "broken")]
        if data.startswith(b"size "):
            return [Resized(int(data[5:]), 24)]
        return [Carried(Channel.STDIN, data)]

    def from_server(self, data: bytes) -> list[StreamEvent]:
        """Standard output; ``end`` is the exit code 3, ``begin`` begins what was sent before."""
        if data == b"ping":
            return []
        if data == b"port":
            return [PortCarried(0, False, 9)]
        if data == b"begin":
            return [PortCarried(0, True, 5), Carried(Channel.STDIN, b"\r" * 8)]
        if data == b"end":
            return [Outcome(3, "NonZeroExitCode")]
        return [Carried(Channel.STDOUT, data)]

    def end(self) -> list[StreamEvent]:
        """What was given."""
        return self.last

    def owed(self) -> float:
        """What the test says, until the time has passed."""
        return max(0.0, self.free - asyncio.get_running_loop().time())

    def notice(self, text: str) -> bytes:
        """The text, between frames."""
        return b"" if self.is_in_frame else f"notice: {text}".encode()

    def last_words(self, reason: str) -> bytes:
        """The reason, between frames."""
        return b"" if self.is_in_frame else f"end: {reason}".encode()


class Tunnel:
    """What is done to a tunnel."""

    def __init__(self) -> None:
        self.ends: list[str] = []
        self.written: list[bytes] = []
        self.holds: list[bool] = []

    @property
    def ending(self) -> Ending:
        """For Running.switched."""
        return Ending(self.ends.append, self.written.append)


class Woken:
    """A feeder that feeds when the test does."""

    def __init__(self) -> None:
        self.count = 0
        self.urgent = 0

    def wake(self, running: Running) -> None:
        """Something waits."""
        self.count += 1

    def feed(self, running: Running) -> None:
        """Much waits."""
        self.urgent += 1


def a_running(rule: RecordingRule, feeder: Woken) -> Running:
    """A session that nothing is kept of."""
    account = Account(
        a_session(),
        follows_commands=True,
        emit=lambda event: None,
        failed=lambda reason: None,
    )
    return Running(a_session(), rule, account, feeder=feeder, now=iter(range(10**9)).__next__)


class Stage:
    """A session whose tunnel has begun."""

    def __init__(self, rule: RecordingRule, *, unread: bool = False) -> None:
        self.reader = PlainReader()
        self.tunnel = Tunnel()
        self.woken = Woken()
        self.running: Running = a_running(rule, self.woken)
        reader = Unreadable(False, "no protocol") if unread else self.reader
        self.running.switched(reader, self.tunnel.ending)
        self.running.tied(self.tunnel.holds.append)

    @staticmethod
    async def pass_time(seconds: float) -> None:
        """Move the clock."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SteppedLoop)
        await loop.advance(seconds)


async def prepared(
    supervisor: Supervisor, rule: RecordingRule, session: Session | None = None
) -> Running:
    """A session whose recording is open, where its rule wants one; raises RecordingRefused."""
    running = supervisor.prepare(session or a_session(), rule)
    await supervisor.record(running)
    return running


class GivenRecordings:
    """Opens what it is given, or raises it."""

    def __init__(self, given: Recording | Exception) -> None:
        self.given = given

    def open(self, session: Session, record: Record) -> Recording:
        """Give it."""
        if isinstance(self.given, Exception):
            raise self.given
        return self.given

    def settle(self) -> None:
        """Nothing is finished here."""
