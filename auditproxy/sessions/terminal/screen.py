"""The visible screen of a terminal, by the controls that shells and line editors write.

Of what xterm does (ctlseqs; ECMA-48), this has what moves the cursor or changes text: C0, CSI
@ A-H J K L M P S T X a d e f h l r s u `, ESC 7 8 D E M c, autowrap with a pending wrap at the
last column, insert mode, a scrolling region, UTF-8. Colours, titles and everything else are read
over. Rows have absolute numbers, so that a place stays the same when the screen scrolls.
"""

import codecs
import re
from collections.abc import Iterator

from auditproxy.sessions.terminal.rows import Rows, cells_of
from auditproxy.sessions.terminal.widths import width

COLUMNS, ROWS = 80, 24
MOST_COLUMNS, MOST_ROWS = 500, 200
STRING_LIMIT = 4096
"""Bytes of an OSC, DCS, APC, PM or SOS that is not terminated; what follows is text again."""

_TOKEN = re.compile(
    rb"(?P<text>[\x20-\x7e\x80-\xff]++)"
    rb"|\x1b\[(?P<parameters>[0-?]{0,256}+)(?P<between>[ -/]{0,4}+)(?P<final>[@-~])"
    rb"|\x1b(?P<string>[\]PX^_])"
    rb"|\x1b[ -/]{1,4}+(?P<designate>[0-~])"
    rb"|\x1b(?P<escape>[0-OQ-WYZ\\`-~])"
    rb"|(?P<control>[\x00-\x1a\x1c-\x1f\x7f])"
    rb"|(?P<partial>\x1b(?:\[[0-?]{0,256}+[ -/]{0,4}+|[ -/]{0,4}+)\Z)"
    rb"|(?P<broken>\x1b(?:\[[0-?]{0,256}+[ -/]{0,4}+|[ -/]{0,4}+))"
)
_STRING_END = re.compile(rb"[\x07\x18\x1a\x1b]")
_TITLE_END = re.compile(rb"[\x07\x18\x1a\x1b\r\n]")


class VisibleScreen:
    """One screen. Sizes are clamped to 500 x 200; 0 means 80 or 24."""

    rows_of: type[Rows] = Rows
    """What keeps its rows."""

    def __init__(self, columns: int = COLUMNS, rows: int = ROWS) -> None:
        self.rows = self.rows_of(*clamped(columns, rows))
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = b""
        self._cut = False
        """The last bytes were text, of which a character may be incomplete."""
        self._string = 0
        self._string_end = _TITLE_END
        self._defaults()

    def _defaults(self) -> None:
        self._x = self._y = 0
        self._region = (0, len(self.rows) - 1)
        self._saved = (0, 0)
        self._inserts = False
        self._wraps = True

    @property
    def row(self) -> int:
        """The absolute number of the cursor's row."""
        return self.rows.top + self._y

    @property
    def column(self) -> int:
        """The cursor's column from 0; equal to the number of columns while a wrap is pending."""
        return self._x

    def feed(self, data: bytes) -> Iterator[int]:
        """Follow output. Before each line feed, yield how many bytes of ``data`` end with it.

        A caller that stops there has the rest of the bytes, and the line feed (``line_feed``), to
        itself. Sequences may be cut anywhere.
        """
        before = len(self._held)
        data, self._held = self._held + data, b""
        at, end = 0, len(data)
        while at < end:
            if self._string:
                at = self._skip_string(data, at)
                continue
            found = _TOKEN.match(data, at)
            assert found is not None, "every byte begins a token"
            at, kind = found.end(), found.lastgroup
            if kind == "text":
                self._cut = at == end
                self._draw(self._decoder.decode(found[0], at < end))
                continue
            if self._cut:
                self._cut = False
                self._draw(self._decoder.decode(b"", True))
            if kind == "control":
                if found[0] in b"\n\v\f":
                    yield at - before
                    self.line_feed()
                else:
                    self._control(found[0])
            elif kind == "final":
                self._csi(found["parameters"], found["between"], found["final"])
            elif kind == "escape":
                self._escape(found["escape"])
            elif kind == "string":
                self._string = STRING_LIMIT
                self._string_end = _TITLE_END if found["string"] == b"]" else _STRING_END
            elif kind == "partial":
                self._held = found[0]

    def line_feed(self) -> None:
        """Move down one row; at the bottom of the scrolling region, scroll."""
        if self._y == self._region[1]:
            self.rows.scroll(*self._region, 1)
        elif self._y < len(self.rows) - 1:
            self._y += 1

    def resize(self, columns: int, rows: int) -> None:
        """Take another size; rows leave at the top when the cursor would not fit; no reflow."""
        columns, rows = clamped(columns, rows)
        self._y -= self.rows.resize(columns, rows, self._y)
        self._x = min(self._x, columns - 1)
        self._region = (0, rows - 1)

    def text(self, row: int, column: int, last: int) -> str:
        """The text from a place to the end of row ``last``: a newline where a row does not wrap."""
        parts: list[str] = []
        if row < self.rows.first:
            row, column = self.rows.first, 0
        for number in range(row, min(last, self.rows.top + len(self.rows) - 1) + 1):
            part = "".join(cells_of(self.rows.find(number))[column:])
            column = 0
            if number < last and self.rows.is_continued(number):
                parts.append(part)
            else:
                parts.extend((part.rstrip(" \0"), "\n"))
        return "".join(parts).replace("\0", "").rstrip()

    def display(self) -> list[str]:
        """The visible rows as text, without blanks at their ends."""
        return [text.replace("\0", "").rstrip(" ") for text in self.rows.texts()]

    def _skip_string(self, data: bytes, at: int) -> int:
        limit = min(len(data), at + self._string)
        found = self._string_end.search(data, at, limit)
        if found is None:
            self._string -= limit - at
            return limit
        self._string = 0
        return found.start() if found[0] in b"\x1b\r\n" else found.end()

    def _draw(self, text: str) -> None:
        if text.isascii():
            self._draw_narrow(text)
            return
        for character in text:
            wide = width(character)
            if wide:
                self._draw_one(character, min(wide, self.rows.columns))
            elif character > "\x9f":
                self.rows.mark(self._y, self._x, character)

    def _draw_narrow(self, text: str) -> None:
        at, end = 0, len(text)
        while at < end:
            if self._x >= self.rows.columns:
                self._wrap(1)
            count = min(end - at, self.rows.columns - self._x)
            self.rows.write(self._y, self._x, list(text[at : at + count]), self._inserts)
            self._x += count
            at += count

    def _draw_one(self, character: str, wide: int) -> None:
        if self._x + wide > self.rows.columns:
            self._wrap(wide)
        cells = [character] if wide == 1 else [character, "\0"]
        self.rows.write(self._y, self._x, cells, self._inserts)
        self._x += wide

    def _wrap(self, wide: int) -> None:
        if self._wraps:
            self.rows.wrap(self._y)
            self._x = 0
            self.line_feed()
        else:
            self._x = self.rows.columns - wide

    def _control(self, control: bytes) -> None:
        last = self.rows.columns - 1
        if control == b"\r":
            self._x = 0
        elif control == b"\b":
            self._x = max(0, min(self._x, last) - 1)
        elif control == b"\t":
            self._x = min((self._x // 8 + 1) * 8, last)

    def _escape(self, escape: bytes) -> None:
        if escape == b"7":
            self._saved = (self._x, self._y)
        elif escape == b"8":
            self._restore()
        elif escape == b"M":
            if self._y == self._region[0]:
                self.rows.scroll(*self._region, -1)
            else:
                self._y = max(0, self._y - 1)
        elif escape in b"DE":
            self._x = 0 if escape == b"E" else self._x
            self.line_feed()
        elif escape == b"c":
            self.rows = self.rows_of(
                self.rows.columns, len(self.rows), self.rows.top + len(self.rows)
            )
            self._defaults()

    def _restore(self) -> None:
        self._x = min(self._saved[0], self.rows.columns - 1)
        self._y = min(self._saved[1], len(self.rows) - 1)

    def _csi(self, parameters: bytes, between: bytes, final: bytes) -> None:
        if between or parameters[:1] in (b"<", b"=", b">", b"?"):
            if parameters == b"?7" and final in b"hl":
                self._wraps = final == b"h"
            return
        numbers = [int(n) if n.isdigit() else 0 for n in parameters.split(b";", 2)[:2]]
        first, second = numbers[0], numbers[1] if len(numbers) > 1 else 0
        count = min(max(1, first), max(self.rows.columns, len(self.rows)))
        top, bottom = self._region
        if final in b"JK@PX":
            self._x = self._column()
        if final in b"ABCDEFGHadef`":
            self._move(final, count, max(1, second))
        elif final in b"JK":
            self._erase(final, first)
        elif final == b"@":
            blanks = [" "] * min(count, self.rows.columns - self._x)
            self.rows.write(self._y, self._x, blanks, True)
        elif final == b"P":
            self.rows.remove(self._y, self._x, count)
        elif final == b"X":
            self.rows.blank(self._y, self._x, min(self._x + count, self.rows.columns))
        elif final in b"LM":
            if top <= self._y <= bottom:
                self.rows.scroll(self._y, bottom, count if final == b"M" else -count)
                self._x = 0
        elif final in b"ST":
            self.rows.scroll(top, bottom, count if final == b"S" else -count)
        elif final in b"hl":
            self._inserts = final == b"h" if first == 4 else self._inserts
        elif final == b"r":
            self._set_region(max(1, first) - 1, (second or len(self.rows)) - 1)
        elif final == b"s":
            self._saved = (self._x, self._y)
        elif final == b"u":
            self._restore()

    def _column(self) -> int:
        """The column that the cursor is seen in."""
        return min(self._x, self.rows.columns - 1)

    def _move(self, final: bytes, count: int, second: int) -> None:
        top, bottom = self._region
        row, column = self._y, self._column()
        if final in b"AF":
            row = max(top if row >= top else 0, row - count)
        elif final in b"BEe":
            row = min(bottom if row <= bottom else len(self.rows) - 1, row + count)
        elif final in b"Ca":
            column += count
        elif final == b"D":
            column = max(0, column - count)
        elif final in b"Hf":
            row, column = count - 1, second - 1
        elif final == b"d":
            row = count - 1
        if final in b"EF":
            column = 0
        elif final in b"G`":
            column = count - 1
        self._y = min(row, len(self.rows) - 1)
        self._x = min(column, self.rows.columns - 1)

    def _erase(self, final: bytes, how: int) -> None:
        """ED and EL: 0 from the cursor, 1 up to it, 2 all."""
        if how > 2:
            return
        column, columns = self._x, self.rows.columns
        start = column if how == 0 else 0
        self.rows.blank(self._y, start, column + 1 if how == 1 else columns)
        if final == b"J":
            others = {0: range(self._y + 1, len(self.rows)), 1: range(self._y)}
            rows = others.get(how, range(len(self.rows)))
            self.rows.clear(rows.start, rows.stop)

    def _set_region(self, top: int, bottom: int) -> None:
        bottom = min(bottom, len(self.rows) - 1)
        if top < bottom:
            self._region = (top, bottom)
            self._x = self._y = 0


def clamped(columns: int, rows: int) -> tuple[int, int]:
    """A size that a screen can have."""
    return min(columns, MOST_COLUMNS) or COLUMNS, min(rows, MOST_ROWS) or ROWS
