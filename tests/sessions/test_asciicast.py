"""asciicast v2: lines that every player takes, and from which the exact bytes come back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    StreamEvent,
    Unreadable,
)
from auditproxy.apis.units import SECOND
from auditproxy.sessions.asciicast import CastWriter
from auditproxy.sessions.castlines import PIECE
from auditproxy.sessions.castnotes import (
    CommandNote,
    ConnectionClosedNote,
    EndNote,
    InputClosedNote,
    UnreadableNote,
)
from auditproxy.sessions.castreader import Cast, CastResize, read_cast
from tests.fakes.recorded import a_session

OUT, ERR, IN = Channel.STDOUT, Channel.STDERR, Channel.STDIN


def written(
    *moments: tuple[int, list[StreamEvent]],
    record: Record = Record.INPUT_OUTPUT,
    tty: bool = True,
    columns: int = 0,
    rows: int = 0,
) -> bytes:
    """The file of a session whose events come at these moments."""
    writer = CastWriter(a_session(tty=tty), record, began=0, columns=columns, rows=rows)
    lines = []
    last = 0
    for last, events in moments:
        lines += writer.take(last, events)
    lines += writer.header()
    lines += writer.close(last)
    return b"".join(lines)


def lines_of(content: bytes) -> list[list[object]]:
    """Every event as it stands in the file."""
    return [json.loads(line) for line in content.splitlines()[1:]]


def read(content: bytes) -> Cast:
    """Read back, without a fault."""
    cast = read_cast(content.splitlines(keepends=True))
    assert cast.faults() == []
    return cast


def test_header() -> None:
    """What players need, and who and where under one key."""
    header = json.loads(written(columns=120, rows=40).splitlines()[0])
    assert header == {
        "version": 2,
        "width": 120,
        "height": 40,
        "timestamp": 1_700_000_000,
        "auditproxy": {
            "sessionID": "5e5510f1d",
            "auditID": "0c1f",
            "kind": "exec",
            "record": "InputOutput",
            "started": "2023-11-14T22:13:20.123456Z",
            "user": "alice",
            "groups": ["dev"],
            "sourceIPs": ["192.0.2.1"],
            "userAgent": "kubectl/v1.37",
            "namespace": "team-a",
            "pod": "box",
            "container": "main",
            "command": ["sh", "-c", "ls"],
            "stdin": True,
            "tty": True,
        },
    }


@pytest.mark.parametrize(
    ("events", "size", "resizes"),
    [
        ([Resized(120, 40), Carried(OUT, b"x")], (120, 40), []),
        ([Carried(OUT, b"x"), Resized(120, 40)], (80, 24), ["120x40"]),
        ([Resized(0, 0), Carried(OUT, b"x")], (80, 24), []),
        ([Resized(121, 41), Resized(120, 40), Carried(OUT, b"x")], (121, 41), ["120x40"]),
        ([Resized(120, 40), Resized(120, 40)], (120, 40), []),
        ([Resized(70000, 40)], (80, 24), []),
        ([], (80, 24), []),
    ],
)
def test_first_size(events: list[StreamEvent], size: tuple[int, int], resizes: list[str]) -> None:
    """The first size before output is the header's; a size of nothing is none."""
    content = written((5, events))
    header = json.loads(content.splitlines()[0])
    assert (header["width"], header["height"]) == size
    assert [data for _, code, data in lines_of(content) if code == "r"] == resizes


def test_times() -> None:
    """Six digits, never an exponent, never back."""
    content = written(
        (1, [Carried(OUT, b"a")]),
        (3600 * SECOND + 1000, [Carried(OUT, b"b")]),
        (5, [Carried(OUT, b"c")]),
    )
    assert [line.split(b",")[0] for line in content.splitlines()[1:]] == [
        b"[0.000000",
        b"[3600.000001",
        b"[3600.000001",
    ]


def test_a_character_in_two_frames_stays_whole() -> None:
    """It is written with its second part; nothing is replaced."""
    euro = "€".encode()
    content = written((1, [Carried(OUT, b"a" + euro[:1])]), (2, [Carried(OUT, euro[1:] + b"b")]))
    assert [line[1:] for line in lines_of(content)] == [["o", "a"], ["o", "€b"]]


def test_a_character_is_not_cut_by_another_stream() -> None:
    """Each stream has a decoder of its own."""
    euro = "€".encode()
    content = written(
        (1, [Carried(OUT, euro[:1]), Carried(ERR, b"no"), Carried(OUT, euro[1:])]), tty=False
    )
    assert [line[1:] for line in lines_of(content)] == [
        ["s", "stderr"],
        ["o", "no"],
        ["s", "stdout"],
        ["o", "€"],
    ]


def test_bytes_that_are_not_utf8() -> None:
    """The text has U+FFFD, and the bytes come back."""
    content = written((1, [Carried(OUT, b"caf\xe9 au lait\r\n")]))
    assert [line[1:] for line in lines_of(content)] == [
        ["b", "Y2Fm6SBhdSBsYWl0DQo="],
        ["o", "caf\ufffd au lait\r\n"],
    ]
    assert read(content).data(OUT) == b"caf\xe9 au lait\r\n"


def test_binary_without_terminal() -> None:
    """Nothing of it is shown, all of it is kept."""
    data = bytes(range(256))
    content = written((1, [Carried(OUT, data)]), tty=False)
    assert [line[1:] for line in lines_of(content)][1] == ["o", ""]
    assert read(content).data(OUT) == data


def test_what_a_stream_ends_with() -> None:
    """A character that was never finished is kept too."""
    content = written((1, [Carried(OUT, b"a\xe2\x82")]))
    assert read(content).data(OUT) == b"a\xe2\x82"


@pytest.mark.parametrize(
    ("record", "kept"),
    [
        (Record.METADATA, {IN: b"", OUT: b"", ERR: b""}),
        (Record.OUTPUT, {IN: b"", OUT: b"out", ERR: b"err"}),
        (Record.INPUT_OUTPUT, {IN: b"in", OUT: b"out", ERR: b"err"}),
    ],
)
def test_what_is_recorded(record: Record, kept: dict[Channel, bytes]) -> None:
    """Input only when it is asked for."""
    events: list[StreamEvent] = [Carried(IN, b"in"), Carried(OUT, b"out"), Carried(ERR, b"err")]
    content = written((1, events), record=record, tty=False)
    cast = read(content)
    assert {channel: cast.data(channel) for channel in Channel} == kept
    for word in (b"in", b"out", b"err"):
        if word not in kept.values():
            assert b'"' + word + b'"' not in content


def test_notes_come_back() -> None:
    """Input's end, what could not be read, and no outcome: that is the note of the end."""
    content = written((1, [InputClosed(), Unreadable(True, "no\nsense"), Outcome(3)]))
    assert read(content).notes() == [
        InputClosedNote(),
        UnreadableNote(from_client=True, reason="no\nsense"),
    ]
    assert [line[2] for line in lines_of(content) if line[1] == "m"] == [
        "input unreadable: no sense"
    ]


def test_port_forward() -> None:
    """Ports, bytes and durations of each connection; what is open ends with the session."""
    content = written(
        (1, [PortOpened(0, 80), PortOpened(1, 81)]),
        (2, [PortCarried(0, True, 5), PortCarried(0, False, 7), PortCarried(1, True, 1)]),
        (SECOND + 1, [PortClosed(0, "refused"), PortClosed(7)]),
        record=Record.METADATA,
    )
    closed = [note for note in read(content).notes() if isinstance(note, ConnectionClosedNote)]
    assert closed == [
        ConnectionClosedNote(
            connection=0, port=80, bytes_in=5, bytes_out=7, duration_seconds=1.0, error="refused"
        ),
        ConnectionClosedNote(connection=1, port=81, bytes_in=1, duration_seconds=1.0),
    ]


def test_a_command_is_a_note_with_a_marker() -> None:
    """What a user types cannot pass for another marker."""
    writer = CastWriter(a_session(), Record.OUTPUT, began=0)
    content = b"".join(
        writer.note(1, CommandNote(line="exit 3\nls", flags=("prompt?",)))
        + writer.note(2, CommandNote(flags=("hidden",)))
        + writer.note(3, EndNote(exit_code=0))
    )
    assert [line[2] for line in lines_of(content) if line[1] == "m"] == [
        "$ exit 3 ls",
        "$ (hidden)",
        "exit 0",
    ]
    assert read(content).notes()[0] == CommandNote(line="exit 3\nls", flags=("prompt?",))


def test_strings_that_are_not_text() -> None:
    """A lone surrogate would make players stop."""
    session = a_session(namespace="\udce9", command=("x" * 5000, *["y"] * 500))
    header = CastWriter(session, Record.OUTPUT, began=0).header()[0]
    ours = json.loads(header)["auditproxy"]
    assert ours["namespace"] == "\ufffd"
    assert len(ours["command"][0]) == 4096
    assert len(ours["command"]) == 257
    assert ours["command"][-1] == "..."


EVENTS = st.lists(
    st.one_of(
        st.builds(Carried, st.sampled_from(Channel), st.binary(max_size=12)),
        st.builds(
            Carried, st.sampled_from(Channel), st.text(max_size=6).map(lambda text: text.encode())
        ),
        st.builds(Resized, st.integers(0, 70000), st.integers(0, 70000)),
    ),
    max_size=12,
)


@given(
    moments=st.lists(st.tuples(st.integers(0, 10**12), EVENTS), max_size=6),
    tty=st.booleans(),
)
def test_written_and_read(moments: list[tuple[int, list[StreamEvent]]], tty: bool) -> None:
    """The bytes of each stream come back, whatever they are and however they were cut."""
    content = written(*moments, tty=tty)
    content.decode("ascii")
    cast = read(content)
    events = [event for _, batch in moments for event in batch]
    for channel in Channel:
        sent = [e.data for e in events if isinstance(e, Carried) and e.channel == channel]
        assert cast.data(channel) == b"".join(sent)
    times = [event[0] for event in lines_of(content)]
    assert times == sorted(times)  # type: ignore[type-var]
    sizes = [(e.columns, e.rows) for e in cast.events if isinstance(e, CastResize)]
    assert all(0 < side < 65536 for size in sizes for side in size)


LONG = st.builds(
    lambda text, times: (text * times)[:PIECE],
    st.one_of(
        st.text(st.characters(max_codepoint=127), min_size=1),
        st.sampled_from(['\x1b[0m\r\n"\\/', "é\x7f", "\x7f", "".join(map(chr, range(128)))]),
    ),
    st.sampled_from([1, 3, 64, 1000]),
)


@given(LONG, st.sampled_from([OUT, IN]))
def test_a_line_is_as_json_dumps_writes_it(text: str, channel: Channel) -> None:
    """Short or long, plain or not: another way to write it leaves the file as it is."""
    data = text.encode()[:PIECE].decode("utf-8", "ignore").encode()
    content = written((0, [Carried(OUT, b"x")]), (SECOND, [Carried(channel, data)]))
    code = "i" if channel is IN else "o"
    line = f'[1.000000, "{code}", {json.dumps(data.decode())}]\n'
    assert content.split(b"\n", 2)[2] == line.encode()


def test_long_data_is_cut_into_lines() -> None:
    """A line stays short whatever its bytes are escaped to; no character is cut."""
    for data in (b"\0" * 100_000, "€".encode() * 30_000, b"\xff" * 100_000):
        content = written((1, [Carried(OUT, data)]))
        assert read(content).data(OUT) == data
        assert max(map(len, content.splitlines())) < PIECE * 6 + 100
    assert content.count(b'"b"') == 100_000 // PIECE + 1
