"""A terminal that the request does not name is found by what its streams show, and by that alone."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.session import Carried, Channel, Outcome
from auditproxy.sessions.terminal.possible import INPUT_LIMIT, MOST_HELD, PossibleTerminal
from auditproxy.sessions.terminal.reported import TERMINAL, TerminalCommand
from tests.sessions.terminal.hostile import HOSTILE
from tests.sessions.terminal.scenarios import SCENARIOS, Scenario
from tests.sessions.terminal.transcripts import load, replay

Lines = list[tuple[str | None, ...]]


def lines(found: list[TerminalCommand]) -> Lines:
    """Lines with their flags."""
    return [(c.line, *c.flags) for c in found]


def follow(
    *pieces: bytes | str, seconds: float = 0.05, possible: PossibleTerminal | None = None
) -> Lines:
    """Lines of output (bytes) and keys (text), one after the other."""
    possible = possible or PossibleTerminal()
    found: list[TerminalCommand] = []
    now = 0.0
    for piece in pieces:
        now += seconds
        if isinstance(piece, str):
            event = Carried(Channel.STDIN, piece.encode("latin-1"))
        else:
            event = Carried(Channel.STDOUT, piece)
        found += possible.take(now, event)
    return lines(found + possible.end(now))


@pytest.mark.parametrize("scenario", [*SCENARIOS, *HOSTILE], ids=lambda scenario: scenario.name)
def test_every_terminal_is_found(scenario: Scenario) -> None:
    """What real programs do on a terminal shows that it is one; no line of it is lost."""
    events = load(scenario.name)
    expected = [(line, *flags, TERMINAL) for line, *flags in lines(replay(events))]
    possible = PossibleTerminal()
    found = replay(events, possible)
    assert lines(found) == expected


PIPED = [
    pytest.param(["cat"], b"echo hi\nls -l\n", id="a program that repeats lines"),
    pytest.param(["cat"], b"echo hi\rls -l\r", id="and returns"),
    pytest.param(["sh"], b"echo hello; printf 'a\\r\\nb\\r\\n'\nexit\n", id="a shell"),
    pytest.param(["dash", "-i"], b"echo hello\nexit\n", id="a shell that says it is interactive"),
    pytest.param(
        ["sh", "-c", "cat >/dev/null; printf 'HTTP/1.1 200 OK\\r\\n'"], b"GET /\n", id="HTTP"
    ),
    pytest.param([sys.executable, "-i", "-q"], b"print(4711)\n", id="Python"),
    pytest.param(
        ["sh", "-c", "printf '\\033[31mred\\033[0m\\r\\n'; cat"], b"red\nlonger\n", id="SGR"
    ),
]


@pytest.mark.parametrize(("argv", "sent"), PIPED)
def test_no_terminal(argv: list[str], sent: bytes) -> None:
    """Real programs behind pipes: no line is reported, whatever was sent to them."""
    done = subprocess.run(
        argv, input=sent, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
    )
    assert follow(sent.decode(), done.stdout) == []
    assert follow(*sent.decode(), done.stdout) == []


def test_lines_before_the_first_sign() -> None:
    """They are held until then, and come with it: none is reported without a sign."""
    assert follow("tr0ub4dor\r", b"\r\n") == []
    assert follow("tr0ub4dor\r", b"\r\n# ", "id\r", b"id\r\n") == [
        (None, "hidden", TERMINAL),
        ("id", TERMINAL),
    ]


def test_lines_that_are_held_are_bounded() -> None:
    """Of more than are held the last ones come, with a gap before them."""
    pieces: list[bytes | str] = []
    for _ in range(MOST_HELD + 5):
        pieces += ["secret\r", b"\r\n# "]
    found = follow(*pieces, "id\r", b"id\r\n")
    assert len(found) == MOST_HELD + 1
    assert found[0] == (None, "hidden", "gap", TERMINAL)
    assert found[-1] == ("id", TERMINAL)


def test_the_end_of_a_line_in_two_pieces() -> None:
    """It is the kernel's, wherever the output is cut."""
    assert follow(b"# ", "ls -l\n", b"ls -l\r", b"\n") == [("ls -l", TERMINAL)]
    assert follow(b"# ", "ls -l\n", b"ls -l", b"\n") == []


def test_a_return_that_comes_back_as_a_line_feed() -> None:
    """Only a terminal makes the one of the other, also one that leaves line feeds as they are."""
    assert follow(b"# ", "ls -l\r", b"ls -l\n") == [("ls -l", TERMINAL)]
    assert follow(b"# ", "ls -l\r\n", b"ls -l\n") == []


def test_an_echo_that_is_no_line() -> None:
    """Where the follower cannot say what was entered, the echo of its end shows a terminal."""
    shown = b"^R\r\n^[[5~" * 2 + b"echo hello\r\n"
    assert TERMINAL in follow("\x12\x1b[5~\x12\x1b[5~echo hello\r", shown)[0]
    assert follow("\x12\x1b[5~echo hello\n", b"echo hello", b"\n") == []
    typed = [piece for c in "\x12echo hello\r" for piece in (c, c.encode())][:-1]
    assert TERMINAL in follow("\x12x\r", *typed, b"\r\n")[0]


def test_a_sequence_in_two_pieces() -> None:
    """That of an editor shows a terminal, wherever it is cut."""
    data = b"\x1b[?2004h$ "
    for cut in range(1, 8):
        possible = PossibleTerminal()
        follow("x", data[:cut], data[cut:], possible=possible)
        assert possible.is_terminal


def test_what_other_programs_print_is_no_echo() -> None:
    """Lines with \\r\\n, and not what was typed: a server's answers to keys of any kind."""
    sent = "\x1b\x00\x07bin\x1b[A\x01\n"
    pieces: list[bytes | str] = []
    for number in range(50):
        pieces += [sent, b"progress %d%%\r\n" % number]
    assert follow(*pieces) == []


def test_input_is_followed_at_a_rate() -> None:
    """Beyond it input is not read; a terminal is found all the same when that has passed."""
    possible = PossibleTerminal()
    flood = Carried(Channel.STDIN, b"x" * (INPUT_LIMIT // 4))
    for _ in range(100):
        assert possible.take(1.0, flood) == []
    assert not possible.is_terminal
    assert possible.take(10.0, Carried(Channel.STDIN, b"ls -l\r")) == []
    first, *_, last = lines(possible.take(10.0, Carried(Channel.STDOUT, b"# ls -l\r\n")))
    assert first == (None, "hidden", "gap", TERMINAL)
    assert TERMINAL in last


def test_a_flood_of_lines_is_not_followed() -> None:
    """Also of a terminal that was found: a control takes as long as much text."""
    possible = PossibleTerminal()
    assert follow(b"# ", "ls -l\r", b"ls -l\r\n", possible=possible) == [("ls -l", TERMINAL)]
    possible.take(9.0, Carried(Channel.STDIN, b"x\r" * 2000))
    assert lines(possible.take(9.1, Carried(Channel.STDIN, b"x\r" * 30_000)))[-1] == (
        None,
        "hidden",
        "gap",
        TERMINAL,
    )


def test_steps() -> None:
    """Lines come as they are found, a key or a piece of output at a time."""
    possible = PossibleTerminal()
    events: list[bytes | str] = [b"# ", "ls -l\rid\r", b"ls -l\r\nx\x1b[?25h\r\n# id\r\n"]
    found: list[int] = []
    for now, piece in enumerate(events):
        channel = Channel.STDIN if isinstance(piece, str) else Channel.STDOUT
        data = piece.encode() if isinstance(piece, str) else piece
        found.append(0)
        for _ in possible.steps(float(now), Carried(channel, data)):
            found[-1] += len(possible.found())
        found[-1] += len(possible.found())
    assert found == [0, 0, 2]


def test_secrets_are_marked() -> None:
    """As in lines of any other terminal."""
    possible = PossibleTerminal(redact=lambda line: line.replace("hunter2222", "***"))
    assert follow(b"# ", "p=hunter2222\r", b"p=hunter2222\r\n", possible=possible) == [
        ("p=***", TERMINAL)
    ]


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=40)), max_size=12))
def test_any_streams(pieces: list[tuple[bool, bytes]]) -> None:
    """Whatever they carry, lines come only of a terminal that was found."""
    possible = PossibleTerminal()
    found: list[TerminalCommand] = []
    for is_input, data in pieces:
        channel = Channel.STDIN if is_input else Channel.STDOUT
        found += possible.take(0.0, Carried(channel, data))
    found += possible.take(1.0, Outcome(0))
    assert possible.is_terminal or not found
    assert all(TERMINAL in command.flags for command in found)
