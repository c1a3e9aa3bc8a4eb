"""``auditproxy events list``: the newest requests, one line for each."""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Protocol

import yaml

from auditproxy.app.standardstreams import counted
from auditproxy.commands.events.notes import notes_of
from auditproxy.commands.events.rows import (
    CSV_COLUMNS,
    TABLE,
    WIDE,
    as_object,
    cells,
    csv_cells,
    tone,
)
from auditproxy.reading.cells import aligned, columns, cut, visible, widest
from auditproxy.reading.changes import FieldChange, in_words
from auditproxy.reading.facts import RequestFacts
from auditproxy.reading.history import changes_of
from auditproxy.reading.lines import DAMAGED
from auditproxy.reading.moments import iso, pattern_for, shown
from auditproxy.reading.newest import newest
from auditproxy.reading.scanning import Search
from auditproxy.reading.sources import TrailFile

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


def run_list(files: Sequence[TrailFile], search: Search, how: Shown, out: Text, err: Text) -> int:
    """Print the newest requests that a search admits; the exit code. Raises OSError."""
    found = newest(files, search, how.limit)
    requests = found.requests if how.oldest_first else found.requests[::-1]
    facts = [RequestFacts(request) for request in requests]
    for line in _lines(facts, how):
        out.write(line)
    for note in notes_of(found.counts, found.forms):
        err.write(f"auditproxy: warning: {note}\n")
    if not facts:
        err.write(
            f"auditproxy: no request matches, of {counted(found.counts['events'], 'event')}\n"
        )
    elif len(facts) == how.limit:
        err.write(f"auditproxy: the newest {how.limit} requests; --limit shows more\n")
    return 1 if found.counts[DAMAGED] else 0


def _lines(facts: Sequence[RequestFacts], how: Shown) -> Iterator[str]:
    if how.output in ("table", "wide"):
        yield from table(facts, how)
        return
    changes = changes_of(facts)
    if how.output == "name":
        yield from (f"{visible(one.event.audit_id)}\n" for one in facts)
    elif how.output == "csv":
        yield from _csv(facts)
    else:
        for one in facts:
            changed = changes.get(one.request)
            row = as_object(one, changed)
            if how.diff and changed:
                row["changes"] = _told(changed)
            if how.output == "json":
                # ASCII: nothing in it steers a terminal.
                yield f"{json.dumps(row)}\n"
            else:
                yield yaml.safe_dump(row, explicit_start=True, sort_keys=False, allow_unicode=False)


def table(facts: Sequence[RequestFacts], how: Shown) -> Iterator[str]:
    """Lines of a table with its heading; without a request, none."""
    if not facts:
        return
    is_wide = how.output == "wide"
    headings = WIDE if is_wide else TABLE
    moments = [one.request.received for one in facts]
    pattern = None if how.width is None else pattern_for(moments, how.now, how.zone)
    changes = changes_of(facts)
    rows: list[tuple[str, ...]] = [headings]
    for one, received in zip(facts, moments, strict=True):
        when = iso(received, how.zone) if pattern is None else shown(received, pattern, how.zone)
        rows.append(cells(one, when, changes.get(one.request), wide=is_wide))
    widths = widest(rows, [0] * len(headings))
    lines = aligned(_squeezed(rows, widths, how.width), widths)
    yield _styled(lines[0], "heading", how)
    for one, line in zip(facts, lines[1:], strict=True):
        yield _styled(line, tone(one), how)
        for text in _told(changes.get(one.request, [])) if how.diff else ():
            text = f"    {visible(text)}"
            yield (text if how.width is None else cut(text, how.width)) + "\n"


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


def _csv(facts: Sequence[RequestFacts]) -> Iterator[str]:
    class _Line:
        text = ""

        def write(self, text: str) -> None:
            self.text = text

    line = _Line()
    changes = changes_of(facts)
    writer = csv.writer(line, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    yield line.text
    for one in facts:
        writer.writerow(csv_cells(as_object(one, changes.get(one.request))))
        yield line.text
