"""Rows: CSV exports of tables that have events in a column, or in columns.

Pure: lines come one by one. CloudWatch Logs Insights (@message), AzureDiagnostics (log_s) and
AKSAudit (AuditId and others).
"""

import csv
from collections.abc import Iterable, Iterator
from typing import Any

from auditproxy.reading.meaning.events import TORN, Counts

LONGEST_FIELD = 16 * 1024 * 1024
"""Characters of one field; the row of a longer one is left out."""
_COLUMNS = frozenset(("@message", "log_s", "AuditId"))
_UTC = " [UTC]"


def is_of_rows(beginning: bytes) -> bool:
    """Whether a file has such a heading, by its first bytes."""
    first = beginning.removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0]
    if first[:1] in (b"{", b"[", b""):
        return False
    return not _COLUMNS.isdisjoint(_heading(first.decode("utf-8", "replace")))


def rows_of(lines: Iterable[str], counts: Counts) -> Iterator[dict[str, Any]]:
    """The rows below the heading by their columns; one that is broken is left out and counted."""
    before = csv.field_size_limit(LONGEST_FIELD)
    try:
        yield from _rows(lines, counts)
    finally:
        csv.field_size_limit(before)


def _rows(lines: Iterable[str], counts: Counts) -> Iterator[dict[str, Any]]:
    reader = csv.reader(lines)
    heading: list[str] = []
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            counts[TORN] += 1
            continue
        if not heading:
            heading = [name.removesuffix(_UTC) for name in row]
        elif len(row) == len(heading):
            yield {name: cell for name, cell in zip(heading, row, strict=True) if cell}
        elif row:
            counts[TORN] += 1


def _heading(first: str) -> set[str]:
    try:
        return {name.removesuffix(_UTC) for name in next(csv.reader([first]), ())}
    except csv.Error:
        return set()
