"""The screen of a session, followed only while it matters, and the places of lines on it.

Between lines only the end of the output is kept; it is read by a screen when a line begins. What
is read is bounded for each second; beyond that, output is skipped until the next line begins.
"""

import re

from auditproxy.sessions.terminal.entries import TypedLine
from auditproxy.sessions.terminal.rows import cells_of
from auditproxy.sessions.terminal.screen import COLUMNS, ROWS, VisibleScreen, clamped
from auditproxy.sessions.terminal.texts import INTERRUPTS, squeezed
from auditproxy.sessions.terminal.typed import Anchor

RATE = 64 * 1024
"""Bytes of output that a screen reads in a second."""
CONTROL_COST = 6
"""Bytes of text that take as long as a sequence, a line feed or a wrap, about."""
WIDE_COST = 2
"""The same of a byte of text that is not ASCII, beside one that is."""
TAIL_LIMIT = 8 * 1024
"""Bytes of output that are kept while no line is being entered."""
NARROW = 10
"""Columns below which editors show only a part of a line."""
_ABOVE = ">.."
"""What zsh shows in place of rows that the screen is too small for."""
SEARCHED_ROWS = 50
"""Rows that are searched for a prompt."""


class Places:
    """One session's screen, or the end of the output that it has not read."""

    def __init__(self, columns: int = COLUMNS, rows: int = ROWS) -> None:
        self._size = clamped(columns, rows)
        self._screen = VisibleScreen(*self._size)
        self._tail = bytearray()
        self._lost = False
        self._allowed = float(RATE)
        self._now = 0.0
        self._prompt = ""
        self._last_line_feed = -1

    @property
    def screen(self) -> VisibleScreen:
        """The screen, as far as output was read."""
        return self._screen

    @property
    def lost(self) -> bool:
        """Whether output was skipped, so that places from before are void."""
        return self._lost

    def resize(self, columns: int, rows: int) -> bool:
        """The terminal has another size; whether it is narrower."""
        before, self._size = self._size[0], clamped(columns, rows)
        if not self._lost:
            self._screen.resize(*self._size)
        return self._size[0] < before

    def clock(self, now: float) -> None:
        """Allow for the time that has passed."""
        passed, self._now = max(0.0, now - self._now), now
        self._allowed = min(float(RATE), self._allowed + passed * RATE)

    def spend(self, output: bytes) -> bool:
        """Whether a screen may read some output now."""
        controls = output.count(b"\x1b") + output.count(b"\n")
        text = max(0, len(output) - controls)
        # On a narrow terminal text has more line feeds than it shows.
        controls += max(0, text // self._size[0] - text // COLUMNS)
        size = len(output) * (1 if output.isascii() else WIDE_COST) + CONTROL_COST * controls
        if size > self._allowed:
            return False
        self._allowed -= size
        return True

    def keep(self, output: bytes) -> None:
        """Take output that no line depends on."""
        if len(output) >= TAIL_LIMIT:
            self._tail[:] = output[-TAIL_LIMIT:]
            self._lose()
            return
        self._tail += output
        if len(self._tail) > TAIL_LIMIT:
            del self._tail[:-TAIL_LIMIT]
            self._lose()

    def skip(self, output: bytes) -> None:
        """Take output that is too much to read."""
        self.keep(output)
        self._lose()

    def void(self) -> None:
        """Output is missing here: what came before means nothing for what follows."""
        self._tail.clear()
        self._lose()

    def _lose(self) -> None:
        if not self._lost:
            self._lost = True
            self._screen = VisibleScreen(*self._size)

    def catch_up(self) -> bool:
        """Let the screen read what was kept; False when that is too much now."""
        if not self._tail and not self._lost:
            return True
        # A reset clears the screen: what came before the last one shows nothing.
        output = bytes(self._tail[max(0, self._tail.rfind(b"\x1bc")) :])
        if not self.spend(output):
            return False
        self._tail.clear()
        if self._lost:
            self._lost = False
            self._screen = VisibleScreen(*self._size)
            output = output[output.find(b"\n") + 1 :]
        for _ in self._screen.feed(output):
            self.line_feed()
        return True

    def line_feed(self) -> None:
        """A line feed is about to be done."""
        self._last_line_feed = self._screen.row

    def cursor(self) -> Anchor:
        """The place of the cursor, and nothing of what is there."""
        return Anchor(self._screen.row, self._screen.column)

    def here(self, ahead: str = "") -> Anchor:
        """The place of the cursor, or of what was typed ahead of the prompt and is shown again."""
        screen = self._screen
        row, column = screen.row, screen.column
        if ahead:
            row, column = self._before(ahead)
        cells = cells_of(screen.rows.find(row))
        prompt = "".join(cells[:column]).ljust(column) if column else ""
        right = "" if row < screen.row else "".join(cells[screen.column :]).strip()
        screen.rows.keep_from = row
        return Anchor(row, column, prompt, right)

    def _before(self, ahead: str) -> tuple[int, int]:
        """The place before a text, if the cursor is behind it; it may have wrapped."""
        rows, row, column = self._screen.rows, self._screen.row, self._screen.column
        cells, wanted = cells_of(rows.find(row))[:column], squeezed(ahead)
        while len(_shown(cells)) < len(wanted) and rows.first < row:
            if not rows.is_continued(row - 1):
                break
            row -= 1
            cells = cells_of(rows.find(row)) + cells
        if not _shown(cells).endswith(wanted):
            return self._screen.row, self._screen.column
        left = len(wanted)
        while left > 0:
            left -= len(_shown([cells.pop()]))
        return row, len(cells)

    def is_same_line(self, anchor: Anchor) -> bool:
        """Whether the cursor is in the line that a place is in, which may wrap."""
        rows, row = self._screen.rows, self._screen.row
        if not rows.first <= anchor.row <= row:
            return False
        return all(rows.is_continued(number) for number in range(anchor.row, row))

    def between(self, anchor: Anchor) -> str | None:
        """What is between a place and the cursor; None if that is not in the same line."""
        screen = self._screen
        if not self.is_same_line(anchor) or (screen.row, screen.column) < anchor[:2]:
            return None
        if anchor.row < screen.row:
            return screen.text(anchor.row, anchor.column, screen.row)
        return "".join(cells_of(screen.rows.find(screen.row))[anchor.column : screen.column])

    def after_prompt(self, row: int | None = None) -> Anchor | None:
        """The place behind the last prompt, if the line in a row, or at the cursor, has it."""
        row, rows = self._screen.row if row is None else row, self._screen.rows
        while rows.first < row and not self._known(row) and rows.is_continued(row - 1):
            row -= 1
        column = self._known(row)
        return Anchor(row, column, self._prompt) if column else None

    def whole(self, row: int) -> str:
        """The text of a line that ends in a row, its prompt included."""
        first, rows = row, self._screen.rows
        while rows.first < first and rows.is_continued(first - 1):
            first -= 1
        return self._screen.text(first, 0, row)

    def is_prompt(self, text: str) -> bool | None:
        """Whether a text is like the last prompt, as far as other folders and numbers go.

        None: it has nothing of it.
        """
        prompt, text = _shape(self._prompt), _shape(text)
        end = prompt[-1:]
        if not end or end not in text:
            return None
        if not text.endswith(end) or text.count(end) != prompt.count(end):
            return False
        # One folder more may have a blank in its name.
        pairs = enumerate(zip(prompt, text, strict=False))
        same = next((at for at, (one, other) in pairs if one != other), len(prompt))
        return 2 * same >= len(prompt) or len(text.split()) <= len(prompt.split()) + 1

    def has_stop(self, anchor: Anchor) -> bool:
        """Whether a row between a place and the cursor ends with the echo of an interrupt."""
        rows, last = self._screen.rows, self._screen.row
        first = max(anchor.row, rows.first, last - SEARCHED_ROWS)
        texts = [rows.find(row).rstrip() for row in range(first, last + 1)]
        if first == anchor.row:
            texts[0] = "".join(cells_of(texts[0])[anchor.column :])
        return any(text.endswith(INTERRUPTS) for text in texts)

    def at_anchor(self, anchor: Anchor) -> str:
        """What the screen has in the row of a place, from there on, and where it wraps."""
        last = anchor.row
        while last < self._screen.row and self._screen.rows.is_continued(last):
            last += 1
        return self._screen.text(anchor.row, anchor.column, last)

    def is_echo(self, entry: TypedLine) -> bool:
        """Whether the screen may have the echo of a line where it begins."""
        return entry.anchor is not None and entry.begins(self.at_anchor(entry.anchor))

    def end(self, *, fed: bool = True) -> int:
        """The last row of a line that an editor has just accepted, where it stands.

        ``fed``: a line feed may have come since the editor began. zsh accepts a line of several
        rows wherever the cursor is in it; others go below it first.
        """
        screen = self._screen
        if fed and screen.column == 0 and self._last_line_feed == screen.row - 1:
            return screen.row - 1
        return self._lowest()

    def _lowest(self) -> int:
        """The last row with text from the cursor's on."""
        screen, last = self._screen, self._screen.rows.top + len(self._screen.rows) - 1
        while last > screen.row and not screen.rows.find(last).strip(" \0"):
            last -= 1
        return last

    def wraps(self, entry: TypedLine, text: str) -> bool:
        """Whether an editor begins another row itself, as busybox does, with more to be shown."""
        rows, row = self._screen.rows, self._screen.row
        if not (self._is_full(row) and entry.has_more(text)):
            return False
        rows.wrap(row - rows.top)
        return True

    def _is_full(self, number: int) -> bool:
        rows = self._screen.rows
        return len(cells_of(rows.find(number))) >= rows.columns

    def row(self, number: int) -> str:
        """The text of a row, without a prompt that is known."""
        return self._screen.text(number, self._known(number), number)

    def text(self, entry: TypedLine, last: int) -> str:
        """The text of a line that ends in row ``last``, from its anchor or a redrawn prompt."""
        screen = self._screen
        if last > screen.row and entry.completes and not entry.uncertain:
            # Below it are choices.
            last = screen.row
        elif last > screen.row:
            entry.flag("prompt?")
        while screen.rows.is_continued(last):
            last += 1
        row, column, prompt = self._begin(entry, last)
        text = screen.text(row, column, last)
        if text:
            # Before nothing, that text may be the line: keys may have come before its place.
            self._prompt = prompt or self._prompt
        if row < screen.rows.first:
            entry.flag("cut")
        is_part = text.startswith(_ABOVE) or self._scrolls(entry.anchor, row, last)
        entry.partial |= self._size[0] < NARROW or is_part
        right = entry.anchor.right if entry.anchor is not None else ""
        if right and "\n" not in text and text.endswith(" " + right):
            text = text[: -len(right)].rstrip()
        return text

    def _scrolls(self, anchor: Anchor | None, first: int, last: int) -> bool:
        """Whether an editor shows a part of a long line, which its marks say."""
        prompt = "" if anchor is None else anchor.prompt
        find = self._screen.rows.find
        left = find(first).startswith("<") and not prompt.startswith("<")
        if any(find(row).startswith(_ABOVE) for row in range(first, last + 1)):
            return True
        return left or (find(last).endswith(">") and self._is_full(last))

    def forget(self) -> None:
        """No line is being entered."""
        self._screen.rows.keep_from = None

    def _begin(self, entry: TypedLine, last: int) -> tuple[int, int, str]:
        anchor = entry.anchor
        rows = self._screen.rows
        if anchor is not None:
            holds = anchor.row <= last and (
                anchor.row < rows.first or self._starts(anchor.row, anchor.prompt)
            )
            floor = anchor.row if holds else rows.first - 1
            if anchor.prompt.strip():
                for number in range(last, max(floor, last - SEARCHED_ROWS), -1):
                    if self._starts(number, anchor.prompt) and not rows.is_continued(number - 1):
                        entry.prompted = True
                        return number, anchor.column, anchor.prompt
            if holds:
                return anchor.row, anchor.column, anchor.prompt
        for number in range(last, max(rows.first - 1, last - SEARCHED_ROWS), -1):
            if column := self._known(number):
                entry.prompted = True
                return number, column, ""
        entry.flag("prompt?")
        return last, 0, ""

    def _starts(self, number: int, prompt: str) -> bool:
        text = self._screen.rows.find(number)
        return text.startswith(prompt) or text == prompt.rstrip(" ")

    def _known(self, number: int) -> int:
        """The width of the last prompt, if a row begins with it."""
        prompt = self._prompt
        if prompt.strip() and self._screen.rows.find(number).startswith(prompt):
            return len(cells_of(prompt))
        return 0


def _shown(cells: list[str]) -> str:
    """What some cells show, without blanks."""
    return squeezed("".join(cells).replace("\0", ""))


def _shape(text: str) -> str:
    """A prompt with one digit for all, without blanks at its end."""
    return re.sub("[0-9]+", "0", text.rstrip())
