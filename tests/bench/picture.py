"""``python -m tests.bench.picture RESULT.json PICTURE.png``: what a request costs, as bars.

RESULT.json is what ``python -m tests.bench --output RESULT.json`` has written. Each bar is the
CPU of one small request, times HAProxy's in the same rounds; shorter is better.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench.cells import CELLS

COLOURS = {"haproxy": "#9aa0a6", "nginx": "#c4c7c5", "uvloop": "#1a73e8", "asyncio": "#8ab4f8"}
NAMES = {
    "haproxy": "HAProxy, no audit",
    "nginx": "nginx, no audit",
    "uvloop": "auditproxy",
    "asyncio": "auditproxy without uvloop",
}
REFERENCE = "haproxy"


def ratios(result: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """CPU of a request times HAProxy's, by cell and subject; cells without HAProxy are left out."""
    found: dict[str, dict[str, float]] = {}
    for name, figures in result["summary"].items():
        rows = figures.get("cpu", {})
        if REFERENCE in rows:
            found[name] = {subject: row["ratio"] for subject, row in rows.items()}
    return found


def draw(result: Mapping[str, Any], path: Path) -> None:
    """Write the picture; raises ValueError for a result without a cell to be drawn."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = ratios(result)
    if not shown:
        raise ValueError("the result has no cell with CPU a request and HAProxy; see --list")
    what = {cell.name: cell.what for cell in CELLS}
    subjects = [name for name in COLOURS if any(name in row for row in shown.values())]
    height = 0.8 / len(subjects)
    figure, axes = pyplot.subplots(figsize=(9, 0.35 + 0.62 * len(shown)), layout="constrained")
    for at, subject in enumerate(subjects):
        places = [line + (at - (len(subjects) - 1) / 2) * height for line in range(len(shown))]
        widths = [row.get(subject, 0.0) for row in shown.values()]
        bars = axes.barh(places, widths, height, color=COLOURS[subject], label=NAMES[subject])
        axes.bar_label(bars, [f"{width:.2f}" for width in widths], padding=3, fontsize=8)
    axes.set_yticks(range(len(shown)), [what.get(name, name) for name in shown])
    axes.invert_yaxis()
    axes.set_xlabel("CPU of a request, times HAProxy's in the same rounds")
    axes.legend(loc="upper right", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)


def main(words: Sequence[str] | None = None) -> int:
    """Draw the picture of one result; 2 where there is nothing to draw."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.picture",
        description="Draw what a request costs.",
        epilog="python -m tests.bench --output r.json && "
        "python -m tests.bench.picture r.json docs/performance.png",
    )
    parser.add_argument("result", type=Path, help="what tests.bench has written")
    parser.add_argument("picture", type=Path, help="the PNG to write")
    given = parser.parse_args(words)
    try:
        draw(json.loads(given.result.read_text(encoding="utf-8")), given.picture)
    except ModuleNotFoundError as error:
        parser.exit(2, f"{error.name} is missing: pip install 'auditproxy[test]'\n")
    except (OSError, ValueError) as error:
        parser.exit(2, f"{given.result}: {error}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
