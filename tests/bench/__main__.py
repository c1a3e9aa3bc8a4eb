"""``python -m tests.bench``: what a request costs, beside nginx and HAProxy without audit.

    python -m tests.bench                                     all cells, some ten minutes
    python -m tests.bench --list                              the cells
    python -m tests.bench --only get,put --rounds 5 --loops uvloop
    python -m tests.bench --output result.json                every round of every cell

Each proxy is one process on one core; load and upstream are on another. Rounds are interleaved:
in each, every proxy is measured, beginning with another one, and a ratio is one of the same
round. So a machine that is slower for a while changes the figures and hardly the ratios.
"""

import argparse
import asyncio
import importlib.metadata
import json
import platform
import ssl
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, astuple, dataclass
from itertools import groupby
from pathlib import Path

import uvloop

from auditproxy import __version__
from tests.bench.cells import Cell, chosen
from tests.bench.figures import Figures, header, lines, summary
from tests.bench.measured import Measured
from tests.bench.openidissuer import write_issuer
from tests.bench.settings import Files, policy, write_files, write_kubeconfig
from tests.bench.subjects import (
    FLOOR,
    LOOPS,
    PEERS,
    Setup,
    Subject,
    command,
    cores,
    installed,
    on_core,
)
from tests.e2e.cluster import free_ports

Found = dict[str, dict[str, list[Figures]]]
"""By cell and subject, what each round found."""


@dataclass(frozen=True)
class Run:
    """What one call of the bench measures."""

    subjects: tuple[str, ...]
    rounds: int
    seed: int
    files: Files
    upstream_port: int
    core: set[int]
    """Where the proxies run."""

    async def subject(self, name: str, setup: Setup) -> Subject:
        """Start one of the proxies."""
        (port,) = free_ports(1)
        words = command(name, self.files, port, self.upstream_port, setup)
        log = self.files.folder / f"{name}-{port}.log"
        return await Subject.start(name, words, port, self.core, log)

    async def measure(self, cell: Cell, subject: Subject, number: int) -> Figures:
        """One measurement."""
        given = Measured(subject, self.files, self.upstream_port, self.seed, number)
        try:
            return await cell.measure(given)
        except (OSError, RuntimeError, TimeoutError) as error:
            raise SystemExit(f"{cell.name} of {subject.name} failed: {error!r}") from error

    async def together(self, setup: Setup, cells: Sequence[Cell], found: Found) -> None:
        """Cells of one setup: each proxy is one process for all of them and all rounds."""
        async with AsyncExitStack() as stack:
            running = []
            for name in self.subjects:
                subject = await self.subject(name, setup)
                stack.push_async_callback(subject.stop)
                running.append(subject)
            for number in range(self.rounds):
                turn = number % len(running)
                for cell in cells:
                    progress(f"round {number + 1} of {self.rounds}, {cell.name}")
                    for subject in running[turn:] + running[:turn]:
                        figures = await self.measure(cell, subject, number)
                        found[cell.name][subject.name].append(figures)

    async def apart(self, cell: Cell, found: Found) -> None:
        """A cell that has a process of its own for each measurement."""
        for number in range(self.rounds):
            progress(f"round {number + 1} of {self.rounds}, {cell.name}")
            turn = number % len(self.subjects)
            for name in self.subjects[turn:] + self.subjects[:turn]:
                subject = await self.subject(name, cell.setup)
                try:
                    found[cell.name][name].append(await self.measure(cell, subject, number))
                finally:
                    await subject.stop()


def progress(text: str) -> None:
    """Say on standard error how far it has got."""
    print(text, file=sys.stderr, flush=True)


async def bench(run: Run, cells: Sequence[Cell]) -> Found:
    """Measure cells, those of one setup together."""
    found: Found = {cell.name: {name: [] for name in run.subjects} for cell in cells}
    shared = [cell for cell in cells if not cell.once]
    ordered = sorted(shared, key=lambda cell: astuple(cell.setup))
    for setup, same in groupby(ordered, key=lambda cell: cell.setup):
        write_policy(run.files, setup.level)
        await run.together(setup, list(same), found)
    for cell in cells:
        if cell.once:
            write_policy(run.files, cell.setup.level)
            await run.apart(cell, found)
    return found


def write_policy(files: Files, level: str) -> None:
    """The policy of the next proxies."""
    (files.folder / "policy.yaml").write_text(policy(level), encoding="utf-8")


async def version_of(name: str) -> str:
    """The version that a program reports, in one line."""
    path = installed(name) or name
    process = await asyncio.create_subprocess_exec(
        path, "-v", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    return said.decode(errors="replace").splitlines()[0]


async def environment(subjects: Sequence[str]) -> list[str]:
    """Machine and versions, a line each."""
    model = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="ascii").splitlines()
        if line.startswith("model name")
    ]
    optimised = "--enable-optimizations" in str(sysconfig.get_config_var("CONFIG_ARGS"))
    # Debian builds with it, and does not say so.
    built = "built with PGO" if optimised else "does not say that it was built with PGO"
    return [
        f"{len(model)} cores, {model[0] if model else platform.machine()}; "
        f"Linux {platform.release()}",
        f"auditproxy {__version__}, Python {platform.python_version()} ({built}), uvloop "
        f"{importlib.metadata.version('uvloop')}, {ssl.OPENSSL_VERSION}",
        *[await version_of(name) for name in subjects if name in PEERS],
    ]


async def main(arguments: argparse.Namespace) -> None:
    """Measure and print."""
    cells = chosen(arguments.only)
    subjects = []
    for name in PEERS:
        if installed(name):
            subjects.append(name)
        else:
            progress(f"{name} is skipped: it is not installed")
    wanted = arguments.loops.split(",")
    subjects += [name for name in (*LOOPS, FLOOR) if name in wanted]
    core, others = cores()
    with tempfile.TemporaryDirectory() as folder, on_core(others):
        files = write_files(Path(folder), "Metadata")
        (port,) = free_ports(1)
        write_kubeconfig(files, port)
        write_issuer(files, port)
        run = Run(tuple(subjects), arguments.rounds, arguments.seed, files, port, core)
        words = [sys.executable, "-m", "tests.bench.upstream", folder, str(port), str(run.seed)]
        upstream = await Subject.start(
            "upstream", words, port, others, Path(folder) / "upstream.log"
        )
        try:
            found = await bench(run, cells)
        finally:
            await upstream.stop()
    said = [*await environment(subjects), f"rounds: {run.rounds}, seed: {run.seed}"]
    print("\n".join(said))
    shown = [*header(subjects)]
    for cell in cells:
        shown += lines(cell.name, cell.what, summary(found[cell.name], "haproxy"), subjects)
    print("\n".join(shown))
    if arguments.output:
        document = {
            "environment": said,
            "rounds": found,
            "summary": {
                cell.name: {
                    figure: {subject: asdict(row) for subject, row in rows.items()}
                    for figure, rows in summary(found[cell.name], "haproxy").items()
                }
                for cell in cells
            },
        }
        Path(arguments.output).write_text(json.dumps(document, indent=1), encoding="utf-8")


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description="Measure auditproxy beside nginx and HAProxy."
    )
    parser.add_argument("--only", default="", metavar="CELLS", help="names with commas between")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds of each cell")
    parser.add_argument(
        "--loops",
        default=",".join(LOOPS),
        help="uvloop, asyncio, both, or floor: Python that passes bytes on",
    )
    parser.add_argument("--seed", type=int, default=1, help="of names, bodies and heads")
    parser.add_argument("--output", default="", metavar="FILE", help="write every round as JSON")
    parser.add_argument("--list", action="store_true", help="list the cells")
    return parser.parse_args(words)


if __name__ == "__main__":
    given = parse()
    if given.list:
        for each in chosen(""):
            print(f"{each.name:12} {each.what}")
    else:
        uvloop.run(main(given))
