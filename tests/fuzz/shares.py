"""What the fuzzers' command lines have in common: shares for processes, and what they found."""

import argparse
import collections
import multiprocessing
import time
from collections.abc import Callable

Work = Callable[[tuple[int, int]], tuple[dict[str, int], list[str]]]
"""One process's share, as count and seed; returns counts and findings."""


def run_shares(name: str, unit: str, count: int, work: Work) -> int:
    """Run ``tests.fuzz.{name}`` in several processes and print; 1 when something was found."""
    parser = argparse.ArgumentParser(prog=f"python -m tests.fuzz.{name}")
    parser.add_argument("--count", type=int, default=count, help=unit)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    share = -(-given.count // given.processes)
    started = time.monotonic()
    shares = [(share, given.seed * 1000 + number) for number in range(given.processes)]
    with multiprocessing.get_context("spawn").Pool(given.processes) as pool:
        results = pool.map(work, shares)
    counts = sum((collections.Counter(one) for one, _ in results), collections.Counter())
    findings = [finding for _, found in results for finding in found]
    for finding in findings:
        print(finding[:20_000])
    for label in sorted(counts):
        print(f"{label}: {counts[label]}")
    print(f"findings: {len(findings)} in {time.monotonic() - started:.0f} s")
    return 1 if findings else 0
