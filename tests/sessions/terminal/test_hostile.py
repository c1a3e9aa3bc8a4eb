"""What a client types alone never hides what it enters."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditproxy.sessions.terminal.commands import CommandFollower
from auditproxy.sessions.terminal.reported import TerminalCommand
from tests.sessions.terminal.hostile import HOSTILE
from tests.sessions.terminal.scenarios import Scenario
from tests.sessions.terminal.transcripts import Events, load, replay, run

CLEAN = b"echo clean"


def lines(found: list[TerminalCommand]) -> list[str | tuple[str | None, ...]]:
    """Lines, with their flags if they have any."""
    return [(c.line, *c.flags) if c.flags or c.line is None else c.line for c in found]


@pytest.mark.parametrize("scenario", HOSTILE, ids=lambda scenario: scenario.name)
def test_transcript(scenario: Scenario) -> None:
    """What real shells did: the command ran, and is reported."""
    events = load(scenario.name)
    assert any(b"m42\r\n" in data for kind, data in events if kind == "o")
    assert lines(replay(events)) == [*scenario.expected], scenario.why


@pytest.mark.parametrize(
    "scenario", [s for s in HOSTILE if s.runs_here], ids=lambda scenario: scenario.name
)
def test_live(scenario: Scenario, tmp_path: Path) -> None:
    """What the shells of this machine do."""
    assert lines(replay(run(scenario, tmp_path))) == [*scenario.expected], scenario.why


class Kernel:
    """The echo of a terminal whose program reads lines and has no editor, such as dash."""

    def __init__(self) -> None:
        self._shown: list[bytes] = []
        self._literal = False
        self.entered: list[bytes] = []
        self._line = b""

    def echo(self, typed: bytes) -> bytes:
        """What it shows for some input."""
        return b"".join(self._key(bytes((byte,))) for byte in typed)

    def _key(self, key: bytes) -> bytes:
        if self._literal:
            self._literal = False
            return self._show(key)
        if key in b"\r\n":
            line, self._line, self._shown = self._line, b"", []
            self.entered.append(line)
            return b"\r\nout\r\n$ "
        if key == b"\x03":
            self._line, self._shown = b"", []
            return b"^C\r\n$ "
        if key in b"\x1a\x1c":
            self._line, self._shown = b"", []
            return b"^" + bytes((key[0] ^ 0x40,))
        if key == b"\x16":
            self._literal = True
            return b"^\b"
        if key in b"\x7f\x15":
            gone = self._shown[-1:] if key == b"\x7f" else self._shown
            self._shown = self._shown[: len(self._shown) - len(gone)]
            self._line = self._line[: len(self._shown)]
            return b"\b \b" * sum(map(len, gone))
        return b"" if key == b"\x04" else self._show(key)

    def _show(self, key: bytes) -> bytes:
        shown = b"^" + bytes((key[0] ^ 0x40,)) if key < b" " or key == b"\x7f" else key
        self._line += key
        self._shown.append(shown)
        return shown


def follow(pieces: list[bytes], *, editor: bool = False) -> tuple[list[TerminalCommand], Kernel]:
    """The lines of a session in which each piece is shown before the next is typed."""
    follower, kernel = CommandFollower(), Kernel()
    events: Events = [("o", b"\x1b[?2004h$ " if editor else b"$ ")]
    for piece in pieces:
        events += [("i", piece), ("o", kernel.echo(piece))]
    return replay((event for event in events if event[1]), follower), kernel


STARTS = st.sampled_from(
    [
        b"\x1b",
        b"\x1b[",
        b"\x1b]",
        b"\x1bP",
        b"\x1b_",
        b"\x1b^",
        b"\x1bX",
        b"\x1bO",
        b"\x1b[M",
        b"\x1b[200~",
        b"\x1b[201~",
        b"\x1b[13u",
        b"\x1b[I",
        b"\x1b[1;1",
        b"\x1b]11;rgb:0/0/0\x07",
        b"\x1b\\",
    ]
)
OTHERS = st.sampled_from([bytes((code,)) for code in range(32)] + [b"x", b";", b" ", b"\x7f"])
HIDING = st.lists(st.one_of(STARTS, OTHERS, st.binary(max_size=3)), max_size=10)


def one_by_one(typed: bytes) -> Iterator[bytes]:
    """Keys as people type them."""
    return (bytes((byte,)) for byte in typed)


@settings(max_examples=300, deadline=None)
@given(HIDING, st.booleans())
def test_a_clean_command_is_reported_after_anything(keys: list[bytes], editor: bool) -> None:
    """Whatever was typed before its line; hidden at most where a mark was left on."""
    found, _ = follow([*keys, b"\r", *one_by_one(CLEAN), b"\r", b"x"], editor=editor)
    shown = CLEAN.decode()
    if editor:
        assert any((c.line or shown).endswith(shown) for c in found[-2:])
    else:
        # In a line of its own, or behind what only looked like Enter.
        assert any((c.line or "").endswith(shown) for c in found)


@settings(max_examples=300, deadline=None)
@given(HIDING, HIDING, st.booleans())
def test_a_command_within_anything_is_reported(
    before: list[bytes], behind: list[bytes], at_once: bool
) -> None:
    """Whatever is typed in its line, key by key or in one piece: its text, or that it is hidden."""
    pieces = [*before, *one_by_one(CLEAN), *behind, b"\r"]
    found, kernel = follow([b"".join(pieces)] if at_once else pieces)
    if any(CLEAN in line for line in kernel.entered):
        assert any(c.line is None or CLEAN.decode() in c.line for c in found)


@settings(max_examples=200, deadline=None)
@given(HIDING)
def test_many_lines_after_anything_are_each_reported(keys: list[bytes]) -> None:
    """One sequence does not switch the reporting off."""
    more = [piece for _ in range(5) for piece in (*one_by_one(CLEAN), b"\r")]
    found, _ = follow([*keys, b"\r", *more])
    assert [c.line for c in found].count(CLEAN.decode()) >= 4
