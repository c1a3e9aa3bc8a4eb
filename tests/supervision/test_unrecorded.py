"""Bytes that pass and are not recorded: every one is in the last line, the event and the metric."""

import asyncio
import resource
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from auditproxy.apis.session import Channel, Record, Session, SessionEvent, SessionKind, Unreadable
from auditproxy.metrics.sessions import SessionMetrics
from auditproxy.recordings.recording import Recording
from auditproxy.sessions.rules import RecordingRule
from auditproxy.sessions.wire.frames import BINARY, frame
from auditproxy.sessions.wire.kinds import open_reader
from auditproxy.sessions.wire.reader import SessionReader
from auditproxy.supervision.running import Running
from auditproxy.supervision.supervisor import Supervisor
from tests.fakes.recorded import STARTED, Stores, a_session, read_recording
from tests.fakes.supervised import PlainReader, Tunnel, prepared
from tests.fakes.waiting import until

DENY = RecordingRule(record=Record.OUTPUT, deny=True)
PIECE = b"x" * 10_000


class Proxy:
    """A supervisor over a folder."""

    def __init__(self, folder: Path) -> None:
        self.store = Stores(folder).new()
        self.registry = CollectorRegistry()
        self.lines: list[SessionEvent] = []
        self.tunnel = Tunnel()
        self.stall = threading.Event()
        self.supervisor = Supervisor(
            recordings=self,
            emit=self.lines.append,
            metrics=SessionMetrics(self.registry),
            report=lambda text: None,
            now=iter(range(STARTED, STARTED + 10**9, 1000)).__next__,
        )

    def open(self, session: Session, record: Record) -> Recording:
        """Open one."""
        return self.store.open(session, record, moment=STARTED)

    def settle(self) -> None:
        """Give the finished ones their names."""
        self.store.settle()

    async def begin(self, reader: SessionReader) -> Running:
        """A session whose tunnel has begun."""
        running = await prepared(self.supervisor, DENY, a_session(tty=False))
        running.switched(reader, self.tunnel.ending)
        self.supervisor.started(running)
        running.tied(self.tunnel.holds.append)
        return running

    async def at_rest(self) -> None:
        """Wait until the thread has done what it had to do."""
        await until(lambda: self.supervisor.is_idle, "the end of the thread's work")

    async def close(self, running: Running) -> tuple[str, int]:
        """End a session: the state of its recording, and how many bytes of output that has.

        The line, the event and the metric say the same of what is missing.
        """
        reference, _ = await self.supervisor.close(running, "the tunnel ended")
        await self.at_rest()
        assert reference is not None
        recorded = len(read_recording(reference.path).data(Channel.STDOUT))
        last = self.lines[-1]
        assert last.missing_bytes == running.missing == running.bytes_out - recorded
        assert last.bytes_out == running.bytes_out
        name = "auditproxy_session_recording_missing_bytes_total"
        assert self.registry.get_sample_value(name) == running.missing
        return reference.state, recorded


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    """A supervisor whose thread is free at the end."""
    found = Proxy(tmp_path)
    yield found
    found.stall.set()


async def test_a_full_disk(proxy: Proxy) -> None:
    """Deny: what waited for the recorder when the disk was full has passed, and is counted."""
    running = await proxy.begin(PlainReader())
    running.from_upstream(PIECE)
    proxy.supervisor.feed(running)
    await proxy.at_rest()
    written = threading.Event()

    def wait() -> None:
        written.set()
        proxy.stall.wait()

    proxy.supervisor.run(running.account.flush)
    proxy.supervisor.run(wait)
    await until(written.is_set, "the first piece in the file")
    for _ in range(90):
        running.from_upstream(PIECE)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        proxy.stall.set()
        await until(lambda: proxy.tunnel.ends, "the end of the session")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    running.from_upstream(PIECE)
    assert await proxy.close(running) == ("Failed", len(PIECE))
    assert running.bytes_out == 92 * len(PIECE)


async def test_frames_that_are_not_read(proxy: Proxy) -> None:
    """Tiny ones: the rest of the same read has passed, and what comes until the session ends."""
    reader = open_reader(
        [(b"Upgrade", b"websocket"), (b"Sec-WebSocket-Protocol", b"v4.channel.k8s.io")],
        SessionKind.EXEC,
        stdout=True,
        clock=lambda: 0.0,
    )
    assert not isinstance(reader, Unreadable)
    running = await proxy.begin(reader)
    tiny = frame(BINARY, b"\x01x")
    running.from_upstream(tiny * 40_000)
    running.from_upstream(tiny * 100)
    await until(lambda: proxy.tunnel.ends, "the end of the session")
    state, recorded = await proxy.close(running)
    assert (state, 26_000 < recorded < 27_000) == ("Cut", True)
    assert running.bytes_out >= 40_100
    assert "unreadable" in proxy.lines[-1].flags


async def test_a_fault_of_ours(proxy: Proxy) -> None:
    """What is left of the work that crashed is missing as well."""
    running = await proxy.begin(PlainReader())
    running.from_upstream(PIECE)
    await asyncio.to_thread(running.account.abandon, STARTED, "a fault")
    running.from_upstream(PIECE)
    proxy.supervisor.feed(running)
    assert await proxy.close(running) == ("Cut", 0)
