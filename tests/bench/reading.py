"""Time what reads a trail: generated lines, and the Parquet file that is saved of them.

    python -m tests.bench.reading --lines 1000000 [--folder /tmp] [--only report]

Each command is a process of its own. Printed are seconds, seconds of CPU time with those of its
processes, and the memory of the largest of these. The folder needs a KiB for each line.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.bench import trail

_POLICY = """apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  users: [system:kube-scheduler]
- level: None
  userGroups: [system:nodes]
  resources: [{group: coordination.k8s.io, resources: [leases]}]
- level: Metadata
  resources: [{group: '', resources: [secrets, configmaps]}]
- level: Request
  namespaces: [shop]
  verbs: [create, update, patch, delete]
- level: Metadata
"""
_PER_FILE = 2_000_000
_PIECE = 1 << 22


class Cost(NamedTuple):
    """What a command took; ``memory`` is in MiB."""

    seconds: float
    cpu: float
    memory: int


def cost_of(arguments: Sequence[str]) -> Cost:
    """Run ``auditproxy`` with these arguments; raises RuntimeError where it fails."""
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "auditproxy", *arguments], stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: exit code {process.returncode}")
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(time.monotonic() - began, cpu, usage.ru_maxrss // 1024)


def make(folder: Path, lines: int) -> list[str]:
    """The files of a trail of so many lines, the later ones with other requests."""
    paths = []
    for number, start in enumerate(range(0, lines, _PER_FILE)):
        path = folder / f"audit-{number}.log"
        with path.open("wb") as out:
            trail.write(min(_PER_FILE, lines - start), out, seed=number + 1)
        paths.append(str(path))
    return paths


def read_all(paths: Sequence[str]) -> float:
    """Seconds that it takes to read the bytes of files alone."""
    began = time.monotonic()
    buffer = bytearray(_PIECE)
    for path in paths:
        with open(path, "rb", buffering=0) as file:
            while file.readinto(buffer):
                pass
    return time.monotonic() - began


def commands_of(logs: Sequence[str], policies: Sequence[str]) -> dict[str, list[str]]:
    """The commands that are timed, by what they are called."""
    first, second = policies
    return {
        "events list": ["events", "list", *logs],
        "events list --code=403": ["events", "list", "--code=403", *logs],
        **{
            f"report {word}": ["report", word, *logs]
            for word in ("access", "activity", "deprecated", "noise")
        },
        "policy simulate": ["policy", "simulate", first, *logs],
        "policy diff": ["policy", "diff", first, second, *logs],
    }


def run(folder: Path, lines: int, only: str, sources: Sequence[str]) -> None:
    """Print a line for each command and source."""
    paths = make(folder, lines)
    size = sum(os.path.getsize(path) for path in paths)
    print(f"{lines:,} lines, {size / 1e6:,.0f} MB in {len(paths)} files")
    seconds = read_all(paths)
    print(f"the bytes alone are read in {seconds:.1f} s, {size / 1e6 / seconds:,.0f} MB/s")
    saved = str(folder / "saved.parquet")
    print(f"{'':24} {'':8} {'s':>7} {'CPU s':>7} {'MiB':>6}")
    words = ["events", "query", "SELECT * FROM events", *paths, f"--save={saved}"]
    _print("events query --save", "lines", cost_of([*words, "--timeout=1h"]))
    print(f"saved: {os.path.getsize(saved) / 1e6:,.0f} MB")
    policies = [str(folder / name) for name in ("first.yaml", "second.yaml")]
    Path(policies[0]).write_text(_POLICY)
    Path(policies[1]).write_text(_POLICY.replace("shop", "payments"))
    for source, logs in (("Parquet", [saved]), ("lines", paths)):
        if source not in sources:
            continue
        for name, arguments in commands_of(logs, policies).items():
            if only in name:
                _print(name, source, cost_of(arguments))


def _print(name: str, source: str, cost: Cost) -> None:
    print(f"{name:24} {source:8} {cost.seconds:7.1f} {cost.cpu:7.1f} {cost.memory:6}", flush=True)


def main() -> None:
    """Make the trail in a folder that is removed afterwards."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.reading")
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--folder", default=tempfile.gettempdir())
    parser.add_argument("--only", default="", help="a part of the names of commands")
    parser.add_argument("--source", action="append", choices=("Parquet", "lines"))
    chosen = parser.parse_args()
    sources = chosen.source or ("Parquet", "lines")
    with tempfile.TemporaryDirectory(prefix="trail-", dir=chosen.folder) as folder:
        run(Path(folder), chosen.lines, chosen.only, sources)


if __name__ == "__main__":
    main()
