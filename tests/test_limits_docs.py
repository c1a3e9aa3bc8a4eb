"""docs/limits.md has every limit, with the code's numbers (faults from outside, D)."""

import importlib
import re
from pathlib import Path

import pytest

from auditproxy.flags.serve import FLAGS

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8")
UNITS = {
    "": 1,
    "times": 1,
    "s": 1,
    "min": 60,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
}
CELL = r"([0-9][0-9,]*) ?(times|s|min|KiB|MiB|GiB|)(?: \(no limit\))?"
CODE_ROW = re.compile(
    rf"^\| .+ \| {CELL} \| .+ \| `([a-z0-9_/]+\.py)` `([A-Z_]+)` \|$", re.MULTILINE
)
FLAG_ROW = re.compile(rf"^\| .+ \| {CELL} \| `--([a-z-]+)` \| .+ \|$", re.MULTILINE)
CONSTANT = re.compile(
    r"^((?:[A-Z]+_)*(?:LIMIT|MAXIMUM|MOST|LONGEST|TIMEOUT|DEADLINE)(?:_[A-Z]+)*)\b[^=\n]*=",
    re.MULTILINE,
)
NO_LIMITS = {
    # The flags' defaults, as one object.
    ("capture/copies.py", "DEFAULT_LIMITS"),
    # The highest number that a port has, and the highest channel that a client may close.
    ("sessions/wire/ports.py", "MAXIMUM_PORT"),
    ("sessions/wire/channels.py", "MAXIMUM_CLOSED_CHANNEL"),
    # The shortest time that a policy may ask for.
    ("sessions/rules.py", "SHORTEST_LIMIT"),
}


EMBEDDED_ALONE = ("tunnel/spdy.py", "tunnel/websocket.py")
"""Read by the embedded API server alone."""


def number(value: str, unit: str) -> int:
    """A cell's number in bytes, seconds or pieces."""
    return int(value.replace(",", "")) * UNITS[unit]


def constants() -> set[tuple[str, str]]:
    """Every public constant of the proxy whose name says that it is a limit."""
    found = set()
    for path in (ROOT / "auditproxy").rglob("*.py"):
        name = str(path.relative_to(ROOT / "auditproxy"))
        if not name.startswith(("embedded/", "commands/demo/", *EMBEDDED_ALONE)):
            text = path.read_text(encoding="utf-8")
            found |= {(name, constant) for constant in CONSTANT.findall(text)}
    return found - NO_LIMITS


@pytest.mark.parametrize(("value", "unit", "path", "name"), CODE_ROW.findall(PAGE))
def test_fixed_limits(value: str, unit: str, path: str, name: str) -> None:
    """D: the number on the page is the constant's."""
    module = importlib.import_module(f"auditproxy.{path.removesuffix('.py').replace('/', '.')}")
    assert number(value, unit) == getattr(module, name)


@pytest.mark.parametrize(("value", "unit", "flag"), FLAG_ROW.findall(PAGE))
def test_limits_of_flags(value: str, unit: str, flag: str) -> None:
    """D: the number on the page is the flag's default."""
    (found,) = (each for each in FLAGS if each.name == flag)
    factor = 1_000_000_000 if found.kind.name == "duration" else 1
    assert number(value, unit) * factor == found.default


def test_every_limit_is_on_the_page() -> None:
    """D: a limit that is added gets its row, and each row of the page is checked above."""
    listed = {(path, name) for _, _, path, name in CODE_ROW.findall(PAGE)}
    assert listed == constants(), "add a row to docs/limits.md, or remove one"
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "| what |" not in line]
    unchecked = [row for row in rows if not CODE_ROW.match(row) and not FLAG_ROW.match(row)]
    assert [row.split(" |")[0] for row in unchecked] == [
        "| of",
        "| the upstream's cluster (`--kubeconfig`)",
        "| the webhook's cluster (`--audit-webhook-config-file`)",
        "| a user",
    ]
