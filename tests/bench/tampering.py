"""``python -m tests.bench.tampering``: what is done to a log of 100,000 lines, and what is found.

Each row is a manipulation of a log in five files, one of them compressed: the place and the kind
that ``auditproxy verify`` names first, as a process of its own, and whether they are the expected
ones. Then how fast it reads an intact log, and with how much memory. The exit code is 1 where a
place is not the expected one.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.fakes.tampering import MANIPULATIONS, Manipulation
from tests.fakes.writtenlog import (
    FILES,
    LENGTH,
    NAMES,
    TO_FILES,
    Written,
    made,
    write_public_key,
)

LINE = 12_344
"""From 0, in the file that is manipulated."""

Place = tuple[str, int, str]


def manipulations() -> Iterator[tuple[str, Callable[[Written], object], Place]]:
    """Name, what is done, and what is expected: file, line and kind."""

    def do(each: Manipulation, file: int, log: Written) -> None:
        each.does(log.files, file, LINE)

    for number, each in enumerate(MANIPULATIONS):
        file = number % (FILES - 1)
        order, line = each.place(file, LINE)
        yield str(each), partial(do, each, file), (NAMES[order], line, each.kind)
    for change, expected in TO_FILES:
        yield change.__name__, change, expected


MEASURING = """
import resource, subprocess, sys, time
began = time.monotonic()
code = subprocess.call(sys.argv[1:])
took = time.monotonic() - began
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(code, took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024, file=sys.stderr)
"""
"""Runs a command, in a small process: a child's memory counts from that of its parent."""


@dataclass(frozen=True)
class Verified:
    """Exit code and what was said; seconds, those of them on the CPU, and the most memory in MiB."""

    code: int
    said: dict[str, object]
    took: float
    cpu: float
    memory: int


def verified(folder: Path) -> Verified:
    """Run ``auditproxy verify`` on the log in the folder."""
    words = ("verify", f"--public-key={folder}/key.pub", "-o", "json", f"{folder}/audit.log")
    done = subprocess.run(
        (sys.executable, "-c", MEASURING, sys.executable, "-m", "auditproxy", *words),
        capture_output=True,
        check=True,
    )
    code, took, cpu, memory = done.stderr.split()[-4:]
    return Verified(int(code), json.loads(done.stdout), float(took), float(cpu), int(memory))


def place_of(said: dict[str, object]) -> Place | None:
    """The first finding."""
    findings = said["findings"]
    assert isinstance(findings, list)
    if not findings:
        return None
    finding = findings[0]
    return Path(finding["file"]).name, finding["line"], finding["kind"]


def main() -> int:
    """Print the table and the figures."""
    log, wrong = made(), 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_public_key(folder)
        for title, manipulate, expected in manipulations():
            written = Written(folder, [list(lines) for lines in log.files], list(log.checkpoints))
            manipulate(written)
            written.write()
            run = verified(folder)
            found = place_of(run.said)
            is_right = (run.code, found) == (1, expected)
            wrong += not is_right
            shown = "nothing" if found is None else f"{found[2]:11} {found[0]}:{found[1]}"
            print(
                f"{'ok' if is_right else 'NO':3} {title:16} {shown}  ({run.took:.1f} s)", flush=True
            )
        Written(folder, log.files, log.checkpoints).write()
        size = sum(len(line) for lines in log.files for line in lines)
        runs = [verified(folder) for _ in range(5)]
        assert all(run.code == 0 for run in runs)
        took, cpu = (
            statistics.median(of) for of in zip(*((r.took, r.cpu) for r in runs), strict=True)
        )
        lines = FILES * LENGTH
        print(
            f"intact: {lines} lines, {size // 1_000_000} MB: {took:.2f} s, of which {cpu:.2f} s on "
            f"the CPU (medians of 5, with the start of the process): {lines / took:.0f} lines/s, "
            f"{lines / cpu:.0f} for a second of CPU; at most {max(run.memory for run in runs)} MiB"
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
