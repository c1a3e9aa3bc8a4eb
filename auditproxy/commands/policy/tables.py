"""Tables and amounts of text output."""

from collections.abc import Iterator, Sequence

from auditproxy.serializer.errors import SerializationError
from auditproxy.serializer.times import parse_time
from auditproxy.sessions.playback import visible

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_LONGEST_CELL = 100


def table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: range
) -> Iterator[str]:
    """Lines of a table; the columns ``numbers`` are aligned at their right sides."""
    cells = [[_cut(visible(cell)) for cell in row] for row in (headings, *rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(headings))]
    for row in cells:
        yield (
            "  ".join(
                cell.rjust(width) if place in numbers else cell.ljust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            + "\n"
        )


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_CELL else f"{text[: _LONGEST_CELL - 3]}..."


def amount(size: float) -> str:
    """Bytes with three digits or so: ``830 B``, ``1.2 GiB``; signed as the number is."""
    value, unit = float(size), 0
    while abs(value) >= 1000 and unit < len(_UNITS) - 1:
        value /= 1024
        unit += 1
    text = f"{value:.0f}" if unit == 0 or abs(value) >= 100 else f"{value:.1f}"
    return f"{text} {_UNITS[unit]}"


def seconds_between(first: str, last: str) -> float | None:
    """The time between two texts of RFC 3339; None where one is not read."""
    try:
        return (parse_time(last) - parse_time(first)) / 1e9
    except SerializationError:
        return None


def duration(seconds: float) -> str:
    """``12 s``, ``3 min``, ``5.5 h``, ``12 days``."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    if seconds < 172800:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.0f} days"
