"""``python -m tests.chaos``: kill proxies in mode durable, and compare journal and log.

    python -m tests.chaos --rounds 1000 --seed 2

Prints what was seen; the exit code is 1 when a promise was broken.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.rounds import Chaos


async def main(rounds: int, seed: int, connections: int) -> int:
    """Play rounds, and say every hundred how far it has got."""
    began = time.monotonic()
    requests = 0
    with tempfile.TemporaryDirectory() as folder:
        chaos = Chaos(Path(folder), seed, connections)
        while chaos.rounds < rounds:
            await chaos.run(min(100, rounds - chaos.rounds))
            requests = chaos.answered
            print(f"{chaos.rounds} rounds, {requests} answers", file=sys.stderr, flush=True)
    for fault in chaos.faults[:20]:
        print(fault)
    print(
        f"{chaos.rounds} rounds in {time.monotonic() - began:.0f} s, seed {seed}: "
        f"{requests} requests answered, {chaos.events} events in the log, {chaos.rotated} "
        f"rotations, {chaos.torn} torn lines at the end of a log, {len(chaos.faults)} broken "
        "promises"
    )
    return 1 if chaos.faults else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=main.__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--connections", type=int, default=8)
    given = parser.parse_args()
    sys.exit(asyncio.run(main(given.rounds, given.seed, given.connections)))
