"""Lines that an editor accepts without a key that is known to be in them.

Keys may have come before the prompt, or have a meaning that only the editor knows. Its marks say
when it has a line; what is behind the prompt then was entered, whatever was typed for it.
"""

from auditproxy.sessions.terminal.entries import TypedLine
from auditproxy.sessions.terminal.found import FoundLines
from auditproxy.sessions.terminal.keys import Press
from auditproxy.sessions.terminal.places import Places
from auditproxy.sessions.terminal.texts import INTERRUPTS
from auditproxy.sessions.terminal.waiting import WaitingLines

FLOOD = 1.0
"""Seconds in which it is said once that lines may have been entered in a flood."""


class UnseenLines:
    """Those of one session."""

    def __init__(self, places: Places, found: FoundLines, pending: WaitingLines) -> None:
        self._places = places
        self._found = found
        self._pending = pending
        self._interrupted = False
        """The last key was an interrupt."""
        self._fed = False
        """A line feed came since the editor began to read."""
        self._on_main = False
        """The editor that reads began on the main screen."""
        self._accepted = False
        """One had a line on the alternate screen, or left."""
        self._count = 0
        """Lines that had been found then."""
        self._flooded = -FLOOD

    def press(self, press: Press) -> None:
        """A key was pressed."""
        self._interrupted = press is Press.INTERRUPT

    def output(self, output: bytes) -> None:
        """There was output that is read."""
        self._fed |= b"\n" in output

    def forget(self) -> None:
        """It is not known any more which editor reads."""
        self._on_main = self._accepted = False

    def begin(self, now: float, *, alternate: bool) -> None:
        """An editor begins to read; after a line of one on the alternate screen, that is noted.

        A program that has left shows the main screen, where lines are found before the next.
        """
        self._fed = False
        self._on_main = not alternate
        if self._accepted and alternate and self._found.count == self._count:
            self._note(now)
        self._accepted = False

    def end(self, now: float) -> None:
        """An editor that was reading has a line of which no key is known."""
        self._on_main = False
        if self._places.catch_up():
            self._give(now)
        else:
            self.flood(now)

    def end_alternate(self, now: float) -> bool:
        """An editor ends on the alternate screen; whether it is one that began on the main one.

        That has a line, whatever follows. Another may be a program's that leaves.
        """
        began, self._on_main = self._on_main, False
        if began:
            self._note(now)
        else:
            self._accepted, self._count = True, self._found.count
        return began

    def flood(self, now: float) -> None:
        """An editor may have had lines of which nothing was read; said once a second."""
        if now - self._flooded >= FLOOD:
            self._flooded = now
            self._found.give(TypedLine(None, now, 0).hidden("gap"))

    def _note(self, now: float) -> None:
        self._found.give(TypedLine(None, now, 0).hidden("alternate"))

    def _give(self, now: float) -> None:
        last = self._places.end() if self._fed else self._places.screen.row
        start = self._places.after_prompt(last)
        if start is None:
            return
        entry = TypedLine(start, now, 0)
        text = self._places.text(entry, last)
        is_stopped = self._interrupted and text.endswith(INTERRUPTS)
        if text and not is_stopped and not self._pending.was_ahead(text):
            entry.flag("prompt?")
            self._found.give(entry.command(text))
