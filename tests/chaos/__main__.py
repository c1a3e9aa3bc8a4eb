"""``python -m tests.chaos``: kill proxies at random moments, and compare what they leave.

    python -m tests.chaos --rounds 1000 --seed 2                    mode durable: journal and log
    python -m tests.chaos --rounds 1000 --seed 2 --power            each kill is a loss of power
    python -m tests.chaos --rounds 1000 --seed 2 --spool            what a webhook gets from a spool
    python -m tests.chaos --rounds 1000 --seed 2 --spool --power
    python -m tests.chaos --rounds 1000 --seed 2 --chain            the hash chain, with --power too
    python -m tests.chaos --rounds 1000 --seed 2 --all              all of these, one after the other

Says on standard error how far it is, and prints what was seen; the exit code is 1 when a promise was
broken.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.chained import ChainChaos
from tests.chaos.rounds import Chaos
from tests.chaos.spooled import SpoolChaos

VARIANTS = ("kill", "power", "spool", "spool-power", "chain", "chain-power")
LEAST = 4
"""Answers of each round: a full spool must have sent something before."""
STEP = 25
"""Rounds between two lines of progress."""


@dataclass(frozen=True)
class Played:
    """A variant that was played."""

    variant: str
    chaos: Chaos | SpoolChaos
    seconds: float

    def print(self) -> None:
        """Print what was seen, and the first broken promises."""
        for fault in self.chaos.faults[:20]:
            print(fault)
        rows = [("rounds", self.chaos.rounds), ("seconds", round(self.seconds))]
        rows += [("seed", self.chaos.seed), *self.chaos.rows()]
        rows.append(("broken promises", len(self.chaos.faults)))
        print(f"--- {self.variant}")
        for name, value in rows:
            print(f"{name:<42}{value:>12,}")
        sys.stdout.flush()


def chaos_of(variant: str, folder: Path, seed: int, connections: int) -> Chaos | SpoolChaos:
    """What plays a variant."""
    power = variant.endswith("power")
    if variant.startswith("spool"):
        return SpoolChaos(folder, seed, connections, power=power, least=LEAST)
    if variant.startswith("chain"):
        return ChainChaos(folder, seed, connections, power=power)
    return Chaos(folder, seed, connections, power=power, least=LEAST)


async def play(variant: str, rounds: int, seed: int, connections: int) -> Played:
    """Play rounds of a variant, and say every STEP of them how far it has got."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        chaos = chaos_of(variant, Path(folder), seed, connections)

        def told() -> None:
            if chaos.rounds % STEP and chaos.rounds < rounds:
                return
            print(
                f"{variant}: {chaos.rounds} of {rounds} rounds, {chaos.answered} answers, "
                f"{len(chaos.faults)} broken promises, {time.monotonic() - began:.0f} s",
                file=sys.stderr,
                flush=True,
            )

        await chaos.run(rounds, told)
        return Played(variant, chaos, time.monotonic() - began)


def main() -> int:
    """Play what the arguments name; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=play.__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--power", action="store_true", help="each kill is a loss of power")
    parser.add_argument("--spool", action="store_true", help="a webhook with a spool")
    parser.add_argument("--chain", action="store_true", help="a log with a hash chain")
    parser.add_argument("--all", action="store_true", help="every variant, one after the other")
    given = parser.parse_args()
    if given.spool and given.chain:
        parser.error("--spool and --chain are two variants; --all plays both")
    words = [word for word in ("spool", "chain", "power") if getattr(given, word)]
    wanted = VARIANTS if given.all else ("-".join(words) or "kill",)
    played = []
    for variant in wanted:
        one = asyncio.run(play(variant, given.rounds, given.seed, given.connections))
        one.print()
        played.append(one)
    if given.all:
        print(f"\n{'variant':<14}{'rounds':>8}{'seconds':>9}{'answers':>10}{'broken promises':>17}")
        for one in played:
            chaos = one.chaos
            print(
                f"{one.variant:<14}{chaos.rounds:>8,}{one.seconds:>9,.0f}"
                f"{chaos.answered:>10,}{len(chaos.faults):>17,}"
            )
    return 1 if any(one.chaos.faults for one in played) else 0


if __name__ == "__main__":
    sys.exit(main())
