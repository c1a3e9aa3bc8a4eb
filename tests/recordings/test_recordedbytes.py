"""What passed and is not in a recording: however it came to be missing, its end says how much."""

import tarfile
from pathlib import Path

import pytest

from auditproxy.apis.session import Carried, Channel, Outcome, PortCarried, Record, SessionKind
from auditproxy.apis.units import MEBIBYTE
from auditproxy.recordings.usage import RecordingLimits
from auditproxy.sessions.castnotes import EndNote, StoppedNote
from auditproxy.sessions.streambytes import StreamBytes
from tests.fakes.recorded import Stores, a_session, read_recording
from tests.fakes.smalldisk import small_disk

OUT, IN = Channel.STDOUT, Channel.STDIN


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    """Stores of a folder that does not exist yet."""
    return Stores(tmp_path / "recordings")


def end_of(path: str) -> EndNote:
    """The last note of a recording."""
    end = read_recording(path).notes()[-1]
    assert isinstance(end, EndNote)
    return end


def test_what_must_remain_free_has_room_for_what_is_held(tmp_path: Path) -> None:
    """What the client has already is written; what comes then is counted."""
    with small_disk(tmp_path, "1m") as mount:
        stores = Stores(mount / "recordings")
        store = stores.new(RecordingLimits(minimum_free=256 * 1024))
        recording = store.open(a_session(), Record.OUTPUT, moment=0)
        recording.take(1, [Carried(OUT, b"seen, ")])
        recording.flush()
        (mount / "filler").write_bytes(bytes(800 * 1024))
        stores.monotonic.now += 2
        recording.take(2, [Carried(OUT, b"and this")])
        recording.flush()
        assert (recording.state, recording.stopped) == ("Cut", "the disk is nearly full")
        recording.take(3, [Carried(OUT, b"not this")])
        path = recording.finish(4, Outcome(0)).path
        assert read_recording(path).data(OUT) == b"seen, and this"
        assert end_of(path) == EndNote(exit_code=0, bytes_out=22, missing_bytes=8, state="Cut")
        assert recording.missing == 8


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """Of what it refused, and of what came then, nothing is forgotten."""
    with small_disk(tmp_path, "256k") as mount:
        stores = Stores(mount / "recordings")
        recording = stores.new().open(a_session(), Record.OUTPUT, moment=0)
        for moment in range(1, 100):
            recording.take(moment, [Carried(OUT, b"x\xc3\xa4\xff" * 2500)])
        assert recording.state == "Failed"
        path = recording.finish(1000, Outcome(0)).path
        recorded = len(read_recording(path).data(OUT))
        assert recorded > 20_000
        assert recording.missing == 99 * 10_000 - recorded


def test_the_largest_recording(stores: Stores) -> None:
    """To the byte, in the middle of an event too."""
    limits = RecordingLimits(per_session=MEBIBYTE)
    recording = stores.new(limits).open(a_session(), Record.OUTPUT, moment=0)
    recording.take(1, [Carried(IN, b"typed"), Carried(OUT, b"\xe2\x82\xac" * 700_000)])
    recording.take(2, [Carried(OUT, b"more")])
    path = recording.finish(3).path
    recorded = len(read_recording(path).data(OUT))
    assert 0 < recorded < 2_000_000
    end = end_of(path)
    assert (end.bytes_in, end.bytes_out) == (5, 2_100_004)
    assert end.missing_bytes == recording.missing == 2_100_004 - recorded


@pytest.mark.parametrize("record", [Record.METADATA, Record.OUTPUT, Record.INPUT_OUTPUT])
def test_nothing(stores: Stores, record: Record) -> None:
    """What a rule leaves out is not missing, and neither is a character in two pieces."""
    recording = stores.new().open(a_session(tty=False), record, moment=0)
    recording.take(1, [Carried(IN, b"in"), Carried(OUT, b"\xe2\x82"), Carried(OUT, b"\xac\xe2")])
    if record is Record.METADATA:
        recording.stop(2, "enough")
    recording.take(3, [Carried(IN, b"more")])
    end = end_of(recording.finish(4, passed=StreamBytes(6, 4)).path)
    assert (end.bytes_in, end.bytes_out, end.missing_bytes) == (6, 4, 0)


def test_what_the_tunnel_knows(stores: Stores) -> None:
    """What never came here has passed all the same, gaps among it."""
    recording = stores.new().open(a_session(), Record.INPUT_OUTPUT, moment=0)
    recording.take(1, [Carried(OUT, b"four")])
    recording.gap(2, 100)
    end = end_of(recording.finish(3, passed=StreamBytes(7, 4 + 100 + 1000)).path)
    assert (end.bytes_in, end.bytes_out, end.missing_bytes) == (7, 1104, 1107)


def test_connections(stores: Stores) -> None:
    """Their bytes are their number; of those behind the end of the recording nothing is noted."""
    session = a_session(kind=SessionKind.PORT_FORWARD)
    recording = stores.new().open(session, Record.OUTPUT, moment=0)
    recording.take(1, [PortCarried(0, True, 79)])
    recording.stop(2, "enough")
    recording.take(3, [PortCarried(0, False, 104)])
    assert end_of(recording.finish(4).path).missing_bytes == 104


@pytest.mark.parametrize("record", [Record.METADATA, Record.OUTPUT])
@pytest.mark.parametrize("is_stopped", [False, True])
def test_copies(stores: Stores, record: Record, is_stopped: bool) -> None:
    """Files are recorded by their names; what is no tar stream is output."""
    member = tarfile.TarInfo("etc/hosts")
    member.size = 6
    content = member.tobuf() + b"secret".ljust(512, b"\0") + bytes(1024)
    session = a_session(command=("tar", "cf", "-", "/etc/hosts"), stdin=False, tty=False)
    recording = stores.new().open(session, record, moment=0)
    if is_stopped:
        recording.stop(1, "enough")
    recording.take(2, [Carried(OUT, content[:700]), Carried(OUT, content[700:])])
    end = end_of(recording.finish(3, Outcome(0)).path)
    assert end.missing_bytes == (len(content) if is_stopped else 0)


def test_a_copy_after_a_gap(stores: Stores) -> None:
    """What is neither read nor named is missing as the gap is."""
    session = a_session(command=("tar", "cf", "-", "/etc/hosts"), stdin=False, tty=False)
    recording = stores.new().open(session, Record.OUTPUT, moment=0)
    recording.gap(1, 100)
    recording.take(2, [Carried(OUT, b"x" * 4096)])
    assert end_of(recording.finish(3).path).missing_bytes == 4196


def test_a_file_that_is_taken_away(stores: Stores) -> None:
    """With it goes all that was in it."""
    recording = stores.new().open(a_session(), Record.OUTPUT, moment=0)
    recording.take(1, [Carried(OUT, b"four")])
    recording.flush()
    Path(recording.path).unlink()
    assert recording.finish(2).state == "Failed"
    assert recording.missing == 4


def test_a_stop_is_said_once(stores: Stores) -> None:
    """What is held stays in the file, and the note follows it."""
    recording = stores.new().open(a_session(), Record.OUTPUT, moment=0)
    recording.take(1, [Carried(OUT, b"held")])
    recording.stop(2, "enough")
    recording.take(3, [Carried(OUT, b"lost")])
    path = recording.finish(4).path
    stopped, end = read_recording(path).notes()
    assert stopped == StoppedNote(reason="enough")
    assert end == EndNote(bytes_out=8, missing_bytes=4, state="Cut")
