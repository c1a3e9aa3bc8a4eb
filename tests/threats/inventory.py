"""Which cases of the threat list have a test, and which have none and why.

    python -m tests.threats.inventory           print the tables
    python -m tests.threats.inventory --write   put them into docs/threat-model.md

A case is proved by a test whose docstring begins with its number; a docstring
may begin with several. Cases of other lists (bodies, faults, load) may be
named too and are not counted here.
"""

import ast
import functools
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.threats.rules import ROOT, table

DOCUMENT = ROOT / "docs" / "threat-model.md"
BEGIN, END = "<!-- cases: begin -->\n", "<!-- cases: end -->\n"

GROUPS = {
    "A": ("identity: headers, certificates, tokens, caches", range(1, 82)),
    "B": ("parsing and smuggling", range(82, 122)),
    "C": ("path and query confusion", range(122, 153)),
    "D": ("policy evasion and the truth of events", range(153, 188)),
    "E": ("upgrades and streams", range(188, 213)),
    "F": ("limits of bodies", range(213, 228)),
    "G": ("faults of the upstream, the identity provider and the sinks", range(228, 261)),
    "H": ("the stop, crashes, reloads", range(261, 284)),
    "J": ("secrets", range(296, 312)),
}

WITHOUT_A_TEST: dict[int, str] = {
    50: "a bad certificate ends the handshake (docs/parity.md), so the bearer token is not read",
    270: "mode batch promises nothing of what is in its buffer (docs/behaviour.md); a group of mode "
    "durable is T269",
    276: "there is no watchdog: while the loop stands still, nothing is forwarded and nothing lost",
    277: "the kernel's kill is a SIGKILL: T269",
}
"""Cases that no test proves, with the reason; a case that gets a test leaves this list."""

_NUMBERS = re.compile(r"(?:T\d{3}[\s,:]*)+")


@functools.cache
def documented_tests(root: Path = ROOT) -> tuple[tuple[str, str, tuple[int, ...]], ...]:
    """Every test as (file, name, numbers of its cases); functions that pytest does not run are left out."""
    return tuple(_documented_tests(root))


def _documented_tests(root: Path) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    for path in sorted((root / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if not node.name.startswith("test_"):
                continue
            start = _NUMBERS.match(ast.get_docstring(node) or "")
            numbers = re.findall(r"T(\d{3})", start.group()) if start else []
            yield str(path.relative_to(root)), node.name, tuple(map(int, numbers))


def proved(root: Path = ROOT) -> dict[int, list[str]]:
    """The tests of each case, by its number."""
    found: dict[int, list[str]] = {}
    for path, name, numbers in documented_tests(root):
        for number in numbers:
            found.setdefault(number, []).append(f"{path}::{name}")
    return found


def missing(root: Path = ROOT) -> list[int]:
    """Cases of the groups that have neither a test nor a reason."""
    known = proved(root).keys() | WITHOUT_A_TEST.keys()
    return [n for _, cases in GROUPS.values() for n in cases if n not in known]


def tables(root: Path = ROOT) -> str:
    """The part of docs/threat-model.md between the marks."""
    found = proved(root)
    lines = ["| group | cases | proved by a test | not proved |", "|---|---|---|---|"]
    for letter, (title, cases) in GROUPS.items():
        with_test = sum(number in found for number in cases)
        span = f"T{cases[0]:03}-T{cases[-1]:03}"
        lines.append(
            f"| {letter} {title} | {span} ({len(cases)}) | {with_test} | {len(cases) - with_test} |"
        )
    lines += ["", "| case | why no test proves it |", "|---|---|"]
    reasons = {n: why for n, why in sorted(WITHOUT_A_TEST.items()) if n not in found}
    reasons |= dict.fromkeys(missing(root), "not written yet")
    for why in dict.fromkeys(reasons.values()):
        numbers = ", ".join(f"T{n:03}" for n, reason in sorted(reasons.items()) if reason == why)
        lines.append(f"| {numbers} | {why} |")
    return "\n".join(lines) + "\n\n" + table()


def main() -> int:
    """Print the tables or write them; the exit code says whether a case is forgotten."""
    if "--write" in sys.argv[1:]:
        text = DOCUMENT.read_text(encoding="utf-8")
        before, _, rest = text.partition(BEGIN)
        _, _, after = rest.partition(END)
        DOCUMENT.write_text(f"{before}{BEGIN}{tables()}{END}{after}", encoding="utf-8")
    else:
        print(tables())
    return 1 if missing() else 0


if __name__ == "__main__":
    sys.exit(main())
