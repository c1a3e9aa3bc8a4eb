"""The lines of real sessions: each row of the table, live and from its transcript."""

from pathlib import Path

import pytest

from auditproxy.apis.session import Carried, Channel
from auditproxy.sessions.terminal.commands import CommandFollower
from auditproxy.sessions.terminal.entries import TerminalCommand
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
