r"""A terminal of which the request says nothing: lines are held until the streams show one.

What is attached to has a terminal if its own spec says so, whatever the request does; what a
tunnel of unknown kind leads to, nobody says. Signs of a terminal:

    sequences for editors and whole screens, which programs write to terminals alone
    a line comes back as it was typed, and its end as the kernel writes it: \r\n for \n, or a
    line feed for a return

A program without a terminal that repeats lines with \r\n looks the same.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator

from msgspec.structs import replace

from auditproxy.apis.session import Carried, Channel, Session, SessionKind, StreamEvent
from auditproxy.sessions.terminal.commands import CommandFollower
from auditproxy.sessions.terminal.reported import TERMINAL, TerminalCommand, flagged
from auditproxy.sessions.terminal.screen import COLUMNS, ROWS
from auditproxy.sessions.terminal.texts import squeezed

INPUT_LIMIT = 64 * 1024
"""Bytes of input that are followed in a second."""
CONTROL_COST = 15
"""Bytes that a control takes beside itself: it may be a line, which takes as long as much text."""
MOST_HELD = 16
"""Lines that are held while nothing shows a terminal."""
MOST_TYPED = 32
"""Texts that were typed last and are looked for in the output."""
LONGEST_TYPED = 256
"""Bytes of such a text."""
SHORTEST_PART = 4
"""Characters of a part of a line that nothing but its echo is taken to show."""
SHORTEST_ECHO = 8
"""Bytes at the end of a line that show by themselves that it was echoed, with the kernel's end."""

_SEQUENCE = re.compile(rb"\x1b\[(?:\?(?:1|25|47|1047|1049|2004)[hl]|6n|[0-9;]{0,16}+[ABCDGHJKP@])")
_PARTIAL = re.compile(rb"\x1b(?:\[(?:\?[0-9]{0,4}|[0-9;]{0,16})?)?\Z")
_INPUT = re.compile(rb"(?P<text>[\x20-\x7e\x80-\xff]++)|(?P<enter>[\r\n])|[\x00-\x1f\x7f]")
_CONTINUED = bytes(range(0x80, 0xC0))
_MOST_ENDS = 4
_CONTROLS = bytes((*range(0x20), 0x7F))
_READ_AT_ONCE = 4096
"""Bytes at the end of a piece of input in which typed texts are looked for."""


def may_be_terminal(session: Session) -> bool:
    """Whether a session may have a terminal of which its request says nothing.

    Of an attach the container's spec decides, and of a request to a kubelet a form may.
    """
    if session.kind is SessionKind.ATTACH and session.stdin:
        return True
    is_process = session.kind in (SessionKind.EXEC, SessionKind.ATTACH)
    return session.kind is SessionKind.UNKNOWN or (is_process and bool(session.node))


class PossibleTerminal:
    """Follows one session as CommandFollower does; gives nothing unless it has a terminal.

    ``is_terminal`` says whether it has. Every line has the flag TERMINAL.
    """

    def __init__(
        self,
        columns: int = COLUMNS,
        rows: int = ROWS,
        *,
        redact: Callable[[str], str] | None = None,
    ) -> None:
        self.is_terminal = False
        self._follower = CommandFollower(columns, rows)
        self._redact = redact
        self._typed = _Typed()
        self._held: deque[TerminalCommand] = deque(maxlen=MOST_HELD)
        self._given: list[TerminalCommand] = []
        self._last = self._tail = b""
        self._allowed = float(INPUT_LIMIT)
        self._now = 0.0

    def take(self, now: float, event: StreamEvent, *, skips: bool = False) -> list[TerminalCommand]:
        """Take an event of the session; return the lines that it completes, and those held."""
        for _ in self.steps(now, event, skips=skips):
            pass
        return self.found()

    def found(self) -> list[TerminalCommand]:
        """The lines that may be reported since they were last asked for."""
        given, self._given = self._given, []
        return given

    def steps(self, now: float, event: StreamEvent, *, skips: bool = False) -> Iterator[None]:
        """Do what ``take`` does, in steps as CommandFollower does."""
        shows_echo = False
        if isinstance(event, Carried) and event.channel is Channel.STDIN:
            if not self._spend(now, event.data):
                self._miss(now, keys=True)
                return
            self._typed.take(event.data)
        elif isinstance(event, Carried) and event.channel is Channel.STDOUT:
            shows_echo = not self.is_terminal and self._read(event.data)
        for _ in self._follower.steps(now, event, skips=skips):
            self._give(self._follower.found(), shows_echo=shows_echo)
            yield
        self._give(self._follower.found(), shows_echo=shows_echo)

    def end(self, now: float) -> list[TerminalCommand]:
        """The session has ended; return what is left."""
        self._give(self._follower.end(now))
        return self.found()

    def miss(self, now: float, *, keys: bool) -> list[TerminalCommand]:
        """Output is missing here, and ``keys`` says whether input is; return what is lost by it."""
        self._miss(now, keys=keys)
        return self.found()

    def _miss(self, now: float, *, keys: bool) -> None:
        self._typed.forget()
        self._give(self._follower.miss(now, keys=keys))

    def _spend(self, now: float, data: bytes) -> bool:
        """Whether some input may be followed now."""
        passed, self._now = max(0.0, now - self._now), now
        self._allowed = min(float(INPUT_LIMIT), self._allowed + passed * INPUT_LIMIT)
        cost = len(data)
        if cost <= self._allowed:
            cost += CONTROL_COST * (len(data) - len(data.translate(None, _CONTROLS)))
        if cost > self._allowed:
            return False
        self._allowed -= cost
        return True

    def _give(self, found: list[TerminalCommand], *, shows_echo: bool = False) -> None:
        """Give lines, or hold them; ``shows_echo``: one that was typed shows a terminal."""
        self.is_terminal |= shows_echo and any(map(self._typed.has, found))
        if self.is_terminal:
            self._given += map(self._marked, (*self._held, *found))
            self._held.clear()
            return
        for command in found:
            is_full = len(self._held) == MOST_HELD
            self._held.append(command)
            if is_full:
                self._held[0] = flagged(self._held[0], "gap")

    def _marked(self, command: TerminalCommand) -> TerminalCommand:
        if command.line is not None and self._redact is not None:
            command = replace(command, line=self._redact(command.line))
        return flagged(command, TERMINAL)

    def _read(self, output: bytes) -> bool:
        """Look for signs in some output; whether lines end in it as a terminal ends them."""
        data, seen = self._last + output, self._tail + output
        partial = _PARTIAL.search(data, max(0, len(data) - 32))
        self._last = data[partial.start() :] if partial is not None else data[-1:]
        self._tail = (self._tail + output[-LONGEST_TYPED:])[-LONGEST_TYPED:]
        self.is_terminal = _SEQUENCE.search(data) is not None or self._typed.is_echoed(seen)
        return data.count(b"\n") == data.count(b"\r\n") or self._typed.by_return


class _Typed:
    """The texts that were typed last."""

    def __init__(self) -> None:
        self.by_return = False
        """The last line was entered by a return alone."""
        self._lines: deque[str] = deque(maxlen=MOST_TYPED)
        self._parts: deque[str] = deque(maxlen=MOST_TYPED)
        self._ends: deque[bytes] = deque(maxlen=_MOST_ENDS)
        self._line = self._part = b""

    def forget(self) -> None:
        """What comes next is not typed behind it."""
        self._line = self._part = b""

    def take(self, data: bytes) -> None:
        """Take some input."""
        for found in _INPUT.finditer(data, max(0, len(data) - _READ_AT_ONCE)):
            if found["text"] is not None:
                self._line = (self._line + found["text"])[:LONGEST_TYPED]
                self._part = (self._part + found["text"])[:LONGEST_TYPED]
                continue
            if found[0] in b"\x7f\b":
                self._line, self._part = _shorter(self._line), _shorter(self._part)
                continue
            self._parts.append(_text(self._part))
            ended, self._part = self._part, b""
            if found["enter"] is not None and len(ended) >= SHORTEST_ECHO:
                self._ends.append(ended + b"\r\n")
            if found["enter"] is not None:
                # A line feed behind a return leaves it open which of them was one.
                self.by_return = found["enter"] == b"\r"
                self._lines.append(_text(self._line))
                self._line = b""

    def is_echoed(self, output: bytes) -> bool:
        """Whether some output has the end of a line as the kernel echoes it, whatever is before."""
        return any(end in output for end in self._ends)

    def has(self, command: TerminalCommand) -> bool:
        """Whether a line is, or has a part of, what was typed."""
        line = squeezed(command.line or "")
        if not line:
            return False
        parts = (*self._parts, _text(self._part))
        return line in (*self._lines, _text(self._line)) or any(
            len(part) >= SHORTEST_PART and part in line for part in parts
        )


def _shorter(typed: bytes) -> bytes:
    """Without the last character, of which some bytes may be UTF-8 that continues it."""
    return typed.rstrip(_CONTINUED)[:-1] if typed[-1:] > b"\x7f" else typed[:-1]


def _text(typed: bytes) -> str:
    return squeezed(typed.decode("utf-8", "replace"))
