"""One recording: what its file holds, and what cuts it."""

import hashlib
import os
import resource
import stat
import tarfile
import tracemalloc
from pathlib import Path

import pytest

from auditproxy.apis.session import (
    Carried,
    Channel,
    Outcome,
    PortCarried,
    PortClosed,
    PortOpened,
    Record,
    Resized,
    SessionKind,
    StreamEvent,
    Unreadable,
)
from auditproxy.apis.units import MEBIBYTE, SECOND
from auditproxy.recordings.recording import RESERVE
from auditproxy.recordings.segments import SealedForm
from auditproxy.recordings.store import RecordingRefused
from auditproxy.recordings.usage import RecordingLimits
from auditproxy.sessions.castlines import PIECE
from auditproxy.sessions.castnotes import (
    CommandNote,
    CopiedFileNote,
    CopyEndNote,
    CopyNote,
    EndNote,
    GapNote,
    StoppedNote,
)
from tests.fakes.recorded import Stores, a_session, read_recording
from tests.fakes.smalldisk import small_disk

OUT, IN = Channel.STDOUT, Channel.STDIN

TOO_LARGE = "its recording reached the largest size that one may have (1 MiB)"


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    """Stores of a folder that does not exist yet."""
    return Stores(tmp_path / "recordings")


def test_a_recording(stores: Stores) -> None:
    """From its first event to its end: one file, ours alone, and what it is worth."""
    recording = stores.new().open(a_session(), Record.OUTPUT, moment=5)
    assert stores.files() == ["2023-11-14T22-13-20.123456Z_team-a_box_0c1f_5e5510f1d.cast.part"]
    assert stat.S_IMODE(os.stat(recording.path).st_mode) == 0o600
    assert stat.S_IMODE(stores.folder.stat().st_mode) == 0o700
    recording.take(5, [Resized(100, 30), Carried(IN, b"ls\r")])
    recording.take(SECOND + 5, [Carried(OUT, b"ls\r\nfile\r\n")])
    recording.command(SECOND + 6, "ls", ["prompt?"])
    recording.gap(SECOND + 7, 12)
    reference = recording.finish(2 * SECOND + 5, Outcome(3, "NonZeroExitCode", "exit code 3"))
    assert stores.files() == ["2023-11-14T22-13-20.123456Z_team-a_box_0c1f_5e5510f1d.cast"]
    content = Path(reference.path).read_bytes()
    assert (reference.state, reference.bytes) == ("Cut", len(content)), "there is a gap"
    assert reference.sha256 == hashlib.sha256(content).hexdigest()
    assert reference == recording.finish(9 * SECOND)
    cast = read_recording(reference.path)
    assert cast.header is not None
    assert (cast.header.width, cast.header.height) == (100, 30)
    assert cast.header.auditproxy.user == "alice"
    assert (cast.data(OUT), cast.data(IN)) == (b"ls\r\nfile\r\n", b"")
    assert cast.notes() == [
        CommandNote(line="ls", flags=("prompt?",)),
        GapNote(bytes=12),
        EndNote(
            exit_code=3,
            reason="NonZeroExitCode",
            message="exit code 3",
            bytes_in=3,
            bytes_out=10,
            missing_bytes=12,
            state="Cut",
        ),
    ]
    assert stores.counted.written == len(content)
    recording.take(9, [Carried(OUT, b"late")])
    recording.command(9, "late")
    recording.flush()
    assert Path(reference.path).read_bytes() == content


@pytest.mark.parametrize("from_client", [False, True])
def test_one_direction(stores: Stores, from_client: bool) -> None:
    """What cannot be read to its end is Cut; the other direction goes on."""
    recording = stores.new().open(a_session(), Record.INPUT_OUTPUT, moment=0)
    assert recording.state == "Complete"
    recording.take(1, [Carried(OUT, b"one"), Unreadable(from_client, "a frame is too long")])
    assert (recording.state, recording.stopped) == ("Cut", "")
    recording.take(2, [Carried(IN if not from_client else OUT, b"two")])
    reference = recording.finish(3, Outcome(0))
    assert reference.state == "Cut"
    cast = read_recording(reference.path)
    assert cast.data(OUT) + cast.data(IN) == b"onetwo"
    end = cast.notes()[-1]
    assert isinstance(end, EndNote)
    assert (end.state, end.missing_bytes) == ("Cut", 0)
    assert stores.counted.stopped_ones == []


def test_a_gap_after_the_end(stores: Stores) -> None:
    """It changes nothing: the end is written."""
    recording = stores.new().open(a_session(), Record.OUTPUT, moment=0)
    assert recording.finish(1, Outcome(0)).state == "Complete"
    recording.gap(2, 5)
    recording.take(2, [Unreadable(True, "late")])
    assert recording.state == "Complete"


def test_metadata(stores: Stores) -> None:
    """No byte of the streams is kept; their counts are."""
    events: list[StreamEvent] = [Carried(IN, b"secret"), Carried(OUT, b"seen"), Resized(9, 9)]
    recording = stores.new().open(a_session(), Record.METADATA, moment=0)
    recording.take(1, events)
    reference = recording.finish(2, Outcome(None), reason="client gone")
    content = Path(reference.path).read_bytes()
    assert b"secret" not in content
    assert b"seen" not in content
    assert read_recording(reference.path).notes() == [
        EndNote(reason="client gone", bytes_in=6, bytes_out=4)
    ]


def test_bytes_of_a_session(stores: Stores) -> None:
    """What is over is cut with a marker; the end is written all the same."""
    recording = stores.new(RecordingLimits(per_session=MEBIBYTE)).open(
        a_session(), Record.OUTPUT, moment=0
    )
    for moment in range(200):
        recording.take(moment, [Carried(OUT, b"x" * 10_000)])
    assert (recording.state, recording.stopped) == ("Cut", TOO_LARGE)
    reference = recording.finish(200, Outcome(0))
    assert MEBIBYTE - 64 * 1024 < reference.bytes < MEBIBYTE
    assert reference.state == "Cut"
    notes = read_recording(reference.path).notes()
    assert notes[0] == StoppedNote(state="Cut", reason=TOO_LARGE)
    assert notes[1] == EndNote(exit_code=0, bytes_out=2_000_000, missing_bytes=980_000, state="Cut")
    assert f'"recording cut: {TOO_LARGE}"'.encode() in Path(reference.path).read_bytes()
    assert stores.counted.stopped_ones == [("Cut", TOO_LARGE)]


def test_bytes_of_a_port_forward(stores: Stores) -> None:
    """The end has those of all connections, though the recording has no stream."""
    recording = stores.new().open(a_session(kind=SessionKind.PORT_FORWARD), Record.OUTPUT, moment=0)
    sent, received = PortCarried(0, True, 79), PortCarried(0, False, 104)
    recording.take(0, [PortOpened(0, 80), sent, received, PortClosed(0)])
    (*_, end) = read_recording(recording.finish(SECOND).path).notes()
    assert isinstance(end, EndNote)
    assert (end.bytes_in, end.bytes_out) == (79, 104)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
def test_full_disk(tmp_path: Path) -> None:
    """No space left in the middle of a line: whole lines stay, nothing is raised."""
    with small_disk(tmp_path, "256k") as mount:
        stores = Stores(mount / "recordings")
        store = stores.new()
        recording = store.open(a_session(), Record.OUTPUT, moment=0)
        for moment in range(1, 100):
            recording.take(moment, [Carried(OUT, b"x" * 9999)])
            recording.flush()
        assert recording.state == "Failed"
        assert recording.stopped == "no space left on device"
        reference = recording.finish(1000, Outcome(0))
        content = Path(reference.path).read_bytes()
        assert (reference.state, reference.bytes) == ("Failed", len(content))
        assert reference.sha256 == hashlib.sha256(content).hexdigest()
        assert content.endswith(b"\n")
        assert len(read_recording(reference.path).data(OUT)) > 100_000
        with pytest.raises(RecordingRefused, match="the disk is nearly full"):
            stores.new().open(a_session(id="2"), Record.OUTPUT, moment=0)


def test_a_cut_is_marked_at_once(stores: Stores) -> None:
    """A reader of the running session sees it after the next flush."""
    recording = stores.new().open(a_session(tty=False), Record.OUTPUT, moment=0)
    recording.take(1, [Carried(OUT, b"one")])
    recording.stop(2, "maximumDuration")
    recording.take(3, [Carried(OUT, b"two")])
    recording.command(3, "two")
    cast = read_recording(recording.path)
    assert cast.data(OUT) == b"one"
    assert cast.notes() == [StoppedNote(reason="maximumDuration")]
    recording.flush()
    assert recording.finish(4).state == "Cut"
    assert stores.counted.stopped_ones == [("Cut", "maximumDuration")]


def test_a_disk_that_fails_for_a_while(stores: Stores) -> None:
    """What is whole stays; the mark is written with the end, when there is room again."""
    recording = stores.new().open(a_session(tty=False), Record.OUTPUT, moment=0)
    recording.take(1, [Carried(OUT, b"one")])
    recording.flush()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (Path(recording.path).stat().st_size + 10, hard))
    try:
        recording.take(2, [Carried(OUT, b"two" * 100)])
        recording.flush()
        recording.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (recording.state, recording.stopped) == ("Failed", "file too large")
    reference = recording.finish(3, Outcome(0))
    cast = read_recording(reference.path)
    assert cast.data(OUT) == b"one"
    assert cast.notes() == [
        StoppedNote(state="Failed", reason="file too large"),
        EndNote(exit_code=0, bytes_out=303, missing_bytes=300, state="Failed"),
    ]
    assert reference.sha256 == hashlib.sha256(Path(reference.path).read_bytes()).hexdigest()


@pytest.mark.parametrize("flushes", [False, True])
def test_a_bound_before_the_first_flush(stores: Stores, flushes: bool) -> None:
    """The header is there all the same, so that the file is read; the end is, too."""
    store = stores.new(RecordingLimits(total=100_000))
    recording = store.open(a_session(), Record.OUTPUT, moment=0)
    other = store.open(a_session(id="2"), Record.OUTPUT, moment=0)
    other.take(1, [Carried(OUT, b"x" * 90_000)])
    stores.monotonic.now += 2
    recording.take(1, [Carried(OUT, b"y" * 20_000)])
    if flushes:
        recording.flush()
    reference = recording.finish(2, Outcome(0))
    assert reference.state == "Cut"
    cast = read_recording(reference.path)
    assert cast.header is not None
    assert cast.data(OUT) == b""
    assert cast.notes() == [
        StoppedNote(reason="recordings take all the room that they may"),
        EndNote(exit_code=0, bytes_out=20_000, missing_bytes=20_000, state="Cut"),
    ]


@pytest.mark.parametrize(
    ("data", "times"),
    [(b"abcdefg\n" * 8192, 4), (b"\0" * 65536, 16), (b"\xff" * 65536, 17)],
    ids=["text", "escaped", "not UTF-8"],
)
def test_what_a_piece_takes_while_it_is_written(stores: Stores, data: bytes, times: int) -> None:
    """Some times its bytes, beside the lines that are held; and nothing is left of it."""
    recording = stores.new().open(a_session(), Record.OUTPUT, moment=0)
    recording.take(1, [Carried(OUT, b"x")])
    recording.flush()
    tracemalloc.start()
    try:
        recording.take(2, [Carried(OUT, data)])
        left, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < times * len(data)
    assert left < 4096
    recording.finish(3)


@pytest.mark.parametrize("lines", [1, 3])
def test_a_bound_within_a_long_piece(stores: Stores, lines: int) -> None:
    """As many of its lines are kept as there is room for."""
    limits = RecordingLimits(per_session=lines * (PIECE + 30) + RESERVE + 1000)
    recording = stores.new(limits).open(a_session(), Record.OUTPUT, moment=0)
    recording.take(1, [Carried(OUT, b"y" * 4 * PIECE)])
    reference = recording.finish(2, Outcome(0))
    cast = read_recording(reference.path)
    assert cast.data(OUT) == b"y" * lines * PIECE
    end = cast.notes()[-1]
    assert isinstance(end, EndNote)
    assert (end.state, end.missing_bytes) == ("Cut", (4 - lines) * PIECE)


@pytest.mark.parametrize("comes_back", [False, True])
def test_a_disk_that_refuses_the_first_piece(stores: Stores, comes_back: bool) -> None:
    """With room again before the end the file begins with its header; else there is none."""
    store = stores.new()
    recording = store.open(a_session(), Record.OUTPUT, moment=0)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        recording.take(1, [Carried(OUT, b"one")])
        recording.flush()
        if not comes_back:
            reference = recording.finish(2, Outcome(0))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    if not comes_back:
        assert (reference.state, reference.bytes) == ("Failed", 0)
        assert stores.files() == []
        assert store.used == 0
        return
    reference = recording.finish(2, Outcome(0))
    cast = read_recording(reference.path)
    assert cast.header is not None
    assert cast.notes() == [
        StoppedNote(state="Failed", reason="file too large"),
        EndNote(exit_code=0, bytes_out=3, missing_bytes=3, state="Failed"),
    ]


def test_a_name_that_is_taken_away(stores: Stores, tmp_path: Path) -> None:
    """A folder that vanishes costs the recording, and nothing is raised or uploaded."""
    finished: list[Path] = []
    recording = stores.new(on_finished=finished.append).open(a_session(), Record.OUTPUT, moment=0)
    Path(recording.path).unlink()
    reference = recording.finish(1)
    assert (reference.state, finished) == ("Failed", [])


def test_encryption_that_fails(stores: Stores) -> None:
    """It is a failure like that of a disk; a file without a byte is not kept."""

    def refuse(content: bytes) -> bytes:
        raise OSError(5, "encryption failed")

    finished: list[Path] = []
    store = stores.new(new_form=lambda: SealedForm(refuse), on_finished=finished.append)
    recording = store.open(a_session(), Record.OUTPUT, moment=0)
    recording.take(1, [Carried(OUT, b"secret")])
    recording.flush()
    assert recording.stopped == "encryption failed"
    reference = recording.finish(2)
    assert (reference.state, reference.sha256, reference.bytes) == ("Failed", "", 0)
    assert reference.path == recording.path.removesuffix(".part")
    assert reference == recording.finish(3)
    assert stores.files() == []
    assert finished == []


def test_a_copy(stores: Stores) -> None:
    """The names of its files, in any record, and no content."""
    member = tarfile.TarInfo("etc/hosts")
    member.size = 6
    content = member.tobuf() + b"secret".ljust(512, b"\0") + bytes(1024)
    session = a_session(command=("tar", "cf", "-", "/etc/hosts"), stdin=False, tty=False)
    recording = stores.new().open(session, Record.METADATA, moment=0)
    recording.take(1, [Carried(OUT, content)])
    path = Path(recording.finish(2, Outcome(0)).path)
    assert b"secret" not in path.read_bytes()
    assert read_recording(path).notes() == [
        CopyNote(direction="from the container", path="/etc/hosts"),
        CopiedFileNote(name="etc/hosts", size=6),
        CopyEndNote(files=1, bytes=6),
        EndNote(exit_code=0, bytes_out=len(content)),
    ]


def test_a_gap_in_a_copy(stores: Stores) -> None:
    """Content after it is not taken for output."""
    member = tarfile.TarInfo("etc/hosts")
    member.size = 4096
    content = member.tobuf() + b"secret".ljust(8, b".") * 512 + bytes(1024)
    session = a_session(command=("tar", "cf", "-", "/etc/hosts"), stdin=False, tty=False)
    recording = stores.new().open(session, Record.OUTPUT, moment=0)
    recording.take(1, [Carried(OUT, content[:600])])
    recording.gap(2, 100)
    recording.take(3, [Carried(OUT, content[700:])])
    recording.take(3, [Carried(OUT, content)])
    path = Path(recording.finish(4, Outcome(0)).path)
    assert b"secret" not in path.read_bytes()
    end = read_recording(path).notes()[-2]
    assert isinstance(end, CopyEndNote)
    assert end.unread == 2 * len(content) - 700


def test_notes_of_commands_cut_nothing(stores: Stores) -> None:
    """They have a part of the bound: what is over is counted, and the session is recorded on."""
    limits = RecordingLimits(per_session=MEBIBYTE)
    recording = stores.new(limits).open(a_session(), Record.OUTPUT, moment=5)
    recording.take(5, [Carried(OUT, b"before")])
    for number in range(10_000):
        recording.command(SECOND + number, f"line {number} " + "x" * 200)
    recording.command(2 * SECOND, None, ("hidden", "gap"), folded=500)
    recording.take(3 * SECOND, [Carried(OUT, b"after")])
    reference = recording.finish(4 * SECOND)
    assert (reference.state, recording.stopped) == ("Complete", "")
    cast = read_recording(Path(reference.path))
    assert cast.data(OUT) == b"beforeafter"
    notes = [note for note in cast.notes() if isinstance(note, CommandNote)]
    assert sum(note.folded or 1 for note in notes) == 10_500
    assert MEBIBYTE // 16 < reference.bytes < MEBIBYTE // 4
