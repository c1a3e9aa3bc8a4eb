"""``python -m tests.chaos``: kill proxies in mode durable, and compare journal and log.

    python -m tests.chaos --rounds 1000 --seed 2
    python -m tests.chaos --rounds 1000 --seed 2 --power     each kill is a loss of power
    python -m tests.chaos --rounds 1000 --seed 2 --spool     what a webhook gets from a spool

Says on standard error how far it is, and prints what was seen; the exit code is 1 when a promise was
broken.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.rounds import Chaos
from tests.chaos.spooled import SpoolChaos


async def main(rounds: int, seed: int, connections: int, *, power: bool) -> int:
    """Play rounds, and say every 25 how far it has got."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        chaos = Chaos(Path(folder), seed, connections, power)
        while chaos.rounds < rounds:
            await chaos.run(min(25, rounds - chaos.rounds))
            print(
                f"{chaos.rounds} of {rounds} rounds, {chaos.answered} answers, "
                f"{len(chaos.faults)} broken promises, {time.monotonic() - began:.0f} s",
                file=sys.stderr,
                flush=True,
            )
    for fault in chaos.faults[:20]:
        print(fault)
    for name, value in table(chaos, time.monotonic() - began):
        print(f"{name:<42}{value:>12}")
    return 1 if chaos.faults else 0


async def spool(rounds: int, seed: int, connections: int) -> int:
    """Play rounds with a spool."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        chaos = SpoolChaos(Path(folder), seed, connections)
        await chaos.run(rounds)
    for fault in chaos.faults[:20]:
        print(fault)
    for name, count in (
        ("rounds", chaos.rounds),
        ("seconds", round(time.monotonic() - began)),
        ("seed", seed),
        ("requests answered", len(chaos.answered)),
        ("events that arrived", len(chaos.events)),
        ("of these more than once", sum(each > 1 for each in chaos.events.values())),
        ("batches that the receiver failed", chaos.failed),
        ("broken promises", len(chaos.faults)),
    ):
        print(f"{name:<42}{count:>12,}")
    return 1 if chaos.faults else 0


def table(chaos: Chaos, seconds: float) -> list[tuple[str, str]]:
    """What was seen, row by row."""
    rows = [
        ("rounds", chaos.rounds),
        ("seconds", round(seconds)),
        ("seed", chaos.seed),
        ("requests answered", chaos.answered),
        ("events in the logs", chaos.events),
        ("rotated files", chaos.rotated),
        ("starts that cut off half a line", chaos.cut),
    ]
    for outcome, count in chaos.judged.items():
        rows.append((f"logs compared, {outcome}", count))
        rows.append((f"ends within a line, {outcome}", chaos.torn[outcome]))
    rows.append(("broken promises", len(chaos.faults)))
    return [(name, f"{value:,}") for name, value in rows]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=main.__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--power", action="store_true", help="each kill is a loss of power")
    parser.add_argument("--spool", action="store_true", help="a webhook with a spool")
    given = parser.parse_args()
    if given.spool:
        sys.exit(asyncio.run(spool(given.rounds, given.seed, given.connections)))
    sys.exit(asyncio.run(main(given.rounds, given.seed, given.connections, power=given.power)))
