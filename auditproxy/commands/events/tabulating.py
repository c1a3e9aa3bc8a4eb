"""Rows of any columns, as a table, as JSON or as CSV; what clients wrote steers no terminal."""

import csv
import io
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from auditproxy.commands.events.rows import csv_text
from auditproxy.reading.meaning.cells import aligned, cut, visible, widest

_BATCH = 1000
"""Rows that a table lays out together; the columns of later ones are at least as wide."""
_MOMENT = "TIMESTAMP WITH TIME ZONE"
_JSON = "JSON"
_LONGEST_CSV = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """How rows are laid out; ``width`` None is not a terminal, where nothing is cut."""

    output: str
    is_colored: bool
    width: int | None


def laid_out(
    columns: Sequence[str], types: Sequence[str], rows: Iterable[list[Any]], how: Laid
) -> Iterator[str]:
    """The lines of rows; ``types`` are the database's names of the types of the columns."""
    spelled = (_spelled(row, types) for row in rows)
    if how.output == "json":
        yield from _objects(columns, types, spelled)
    elif how.output == "csv":
        yield from _csv(columns, spelled)
    else:
        yield from _table(columns, spelled, how)


def _table(columns: Sequence[str], rows: Iterator[list[Any]], how: Laid) -> Iterator[str]:
    heading = tuple(visible(name) or "-" for name in columns)
    widths = [0] * len(heading)
    is_first = True
    while (batch := list(itertools.islice(rows, _BATCH))) or is_first:
        cells = [tuple(visible(_text(value)) or "-" for value in row) for row in batch]
        if is_first:
            cells.insert(0, heading)
        widths = widest(cells, widths)
        for number, line in enumerate(aligned(cells, widths)):
            shown = line if how.width is None else cut(line, how.width)
            is_heading = is_first and number == 0 and how.is_colored
            yield f"\x1b[2m{shown}\x1b[0m\n" if is_heading else f"{shown}\n"
        is_first = False


def _objects(
    columns: Sequence[str], types: Sequence[str], rows: Iterator[list[Any]]
) -> Iterator[str]:
    """ASCII: nothing in it steers a terminal."""
    names = _unique(columns)
    for row in rows:
        values = [
            _parsed(value) if kind == _JSON else value
            for value, kind in zip(row, types, strict=True)
        ]
        yield json.dumps(dict(zip(names, values, strict=True))) + "\n"


def _csv(columns: Sequence[str], rows: Iterator[list[Any]]) -> Iterator[str]:
    for row in itertools.chain([list(columns)], rows):
        line = io.StringIO()
        cells = [
            _text(value) if isinstance(value, int | float) else _guarded(value) for value in row
        ]
        csv.writer(line, lineterminator="\n").writerow(cells)
        yield line.getvalue()


def _guarded(value: Any) -> str:
    return csv_text(_text(value), _LONGEST_CSV)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _parsed(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return value


def _unique(columns: Sequence[str]) -> list[str]:
    """The names of columns, each once: what has none of its own gets a number."""
    found: list[str] = []
    for name in columns:
        number = itertools.count(1)
        unique = name
        while unique in found:
            unique = f"{name}_{next(number)}"
        found.append(unique)
    return found


def _spelled(row: list[Any], types: Sequence[str]) -> list[Any]:
    """Moments as RFC 3339 has them."""
    return [_SPELLINGS.get(kind, _same)(value) for value, kind in zip(row, types, strict=True)]


def _moment(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return value.replace(" ", "T", 1).removesuffix("+00:00") + "Z"


def _same(value: Any) -> Any:
    return value


_SPELLINGS: dict[str, Callable[[Any], Any]] = {_MOMENT: _moment}
