"""The account of one session: its recording, its commands, its lines."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from auditproxy.apis.session import (
    Carried,
    Channel,
    InputClosed,
    Outcome,
    PortCarried,
    PortClosed,
    PortOpened,
    Record,
    Resized,
    Session,
    SessionEvent,
    SessionEventType,
    SessionKind,
    StreamEvent,
    Unreadable,
)
from auditproxy.apis.units import MEBIBYTE, SECOND
from auditproxy.recordings.store import RecordingStore
from auditproxy.recordings.usage import RecordingLimits
from auditproxy.sessions.castnotes import (
    CommandNote,
    ConnectionClosedNote,
    EndNote,
    GapNote,
    InputNote,
    UnreadableNote,
)
from auditproxy.supervision.account import Account, Closing, Missing
from tests.fakes.recorded import STARTED, Stores, a_session, read_recording

STDIN, STDOUT = Channel.STDIN, Channel.STDOUT
TYPED = (
    Resized(80, 24),
    Carried(STDOUT, b"$ "),
    Carried(STDIN, b"id\r"),
    Carried(STDOUT, b"id\r\nuid=0\r\n$ "),
    Carried(STDIN, b"exit\r"),
    Carried(STDOUT, b"exit\r\n"),
)


class Kept:
    """An account, with what it says."""

    def __init__(
        self,
        session: Session,
        stores: Stores | None,
        *,
        follows_commands: bool = True,
        limits: RecordingLimits | None = None,
    ) -> None:
        self.lines: list[SessionEvent] = []
        self.failures: list[str] = []
        recording = None
        self.store: RecordingStore | None = None
        if stores is not None:
            self.store = stores.new(limits)
            recording = self.store.open(session, Record.INPUT_OUTPUT, moment=STARTED)
        self.account = Account(
            session,
            follows_commands=follows_commands,
            emit=self.lines.append,
            failed=self.failures.append,
        )
        if recording is not None:
            self.account.record_into(recording)
        self._moment = STARTED
        self.account.start(STARTED)

    def take(self, *events: StreamEvent | Missing) -> None:
        """A batch, a second after the last."""
        self._moment += SECOND
        self.account.take([(self._moment, event) for event in events])

    def close(
        self, outcome: Outcome | None = None, reason: str = "it ended", *, missing: int = 0
    ) -> Any:
        """The end, a second later."""
        moment = self._moment + SECOND
        seconds = (moment - STARTED) / SECOND
        reference = self.account.close(Closing(moment, outcome, reason, 3, 4, missing, seconds))
        if self.store is not None:
            self.store.settle()
        return reference

    def types(self) -> list[SessionEventType]:
        """Types of the lines, in order."""
        return [line.type for line in self.lines]


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    """A folder."""
    return Stores(tmp_path)


def test_terminal(stores: Stores) -> None:
    """Commands are lines of the log and notes of the recording, in order; the end says how."""
    kept = Kept(a_session(), stores)
    kept.take(*TYPED[:4])
    kept.take(*TYPED[4:], InputClosed())
    reference = kept.close(Outcome(5, "NonZeroExitCode"))
    assert [line.line for line in kept.lines if line.type == "Command"] == ["id", "exit"]
    first, *_, last = kept.lines
    assert (first.type, last.type) == ("SessionStarted", "SessionEnded")
    assert first.recording is not None
    assert first.recording.path == reference.path == str(next(stores.folder.glob("*.cast")))
    assert (last.exit_code, last.reason, last.recording) == (5, "NonZeroExitCode", reference)
    assert (last.bytes_in, last.bytes_out, last.duration_seconds) == (3, 4, 3.0)
    assert reference.state == "Complete"
    cast = read_recording(reference.path)
    assert cast.data(STDIN) == b"id\rexit\r"
    assert cast.data(STDOUT) == b"$ id\r\nuid=0\r\n$ exit\r\n"
    assert [note.line for note in cast.notes() if isinstance(note, CommandNote)] == ["id", "exit"]
    assert kept.failures == []


def test_commands_that_nobody_asked_for(stores: Stores) -> None:
    """``commands: false`` follows no terminal; the bytes are recorded all the same."""
    kept = Kept(a_session(), stores, follows_commands=False)
    kept.take(*TYPED)
    reference = kept.close()
    assert kept.types() == ["SessionStarted", "SessionEnded"]
    assert read_recording(reference.path).data(STDIN) == b"id\rexit\r"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"kind": SessionKind.ATTACH}, id="an attach: the container's spec says it"),
        pytest.param({"kind": SessionKind.UNKNOWN, "stdin": False}, id="nobody says what it is"),
        pytest.param({"node": "n1", "stdin": False}, id="a form that a kubelet may have read"),
    ],
)
def test_a_terminal_that_the_request_does_not_name(stores: Stores, changes: dict[str, Any]) -> None:
    """Its lines are reported with a flag, in log, recording and end; tty is what was asked for."""
    kept = Kept(a_session(tty=False, **changes), stores)
    assert kept.account.wants_output
    assert kept.account.wants_input
    kept.take(*TYPED)
    path = kept.close().path
    assert [(line.line, line.flags) for line in kept.lines if line.type == "Command"] == [
        ("id", ("terminal?",)),
        ("exit", ("terminal?",)),
    ]
    assert not any(line.tty for line in kept.lines)
    assert [line.input_bytes for line in kept.lines if line.type == "Input"] == [8]
    assert kept.lines[-1].flags == ("terminal?",)
    notes = [note for note in read_recording(path).notes() if isinstance(note, CommandNote)]
    assert [(note.line, note.flags) for note in notes] == [
        ("id", ("terminal?",)),
        ("exit", ("terminal?",)),
    ]


def test_an_attach_without_a_terminal() -> None:
    """As without a sign of one: size and digest of the input, and no line."""
    kept = Kept(a_session(kind=SessionKind.ATTACH, tty=False), None)
    kept.take(Carried(STDIN, b"echo hi\n"), Carried(STDOUT, b"echo hi\n"))
    kept.close()
    assert kept.types() == ["SessionStarted", "Input", "SessionEnded"]
    assert kept.lines[-1].flags == ()


@pytest.mark.parametrize(
    "session",
    [
        a_session(tty=False),
        a_session(kind=SessionKind.ATTACH, tty=False, stdin=False),
        a_session(kind=SessionKind.PORT_FORWARD, tty=False, node="n1"),
    ],
)
def test_output_of_which_nothing_is_wanted(session: Session) -> None:
    """Of exec the request decides; without input there are no lines."""
    assert not Kept(session, None).account.wants_output
    attach = a_session(kind=SessionKind.ATTACH, tty=False)
    assert not Kept(attach, None, follows_commands=False).account.wants_output


def test_input_without_terminal() -> None:
    """Its size and digest, and no byte of it; nothing is recorded here."""
    kept = Kept(a_session(tty=False), None)
    kept.take(Carried(STDIN, b"echo "), Carried(STDOUT, b"x"))
    kept.take(Carried(STDIN, b"hidden\n"))
    assert kept.close() is None
    _, given, last = kept.lines
    assert given.type == "Input"
    assert given.input_bytes == 12
    assert given.input_sha256 == hashlib.sha256(b"echo hidden\n").hexdigest()
    assert last.recording is None
    assert last.reason == "it ended"


def test_a_recording_has_the_digest_of_its_input(stores: Stores) -> None:
    """While it comes, whenever it has doubled, and at the end; with a gap only the size."""

    def digest(text: bytes) -> str:
        return hashlib.sha256(text).hexdigest()

    kept = Kept(a_session(tty=False), stores)
    for text in (b"echo ", b"hi", b"dden\n"):
        kept.take(Carried(STDIN, text))
    notes = read_recording(kept.close().path).notes()
    assert [note for note in notes if isinstance(note, InputNote)] == [
        InputNote(bytes=5, sha256=digest(b"echo ")),
        InputNote(bytes=12, sha256=digest(b"echo hidden\n")),
    ]
    end = notes[-1]
    assert isinstance(end, EndNote)
    assert (end.bytes_in, end.input_sha256) == (12, digest(b"echo hidden\n"))
    kept = Kept(a_session(id="other", tty=False), stores)
    kept.take(Carried(STDIN, b"abc"), Missing(7))
    notes = read_recording(kept.close().path).notes()
    assert InputNote(bytes=3) in notes
    assert isinstance(notes[-1], EndNote)
    assert notes[-1].input_sha256 == ""


def test_forwarded_connections(stores: Stores) -> None:
    """Each that ends is a line, and those that the session's end ends."""
    kept = Kept(a_session(kind=SessionKind.PORT_FORWARD, tty=False), stores)
    kept.take(PortOpened(0, 80), PortCarried(0, True, 10), PortCarried(0, False, 20))
    kept.take(PortOpened(1, 443), PortClosed(0, "reset"))
    kept.close()
    lines = [line.forwarded for line in kept.lines if line.forwarded is not None]
    assert [(line.port, line.bytes_in, line.bytes_out, line.error) for line in lines] == [
        (80, 10, 20, "reset"),
        (443, 0, 0, ""),
    ]
    assert lines[0].duration_seconds == 1.0


def test_gap(stores: Stores) -> None:
    """What is missing is noted where it is missing; the terminal is followed from there anew."""
    kept = Kept(a_session(), stores)
    kept.take(Resized(80, 24), Carried(STDOUT, b"$ "), Carried(STDIN, b"i"), Missing(1000))
    kept.take(Carried(STDOUT, b"after"))
    reference = kept.close()
    events = read_recording(reference.path)
    assert [note for note in events.notes() if isinstance(note, GapNote)] == [GapNote(bytes=1000)]
    assert events.data(STDOUT) == b"$ after"
    assert [line.line for line in kept.lines if line.type == "Command"] == []


def test_gap_without_recording() -> None:
    """The last line has it."""
    kept = Kept(a_session(tty=False), None)
    kept.take(Missing(5))
    kept.close()
    assert kept.types() == ["SessionStarted", "SessionEnded"]
    assert kept.lines[-1].flags == ("gap",)


HIDDEN = (None, ("hidden", "gap"))
WHOLE = (
    Carried(STDIN, b"id"),
    Carried(STDOUT, b"id"),
    Carried(STDIN, b"\r"),
    Carried(STDOUT, b"\r\n"),
)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param(
            [*WHOLE[:2], Missing(100), *WHOLE[2:], Carried(STDOUT, b"root\r\n$ ")],
            [HIDDEN, ("id", ())],
            id="before Enter",
        ),
        pytest.param(
            [*WHOLE[:3], Missing(100), Carried(STDOUT, b"root\r\n$ ")],
            [HIDDEN, ("id", ())],
            id="the answer",
        ),
        pytest.param(
            [Missing(100, sent=9), Carried(STDOUT, b"root\r\n$ ")],
            [HIDDEN, ("id", ("gap",))],
            id="all of it",
        ),
        pytest.param(
            [*WHOLE[:2], Missing(100, sent=1), Carried(STDOUT, b"root\r\n$ ")],
            [HIDDEN, ("id", ("gap",))],
            id="Enter",
        ),
        pytest.param([Missing(100), Carried(STDOUT, b"$ ")], [("id", ())], id="only output"),
    ],
)
def test_lines_in_a_gap(
    events: Sequence[StreamEvent | Missing], expected: list[tuple[str | None, tuple[str, ...]]]
) -> None:
    """A line that was entered, or may have been, is reported without its text."""
    kept = Kept(a_session(), None)
    kept.take(Carried(STDOUT, b"$ "))
    for event in (*events, *WHOLE):
        kept.take(event)
    kept.close()
    found = [(line.line, line.flags) for line in kept.lines if line.type == "Command"]
    assert found == expected


def test_connections_in_a_gap(stores: Stores) -> None:
    """Those that began in it are counted; what is said of those that were open may be too little."""
    kept = Kept(a_session(kind=SessionKind.PORT_FORWARD, tty=False), stores)
    kept.take(PortOpened(0, 80), Missing(20, connections=3), PortOpened(4, 81))
    kept.take(PortClosed(3), PortClosed(4))
    reference = kept.close()
    forwarded = [(line.forwarded.port, line.flags) for line in kept.lines if line.forwarded]
    assert forwarded == [(81, ()), (80, ("gap",))]
    assert kept.lines[-1].missing_connections == 3
    notes = read_recording(reference.path).notes()
    closed = [note.has_gap for note in notes if isinstance(note, ConnectionClosedNote)]
    assert closed == [False, True]


def test_what_was_not_told_before_the_end(stores: Stores) -> None:
    """Comes with it."""
    kept = Kept(a_session(tty=False), stores)
    moment = STARTED + SECOND
    unfed = (Missing(5), Unreadable(True, "no frame"))
    reference = kept.account.close(Closing(moment, None, "it ended", 0, 0, 5, 1.0, unfed))
    assert kept.types() == ["SessionStarted", "RecordingStopped", "SessionEnded"]
    assert kept.lines[-1].flags == ("gap", "unreadable")
    assert reference is not None
    assert reference.state == "Cut"


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ((Unreadable(True, "not masked"),), "input cannot be read: not masked"),
        ((Unreadable(False, "no frame"),), "output cannot be read: no frame"),
        (
            (Unreadable(False, "no frame"), Unreadable(True, "not masked")),
            "output cannot be read: no frame",
        ),
    ],
)
def test_streams_that_cannot_be_read(
    stores: Stores, events: Sequence[StreamEvent], reason: str
) -> None:
    """Reported once; what can be read still is, and the recording is not called complete."""
    kept = Kept(a_session(tty=False), stores)
    kept.take(*events)
    kept.take(Carried(STDOUT, b"more"))
    reference = kept.close()
    assert kept.failures == [reason]
    (line,) = (line for line in kept.lines if line.type == "RecordingStopped")
    assert line.reason == reason
    assert reference.state == "Cut"
    cast = read_recording(reference.path)
    assert cast.data(STDOUT) == b"more"
    assert sum(isinstance(note, UnreadableNote) for note in cast.notes()) == len(events)


@pytest.mark.parametrize(
    ("kind", "tty", "commands", "is_said"),
    [
        (SessionKind.EXEC, True, True, True),
        (SessionKind.EXEC, False, True, True),
        (SessionKind.PORT_FORWARD, False, True, True),
        (SessionKind.EXEC, True, False, False),
        (SessionKind.UNKNOWN, False, True, False),
    ],
    ids=["commands", "input", "connections", "nothing", "no session of Kubernetes"],
)
def test_unreadable_and_not_recorded(
    kind: SessionKind, tty: bool, commands: bool, is_said: bool
) -> None:
    """Where lines say what is done in a session, one says that no more of them come; once."""
    kept = Kept(a_session(kind=kind, tty=tty), None, follows_commands=commands)
    kept.take(Unreadable(True, "more frames than are read"))
    kept.take(Unreadable(False, "no frame"))
    kept.close()
    reason = "input cannot be read: more frames than are read"
    assert kept.failures == [reason] * is_said
    assert [line.reason for line in kept.lines if line.type == "RecordingStopped"] == (
        [reason] * is_said
    )
    assert kept.lines[-1].flags == ("unreadable",)


def test_input_of_which_a_part_was_read(stores: Stores) -> None:
    """Its digest would be that of nothing that was sent: there is none, in any place."""
    for store in (None, stores):
        kept = Kept(a_session(tty=False), store)
        kept.take(Carried(STDIN, b"echo 0\n"), Unreadable(True, "more frames than are read"))
        reference = kept.close()
        (given,) = (line for line in kept.lines if line.type == "Input")
        assert (given.input_bytes, given.input_sha256, given.flags) == (7, "", ("gap",))
    notes = read_recording(reference.path).notes()
    assert isinstance(notes[-1], EndNote)
    assert (notes[-1].input_sha256, notes[-1].state) == ("", "Cut")


def test_recording_that_stops(stores: Stores) -> None:
    """Its bound is reached: said once, with the reason."""
    kept = Kept(a_session(tty=False), stores, limits=RecordingLimits(per_session=2000))
    for _ in range(3):
        kept.take(Carried(STDOUT, b"x" * 1500))
    reference = kept.close()
    assert len(kept.failures) == 1
    assert kept.types() == ["SessionStarted", "RecordingStopped", "SessionEnded"]
    assert reference.state == "Cut"


def test_a_file_that_is_taken_away(stores: Stores) -> None:
    """It ends with the next flush, and no line says that there is a recording."""
    kept = Kept(a_session(), stores)
    kept.take(Carried(Channel.STDOUT, b"out"))
    kept.account.flush()
    assert kept.failures == []
    next(stores.folder.glob("*.part")).unlink()
    kept.account.flush()
    assert kept.failures == ["another program removed or moved it"]
    reference = kept.close()
    assert (reference.state, reference.sha256, reference.bytes) == ("Failed", "", 0)
    assert kept.types() == ["SessionStarted", "RecordingStopped", "SessionEnded"]


def test_a_file_that_is_taken_away_at_the_end(stores: Stores) -> None:
    """The line before the last one says it, so that an alert fires."""
    kept = Kept(a_session(), stores)
    kept.take(Carried(Channel.STDOUT, b"out"))
    path = next(stores.folder.glob("*.part"))
    path.with_suffix("").mkdir()
    reference = kept.close()
    assert (reference.state, reference.path) == ("Failed", str(path))
    assert kept.types() == ["SessionStarted", "RecordingStopped", "SessionEnded"]
    assert kept.lines[1].reason == f"there is another {path.stem} already"


def test_a_file_that_the_disk_refuses_after_the_end(stores: Stores) -> None:
    """The last line claimed it; another one takes that back, for the same alert."""
    kept = Kept(a_session(), stores)
    kept.take(Carried(Channel.STDOUT, b"out"))
    store, kept.store = kept.store, None
    assert kept.close().state == "Complete"
    next(stores.folder.glob("*.part")).unlink()
    assert store is not None
    store.settle()
    assert kept.types() == ["SessionStarted", "SessionEnded", "RecordingStopped"]
    assert kept.lines[-1].reason == (
        "the finished recording could not be kept: another program removed or moved it"
    )


def test_abandoned(stores: Stores) -> None:
    """A fault of ours stops the recording and the commands; the session's end is still said."""
    kept = Kept(a_session(), stores)
    kept.take(*TYPED[:2])
    kept.account.abandon(STARTED + SECOND, "a fault")
    kept.take(*TYPED[2:])
    reference = kept.close()
    assert kept.failures == ["a fault"]
    assert kept.types() == ["SessionStarted", "RecordingStopped", "SessionEnded"]
    assert reference.state == "Cut"
    assert read_recording(reference.path).data(STDIN) == b""


def test_abandoned_without_recording() -> None:
    """The commands end, which is said; input is still counted, and has no digest."""
    kept = Kept(a_session(), None)
    kept.account.abandon(STARTED, "a fault")
    kept.take(*TYPED)
    kept.close()
    assert kept.types() == ["SessionStarted", "RecordingStopped", "SessionEnded"]
    assert kept.lines[-1].flags == ("unreadable",)
    kept = Kept(a_session(tty=False), None)
    kept.account.abandon(STARTED, "a fault")
    kept.take(Carried(STDIN, b"id\n"))
    kept.close()
    (given,) = (line for line in kept.lines if line.type == "Input")
    assert (given.input_bytes, given.input_sha256) == (3, "")
    kept = Kept(a_session(kind=SessionKind.UNKNOWN), None)
    kept.account.abandon(STARTED, "a fault")
    kept.close()
    assert kept.types() == ["SessionStarted", "SessionEnded"]


def test_discarded(stores: Stores) -> None:
    """A session that did not take place leaves no file and no further line."""
    kept = Kept(a_session(), stores)
    kept.account.discard()
    assert stores.files() == []
    Kept(a_session(), None).account.discard()


def test_unfinished_command_at_the_end() -> None:
    """A line whose Enter was pressed as the session broke off is still reported."""
    kept = Kept(a_session(), None)
    kept.take(Resized(80, 24), Carried(STDOUT, b"$ "), Carried(STDIN, b"reboot\r"))
    kept.close()
    commands = [line for line in kept.lines if line.type == "Command"]
    assert len(commands) == 1
    assert commands[0].flags


@pytest.mark.parametrize("refusal", ["", "the disk is nearly full"])
def test_a_session_without_a_recording(refusal: str) -> None:
    """Nothing of it is recorded where its recording was refused; what is only logged was followed
    until it could not be read any further.
    """
    lines: list[SessionEvent] = []
    account = Account(a_session(), follows_commands=True, emit=lines.append, failed=lambda _: None)
    if refusal:
        account.cannot_record(refusal)
    account.start(STARTED)
    account.take([(STARTED, Unreadable(False, "no frame"))])
    stopped = [(line.reason, line.flags) for line in lines if line.type == "RecordingStopped"]
    assert stopped[0] == (
        (refusal, ("unrecorded",)) if refusal else ("output cannot be read: no frame", ())
    )


def test_a_flood_of_lines(stores: Stores) -> None:
    """It is counted in the log and in the recording, which it does not cut."""
    limits = RecordingLimits(per_session=MEBIBYTE)
    kept = Kept(a_session(tty=True), stores, limits=limits)
    for _ in range(20):
        kept.take(Carried(STDIN, b"\r" * 1_000))
    reference = kept.close()
    assert reference.state == "Complete"
    commands = [line for line in kept.lines if line.type is SessionEventType.COMMAND]
    own = [line for line in commands if line.folded is None]
    assert len(own) < 1_500
    in_log = len(own) + sum(line.folded.count for line in commands if line.folded)
    assert in_log > 19_900
    notes = read_recording(Path(reference.path)).notes()
    found = [note for note in notes if isinstance(note, CommandNote)]
    assert sum(note.folded or 1 for note in found) == in_log
    assert len(found) < 1_500


def test_a_flood_of_connections() -> None:
    """They are counted, as lines are."""
    kept = Kept(a_session(kind=SessionKind.PORT_FORWARD), None)
    for number in range(10_000):
        kept.account.take([(STARTED, PortOpened(number, 80)), (STARTED, PortClosed(number))])
    kept.close()
    lines = [line for line in kept.lines if line.type is SessionEventType.FORWARDED]
    assert len(lines) < 2_500
    assert sum(line.folded.count if line.folded else 1 for line in lines) == 10_000


def test_work_is_done_in_pieces() -> None:
    """A frame of keys is as many pieces as it has keys, with its lines in between."""
    kept = Kept(a_session(tty=True), None)
    steps = kept.account.steps([(STARTED, Carried(STDIN, b"\r" * 100))])
    assert len(list(zip(range(60), steps, strict=False))) == 60
    assert 30 < len(kept.lines) <= 62
    assert len(list(steps)) >= 40
