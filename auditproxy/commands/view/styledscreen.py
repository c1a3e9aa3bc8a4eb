"""A terminal's screen with the colours and attributes of its cells, for the player of the page.

Of SGR (ECMA-48, xterm's ctlseqs) this has the 16 colours, the 256, true colour, bold, faint,
italic, underline, reverse and struck out. Text that is concealed or blinks is shown as other text:
a player hides nothing. What is erased has the background of the moment, as in xterm.
"""

import itertools
from typing import Any, NamedTuple

from auditproxy.sessions.terminal.rows import Rows, cells_of
from auditproxy.sessions.terminal.screen import VisibleScreen

RGB = 256
"""True colours begin here: RGB + red * 65536 + green * 256 + blue. Others are of the palette."""
BOLD, FAINT, ITALIC, UNDERLINE, REVERSE, STRUCK = 1, 2, 4, 8, 16, 32
_ON = {1: BOLD, 2: FAINT, 3: ITALIC, 4: UNDERLINE, 7: REVERSE, 9: STRUCK, 21: UNDERLINE}
_OFF = {22: BOLD | FAINT, 23: ITALIC, 24: UNDERLINE, 27: REVERSE, 29: STRUCK}
_SEEN = UNDERLINE | REVERSE | STRUCK
"""Attributes that a blank has."""
_MOST_PARAMETERS = 64


class Style(NamedTuple):
    """Of one cell; a colour is None where it is the terminal's own."""

    fore: int | None = None
    back: int | None = None
    flags: int = 0


PLAIN = Style()


class StyledRun(NamedTuple):
    """Text of one style."""

    text: str
    style: Style


class StyledRows(Rows):
    """Rows with a style for each cell; those behind the last style are plain."""

    def __init__(self, columns: int, rows: int, top: int = 0) -> None:
        super().__init__(columns, rows, top)
        self.style = PLAIN
        """What is written next has it."""
        self._styles: list[list[Style]] = [[] for _ in range(rows)]

    def runs(self) -> list[list[StyledRun]]:
        """Each visible row, without the plain blanks at its end."""
        return [
            _runs(cells_of(text), styles)
            for text, styles in zip(self.texts(), self._styles, strict=True)
        ]

    def write(self, index: int, at: int, new: list[str], insert: bool) -> None:
        """Put cells into a row, with the style of the moment."""
        super().write(index, at, new, insert)
        styles = self._padded(index, at)
        styles[at : at if insert else at + len(new)] = [self.style] * len(new)
        del styles[self.columns :]

    def remove(self, index: int, at: int, count: int) -> None:
        """Delete cells; those behind move left."""
        super().remove(index, at, count)
        del self._styles[index][at : at + count]

    def blank(self, index: int, start: int, end: int) -> None:
        """Erase cells."""
        super().blank(index, start, end)
        end = min(end, self.columns)
        styles = self._padded(index, start)
        styles[start:end] = [self._erased] * (end - start)

    def clear(self, first: int, last: int) -> None:
        """Erase rows."""
        super().clear(first, last)
        for index in range(first, last):
            self._styles[index] = self._empty()

    def scroll(self, top: int, bottom: int, count: int) -> None:
        """Move the rows of a region up, or down."""
        super().scroll(top, bottom, count)
        rows = self._styles[top : bottom + 1]
        moved = min(abs(count), len(rows))
        new = [self._empty() for _ in range(moved)]
        kept = rows[: len(rows) - moved] if count < 0 else rows[moved:]
        self._styles[top : bottom + 1] = [*new, *kept] if count < 0 else [*kept, *new]

    def resize(self, columns: int, rows: int, cursor: int) -> int:
        """Take another size; how many rows left at the top."""
        left = super().resize(columns, rows, cursor)
        self._styles = [styles[:columns] for styles in self._styles[left : left + rows]]
        self._styles += [[] for _ in range(rows - len(self._styles))]
        return left

    @property
    def _erased(self) -> Style:
        return Style(back=self.style.back)

    def _empty(self) -> list[Style]:
        return [] if self.style.back is None else [self._erased] * self.columns

    def _padded(self, index: int, at: int) -> list[Style]:
        styles = self._styles[index]
        styles += [PLAIN] * (at - len(styles))
        return styles


class StyledScreen(VisibleScreen):
    """A screen whose rows have styles."""

    rows: StyledRows
    rows_of = StyledRows

    def runs(self) -> list[list[StyledRun]]:
        """The visible rows as runs of one style each."""
        return self.rows.runs()

    def _csi(self, parameters: bytes, between: bytes, final: bytes) -> None:
        if final == b"m" and not between and parameters[:1] not in (b"<", b"=", b">", b"?"):
            self.rows.style = styled(self.rows.style, parameters)
        else:
            super()._csi(parameters, between, final)


def styled(style: Style, parameters: bytes) -> Style:
    """A style after the parameters of an SGR; what is not known changes nothing."""
    parts = [part.split(b":") for part in parameters.split(b";")[:_MOST_PARAMETERS]]
    place = 0
    while place < len(parts):
        part = parts[place]
        code = _number(part[0])
        place += 1
        if code in (38, 48, 58):
            if len(part) > 1:
                # With colons a colour is one parameter, perhaps with a colour space before it.
                numbers = [_number(each) for each in part[1:]]
                if numbers[0] == 2 and len(numbers) > 4:
                    del numbers[1]
            else:
                numbers = [_number(each[0]) for each in parts[place : place + 4]]
                place += {5: 2, 2: 4}.get(numbers[0] if numbers else 0, 0)
            colour = _colour(numbers)
            if colour is not None and code != 58:
                style = style._replace(**{"fore" if code == 38 else "back": colour})
        elif code == 0:
            style = PLAIN
        elif code == 4 and len(part) > 1 and _number(part[1]) == 0:
            style = style._replace(flags=style.flags & ~UNDERLINE)
        elif code in _ON:
            style = style._replace(flags=style.flags | _ON[code])
        elif code in _OFF:
            style = style._replace(flags=style.flags & ~_OFF[code])
        else:
            style = _coloured(style, code)
    return style


def _coloured(style: Style, code: int) -> Style:
    """A style with one of the 16 colours, or the terminal's own."""
    for name, first in (("fore", 30), ("back", 40)):
        if first <= code < first + 8:
            return style._replace(**{name: code - first})
        if first + 60 <= code < first + 68:
            return style._replace(**{name: code - first - 60 + 8})
        if code == first + 9:
            own: dict[str, Any] = {name: None}
            return style._replace(**own)
    return style


def _colour(numbers: list[int]) -> int | None:
    if any(number > 255 for number in numbers):
        return None
    match numbers:
        case [5, number, *_]:
            return number
        case [2, red, green, blue, *_]:
            return RGB + (red << 16 | green << 8 | blue)
    return None


def _number(text: bytes) -> int:
    return int(text[:6]) if text.isdigit() else 0


def _runs(cells: list[str], styles: list[Style]) -> list[StyledRun]:
    pairs = list(itertools.zip_longest(cells, styles))
    while pairs and _is_nothing(*pairs[-1]):
        pairs.pop()
    runs: list[StyledRun] = []
    for style, group in itertools.groupby(pairs, key=lambda pair: pair[1] or PLAIN):
        text = "".join(" " if cell is None else cell for cell, _ in group).replace("\0", "")
        runs.append(StyledRun(text, style))
    return runs


def _is_nothing(cell: str | None, style: Style | None) -> bool:
    """Whether a cell is not to be seen."""
    style = style or PLAIN
    return cell in (None, " ", "\0") and style.back is None and not style.flags & _SEEN
