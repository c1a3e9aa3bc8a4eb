"""The session log: each line written, or counted and reported."""

import asyncio
import json
import threading
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from auditproxy.apis.session import SessionEvent, SessionEventType
from auditproxy.backends.log import LineWriter
from auditproxy.metrics.sessions import SessionMetrics
from auditproxy.serializer.json import encode
from auditproxy.sessions.lines import SessionLines
from auditproxy.supervision.sessionlog import SessionLog
from tests.fakes.durable import EIO, FaultyDisk
from tests.fakes.recorded import STARTED, a_session
from tests.fakes.rotating import Clocks, rotating
from tests.fakes.waiting import until

LINE = SessionLines(a_session()).line(SessionEventType.STARTED, STARTED)


class Lines:
    """A writer that keeps what it gets, and fails when it is told to."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.error: Exception | None = None
        self.fault = ""
        self.is_closed = False

    def write(self, *parts: bytes) -> None:
        """Keep a line."""
        if self.error is not None:
            raise self.error
        self.written.append(b"".join(parts))

    def take_fault(self) -> str:
        """What it wants to be reported."""
        fault, self.fault = self.fault, ""
        return fault

    def probe(self) -> str:
        """Nothing is known."""
        return ""

    def close(self) -> None:
        """No more comes."""
        self.is_closed = True


class Written:
    """A session log, its counts and its reports."""

    def __init__(self, writer: LineWriter | None, **members: int) -> None:
        self.registry = CollectorRegistry()
        self.reports: list[str] = []
        self.heard: list[SessionEvent] = []
        self.log = SessionLog(
            writer,
            metrics=SessionMetrics(self.registry),
            report=self.reports.append,
            listeners=(self.heard.append,),
            **members,
        )

    async def closed(self) -> None:
        """Write what waits."""
        await self.log.close(5.0)

    def count(self, outcome: str) -> float | None:
        """Lines of this outcome."""
        labels = {"destination": "log", "outcome": outcome}
        return self.registry.get_sample_value("auditproxy_session_log_lines_total", labels)


async def test_state() -> None:
    """The line of /readyz?verbose says whether lines are written; without a file there is none."""
    lines = Lines()
    written = Written(lines)
    lines.error = FileNotFoundError(2, "No such file or directory", "/secret/place")
    written.log.emit(LINE)
    await until(lambda: written.reports, "the loss is reported")
    await until(lambda: written.log.describe()[0].endswith("directory"), "the state is known")
    assert written.log.describe() == ("session log: not written: no such file or directory",)
    lines.error = None
    written.log.emit(LINE)
    await until(lambda: written.log.describe() == ("session log: written",), "it is well again")
    await written.closed()
    assert Written(None).log.describe() == ()


async def test_lines() -> None:
    """A JSON object a line; whoever listens gets the event itself."""
    lines = Lines()
    written = Written(lines)
    written.log.emit(LINE)
    await written.closed()
    (line,) = lines.written
    assert line.endswith(b"}\n")
    found = json.loads(line)
    assert (found["kind"], found["type"]) == ("SessionEvent", "SessionStarted")
    assert (found["sessionID"], found["user"]["username"]) == ("5e5510f1d", "alice")
    assert written.heard == [LINE]
    assert written.count("written") == 1
    assert lines.is_closed


async def test_line_that_is_lost() -> None:
    """Counted and reported; the next one is written."""
    lines = Lines()
    written = Written(lines)
    lines.error = OSError(28, "No space left on device")
    written.log.emit(LINE)
    await until(lambda: written.count("dropped") == 1, "the loss")
    lines.error = None
    written.log.emit(LINE)
    await written.closed()
    assert (written.count("dropped"), written.count("written")) == (1, 1)
    (report,) = written.reports
    assert report.startswith("a line of the session log is lost: ")
    assert "space left on device" in report
    assert written.heard == [LINE, LINE]


async def test_fault_of_the_writer() -> None:
    """What it has to say beside the lines is reported once."""
    lines = Lines()
    written = Written(lines)
    lines.fault = "the file cannot be rotated"
    written.log.emit(LINE)
    written.log.emit(LINE)
    await written.closed()
    assert written.reports == ["session log: the file cannot be rotated"]


async def test_without_file() -> None:
    """Listeners alone."""
    written = Written(None)
    written.log.emit(LINE)
    written.log.reopen()
    await written.closed()
    assert written.heard == [LINE]
    assert not written.count("written")


async def test_reopened(tmp_path: Path) -> None:
    """A file that was moved away is followed by a new one; what is no file is left alone."""
    path = tmp_path / "sessions.log"
    written = Written(rotating(path, Clocks()))
    written.log.emit(LINE)
    await until(lambda: written.count("written") == 1, "the line")
    path.rename(tmp_path / "moved")
    written.log.reopen()
    written.log.emit(LINE)
    await written.closed()
    assert path.read_bytes() == (tmp_path / "moved").read_bytes()
    other = Written(Lines())
    other.log.reopen()
    await other.closed()


class Blocked(Lines):
    """A writer whose reader has stopped reading."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.gate = threading.Event()

    def write(self, *parts: bytes) -> None:
        """Wait for the reader."""
        self.entered.set()
        self.gate.wait(20)
        super().write(*parts)


async def test_a_file_that_takes_no_more() -> None:
    """Nobody waits for it: lines wait up to a bound, are dropped beyond it, and come in order
    when it goes on."""
    blocked = Blocked()
    written = Written(blocked, limit=3)
    for number in range(6):
        written.log.emit(LINE)
        if not number:
            await asyncio.to_thread(blocked.entered.wait, 10)
    assert written.count("dropped") == 2
    assert written.reports == ["a line of the session log is lost: 3 lines wait for the file"] * 2
    assert len(written.heard) == 6
    blocked.gate.set()
    await written.closed()
    assert written.count("written") == len(blocked.written) == 4
    written.log.emit(LINE)
    assert written.count("dropped") == 3


async def test_a_file_that_takes_no_more_until_the_end() -> None:
    """The shutdown waits for as long as it may; the rest is counted."""
    blocked = Blocked()
    written = Written(blocked)
    for _ in range(3):
        written.log.emit(LINE)
    await asyncio.to_thread(blocked.entered.wait, 10)
    await written.log.close(0.05)
    assert written.count("dropped") == 3
    blocked.gate.set()


@pytest.mark.parametrize("lines", [0, 1])
async def test_a_fault_at_the_end_is_told(lines: int) -> None:
    """A network file system says only at the close that it has lost lines."""

    class Losing(Lines):
        def close(self) -> None:
            """Fail as a file does."""
            super().close()
            self.fault = "closing /a: input/output error"

    written = Written(Losing())
    for _ in range(lines):
        written.log.emit(LINE)
    await written.closed()
    assert written.reports == ["session log: closing /a: input/output error"]


def test_lines_of_the_start(tmp_path: Path) -> None:
    """They are in the file, and the disk has them, when the call returns."""
    path, disk = tmp_path / "a.log", FaultyDisk()
    written = Written(rotating(path, Clocks()))
    assert written.log.write_first([LINE, LINE], disk) == 2
    assert len(disk.survived(path).splitlines()) == len(written.heard) == 2
    assert disk.did == ["file", "folder"]
    assert written.count("written") == 2


def test_lines_of_the_start_that_cannot_be_written(tmp_path: Path) -> None:
    """Those that are left come again; all, where the disk may have none."""
    path, disk = tmp_path / "a.log", FaultyDisk(EIO)
    written = Written(rotating(path, Clocks()))
    assert written.log.write_first([LINE, LINE], disk) == 0
    assert written.reports == ["session log: input/output error"]


def test_lines_of_the_start_in_files_that_rotate(tmp_path: Path) -> None:
    """The disk has what is in the older ones too, so that each recording may have its name."""
    path, disk = tmp_path / "a.log", FaultyDisk()
    size = len(encode(LINE)) + 1
    written = Written(rotating(path, Clocks(), size=2 * size))
    assert written.log.write_first([LINE] * 3, disk) == 3
    files = list(tmp_path.glob("a*.log"))
    assert len(files) == 2
    assert {each.stat().st_ino: each.read_bytes() for each in files} == disk.synced


@pytest.mark.parametrize(("faults", "safe"), [([EIO], 0), ([None, EIO], 2), ([None, None, EIO], 4)])
def test_lines_of_the_start_that_are_synced_in_part(
    tmp_path: Path, faults: list[int | None], safe: int
) -> None:
    """Those before the rotation whose sync succeeded need not come again."""
    path, disk = tmp_path / "a.log", FaultyDisk(*faults)
    size = len(encode(LINE)) + 1
    written = Written(rotating(path, Clocks(), size=2 * size))
    assert written.log.write_first([LINE] * 5, disk) == safe
    assert written.reports == ["session log: input/output error"]


def test_lines_of_the_start_for_a_file_that_fails(tmp_path: Path) -> None:
    """The first one that cannot be written ends it; one that never can is lost, and counted."""
    path, disk = tmp_path / "a.log", FaultyDisk()
    size = len(encode(LINE)) + 1
    written = Written(rotating(path, Clocks(), size=2 * size))
    long = msgspec.structs.replace(LINE, reason="x" * size)
    assert written.log.write_first([LINE, long, LINE], disk) == 3
    assert len(path.read_bytes().splitlines()) == 2
    assert (written.count("written"), written.count("dropped")) == (2, 1)
    path.unlink()
    path.mkdir()
    again = Written(rotating(path, Clocks()))
    assert again.log.write_first([LINE, LINE], disk) == 0
    assert again.reports == [f"session log: {path}: is a directory"]
    assert again.count("dropped") in (0, None)


@pytest.mark.parametrize("has_writer", [True, False])
async def test_lines_of_the_start_for_a_reader(*, has_writer: bool) -> None:
    """They are queued as others are, and hold up nobody."""
    writer = Lines()
    written = Written(writer if has_writer else None)
    assert written.log.write_first([LINE, LINE], FaultyDisk()) == 2
    await written.log.close(5)
    assert len(writer.written) == (2 if has_writer else 0)
    assert len(written.heard) == 2
