"""A terminal's lines without marks, and what becomes of them where something is missing."""

import pytest

from auditproxy.apis.session import Carried, Channel
from auditproxy.sessions.terminal.commands import CommandFollower
from auditproxy.sessions.terminal.following import LineFollower

Lines = list[tuple[str | None, ...]]


class Session:
    """A session with a prompt, and the lines that were found."""

    def __init__(self) -> None:
        self.follower = CommandFollower()
        self.found: Lines = []
        self._now = 0.0
        self.show(b"$ ")

    def _take(self, channel: Channel, data: bytes) -> None:
        self._now += 0.05
        found = self.follower.take(self._now, Carried(channel, data))
        self.found += [(command.line, *command.flags) for command in found]

    def show(self, output: bytes) -> None:
        """Output comes."""
        self._take(Channel.STDOUT, output)

    def type(self, keys: bytes) -> None:
        """Keys come."""
        self._take(Channel.STDIN, keys)

    def miss(self, *, keys: bool) -> None:
        """Something is missing."""
        found = self.follower.miss(self._now, keys=keys)
        self.found += [(command.line, *command.flags) for command in found]

    def enter(self, line: bytes) -> None:
        """A line as it is typed, echoed and entered."""
        self.type(line)
        self.show(line)
        self.type(b"\r")
        self.show(b"\r\n$ ")


def test_the_follower_of_commands_is_one() -> None:
    """It adds what marks mean."""
    assert isinstance(CommandFollower(), LineFollower)


@pytest.mark.parametrize("keys", [False, True], ids=["output", "keys too"])
def test_a_gap_between_lines(keys: bool) -> None:
    """Without keys nothing was entered; with them it is not known what, and what follows is."""
    session = Session()
    session.miss(keys=keys)
    session.show(b"out\r\n$ ")
    session.enter(b"id")
    session.enter(b"pwd")
    hidden: Lines = [(None, "hidden", "gap"), ("id", "gap"), ("pwd",)]
    assert session.found == (hidden if keys else [("id",), ("pwd",)])


def test_a_gap_in_a_line_with_marks() -> None:
    """The editor has it all the same."""
    session = Session()
    session.show(b"\r\n\x1b[?2004h$ ")
    session.type(b"id")
    session.miss(keys=False)
    session.type(b"\r")
    session.show(b"\r\n\x1b[?2004l\r")
    assert session.found == [(None, "hidden", "gap", "prompt?")]


def test_a_gap_on_the_alternate_screen() -> None:
    """Whether it has been left meanwhile is not known: lines are reported."""
    session = Session()
    session.show(b"\x1b[?1049h")
    session.miss(keys=False)
    session.show(b"\r\n$ ")
    session.enter(b"id")
    assert session.found == [("id",)]
