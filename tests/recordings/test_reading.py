"""Recordings read back from disk, in every state that they can be in."""

import os
from pathlib import Path

import pytest

from auditproxy.apis.session import Carried, Channel, Outcome, Record, Unreadable
from auditproxy.apis.units import MEBIBYTE, SECOND
from auditproxy.recordings.reading import (
    MOST_FAULTS,
    UnreadableRecording,
    read_events,
    summary_of,
)
from auditproxy.recordings.segments import SealedForm
from auditproxy.recordings.usage import RecordingLimits
from auditproxy.sessions.asciicast import LONGEST_LINE
from auditproxy.sessions.castreader import CastData, CastFault, CastHeader
from tests.fakes.recorded import Stores, a_session

OUT = Channel.STDOUT
HEADER = b'{"version": 2, "width": 80, "height": 24}\n'


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    """Stores of a folder that does not exist yet."""
    return Stores(tmp_path / "recordings")


def output(path: Path) -> bytes:
    """What the container wrote."""
    return b"".join(event.data for event in read_events(path) if isinstance(event, CastData))


def test_finished(stores: Stores) -> None:
    """The header comes first; the summary has the end."""
    recording = stores.new().open(a_session(), Record.OUTPUT, moment=0)
    for turn in range(1000):
        recording.take(turn * SECOND, [Carried(OUT, b"x" * 500)])
    path = Path(recording.finish(2000 * SECOND, Outcome(3)).path)
    first, *rest = read_events(path)
    assert isinstance(first, CastHeader)
    assert not any(isinstance(event, CastHeader) for event in rest)
    assert output(path) == b"x" * 500_000
    summary = summary_of(path)
    assert summary.header.auditproxy.pod == "box"
    assert (summary.state, summary.seconds, summary.size) == (
        "Complete",
        2000.0,
        path.stat().st_size,
    )
    assert summary.end is not None
    assert summary.end.exit_code == 3


def test_cut(stores: Stores) -> None:
    """The summary says why."""
    limits = RecordingLimits(per_session=MEBIBYTE)
    recording = stores.new(limits).open(a_session(), Record.OUTPUT, moment=0)
    recording.take(1, [Carried(OUT, b"x" * 2_000_000)])
    summary = summary_of(Path(recording.finish(2).path))
    assert (summary.state, summary.stopped) == ("Cut", "1 MiB")


@pytest.mark.parametrize("missing", [0, 12])
def test_what_is_missing_far_from_the_end(stores: Stores, missing: int) -> None:
    """The end has it: a summary reads no more of a file."""
    recording = stores.new().open(a_session(), Record.INPUT_OUTPUT, moment=0)
    if missing:
        recording.gap(1, missing)
    else:
        recording.take(1, [Unreadable(False, "not a frame")])
    recording.take(2, [Carried(Channel.STDIN, b"x" * 300_000)])
    summary = summary_of(Path(recording.finish(3, Outcome(0)).path))
    assert (summary.state, summary.stopped) == ("Cut", "")
    assert summary.end is not None
    assert summary.end.missing_bytes == missing


def test_while_it_is_written(stores: Stores) -> None:
    """Whole lines are read, again and again."""
    recording = stores.new().open(a_session(tty=False), Record.OUTPUT, moment=0)
    path = Path(recording.path)
    assert output(path) == b""
    recording.take(1, [Carried(OUT, b"one")])
    recording.flush()
    assert output(path) == b"one"
    with path.open("ab") as file:
        file.write(b'[2.0, "o", "hal')
    assert output(path) == b"one"
    assert summary_of(path).state == "Unfinished"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "nothing was recorded yet"),
        (b"\n", "not the header of a recording"),
        (b"hello\n", "not the header of a recording"),
        (b"hello", "nothing was recorded yet"),
        (b'{"version": 3}\n', "asciicast version 3, not 2"),
        (b"x" * 3_000_000, "nothing was recorded yet"),
        (b"x" * 3_000_000 + b"\n", "longer than"),
    ],
)
def test_what_is_not_a_recording(tmp_path: Path, content: bytes, reason: str) -> None:
    """One line says so."""
    path = tmp_path / "x.cast"
    path.write_bytes(content)
    with pytest.raises(UnreadableRecording, match=f"x.cast: {reason}"):
        list(read_events(path))
    with pytest.raises(UnreadableRecording):
        summary_of(path)


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    """A folder, nothing, and a FIFO that no process writes to."""
    os.mkfifo(tmp_path / "fifo.cast")
    for name, reason in (
        ("", "is not a file"),
        ("no", "no such file"),
        ("fifo.cast", "not a file"),
    ):
        with pytest.raises(UnreadableRecording, match=reason):
            summary_of(tmp_path / name)


def test_broken_lines(tmp_path: Path) -> None:
    """Each is a fault; a long one takes no memory."""
    path = tmp_path / "x.cast"
    long = b"y" * (LONGEST_LINE * 3)
    path.write_bytes(HEADER + b"?\n" + long + b'\n[1, "o", "on"]\n')
    events = list(read_events(path))
    assert [event.reason for event in events if isinstance(event, CastFault)] == [
        "not JSON",
        "longer than a line of a recording can be",
    ]
    assert output(path) == b"on"


def test_a_hole(tmp_path: Path) -> None:
    """A sparse file of many gigabytes is not read to its end."""
    path = tmp_path / "x.cast"
    with path.open("wb") as file:
        file.write(HEADER)
        file.truncate(1 << 40)
    with pytest.raises(UnreadableRecording, match="what follows byte 42 has no line ends"):
        list(read_events(path))


def sealed(path: Path, *pieces: bytes) -> Path:
    """A file of segments that are not encrypted, each with some bytes."""
    form = SealedForm(lambda data: data)
    path.write_bytes(b"".join(form.piece(piece, "1.000000") for piece in pieces))
    return path


def test_the_end_of_a_large_segment(tmp_path: Path) -> None:
    """Of segments, as of a file, only the end is read for a summary."""
    end = b'[9.5, "a", "{\\"type\\":\\"End\\",\\"exitCode\\":4}"]\n'
    line = b'[1.0, "o", "x"]\n'
    for pieces in (
        (HEADER, b"\n" * 1_000_000 + line * 5_000 + end),
        (HEADER + line * 5_000 + end,),
    ):
        summary = summary_of(sealed(tmp_path / "x.cast.age.tar", *pieces), bytes)
        assert (summary.state, summary.seconds) == ("Complete", 9.5)
        assert summary.end is not None
        assert summary.end.exit_code == 4


def test_a_segment_of_line_ends(tmp_path: Path) -> None:
    """Neither a summary nor the events read all of them."""
    path = sealed(tmp_path / "x.cast.age.tar", HEADER, b"\n" * 7_000_000)
    reason = "10001 lines one after the other are not lines"
    with pytest.raises(UnreadableRecording, match=reason):
        summary_of(path, bytes)
    with pytest.raises(UnreadableRecording, match=reason):
        list(read_events(path, bytes))


def test_the_lines_of_segments(tmp_path: Path) -> None:
    """Each is read once, and nothing more where a segment ends with its line end."""
    path = sealed(tmp_path / "x.cast.age.tar", HEADER, b'[1, "o", "a"]\n[2, "o", "b"]\n')
    assert [type(event) for event in read_events(path, bytes)] == [CastHeader, CastData, CastData]
    only = sealed(tmp_path / "y.cast.age.tar", HEADER)
    assert summary_of(only, bytes).state == "Unfinished"
    assert [type(event) for event in read_events(only, bytes)] == [CastHeader]


def test_many_lines_that_are_none(tmp_path: Path) -> None:
    """A large file of line ends is not read to its end."""
    path = tmp_path / "x.cast"
    path.write_bytes(HEADER + b"\n" * (MOST_FAULTS + 10))
    with pytest.raises(UnreadableRecording, match="10001 lines one after the other are not lines"):
        list(read_events(path))
