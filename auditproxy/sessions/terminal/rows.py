"""The rows of a screen: numbered absolutely, kept small.

A row is one string, and only the row that is being written is a list of cells: there may be
hundreds of sessions. A cell is a character with its combining marks; the second half of a wide
character is NUL.
"""

from collections.abc import Iterable

from auditproxy.sessions.terminal.widths import width

SHOWN_LIMIT = 24 * 1024
"""Bytes of text of a screen of any size that are kept, in the rows near the last written."""
MARKS_A_ROW, MARKS_A_CELL = 64, 7
"""Combining marks that are kept."""
SCROLLED_LIMIT, SCROLLED_ROW = 16 * 1024, 64
"""Bytes, with so many for each row besides, of rows that have scrolled off and are kept."""


class _Row:
    """One row. ``wrapped``: its text continues in the next row without a line feed."""

    __slots__ = ("marks", "text", "wrapped")

    def __init__(self) -> None:
        self.text = ""
        self.wrapped = False
        self.marks = 0


class Rows:
    """The visible rows, from ``top`` on, and those above that are asked to be kept."""

    def __init__(self, columns: int, rows: int, top: int = 0) -> None:
        self.columns = columns
        self.top = top
        self.keep_from: int | None = None
        """Rows from this number on are kept when they scroll off."""
        self._lines = [_Row() for _ in range(rows)]
        self._scrolled: dict[int, _Row] = {}
        self._scrolled_size = 0
        self._hot: _Row | None = None
        self._cells: list[str] = []
        self._kept = 0

    def __len__(self) -> int:
        return len(self._lines)

    def texts(self) -> Iterable[str]:
        """The cells of each visible row."""
        return (self._text(row) for row in self._lines)

    def find(self, number: int) -> str:
        """The cells of a row by its absolute number; "" where there is none."""
        row = self._row(number)
        return "" if row is None else self._text(row)

    @property
    def first(self) -> int:
        """The number of the first row that is known."""
        return next(iter(self._scrolled), self.top)

    def is_continued(self, number: int) -> bool:
        """Whether a row's text continues in the next, as its full width or an autowrap shows."""
        row = self._row(number)
        if row is None or number >= self.top + len(self._lines) - 1:
            return False
        if row.wrapped:
            return True
        cells = cells_of(self._text(row))
        return len(cells) >= self.columns and cells[self.columns - 1] != " "

    def write(self, index: int, at: int, new: list[str], insert: bool) -> None:
        """Put cells into a visible row, over what is there or before it."""
        cells = self._open(index)
        _pad(cells, at)
        _split(cells, at)
        if insert:
            cells[at:at] = new
            del cells[self.columns :]
        else:
            _split(cells, at + len(new))
            cells[at : at + len(new)] = new

    def mark(self, index: int, at: int, character: str) -> None:
        """Add a combining mark to the cell before a column."""
        cells, row = self._open(index), self._lines[index]
        place = min(at, len(cells)) - 1
        if place >= 0 and len(cells[place]) <= MARKS_A_CELL and row.marks < MARKS_A_ROW:
            cells[place] += character
            row.marks += 1

    def wrap(self, index: int) -> None:
        """Note that a visible row continues in the next."""
        self._lines[index].wrapped = True

    def remove(self, index: int, at: int, count: int) -> None:
        """Delete cells of a row; those behind move left."""
        cells = self._open(index)
        _split(cells, at)
        _split(cells, at + count)
        del cells[at : at + count]

    def blank(self, index: int, start: int, end: int) -> None:
        """Erase cells of a row from ``start`` to before ``end``."""
        row = self._lines[index]
        if end >= self.columns:
            row.wrapped = False
        if row is not self._hot and not row.text:
            return
        if start == 0 and end >= self.columns:
            self._forget(row)
            return
        cells = self._open(index)
        _split(cells, start)
        _split(cells, end)
        if end >= len(cells):
            del cells[start:]
        else:
            cells[start:end] = [" "] * (end - start)

    def clear(self, first: int, last: int) -> None:
        """Erase visible rows from ``first`` to before ``last``."""
        for row in self._lines[first:last]:
            row.wrapped = False
            if row.text or row is self._hot:
                self._forget(row)

    def scroll(self, top: int, bottom: int, count: int) -> None:
        """Move the rows of a region up by ``count``, or down when it is negative."""
        rows = self._lines[top : bottom + 1]
        moved = min(abs(count), len(rows))
        if count < 0:
            gone, rest = rows[len(rows) - moved :], rows[: len(rows) - moved]
        else:
            gone, rest = rows[:moved], rows[moved:]
            if len(rows) == len(self._lines):
                gone = [self._leave(row) for row in gone]
        for row in gone:
            row.wrapped = False
            if row.text or row is self._hot:
                self._forget(row)
        self._lines[top : bottom + 1] = [*gone, *rest] if count < 0 else [*rest, *gone]

    def resize(self, columns: int, rows: int, cursor: int) -> int:
        """Take another size; return how many rows left at the top, so that the cursor stays."""
        self.columns = columns
        left = 0
        while len(self._lines) > rows:
            if cursor - left < len(self._lines) - 1:
                self._forget(self._lines.pop())
            else:
                self._forget(self._leave(self._lines.pop(0)))
                left += 1
        self._lines.extend(_Row() for _ in range(rows - len(self._lines)))
        return left

    def _row(self, number: int) -> _Row | None:
        index = number - self.top
        if 0 <= index < len(self._lines):
            return self._lines[index]
        return self._scrolled.get(number)

    def _text(self, row: _Row) -> str:
        return "".join(self._cells) if row is self._hot else row.text

    def _open(self, index: int) -> list[str]:
        row = self._lines[index]
        if row is not self._hot:
            self._close()
            while self._kept > SHOWN_LIMIT:
                self._drop_farthest(index)
            self._hot, self._cells = row, cells_of(row.text)
        return self._cells

    def _close(self) -> None:
        if self._hot is not None:
            self._kept -= _size(self._hot.text)
            self._hot.text = "".join(self._cells)
            self._kept += _size(self._hot.text)
            self._hot, self._cells = None, []

    def _drop_farthest(self, index: int) -> None:
        written = [place for place, row in enumerate(self._lines) if row.text]
        farthest = max(written[0], written[-1], key=lambda place: abs(place - index))
        self._forget(self._lines[farthest])

    def _forget(self, row: _Row) -> None:
        if row is self._hot:
            self._close()
        self._kept -= _size(row.text)
        row.text, row.wrapped, row.marks = "", False, 0

    def _leave(self, row: _Row) -> _Row:
        """A row scrolls off at the top; return one that can take its place."""
        if row is self._hot:
            self._close()
        if self.keep_from is None:
            self._scrolled.clear()
            self._scrolled_size = 0
        elif self.top >= self.keep_from and row.text:
            self._kept -= _size(row.text)
            self._scrolled[self.top] = row
            self._scrolled_size += _size(row.text) + SCROLLED_ROW
            while self._scrolled_size > SCROLLED_LIMIT:
                oldest = self._scrolled.pop(next(iter(self._scrolled)))
                self._scrolled_size -= _size(oldest.text) + SCROLLED_ROW
            row = _Row()
        self.top += 1
        return row


def cells_of(text: str) -> list[str]:
    """The cells of a row's text."""
    if text.isascii():
        return list(text)
    cells: list[str] = []
    for character in text:
        if cells and character > "\x7f" and not width(character):
            cells[-1] += character
        else:
            cells.append(character)
    return cells


def _size(text: str) -> int:
    """Bytes that a text takes, at most."""
    return len(text) if text.isascii() else 4 * len(text)


def _pad(cells: list[str], at: int) -> None:
    if len(cells) < at:
        cells.extend(" " * (at - len(cells)))


def _split(cells: list[str], at: int) -> None:
    """A wide character that is cut before a column becomes two blanks."""
    if 0 < at < len(cells) and cells[at][0] == "\0":
        cells[at - 1] = cells[at] = " "
