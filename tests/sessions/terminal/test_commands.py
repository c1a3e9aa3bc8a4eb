"""The lines of real sessions: each row of the table, live and from its transcript."""

import random
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditproxy.apis.session import (
    Carried,
    Channel,
    InputClosed,
    Outcome,
    Resized,
    StreamEvent,
    Unreadable,
)
from auditproxy.sessions.terminal.commands import CommandFollower
from auditproxy.sessions.terminal.possible import PossibleTerminal
from auditproxy.sessions.terminal.reported import TerminalCommand
from tests.sessions.terminal.scenarios import SCENARIOS, SECRET, Expected, Scenario
from tests.sessions.terminal.transcripts import Events, load, replay, run

ALL = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
HERE = pytest.mark.parametrize(
    "scenario", [s for s in SCENARIOS if s.runs_here], ids=lambda scenario: scenario.name
)


def check(scenario: Scenario, events: Events) -> None:
    """Compare what came of a row with what must."""
    found = replay(events)
    assert len(found) == len(scenario.expected), f"{scenario.why} {found}"
    for command, expected in zip(found, scenario.expected, strict=True):
        assert matches(command, expected), f"{scenario.why} {command}, not {expected}"
    assert SECRET not in repr(found)


def matches(command: TerminalCommand, expected: Expected) -> bool:
    """Whether a command is what is expected; None alone leaves the flags open."""
    if expected is None:
        return command.line is None
    if isinstance(expected, str):
        expected = (expected,)
    return (command.line, *command.flags) == expected


@ALL
def test_transcript(scenario: Scenario) -> None:
    """What the program did when it was recorded."""
    check(scenario, load(scenario.name))


@ALL
def test_transcript_byte_by_byte(scenario: Scenario) -> None:
    """The same when output comes in the smallest pieces."""
    events = load(scenario.name)
    pieces = [
        (kind, piece)
        for kind, data in events
        for piece in ([bytes((b,)) for b in data] if kind == "o" else [data])
    ]
    found, whole = replay(pieces), replay(events)
    assert [(c.line, c.flags) for c in found] == [(c.line, c.flags) for c in whole]


@HERE
def test_live(scenario: Scenario, tmp_path: Path) -> None:
    """What it does on this machine."""
    check(scenario, run(scenario, tmp_path))


def test_bash_and_dash_are_here() -> None:
    """The rows of these two are never left out."""
    assert {s.argv[0] for s in SCENARIOS if s.runs_here} >= {"bash", "dash"}
    assert len(SCENARIOS) >= 40


def follow(*pieces: bytes | str, seconds: float = 0.05) -> list[TerminalCommand]:
    """Lines of output (bytes) and keys (text), one after the other."""
    follower = CommandFollower()
    now, found = 0.0, []
    for piece in pieces:
        now += seconds
        if isinstance(piece, str):
            found += follower.take(now, Carried(Channel.STDIN, piece.encode()))
        else:
            found += follower.take(now, Carried(Channel.STDOUT, piece))
    return found + follower.end(now)


def lines(found: list[TerminalCommand]) -> list[tuple[str | None, ...]]:
    """Lines with their flags."""
    return [(command.line, *command.flags) for command in found]


def test_time_and_redaction() -> None:
    """A command has the time of its Enter, and a text that the caller has redacted."""
    follower = CommandFollower(redact=lambda line: line.replace("hunter2", "***"))
    events: list[tuple[bytes | str, float]] = [
        (b"$ ", 1.0),
        ("login -p hunter2", 2.0),
        (b"login -p hunter2", 2.5),
        ("\r", 3.0),
    ]
    found: list[TerminalCommand] = []
    for data, now in [*events, (b"\r\n", 4.0)]:
        if isinstance(data, str):
            found += follower.take(now, Carried(Channel.STDIN, data.encode()))
        else:
            found += follower.take(now, Carried(Channel.STDOUT, data))
    assert found == [TerminalCommand(line="login -p ***", entered=3.0)]


BASH = b"\x1b[?2004h$ "
ACCEPTED = b"\r\n\x1b[?2004l\r"

ROWS = [
    pytest.param([b"$ ", "ls", b"ls", "\r", b"\r\n"], [("ls",)], id="a line of sh"),
    pytest.param([BASH, "ls", b"ls", "\r", ACCEPTED], [("ls",)], id="a line of bash"),
    pytest.param(
        [
            BASH,
            "\x1b[?1;2c",
            "\x1b[24;80R",
            "\x1b[I",
            "\x1b]11;rgb:0/0/0\x07",
            "ls",
            b"ls",
            "\r",
            ACCEPTED,
        ],
        [("ls",)],
        id="what terminals send by themselves is not typed",
    ),
    pytest.param(
        [
            b"$ ",
            "tmux",
            b"tmux",
            "\r",
            b"\r\n\x1b[?1049h",
            "ls",
            b"ls",
            "\r",
            b"\r\n$ ",
            b"\x1b[?1049l$ ",
            "pwd",
            b"pwd",
            "\r",
            b"\r\n",
        ],
        [("tmux",), ("pwd",)],
        id="nothing from inside tmux",
    ),
    pytest.param(
        [
            b"# [sudo] password for me: ",
            SECRET,
            "\r",
            b"\r\nSorry, try again.\r\npassword: ",
            SECRET + "\r",
            b"\r\n# ",
        ],
        [(None, "hidden"), (None, "hidden")],
        id="sudo asks twice",
    ),
    pytest.param(
        [b"password: ", SECRET[0], b"*", SECRET[1], b"*", SECRET[2:], b"*******", "\r", b"\r\n# "],
        [(None, "hidden", "no-echo")],
        id="a star for each key",
    ),
    pytest.param(
        [b"pw: ", SECRET + "\r", b"welcome " + SECRET.encode() + b"\r\n"],
        [(None, "hidden", "no-echo")],
        id="a secret that is shown in a sentence",
    ),
    pytest.param(
        [b"pw: ", SECRET, b"\a", "\r", b"$ ", "ls", b"ls", "\r", b"\r\n"],
        [(None, "hidden"), ("ls",)],
        id="no newline for a secret",
    ),
    pytest.param(
        [b"pw: ", SECRET, "\r", BASH, "ls", b"ls", "\r", ACCEPTED],
        [(None, "hidden"), ("ls",)],
        id="a prompt instead of a newline",
    ),
    pytest.param(
        [BASH, "ls", b"ls", "\x0f", ACCEPTED], [("ls",)], id="another key than Enter accepts (^O)"
    ),
    pytest.param(
        [BASH, "for i in 1", b"for i in 1", "\r", b"\r\n  ", "echo", b"echo", "\r", ACCEPTED],
        [("for i in 1", "continued"), ("for i in 1\n  echo",)],
        id="an editor of several lines",
    ),
    pytest.param(
        [
            BASH + b"\x1b[?2004h",
            "ls",
            b"ls",
            "\r",
            b"\r\nout\r\n$ ",
            "id",
            b"id",
            "\r",
            b"\r\n$ ",
            "x",
        ],
        [("ls", "continued"), ("id", "continued")],
        id="a program that leaves the mark on hides nothing",
    ),
    pytest.param(
        [BASH, "one\rtwo\r", b"one" + ACCEPTED + b"two\r\n" + BASH + b"two" + ACCEPTED],
        [("one",), ("two",)],
        id="two lines in one piece",
    ),
    pytest.param(
        [BASH, "read x\r" + SECRET + "\r", b"read x" + ACCEPTED, BASH, "ls", b"ls", "\r", ACCEPTED],
        [("read x",), (None, "hidden"), ("ls",)],
        id="a secret that was typed ahead",
    ),
    pytest.param(
        [b"\x1b[31m$\x1b[0m ", "l\x1b[Ds", b"ls", "\r", b"\r\n"],
        [("ls",)],
        id="sequences are not text",
    ),
    pytest.param([b"$ ", "ls", b"ls", "\r"], [(None, "hidden", "unfinished")], id="cut off"),
    pytest.param([b"$ ", "\r", b"\r\n$ ", "\r", b"\r\n$ "], [], id="Enter alone"),
    pytest.param([b"$ ", "\x04", b"exit\r\n"], [], id="^D"),
    pytest.param(
        # Of bash without marks: it may have read Enter, and the command runs.
        [b"$ ", "ls\r\x03", b"ls^C\r\n$ "],
        [("ls", "prompt?")],
        id="^C right after Enter",
    ),
    pytest.param(
        [BASH, "id", b"id", "\x0f", "\x03", ACCEPTED, BASH], [("id",)], id="^C right after ^O"
    ),
    pytest.param(
        [BASH, "id", b"id", "\x0f", "\x03", b"^C\x1b[?2004l\r", BASH], [], id="^C before it"
    ),
    pytest.param([b"$ ", "ls\r\x03", b"ls\r\n^C\r\n$ "], [("ls",)], id="^C for what runs"),
    pytest.param(
        [
            b"\x1b]633;A\x07$ \x1b]633;B\x07",
            "ls",
            b"ls",
            "\r",
            b"\r\n\x1b]633;E;ls -l\x07\x1b]633;C\x07",
            b"\x1b]633;D;2\x07",
        ],
        [("ls -l", "client-claimed"), ("ls -l", "client-claimed", "exited")],
        id="a claim",
    ),
    pytest.param(
        [b"\x1b]633;E;forged\x07\x1b]633;C\x07\x1b]133;D;0\x07"], [], id="a claim without a line"
    ),
    pytest.param(
        [b"$ ", "a", b"a", "\x7f", b"\b \b", "b", b"b", "\r", b"\r\n"], [("b",)], id="rubbed out"
    ),
    pytest.param(
        ["ls", b"ls", b"\r\n" + BASH + b"ls", "\r", ACCEPTED],
        [("ls",)],
        id="typed before the prompt",
    ),
    pytest.param(
        ["ls", b"ls" + BASH, "\r", b"ls" + ACCEPTED],
        [("ls",)],
        id="typed before the prompt, and shown again late",
    ),
    pytest.param(
        [b"% ", "\x1b[A", b"\x1b[?2004h", b"ls", "\r", ACCEPTED],
        [("ls",)],
        id="a key between the prompt and its mark (zsh)",
    ),
    pytest.param(
        [BASH, "\x1b[200~a\rb\x1b[201~", b"a\r\nb", "\r", ACCEPTED], [("a\nb",)], id="a paste"
    ),
]


@pytest.mark.parametrize(("pieces", "expected"), ROWS)
def test_row(pieces: list[bytes | str], expected: list[tuple[str | None, ...]]) -> None:
    """Output and keys one after the other."""
    found = follow(*pieces)
    assert lines(found) == expected
    assert SECRET not in repr(found)


@pytest.mark.parametrize(("pieces", "expected"), ROWS)
def test_row_byte_by_byte(
    pieces: list[bytes | str], expected: list[tuple[str | None, ...]]
) -> None:
    """The same in the smallest pieces."""
    small: list[bytes | str] = []
    for piece in pieces:
        small += [bytes((b,)) for b in piece] if isinstance(piece, bytes) else list(piece)
    assert lines(follow(*small, seconds=0.001)) == expected


def test_silence_hides_what_a_program_shows_later() -> None:
    """A second without echo: the same text as output is not a line."""
    assert lines(
        follow(b"? ", SECRET[:4], SECRET[4:], "\r", SECRET.encode() + b"\r\n", seconds=0.6)
    ) == [(None, "hidden", "no-echo")]


def test_a_flood_skips_and_the_next_line_is_right() -> None:
    """Of a line during the flood it is said that it is not known."""
    follower = CommandFollower()
    found: list[TerminalCommand] = []

    def give(now: float, *events: StreamEvent) -> None:
        for event in events:
            found.extend(follower.take(now, event))

    give(0.0, Carried(Channel.STDOUT, b"$ "), Carried(Channel.STDIN, b"l"))
    give(0.1, Carried(Channel.STDOUT, b"l" + b"noise\r\n" * 40_000))
    give(0.2, Carried(Channel.STDIN, b"s\r"), Carried(Channel.STDOUT, b"noise\r\n" * 40_000))
    give(5.0, Carried(Channel.STDOUT, b"\r\n$ "), Carried(Channel.STDIN, b"pwd"))
    give(5.1, Carried(Channel.STDOUT, b"pwd"), Carried(Channel.STDIN, b"\r"))
    give(5.2, Carried(Channel.STDOUT, b"\r\n/\r\n$ "))
    assert lines(found) == [(None, "hidden", "gap"), ("pwd",)]


def test_a_line_that_ends_in_a_flood_is_said_to_be_unknown() -> None:
    """The mark of its end is seen, its text is not read."""
    follower = CommandFollower()
    follower.take(0.0, Carried(Channel.STDOUT, BASH))
    follower.take(0.0, Carried(Channel.STDIN, b"ls"))
    follower.take(0.0, Carried(Channel.STDOUT, b"noise\r\n" * 4_000))
    follower.take(0.0, Carried(Channel.STDOUT, b"noise\r\n" * 6_000))
    follower.take(0.0, Carried(Channel.STDIN, b"\r"))
    follower.take(0.0, Carried(Channel.STDOUT, b"ls" + b"\x1b" * 6_000))
    found = follower.take(0.0, Carried(Channel.STDOUT, ACCEPTED))
    assert lines(found) == [(None, "hidden", "gap")]


@pytest.mark.parametrize(
    "mark",
    [b"\x1bc", b"\x1b[?1049l", b"\x1b[?1049h\x1b[?1049l", b"\x1b]133;A\x07"],
    ids=["reset", "main screen", "both screens", "prompts"],
)
def test_a_flood_of_marks_skips_and_the_next_line_is_right(mark: bytes) -> None:
    """As a flood of text does: what is entered meanwhile is not known, and that is said."""
    follower = CommandFollower()
    found: list[TerminalCommand] = []

    def give(now: float, *events: StreamEvent) -> None:
        for event in events:
            found.extend(follower.take(now, event))

    give(0.0, Carried(Channel.STDOUT, b"$ "), Carried(Channel.STDIN, b"l"))
    give(0.1, Carried(Channel.STDOUT, b"l" + mark * 40_000))
    give(0.2, Carried(Channel.STDIN, b"s\r"), Carried(Channel.STDOUT, mark * 40_000))
    give(5.0, Carried(Channel.STDOUT, b"\r\n$ "), Carried(Channel.STDIN, b"pwd"))
    give(5.1, Carried(Channel.STDOUT, b"pwd"), Carried(Channel.STDIN, b"\r"))
    give(5.2, Carried(Channel.STDOUT, b"\r\n/\r\n$ "))
    assert lines(found)[0][:2] == (None, "hidden")
    assert lines(found)[1:] == [("pwd",)]


def test_lines_without_a_known_key_in_a_flood_of_marks() -> None:
    """It is said once that there may have been some."""
    follower = CommandFollower()
    follower.take(0.0, Carried(Channel.STDOUT, BASH))
    follower.take(0.1, Carried(Channel.STDIN, b"\x1b[9;9R"))
    found = follower.take(0.2, Carried(Channel.STDOUT, b"\x1b[?1049l" * 2000 + ACCEPTED + BASH))
    assert lines(found) == [(None, "hidden", "gap")]


def test_lines_without_an_answer_are_few() -> None:
    """Seventeen are one too many, and so are more than 16 KiB."""
    follower = CommandFollower()
    found: list[TerminalCommand] = []
    for _ in range(17):
        found += follower.take(0.0, Carried(Channel.STDIN, b"ls\r"))
    assert lines(found) == [(None, "hidden", "gap")]
    follower = CommandFollower()
    for _ in range(5):
        found += follower.take(0.0, Carried(Channel.STDIN, b"x" * 4096 + b"\r"))
    assert len(found) == 2


def test_other_events_are_taken() -> None:
    """Sizes of any kind, the end of input, and the end of the session."""
    follower = CommandFollower(0, 0)
    for event in (Resized(0, 0), Resized(65535, 65535), Resized(1, 1), InputClosed()):
        assert follower.take(1.0, event) == []
    follower.take(1.0, Carried(Channel.STDIN, b"exit\r"))
    assert lines(follower.take(2.0, Outcome(0))) == [(None, "hidden", "unfinished")]
    assert follower.end(3.0) == []


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SCENARIOS), st.integers(0, 2**32))
def test_segmentation_of_output_changes_nothing(scenario: Scenario, seed: int) -> None:
    """Real sessions, their output cut anywhere."""
    cut = random.Random(seed)
    events = load(scenario.name)
    pieces: Events = []
    for kind, data in events:
        while kind == "o" and len(data) > 1:
            size = cut.randrange(1, max(2, min(len(data), 2 ** cut.randrange(1, 14))))
            pieces.append((kind, data[:size]))
            data = data[size:]
        pieces.append((kind, data))
    whole = [(c.line, c.flags) for c in replay(events)]
    assert [(c.line, c.flags) for c in replay(pieces)] == whole


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(SCENARIOS), st.integers(0, 2**32))
def test_mutated_sessions_are_taken(scenario: Scenario, seed: int) -> None:
    """Bytes of real sessions changed, left out, doubled, in another order: no error, no secret."""
    chance = random.Random(seed)
    events = [(kind, data) for kind, data in load(scenario.name) if kind != "r"]
    for _ in range(chance.randrange(1, 8)):
        at = chance.randrange(len(events))
        kind, data = events[at]
        place = chance.randrange(len(data) + 1)
        change = chance.randrange(5)
        if change == 0:
            events[at] = (kind, data[:place] + bytes((chance.randrange(256),)) + data[place + 1 :])
        elif change == 1:
            events[at] = (kind, data[:place])
        elif change == 2:
            events[at] = (kind, data[place:] + data)
        elif change == 3:
            events[at] = ("o" if kind == "i" else "i", data)
        else:
            events.insert(chance.randrange(len(events)), events[at])
    for command in replay(events):
        assert command.line is None or len(command.line.encode()) <= 4096


NOISE = st.one_of(
    st.binary(max_size=30).map(bytes.lower),
    st.sampled_from(
        [
            b"\r\n",
            b"\n",
            b"$ ",
            BASH,
            ACCEPTED,
            b"\x1b[?1049l",
            b"\x1b]133;A\x07",
            b"\x1b]133;B\x07",
        ]
    ),
    st.sampled_from([b"\x1b]133;C\x07", b"\x1b]133;D;1\x07", b"***", b"\x1b[2j", b"\x1b[3a"]),
)
TYPED = st.text("ABC", min_size=1, max_size=5) | st.sampled_from(
    ["\r", "\x1b[A", "\x7f", "\x15", "\x03", "\t"]
)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.one_of(NOISE, TYPED), max_size=40), st.floats(0.0, 3.0))
def test_what_is_not_shown_is_nowhere(pieces: list[bytes | str], seconds: float) -> None:
    """Capital letters are typed and never shown; no line has one, whatever the program does."""
    output = b"".join(piece for piece in pieces if isinstance(piece, bytes))
    shown = {c for c in "ABC" if c.encode() in output}
    found = follow(*pieces, seconds=seconds)
    assert not {c for command in found for c in command.line or ""} & ({*"ABC"} - shown)


class CookedTerminal:
    """The kernel's terminal before a shell without an editor: it echoes, erases and gives lines."""

    def __init__(self) -> None:
        self.follower = CommandFollower()
        self._now = 0.0
        self._line = bytearray()
        self._show(b"$ ")

    def _show(self, output: bytes) -> list[TerminalCommand]:
        self._now += 0.01
        return self.follower.take(self._now, Carried(Channel.STDOUT, output))

    def type(self, keys: bytes) -> list[TerminalCommand]:
        """Keys that come together, and what is reported of them by the next prompt."""
        self._now += 0.01
        found = self.follower.take(self._now, Carried(Channel.STDIN, keys))
        echo = b""
        for byte in keys:
            if byte == 0x0D:
                self._line.clear()
                echo += b"\r\n$ "
            elif byte == 0x15:
                echo += b"".join(map(_erased, reversed(self._line)))
                self._line.clear()
            elif byte == 0x7F:
                echo += _erased(self._line.pop()) if self._line else b""
            else:
                self._line.append(byte)
                echo += _echoed(byte)
        return found + self._show(echo)


def _echoed(byte: int) -> bytes:
    return bytes((byte,)) if byte >= 0x20 else b"^%c" % (byte + 64)


def _erased(byte: int) -> bytes:
    return b"\b \b" * len(_echoed(byte))


DISGUISES = st.lists(
    st.sampled_from(
        [
            b"\x1b[200~",
            b"\x1b[201~",
            b"\x1b]",
            b"\x1b]11;",
            b"\x1bP",
            b"\x1b_",
            b"\x1b^",
            b"\x1bX",
            b"\x1b[",
            b"\x1bO",
            b"\x1b[M",
            b"\x1b[<0;",
            b"\x1b\\",
            b"\x1b",
            b"\x07",
            b"\x15",
            b"\x7f",
            b"x",
            b"x;",
            b"   ",
        ]
    ),
    max_size=6,
)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(DISGUISES, st.booleans()), min_size=1, max_size=5))
def test_no_keys_hide_a_line(typed: list[tuple[list[bytes], bool]]) -> None:
    """Whatever a client sends before a command: the command is reported, and so are the next."""
    terminal = CookedTerminal()
    for pieces, together in typed:
        found = []
        keys = [*pieces, b"idid", b"\r"]
        for piece in [b"".join(keys)] if together else keys:
            found += terminal.type(piece)
        # ESC and a letter are one key: one of the letters may be in it.
        assert any(command.line is None or "id" in command.line for command in found)
    assert [command.line for command in terminal.type(b"pwd\r")] == ["pwd"]


def test_the_same_events_give_the_same_lines() -> None:
    """Nothing but the arguments matters."""
    for scenario in SCENARIOS[:20]:
        events = load(scenario.name)
        assert replay(events) == replay(events)


@pytest.mark.parametrize(
    "piece",
    [
        b"word " * 50,
        "語e\u0301".encode() * 30,
        b"y\r\n" * 80,
        b"\x1b]0;" + b"x" * 300,
        b"\x1b]133;" + b"x" * 300,
    ],
)
def test_a_session_is_small(piece: bytes) -> None:
    """At most 100 KiB at any size, with lines pending, whatever is shown."""
    CommandFollower().take(0.0, Carried(Channel.STDOUT, piece))
    tracemalloc.start()
    try:
        follower = CommandFollower()
        follower.take(0.0, Resized(500, 200))
        for number in range(200):
            follower.take(number * 1.0, Carried(Channel.STDIN, b"typed" * 100))
            follower.take(number * 1.0, Carried(Channel.STDOUT, piece))
            if number % 11 == 0:
                follower.take(number * 1.0, Carried(Channel.STDIN, b"\r"))
        assert tracemalloc.get_traced_memory()[0] < 100 * 1024
    finally:
        tracemalloc.stop()


FULL = ["\U0001f600" * 250, "\U0001d400" * 500, "\u4e00" * 250, "x" * 500, "e\u0301" * 500]


@pytest.mark.parametrize("kind", [CommandFollower, PossibleTerminal])
@pytest.mark.parametrize("row", FULL, ids=["emoji", "four bytes", "wide", "ascii", "marks"])
def test_a_hostile_terminal_is_small(
    row: str, kind: type[CommandFollower | PossibleTerminal]
) -> None:
    """At most 160 KiB after each event, whatever sizes alternate and whatever is shown in them."""
    scattered = b"".join(b"\x1b[%d;1Hx" % number for number in range(1, 201))
    full = [b"\x1b[%d;1H%s" % (number, row.encode()) for number in range(1, 201, 3)]
    keys = b"typed" * 800
    CommandFollower().take(0.0, Carried(Channel.STDOUT, full[0]))
    tracemalloc.start()
    try:
        follower, largest, now = kind(), 0, 0.0
        for turn in range(6):
            events: list[StreamEvent] = [
                Resized(1, 1),
                Carried(Channel.STDIN, keys + (b"\r" if turn % 3 == 0 else b"\x1b[A\x1b]0;")),
                Resized(1, 65535),
                Carried(Channel.STDOUT, scattered),
                Resized(65535, 65535),
                *(Carried(Channel.STDOUT, output) for output in full),
                Resized(65535, 1),
                Carried(Channel.STDOUT, (row.encode() + b"\r\n") * 20),
            ]
            for event in events:
                now += 0.5
                follower.take(now, event)
                largest = max(largest, tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert largest < 160 * 1024


def shown(follower: CommandFollower, now: float, output: bytes) -> list[tuple[str | None, ...]]:
    """The lines that some output completes."""
    event = Carried(Channel.STDOUT, output)
    return [(one.line, *one.flags) for one in follower.take(now, event)]


def typed(follower: CommandFollower, now: float, text: bytes) -> None:
    """Type a text, which the terminal echoes."""
    assert follower.take(now, Carried(Channel.STDIN, text)) == []
    assert shown(follower, now, text.replace(b"\r", b"\r\n")) == []


def lose_keys(follower: CommandFollower, now: float) -> list[tuple[str | None, ...]]:
    """The lines that are known when input cannot be read any more."""
    event = Unreadable(True, "more frames than are read")
    return [(one.line, *one.flags) for one in follower.take(now, event)]


def test_lines_of_an_editor_whose_input_is_not_read() -> None:
    """What its marks show to have been entered is reported, each with ``gap``."""
    follower = CommandFollower()
    prompt, entered = b"\x1b[?2004h$ ", b"\r\n\x1b[?2004l\r"
    assert shown(follower, 1.0, prompt) == []
    typed(follower, 2.0, b"ls")
    follower.take(2.0, Carried(Channel.STDIN, b"\r"))
    assert shown(follower, 2.0, entered + prompt) == [("ls",)]
    typed(follower, 3.0, b"i")
    assert lose_keys(follower, 4.0) == [(None, "hidden", "gap")]
    assert shown(follower, 5.0, b"d" + entered) == [("id", "prompt?", "gap")]
    assert shown(follower, 5.5, b"root\r\n" + prompt) == [(None, "hidden", "gap")]
    assert shown(follower, 7.0, b"cat /etc/shadow" + entered) == [
        ("cat /etc/shadow", "prompt?", "gap")
    ]
    changed = b"\x1b[?2004h/tmp # "
    assert shown(follower, 7.1, changed) == []
    assert shown(follower, 9.0, b"id" + entered) == [(None, "hidden", "prompt?", "gap")]


def test_lines_of_other_shells_whose_input_is_not_read() -> None:
    """Any output may answer a line: said once a second, and not of an answer without one."""
    follower = CommandFollower()
    shown(follower, 1.0, b"# ")
    follower.take(2.0, Carried(Channel.STDIN, b"ls\r"))
    assert shown(follower, 2.0, b"ls\r\n") == [("ls",)]
    assert lose_keys(follower, 3.0)[-1] == (None, "hidden", "gap")
    assert shown(follower, 10.0, b"i") == []
    assert (None, "hidden", "gap") in shown(follower, 11.0, b"d\r\nroot\r\n# ")
    assert shown(follower, 11.5, b"id\r\nroot\r\n# ") == []
    assert shown(follower, 12.5, b"id\r\nroot\r\n# ") == [(None, "hidden", "gap")]
