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
MOST_DOUBTS = 16
_DOUBTFUL = frozenset({Press.OTHER, Press.ACCEPT, Press.REPORT})


class UnseenLines:
    """Those of one session."""

    def __init__(self, places: Places, found: FoundLines, pending: WaitingLines) -> None:
        self._places = places
        self._found = found
        self._pending = pending
        self._interrupted = False
        """The last key was an interrupt."""
        self._stopped = "\0"
        """The line that it ended, with its echo."""
        self._fed = False
        """A line feed came since the editor began to read."""
        self._on_main = False
        """The editor that reads began on the main screen."""
        self._accepted = False
        """One had a line on the alternate screen, or left."""
        self._count = 0
        """Lines that had been found then."""
        self._flooded = -FLOOD
        self._is_unread = False
        """Keys are not read any more."""
        self._doubts = 0
        """Keys that may have put something behind a prompt, and are not accounted for."""

    def press(self, press: Press) -> None:
        """A key was pressed."""
        self._interrupted, self._stopped = press is Press.INTERRUPT, "\0"
        if press in _DOUBTFUL:
            self._doubts = min(MOST_DOUBTS, self._doubts + 1)

    def stop(self, text: str) -> None:
        """The interrupt ended a line that is shown so; editors may begin and end there again."""
        self._stopped = text

    def output(self, output: bytes) -> None:
        """There was output that is read."""
        self._fed |= b"\n" in output

    def forget(self) -> None:
        """It is not known any more which editor reads."""
        self._on_main = self._accepted = False

    def lose_keys(self, entry: TypedLine) -> None:
        """Keys are not read from here on; ``entry`` is what was being typed."""
        self._is_unread = True
        self._found.has_gap = True
        self._found.give(entry.hidden())

    def feed_line(self, now: float) -> None:
        """Output has a line feed, and no editor reads: without keys it may answer one."""
        if self._is_unread:
            self.flood(now)

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
        last = self._places.end(fed=self._fed)
        start = self._places.after_prompt(last)
        if start is None:
            self._doubt(now, last)
            return
        entry = TypedLine(start, now, 0)
        entry.change()
        text = self._places.text(entry, last)
        is_stopped = self._interrupted and text in (*INTERRUPTS, self._stopped)
        if text and not is_stopped and not self._pending.was_ahead(text):
            entry.flag("prompt?")
            self._found.give(entry.command(text))

    def _doubt(self, now: float, last: int) -> None:
        """An editor has a line behind a prompt that is not known, such as one with a folder."""
        text = self._places.whole(last)
        if text.endswith(self._stopped):
            return
        if self._interrupted and text.endswith(INTERRUPTS):
            text = text[:-2]
        is_prompt = self._places.is_prompt(text)
        if not text.strip() or is_prompt:
            return
        if self._pending.was_ahead(text, self._places.is_prompt):
            return
        if is_prompt is None and not self._is_unread:
            # Another program's, perhaps: only keys can have put something behind it.
            if not self._doubts:
                return
            self._doubts -= 1
        self._found.give(TypedLine(None, now, 0).hidden("prompt?"))
