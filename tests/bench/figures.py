"""What many rounds say: medians, ratios to HAProxy within a round, and how far rounds spread."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Figures = Mapping[str, float]
"""What one measurement found, by name, such as ``cpu`` or ``p99``."""

UNITS = {
    "cpu": "us CPU",
    "p50": "p50 us",
    "p99": "p99 us",
    "rate": "1/s",
    "bulk": "CPU s/GB",
    "speed": "MB/s",
    "memory": "KiB each",
    "opening": "us CPU to open",
    "begun": "MiB at the start",
    "resident": "MiB",
    "start": "s to start",
    "starting": "s CPU to start",
    "alone": "p99 us alone",
}
"""What a figure counts, as a column shows it."""


@dataclass(frozen=True)
class Row:
    """One figure of one subject over all rounds."""

    median: float
    ratio: float | None
    """The median of its ratios to the reference in the same round; None without a reference."""
    spread: float
    """How far the rounds lie apart: the middle half of them, as a share of the median."""


def percentile(values: Sequence[float], share: float) -> float:
    """The value that so large a share of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def row(values: Sequence[float], reference: Sequence[float] | None) -> Row:
    """What rounds say; ``reference`` has the same rounds in the same order."""
    median = statistics.median(values)
    ratio = None
    if reference is not None and all(reference):
        pairs = zip(values, reference, strict=True)
        ratio = statistics.median(value / other for value, other in pairs)
    low, high = percentile(values, 0.25), percentile(values, 0.75)
    return Row(median, ratio, (high - low) / median if median else 0.0)


Rounds = Mapping[str, Sequence[Figures]]
"""By subject, what each round found."""


def summary(rounds: Rounds, reference: str) -> dict[str, dict[str, Row]]:
    """By figure and subject; subjects without a round are left out."""
    found: dict[str, dict[str, Row]] = {}
    others = rounds.get(reference) or ()
    for subject, measured in rounds.items():
        for name in measured[0] if measured else ():
            same = [each[name] for each in others] if others and name in others[0] else None
            found.setdefault(name, {})[subject] = row([each[name] for each in measured], same)
    return found


def number(value: float) -> str:
    """Three digits that count."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cell(row: Row) -> str:
    """``36.1 (1.52x)``, the ratio where there is one."""
    return number(row.median) + (f" ({row.ratio:.2f}x)" if row.ratio is not None else "")


def lines(
    name: str, what: str, found: Mapping[str, Mapping[str, Row]], subjects: Sequence[str]
) -> list[str]:
    """The rows of a cell in a Markdown table: one for each figure."""
    out = []
    for figure, by_subject in found.items():
        cells = [cell(by_subject[each]) if each in by_subject else "" for each in subjects]
        spread = max(each.spread for each in by_subject.values())
        out.append(
            f"| {name} | {what} | {UNITS[figure]} | "
            + " | ".join(cells)
            + f" | {spread * 100:.0f} % |"
        )
        name = what = ""
    return out


def header(subjects: Sequence[str]) -> list[str]:
    """The first lines of the table."""
    columns = ["cell", "what", "figure", *subjects, "spread"]
    return [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
