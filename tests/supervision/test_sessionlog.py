"""The session log: each line written, or counted and reported."""

import json
from pathlib import Path

from prometheus_client import CollectorRegistry

from auditproxy.apis.session import SessionEvent, SessionEventType
from auditproxy.backends.log import LineWriter
from auditproxy.metrics.sessions import SessionMetrics
from auditproxy.sessions.lines import SessionLines
from auditproxy.supervision.sessionlog import SessionLog
from tests.fakes.recorded import STARTED, a_session
from tests.fakes.rotating import Clocks, rotating

LINE = SessionLines(a_session()).line(SessionEventType.STARTED, STARTED)


class Lines:
    """A writer that keeps what it gets, and fails when it is told to."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.error: Exception | None = None
        self.fault = ""
        self.is_closed = False

    def write(self, line: bytes) -> None:
        """Keep a line."""
        if self.error is not None:
            raise self.error
        self.written.append(line)

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

    def __init__(self, writer: LineWriter | None) -> None:
        self.registry = CollectorRegistry()
        self.reports: list[str] = []
        self.heard: list[SessionEvent] = []
        self.log = SessionLog(
            writer,
            metrics=SessionMetrics(self.registry),
            report=self.reports.append,
            listeners=(self.heard.append,),
        )

    def count(self, outcome: str) -> float | None:
        """Lines of this outcome."""
        labels = {"destination": "log", "outcome": outcome}
        return self.registry.get_sample_value("auditproxy_session_log_lines_total", labels)


def test_lines() -> None:
    """A JSON object a line; whoever listens gets the event itself."""
    lines = Lines()
    written = Written(lines)
    written.log.emit(LINE)
    (line,) = lines.written
    assert line.endswith(b"}\n")
    found = json.loads(line)
    assert (found["kind"], found["type"]) == ("SessionEvent", "SessionStarted")
    assert (found["sessionID"], found["user"]["username"]) == ("5e5510f1d", "alice")
    assert written.heard == [LINE]
    assert written.count("written") == 1
    written.log.close()
    assert lines.is_closed


def test_line_that_is_lost() -> None:
    """Counted and reported; the next one is written."""
    lines = Lines()
    written = Written(lines)
    lines.error = OSError(28, "No space left on device")
    written.log.emit(LINE)
    lines.error = None
    written.log.emit(LINE)
    assert (written.count("dropped"), written.count("written")) == (1, 1)
    (report,) = written.reports
    assert report.startswith("a line of the session log is lost: ")
    assert "space left on device" in report
    assert written.heard == [LINE, LINE]


def test_fault_of_the_writer() -> None:
    """What it has to say beside the lines is reported once."""
    lines = Lines()
    written = Written(lines)
    lines.fault = "the file cannot be rotated"
    written.log.emit(LINE)
    written.log.emit(LINE)
    assert written.reports == ["session log: the file cannot be rotated"]


def test_without_file() -> None:
    """Listeners alone."""
    written = Written(None)
    written.log.emit(LINE)
    written.log.reopen()
    written.log.close()
    assert written.heard == [LINE]
    assert not written.count("written")


def test_reopened(tmp_path: Path) -> None:
    """A file that was moved away is followed by a new one; what is no file is left alone."""
    path = tmp_path / "sessions.log"
    written = Written(rotating(path, Clocks()))
    written.log.emit(LINE)
    path.rename(tmp_path / "moved")
    written.log.reopen()
    written.log.emit(LINE)
    written.log.close()
    assert path.read_bytes() == (tmp_path / "moved").read_bytes()
    Written(Lines()).log.reopen()
