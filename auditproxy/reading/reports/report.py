"""Report: what a report says, as values; text, JSON and HTML are made of it.

Pure. A row has the values that JSON has; a column says how people read one of them.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

Row = dict[str, Any]

TEXT, COUNT, BYTES, TIME, SHARE = FORMS = ("text", "count", "bytes", "time", "share")
"""How a value is read: a text, a number, bytes, a time in UTC, a part of one."""


class Column(msgspec.Struct, frozen=True):
    """A column of a table: the member of its rows and how it is read."""

    heading: str
    member: str
    form: str = TEXT


class Chart(msgspec.Struct, frozen=True):
    """Bars of a section: what each is called, and how long it is."""

    title: str
    points: tuple[tuple[str, float], ...]
    form: str = COUNT


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A table; ``member`` is its name in JSON. ``remarks`` are lines below it."""

    member: str
    title: str
    columns: tuple[Column, ...]
    rows: Sequence[Row]
    empty: str
    chart: Chart | None = None
    remarks: tuple[str, ...] = ()


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A report; ``facts`` are numbers of the whole trail."""

    name: str
    title: str
    summary: str
    facts: dict[str, Any]
    sections: tuple[Section, ...]
    notes: tuple[str, ...]


def bars(
    title: str, rows: Sequence[Row], label: Sequence[str], member: str, form: str = COUNT
) -> Chart | None:
    """A chart of the first rows; None where there is not more than one."""
    points = tuple(
        (" ".join(str(row[part]) for part in label if row.get(part)), float(row[member]))
        for row in rows[:MOST_BARS]
    )
    return Chart(title, points, form) if len(points) > 1 else None


MOST_BARS = 12
"""Bars of one chart."""
