"""Requests as lines: a table that fits its terminal, or what other programs read."""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Protocol

import yaml

from auditproxy.commands.events.rows import (
    CHANGES,
    CSV_COLUMNS,
    TABLE,
    WIDE,
    as_object,
    cells,
    csv_cells,
    tone,
)
from auditproxy.reading.meaning.cells import aligned, columns, cut, visible, widest
from auditproxy.reading.meaning.changes import FieldChange, in_words
from auditproxy.reading.meaning.facts import RequestFacts
from auditproxy.reading.meaning.history import History
from auditproxy.reading.meaning.moments import iso, pattern_for, shown
from auditproxy.reading.meaning.requests import TrailRequest

_NARROWEST = 40
_STYLES = {
    "heading": "\x1b[2m",
    "refused": "\x1b[31m",
    "deleted": "\x1b[31m",
    "sensitive": "\x1b[33m",
    "created": "\x1b[32m",
}
_RESET = "\x1b[0m"
_MOST_CHANGES = 20


class Text(Protocol):
    """Where text is written."""

    def write(self, text: str, /) -> Any:
        """Write a text."""
        ...

    def flush(self) -> Any:
        """Have it written."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How requests are shown; ``width`` None is not a terminal, where nothing is cut."""

    output: str
    diff: bool
    limit: int
    oldest_first: bool
    zone: tzinfo
    now: int
    is_colored: bool
    width: int | None


class Printer:
    """Makes lines of one list of requests after the other; columns stay where they are."""

    def __init__(self, how: Shown) -> None:
        self._how = how
        self._headings = WIDE if how.output == "wide" else TABLE
        self._widths = [0] * len(self._headings)
        self._pattern: str | None = None
        self._begun = False
        self._history = History()

    def lines(self, facts: Sequence[RequestFacts]) -> Iterator[str]:
        """The lines of these requests; of the first ones with a heading. Without any, none."""
        if not facts:
            return
        changes = self._history.take(facts)
        output = self._how.output
        if output in ("table", "wide"):
            yield from self._table(facts, changes)
        elif output == "name":
            yield from (f"{visible(one.event.audit_id)}\n" for one in facts)
        elif output == "csv":
            yield from self._csv(facts, changes)
        else:
            yield from self._objects(facts, changes)
        self._begun = True

    def _objects(
        self, facts: Sequence[RequestFacts], changes: dict[TrailRequest, list[FieldChange]]
    ) -> Iterator[str]:
        for one in facts:
            changed = changes.get(one.request)
            row = as_object(one, changed)
            if self._how.diff and changed:
                row["changes"] = _told(changed)
            if self._how.output == "json":
                # ASCII: nothing in it steers a terminal.
                yield f"{json.dumps(row)}\n"
            else:
                yield yaml.safe_dump(row, explicit_start=True, sort_keys=False, allow_unicode=False)

    def _table(
        self, facts: Sequence[RequestFacts], changes: dict[TrailRequest, list[FieldChange]]
    ) -> Iterator[str]:
        how = self._how
        moments = [one.request.received for one in facts]
        if how.width is not None and self._pattern is None:
            self._pattern = pattern_for(moments, how.now, how.zone)
        rows: list[tuple[str, ...]] = [] if self._begun else [self._headings]
        for one, received in zip(facts, moments, strict=True):
            rows.append(
                cells(
                    one,
                    self._moment(received),
                    changes.get(one.request),
                    wide=how.output == "wide",
                )
            )
        self._widths = widest(rows, self._widths)
        widths = list(self._widths)
        lines = iter(aligned(_squeezed(rows, widths, how.width), widths))
        if not self._begun:
            yield _styled(next(lines), "heading", how)
        for one, line in zip(facts, lines, strict=True):
            yield _styled(line, tone(one), how)
            for text in _told(changes.get(one.request, [])) if how.diff else ():
                text = f"    {visible(text)}"
                yield (text if how.width is None else cut(text, how.width)) + "\n"

    def _moment(self, received: int) -> str:
        if not received:
            # The event was cut off before its times.
            return ""
        if self._pattern is None:
            return iso(received, self._how.zone)
        return shown(received, self._pattern, self._how.zone)

    def _csv(
        self, facts: Sequence[RequestFacts], changes: dict[TrailRequest, list[FieldChange]]
    ) -> Iterator[str]:
        line = _Line()
        writer = csv.writer(line, lineterminator="\n")
        columns = (*CSV_COLUMNS, CHANGES) if self._how.diff else CSV_COLUMNS
        if not self._begun:
            writer.writerow(columns)
            yield line.text
        for one in facts:
            changed = changes.get(one.request)
            row = as_object(one, changed) | {CHANGES: _told(changed or [])}
            writer.writerow(csv_cells(row, columns))
            yield line.text


class _Line:
    """What a csv writer wrote last."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text


def _told(changes: list[FieldChange]) -> list[str]:
    texts = [in_words(change) for change in changes[:_MOST_CHANGES]]
    if len(changes) > _MOST_CHANGES:
        texts.append(f"and {len(changes) - _MOST_CHANGES} more")
    return texts


def _styled(line: str, style: str, how: Shown) -> str:
    code = _STYLES.get(style, "") if how.is_colored else ""
    return f"{code}{line}{_RESET}\n" if code else f"{line}\n"


def _squeezed(
    rows: list[tuple[str, ...]], widths: list[int], width: int | None
) -> list[tuple[str, ...]]:
    """Rows that fit: the request is cut first, then the user; ``widths`` are changed."""
    if width is None:
        return rows
    room = max(width, _NARROWEST)
    over = sum(widths) + 2 * (len(widths) - 1) - room
    for place, least in ((2, 24), (1, 12), (4, 8), (3, 8), (2, 8)):
        taken = min(max(0, over), max(0, widths[place] - least))
        widths[place] -= taken
        over -= taken
    # What still does not fit is cut at the end of the line.
    fitting = []
    for row in rows:
        texts = [cut(cell, widths[place]) for place, cell in enumerate(row)]
        left, kept = room, []
        for place, text in enumerate(texts):
            kept.append(cut(text, left))
            left = max(0, left - max(widths[place], columns(text)) - 2)
        fitting.append(tuple(kept))
    return fitting
