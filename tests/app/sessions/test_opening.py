"""Sessions from options: the store, the log and the supervisor."""

import asyncio
import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.apis.session import Carried, Channel, Outcome, Record, Session, SessionEvent
from auditproxy.apis.units import SECOND
from auditproxy.app.sessions.opening import (
    NO_FILES,
    SessionFiles,
    SessionParts,
    Sleep,
    Sweeping,
    TimedStore,
    Work,
    describe_sessions,
    open_sessions,
)
from auditproxy.app.sessions.recordingstate import RecordingState
from auditproxy.clients.webhook import WebhookTarget, request_url
from auditproxy.files.files import read_files
from auditproxy.metrics.registry import Metrics
from auditproxy.options import Options, SessionOptions
from auditproxy.recordings.store import RecordingRefused
from auditproxy.recordings.usage import SWEEP_INTERVAL, RecordingLimits
from auditproxy.sessions.rules import RecordingRule
from auditproxy.supervision.running import Running
from tests.fakes.kubeconfigs import kubeconfig_file
from tests.fakes.options import options
from tests.fakes.recorded import Stores, a_session
from tests.fakes.supervised import PlainReader, Tunnel, prepared
from tests.fakes.waiting import turns, until
from tests.fakes.webhook import Receiver

DENY = RecordingRule(record=Record.INPUT_OUTPUT, deny=True)
NOTHING = SessionOptions(annotations="never")


class NoCredential:
    """Sends no Authorization line."""

    async def authorization(self) -> bytes | None:
        """None."""
        return None

    def invalidate(self) -> None:
        """Nothing to forget."""


class Opened:
    """What options give, and what is reported."""

    def __init__(
        self,
        sessions: SessionOptions,
        *,
        heard: list[SessionEvent] | None = None,
        files: SessionFiles = NO_FILES,
        **members: Sleep,
    ) -> None:
        self.reports: list[str] = []
        self.metrics = Metrics()
        listeners = () if heard is None else (heard.append,)
        options = replace(Options(), sessions=sessions)
        self.found = open_sessions(
            options,
            self.metrics,
            self.reports.append,
            listeners=listeners,
            files=files,
            **members,
        )

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


async def end(parts: SessionParts) -> None:
    """Stop as the proxy does."""
    await parts.close(5.0)
    await parts.deliver(5.0)


async def one_session(
    parts: SessionParts, rule: RecordingRule = DENY, session: Session | None = None
) -> Running:
    """A session from its beginning to its end."""
    running = await prepared(parts.supervisor, rule, session)
    running.switched(PlainReader(), Tunnel().ending)
    parts.supervisor.started(running)
    running.from_upstream(b"out")
    await parts.supervisor.close(running, "it ended")
    return running


async def test_all_of_it(tmp_path: Path) -> None:
    """A recording in the folder, lines in the log, and both at the wall clock's time."""
    opened = Opened(recording(tmp_path))
    running = await one_session(opened.parts)
    await end(opened.parts)
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
    await end(opened.parts)


async def test_listeners() -> None:
    """Whoever listens is enough of a reason, and gets every line."""
    heard: list[SessionEvent] = []
    opened = Opened(NOTHING, heard=heard)
    await one_session(opened.parts, RecordingRule())
    await end(opened.parts)
    assert [line.type.value for line in heard] == ["SessionStarted", "SessionEnded"]


async def test_log_that_was_moved_away(tmp_path: Path) -> None:
    """Reopened in its place, between two lines."""
    path = tmp_path / "sessions.log"
    opened = Opened(recording(tmp_path))
    await one_session(opened.parts)
    path.rename(tmp_path / "moved")
    opened.parts.reopen()
    await one_session(opened.parts, session=a_session(id="another"))
    await end(opened.parts)
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
        f"--session-recording-dir {folder}: 1 recording of a proxy that was killed is marked "
        "as unfinished; the session log has their SHA-256"
    )
    assert [path.name for path in folder.glob("*.part")] == []
    asyncio.run(end(opened.parts))
    (left,) = folder.glob("*.cast")
    (line,) = map(json.loads, (tmp_path / "sessions.log").read_text().splitlines())
    assert (line["type"], line["reason"]) == ("SessionEnded", "its proxy was killed")
    assert (line["user"]["username"], line["sessionID"]) == ("alice", "5e5510f1d")
    assert line["recording"] == {
        "path": str(left),
        "state": "Unfinished",
        "sha256": hashlib.sha256(left.read_bytes()).hexdigest(),
        "bytes": left.stat().st_size,
    }
    assert line["flags"] == ["repaired"]


def test_a_proxy_that_was_killed_before_the_line_of_an_end(tmp_path: Path) -> None:
    """The recording has its end and no log has it: the start writes the line, and only once."""
    folder = tmp_path / "recordings"
    store = Stores(folder).new()
    made = store.open(a_session(tty=False), Record.OUTPUT, moment=0)
    made.take(1, [Carried(Channel.STDIN, b"abc"), Carried(Channel.STDOUT, b"defg")])
    unnamed = Path(made.path)
    reference = made.finish(3 * SECOND, Outcome(7, "NonZeroExitCode"), synced=False)
    written = unnamed.read_bytes()
    for _ in range(2):
        # As kill -9 leaves it: the file without its name, and nobody who has it open.
        Path(reference.path).unlink(missing_ok=True)
        unnamed.unlink(missing_ok=True)
        unnamed.write_bytes(written)
        opened = Opened(recording(tmp_path))
        asyncio.run(end(opened.parts))
        assert opened.reports == []
        assert [path.name for path in folder.glob("*.cast*")] == [Path(reference.path).name]
        (line,) = map(json.loads, (tmp_path / "sessions.log").read_text().splitlines())
        assert (line["type"], line["reason"]) == ("SessionEnded", "NonZeroExitCode")
        assert (line["exitCode"], line["bytesIn"], line["bytesOut"]) == (7, 3, 4)
        assert (line["durationSeconds"], line["flags"]) == (3, ["repaired"])
        assert line["recording"] == {
            "path": reference.path,
            "state": "Complete",
            "sha256": reference.sha256,
            "bytes": len(written),
        }


def test_folder_that_cannot_be_used(tmp_path: Path) -> None:
    """One line that names the flag and the fix."""
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(Unusable) as error:
        Opened(recording(tmp_path, recording_dir=str(file / "below"), log_path=""))
    (fault,) = error.value.faults
    assert fault.startswith(f"--session-recording-dir {file}/below cannot be used: not a directory")
    assert fault.endswith("name a folder that the proxy's user can list and write to (mode 0700)")


def test_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line at the start for what is kept, and where; paths are whole."""
    monkeypatch.chdir(tmp_path)
    kubeconfig_file(tmp_path)

    def described(**settings: object) -> str:
        chosen = options(kubeconfig="kubeconfig", **settings)
        return describe_sessions(chosen, read_files(chosen))

    assert described() == ""
    (tmp_path / "rec").mkdir(0o700)
    (tmp_path / "recording.yaml").write_text(
        "{apiVersion: auditproxy.io/v1alpha1, kind: SessionRecordingPolicy, rules: ["
        "{namespaces: [a], record: Output, onFailure: Deny}, {record: Metadata}]}"
    )
    assert described(
        sessions_recording_config_file="recording.yaml",
        sessions_recording_dir="rec",
        sessions_log_path="sessions.log",
    ) == (
        f"sessions are recorded into {tmp_path}/rec (2 rules, 1 with onFailure: Deny, not "
        "encrypted); logged in sessions.log"
    )
    assert described(sessions_log_path="-") == "sessions are logged on standard output"


class Minutes:
    """A sleep whose end a test decides, and the waits that it was asked for."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self._over = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Wait for ``passed``."""
        self.waits.append(seconds)
        await self._over.wait()
        self._over.clear()

    async def passed(self) -> None:
        """One wait is over, and the next has begun."""
        before = len(self.waits)
        self._over.set()
        await until(lambda: len(self.waits) > before, "the next wait")


def test_a_session_tells_the_state(tmp_path: Path) -> None:
    """What refuses it, or that it could be begun, is what /readyz?verbose says next."""
    stores, reports = Stores(tmp_path / "recordings"), list[str]()
    store = stores.new()
    state = RecordingState(lambda: "", reports.append)
    timed = TimedStore(store, state)
    stores.folder.rename(tmp_path / "moved")
    with pytest.raises(RecordingRefused):
        timed.open(a_session(), Record.OUTPUT)
    (said,) = state.describe()
    assert said.startswith("session recordings: none can be begun: the folder of recordings cannot")
    (tmp_path / "moved").rename(stores.folder)
    timed.open(a_session(), Record.OUTPUT).discard()
    assert state.describe() == ("session recordings: can be begun",)
    assert [line.partition(":")[0] for line in reports] == [
        "sessions cannot be recorded",
        "sessions can be recorded again",
    ]


async def test_state_of_the_folder(tmp_path: Path) -> None:
    """The line of /readyz?verbose follows the folder, and a change is reported."""
    minutes = Minutes()
    opened = Opened(recording(tmp_path), sleep=minutes.sleep)
    # Where the rig has a log.
    log = opened.parts.log.describe()
    assert opened.parts.describe() == ("session recordings: can be begun", *log)
    opened.parts.start()
    await turns()
    folder = tmp_path / "recordings"
    folder.rename(tmp_path / "moved")
    await minutes.passed()
    fault = "the folder of recordings cannot be read: no such file or directory"
    await until(lambda: f"sessions cannot be recorded: {fault}" in opened.reports, "the report")
    assert opened.parts.describe() == (f"session recordings: none can be begun: {fault}", *log)
    await end(opened.parts)
    without = Opened(SessionOptions(annotations="always"))
    assert without.parts.describe() == ()
    await end(without.parts)


async def test_the_folder_is_swept_while_no_session_begins(tmp_path: Path) -> None:
    """What is too old is removed within a minute; not while the thread has a sweep to do."""
    stores = Stores(tmp_path)
    store = stores.new(RecordingLimits(maximum_age=10))
    old = store.open(a_session(tty=False), Record.OUTPUT, moment=1)
    old.finish(2)
    os.utime(old.path, (1, 1))
    minutes, given = Minutes(), list[Work]()
    sweeping = Sweeping(store.sweep, given.append, minutes.sleep)
    sweeping.start()
    await turns()
    for _ in range(3):
        stores.monotonic.now += SWEEP_INTERVAL
        stores.wall.now += SWEEP_INTERVAL
        await minutes.passed()
    (work,) = given
    work()
    assert not Path(old.path).exists()
    await minutes.passed()
    assert len(given) == 2
    sweeping.end()
    await turns()
    assert minutes.waits == [SWEEP_INTERVAL] * 5


async def test_what_sweeps(tmp_path: Path) -> None:
    """The proxy's own folder of recordings, from its start to its end."""
    minutes = Minutes()
    opened = Opened(recording(tmp_path), sleep=minutes.sleep)
    opened.parts.start()
    await until(lambda: minutes.waits, "the first wait")
    await minutes.passed()
    await end(opened.parts)
    assert opened.reports == []


async def test_the_webhook_delivers_until_the_end() -> None:
    """A line that comes while the proxy stops is sent then, and at the latest at the end."""
    async with Receiver() as receiver:
        target = WebhookTarget(request_url(receiver.url), NoCredential())
        options = replace(NOTHING, webhook_config_file="w")
        opened = Opened(options, files=SessionFiles(webhook=target))
        opened.parts.start()
        await one_session(opened.parts, RecordingRule())
        await receiver.until_received(1)
        await one_session(opened.parts, RecordingRule())
        await end(opened.parts)
        bodies = [json.loads(received.body) for received in receiver.received]
    items = [item for body in bodies for item in body["items"]]
    assert [item["type"] for item in items] == ["SessionStarted", "SessionEnded"] * 2
