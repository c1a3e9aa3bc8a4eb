"""Sessions from options: the store, the log and the supervisor."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.apis.session import Record, SessionEvent
from auditproxy.app.sessions import SessionParts, open_sessions, session_log_fault
from auditproxy.metrics.registry import Metrics
from auditproxy.options import Options, SessionOptions
from auditproxy.recordings.store import RecordingRefused
from auditproxy.sessions.rules import RecordingRule
from auditproxy.supervision.running import Running
from tests.fakes.recorded import Stores, a_session
from tests.fakes.supervised import PlainReader, Tunnel, prepared

DENY = RecordingRule(record=Record.INPUT_OUTPUT, deny=True)
NOTHING = SessionOptions(annotations="never")


class Opened:
    """What options give, and what is reported."""

    def __init__(
        self, sessions: SessionOptions, *, heard: list[SessionEvent] | None = None
    ) -> None:
        self.reports: list[str] = []
        self.metrics = Metrics()
        listeners = () if heard is None else (heard.append,)
        options = replace(Options(), sessions=sessions)
        self.found = open_sessions(options, self.metrics, self.reports.append, listeners=listeners)

    @property
    def parts(self) -> SessionParts:
        """What follows sessions."""
        assert self.found is not None
        return self.found


def recording(folder: Path, **more: object) -> SessionOptions:
    """Options with a folder and a log, both new."""
    settings: dict[str, object] = {
        "recording_config_file": "recording.yaml",
        "recording_dir": str(folder / "recordings"),
        "recording_min_free_space": 0,
        "log_path": str(folder / "sessions.log"),
        **more,
    }
    return replace(NOTHING, **settings)  # type: ignore[arg-type]


async def one_session(parts: SessionParts, rule: RecordingRule = DENY) -> Running:
    """A session from its beginning to its end."""
    running = await prepared(parts.supervisor, rule)
    running.switched(PlainReader(), Tunnel().ending)
    parts.supervisor.started(running)
    running.from_upstream(b"out")
    await parts.supervisor.close(running, "it ended")
    return running


async def test_all_of_it(tmp_path: Path) -> None:
    """A recording in the folder, lines in the log, and both at the wall clock's time."""
    opened = Opened(recording(tmp_path))
    running = await one_session(opened.parts)
    await opened.parts.close(5.0)
    assert Path(running.recording).parent == tmp_path / "recordings"
    assert b"out" in Path(running.recording).read_bytes()
    lines = [json.loads(line) for line in (tmp_path / "sessions.log").read_text().splitlines()]
    assert [line["type"] for line in lines] == ["SessionStarted", "SessionEnded"]
    assert opened.reports == []
    registry = opened.metrics.registry
    assert registry.get_sample_value("auditproxy_session_recording_bytes_total")


def test_nothing() -> None:
    """Without anything to do nothing is followed."""
    assert Opened(NOTHING).found is None


async def test_annotations_alone() -> None:
    """They need neither folder nor file; what must be recorded is refused then."""
    opened = Opened(SessionOptions(annotations="always"))
    await one_session(opened.parts, RecordingRule())
    with pytest.raises(RecordingRefused, match="no folder"):
        await prepared(opened.parts.supervisor, DENY)
    await opened.parts.close(5.0)


async def test_listeners() -> None:
    """Whoever listens is enough of a reason, and gets every line."""
    heard: list[SessionEvent] = []
    opened = Opened(NOTHING, heard=heard)
    await one_session(opened.parts, RecordingRule())
    await opened.parts.close(5.0)
    assert [line.type.value for line in heard] == ["SessionStarted", "SessionEnded"]


async def test_log_that_was_moved_away(tmp_path: Path) -> None:
    """Reopened in its place, between two lines."""
    path = tmp_path / "sessions.log"
    opened = Opened(recording(tmp_path))
    await one_session(opened.parts)
    path.rename(tmp_path / "moved")
    opened.parts.reopen()
    await one_session(opened.parts)
    await opened.parts.close(5.0)
    assert len((tmp_path / "moved").read_text().splitlines()) == 2
    assert len(path.read_text().splitlines()) == 2


def test_recordings_of_a_proxy_that_was_killed(tmp_path: Path) -> None:
    """They are finished at the start, and operators read how many."""
    folder = tmp_path / "recordings"
    stores = Stores(folder)
    store = stores.new()
    recording_left = store.open(a_session(tty=False), Record.OUTPUT, moment=1)
    recording_left.flush()
    path = Path(recording_left.path)
    written = path.read_bytes()
    # As kill -9 leaves it: the file, and nobody who has it open.
    recording_left.discard()
    path.write_bytes(written)
    opened = Opened(recording(tmp_path))
    (report,) = opened.reports
    assert report == (
        f"--session-recording-dir {folder}: 1 recordings of a proxy that was killed are marked "
        "as unfinished"
    )
    assert [path.name for path in folder.glob("*.part")] == []
    asyncio.run(opened.parts.close(5.0))


def test_folder_that_cannot_be_used(tmp_path: Path) -> None:
    """One line that names the flag and the fix."""
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(Unusable) as error:
        Opened(recording(tmp_path, recording_dir=str(file / "below"), log_path=""))
    (fault,) = error.value.faults
    assert fault.startswith(f"--session-recording-dir {file}/below cannot be used: not a directory")
    assert fault.endswith("name a folder that can be written")


def test_log_that_cannot_be_written(tmp_path: Path) -> None:
    """Found without making it."""
    assert session_log_fault(NOTHING) == ""
    assert session_log_fault(recording(tmp_path)) == ""
    fault = session_log_fault(recording(tmp_path, log_path="/proc/nothing/sessions.log"))
    assert fault.startswith("--session-log-path /proc/nothing/sessions.log cannot be written: ")
