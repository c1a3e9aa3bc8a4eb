"""Placing: an error of the database in one line, with its place in the statement.

Pure. What the database says:

    Binder Error: Referenced column "nme" not found in FROM clause!
    Candidate bindings: "name"

    LINE 1: ...t(*) FROM requests WHERE nme = 'web'
                                        ^^^
"""

import re

from auditproxy.reading.meaning.cells import columns

_PLACE = re.compile(r"\n+(LINE (\d+): )([^\n]*)\n( *)(\^+)", re.ASCII)
_CUT = "..."


def in_one_line(message: str, statement: str) -> str:
    """What is wrong, and where: ``(line 1, column 30: nme)``; without what has no place."""
    place = _PLACE.search(message)
    if place is None:
        return " ".join(message.split())
    said = " ".join(message[: place.start()].split())
    prefix, line, excerpt, blanks, marks = place.groups()
    start = _after(excerpt, len(blanks) - len(prefix))
    end = _after(excerpt, len(blanks) - len(prefix) + len(marks))
    begun = _begin_of(excerpt, statement, int(line))
    column = "" if begun is None else f", column {begun + start + 1}"
    return f"{said} (line {line}{column}: {excerpt[start:end].strip()})"


def without_place(message: str) -> str:
    """What is wrong alone, for a place that is not in what the user wrote."""
    place = _PLACE.search(message)
    return " ".join((message if place is None else message[: place.start()]).split())


def one_line_up(message: str) -> str:
    """The message about a statement before which a line was put."""

    def moved(place: re.Match[str]) -> str:
        prefix, line, excerpt, blanks, marks = place.groups()
        before = f"LINE {int(line) - 1}: "
        shifted = " " * (len(blanks) - len(prefix) + len(before))
        return f"\n\n{before}{excerpt}\n{shifted}{marks}"

    return _PLACE.sub(moved, message)


def _after(text: str, width: int) -> int:
    """How many characters take this many columns."""
    taken = 0
    for place, char in enumerate(text):
        if taken >= width:
            return place
        taken += columns(char)
    return len(text)


def _begin_of(excerpt: str, statement: str, line: int) -> int | None:
    """Where the excerpt begins in its line, perhaps left of it for what stands for the rest."""
    lines = statement.split("\n")
    if not 0 < line <= len(lines):
        return None
    shown, skipped = excerpt, 0
    if shown.startswith(_CUT):
        shown, skipped = shown[len(_CUT) :], len(_CUT)
    found = lines[line - 1].find(shown.removesuffix(_CUT))
    return None if found < 0 else found - skipped
