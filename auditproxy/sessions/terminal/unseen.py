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
        self._entered = False
        """Enter was pressed on the alternate screen."""
        self._accepted = False
        """An editor had a line there."""

    def press(self, press: Press, *, alternate: bool) -> None:
        """A key was pressed."""
        self._interrupted = press is Press.INTERRUPT
        self._entered |= alternate and press in (Press.ENTER, Press.ACCEPT)

    def output(self, output: bytes) -> None:
        """There was output that is read."""
        self._fed |= b"\n" in output

    def swap(self) -> None:
        """The other screen is shown."""
        self._entered = self._accepted = False

    def begin(self, now: float) -> None:
        """An editor begins to read; after a line of it on the alternate screen, that is noted."""
        self._fed = False
        if self._accepted:
            self._accepted = False
            self._found.give(TypedLine(None, now, 0).hidden("alternate"))

    def end(self, now: float, *, unknown: bool, alternate: bool) -> None:
        """An editor has a line; ``unknown``: it was reading one, and its keys were not known."""
        if alternate:
            self._accepted |= self._entered
            self._entered = False
        elif unknown and self._places.catch_up():
            self._give(now)

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
