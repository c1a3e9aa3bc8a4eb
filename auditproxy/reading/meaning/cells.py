r"""Text for a terminal: what cannot be seen is spelled out, columns are counted as it shows them.

Pure. Names in events are chosen by clients. Whatever could steer a terminal, hide or reorder text
becomes ``\x1b``, ``\u202e``.
"""

import unicodedata
from collections.abc import Sequence

LONGEST = 4000
"""Characters of one field that are read; the rest is cut with an ellipsis."""
ELLIPSIS = "…"
MOST_MARKS = 4
"""Marks on one character; no script has more. Hundreds are drawn over the rows around them."""
_MARKS = frozenset(("Mn", "Me"))
_NOTHING_SEEN = ("\u115f", "\u1160", "\u3164", "\uffa0", "\u2800", "\u034f", "\u17b4", "\u17b5")
"""Characters that Python prints and that a terminal shows as nothing, or as a blank."""


def visible(text: str, longest: int = LONGEST) -> str:
    """Text in one line without characters that steer a terminal or cannot be seen."""
    shown = text if len(text) <= longest else text[: longest - 1] + ELLIPSIS
    if shown.isascii() and shown.isprintable():
        return shown
    seen, marks = [], 0
    for char in shown:
        marks = marks + 1 if not _columns_of(char) else 0
        seen.append(char if _is_seen(char) and marks <= MOST_MARKS else ascii(char)[1:-1])
    return "".join(seen)


def columns(text: str) -> int:
    """How many columns of a terminal visible text takes."""
    if text.isascii():
        return len(text)
    return sum(map(_columns_of, text))


def cut(text: str, width: int) -> str:
    """Visible text of at most ``width`` columns; what is too long ends in an ellipsis."""
    if columns(text) <= width:
        return text
    if width < 1:
        return ""
    room, kept = width - 1, ""
    for char in text:
        room -= _columns_of(char)
        if room < 0:
            break
        kept += char
    return f"{kept.rstrip()}{ELLIPSIS}"


def fitted(text: str, width: int) -> str:
    """Visible text of exactly ``width`` columns: padded, or cut."""
    shown = cut(text, width)
    return shown + " " * (width - columns(shown))


def aligned(rows: Sequence[Sequence[str]], widths: Sequence[int], gap: str = "  ") -> list[str]:
    """Lines of rows whose cells are padded to these widths, as far as they fit; none is cut."""
    return [
        gap.join(
            cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def widest(rows: Sequence[Sequence[str]], at_least: Sequence[int]) -> list[int]:
    """Of each column the width of its widest cell, and at least this one."""
    return [
        max((least, *(columns(row[place]) for row in rows))) for place, least in enumerate(at_least)
    ]


def _columns_of(char: str) -> int:
    if char.isascii():
        return 1
    if unicodedata.category(char) in _MARKS:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "FW" else 1


def _is_seen(char: str) -> bool:
    if (
        char in _NOTHING_SEEN
        or "\ufe00" <= char <= "\ufe0f"
        or "\U000e0100" <= char <= "\U000e01ef"
    ):
        return False
    return char.isprintable()
