"""``python -m tests.bench.calls``: Python and C calls of the proxy for one request, exactly.

A figure of this table is the same on each run and on each machine with this version of Python
and of the libraries, so that a difference is one of the code. It shows what a time cannot on a
machine that others use too; how long a call takes it does not show.

    python -m tests.bench.calls                          the table
    python -m tests.bench.calls --only get,put           some of its cases
    python -m tests.bench.calls --only get --profile     whose calls they are
    python -m tests.bench.calls --seed 7                 other names and bodies
    python -m tests.bench.calls --write-bounds           what the tests allow from now on

Names, bodies and heads come from a seed. Figures of two seeds differ by a call or two where the
bytes do, such as a name that JSON has to escape.
"""

import argparse
import json
import math
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from auditproxy.app import operatorlog
from tests.bench.lockstep import Step, count
from tests.bench.settings import TOKEN, write_files
from tests.bench.traffic import Traffic, answer_bytes, any_size, request_bytes

BOUNDS = Path(__file__).with_name("bounds.json")
"""What the tests allow, by Python's version and case: Python and C calls a request."""
ALLOWANCE = 3
"""Calls by which a bound is above what was counted when it was written."""
REQUESTS = 50
"""Requests of a run whose calls are counted."""
WARM_UP = 20
RUNS = 2
"""Runs of a case, of which each request has its lowest count.

What does not follow from a request, such as a clock that goes on to its next second, is in one of
them at most. They ask by different names: libraries remember what they were asked, too.
"""

Steps = Callable[[Traffic, int], Iterator[Step]]


@dataclass(frozen=True)
class Case:
    """What is asked; ``steps`` gives so many requests and their answers."""

    name: str
    what: str
    steps: Steps
    warm_up: int = WARM_UP
    level: str = "Metadata"
    token: bool = False


@dataclass(frozen=True)
class Shape:
    """How the requests of a case are made."""

    method: str = "GET"
    targets: int = 1
    body: Callable[[Traffic], bytes] | None = None
    size: int = 0
    """Bytes of an answer's body; 0 is another one each time."""
    query: bool = False
    lease: bool = False
    token: bool = False
    new_flow: bool = False
    """Whether the heads of answers are never seen before."""
    traced: bool = False
    """Whether each request has a trace of its own."""
    strange: bool = False
    """Whether the heads of requests are never seen before."""
    media_type: str = "application/json"


def steps(shape: Shape, traffic: Traffic, number: int) -> Iterator[Step]:
    """Requests of one shape; ``targets`` 0 asks for another target each time."""
    make = traffic.list_target if shape.query else traffic.target
    if shape.lease:
        make = traffic.lease_target
    targets = [make() for _ in range(shape.targets)]
    token = TOKEN if shape.token else ""
    headers = traffic.headers(token)
    for at in range(number):
        # Each target once, then any of them.
        if not targets:
            target = make()
        elif at < len(targets):
            target = targets[at]
        else:
            target = traffic.order.choice(targets)
        if shape.strange:
            headers = traffic.headers(token)
        lines = [*headers, traffic.trace()] if shape.traced else headers
        body = b"" if shape.body is None else shape.body(traffic)
        answered = traffic.config_map(shape.size or traffic.random.randrange(500, 2000))
        answer = partial(
            answer_bytes,
            traffic,
            at,
            body=answered,
            media_type=shape.media_type,
            new_flow=shape.new_flow,
        )
        yield Step(request_bytes(shape.method, target, lines, body), answer)


def case(
    name: str, what: str, *, warm_up: int = WARM_UP, level: str = "Metadata", **how: Any
) -> Case:
    """A case of one shape."""
    shape = Shape(**how)
    return Case(name, what, partial(steps, shape), warm_up, level, shape.token)


CASES = (
    case("get", "GET of one target again and again"),
    case("targets", "GET of a thousand targets", targets=1000, warm_up=1000),
    case("new", "GET, target and answer's head never seen before", targets=0, new_flow=True),
    case("traced", "the same, and each with a trace", targets=0, new_flow=True, traced=True),
    case(
        "strange",
        "GET, target and both heads never seen before",
        targets=0,
        new_flow=True,
        strange=True,
    ),
    case("token", "GET of one target with a token of a file", token=True),
    case("put", "PUT of a lease of 200 bytes", method="PUT", lease=True, body=Traffic.lease),
    case("sized", "PUT of bodies of many lengths", method="PUT", body=any_size),
    case("list", "LIST of one namespace with a query", query=True),
    case("body", "GET at RequestResponse, 1 KB of JSON", size=1024, level="RequestResponse"),
)


@dataclass(frozen=True)
class Calls:
    """Calls for one request, on average over a run."""

    python: float
    c: float


def lowest(runs: Sequence[Sequence[tuple[int, int]]]) -> Calls:
    """What a request costs: the average of each one's lowest counts."""
    least = [
        (min(python for python, _ in same), min(c for _, c in same))
        for same in zip(*runs, strict=True)
    ]
    python, c = (sum(column) / len(least) for column in zip(*least, strict=True))
    return Calls(round(python, 2), round(c, 2))


def measure(case: Case, seed: int, *, runs: int = RUNS, requests: int = REQUESTS) -> Calls:
    """Count the calls of a case, each run with a proxy of its own."""
    return lowest([run(case, Traffic(seed, number), requests) for number in range(runs)])


def run(
    case: Case,
    traffic: Traffic,
    requests: int = REQUESTS,
    profile: Callable[[FrameType, str, Any], object] | None = None,
) -> list[tuple[int, int]]:
    """Python and C calls of each request of one run."""
    asked = list(case.steps(traffic, case.warm_up + requests))
    with tempfile.TemporaryDirectory() as folder:
        files = write_files(Path(folder), case.level)
        return count(
            files,
            asked[: case.warm_up],
            asked[case.warm_up :],
            certificate=not case.token,
            profile=profile,
        )


class Callers:
    """A profile function that counts calls by what is called and from which file."""

    def __init__(self) -> None:
        self.found: Counter[tuple[str, str]] = Counter()

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        if event == "call":
            self.found[f"{shown(code.co_filename)}:{code.co_firstlineno}", code.co_qualname] += 1
        elif event == "c_call":
            name = getattr(argument, "__qualname__", str(argument))
            self.found[shown(code.co_filename), f"{name} (C, in {code.co_qualname})"] += 1


def shown(path: str) -> str:
    """A source file from its package on."""
    for root, kept in (("/site-packages/", ""), ("/auditproxy/", "auditproxy/"), ("/lib/", "")):
        _, found, after = path.rpartition(root)
        if found:
            return kept + after
    return path


def chosen(only: str) -> list[Case]:
    """The cases of a list of names; raises SystemExit for a name that is not a case."""
    names = [name for name in only.split(",") if name]
    known = {each.name: each for each in CASES}
    for name in names:
        if name not in known:
            raise SystemExit(f"--only {name}: the cases are {', '.join(known)}")
    return [known[name] for name in names] or list(CASES)


def print_profile(case: Case, seed: int, rows: int) -> None:
    """The callees of a case with most calls for one request."""
    callers = Callers()
    run(case, Traffic(seed), REQUESTS, callers)
    print(f"{case.name}: {case.what}, calls a request")
    for (where, name), number in callers.found.most_common(rows):
        print(f"{number / REQUESTS:8.2f}  {where:48} {name}")


def version() -> str:
    """Python's version as the bounds have it: ``3.11``."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def with_bounds(text: str, found: Mapping[str, Calls]) -> str:
    """The bounds of a file, with those of this version of Python for what was counted now."""
    bounds = json.loads(text)
    mine = bounds.setdefault(version(), {})
    for name, calls in found.items():
        mine[name] = [math.ceil(number) + ALLOWANCE for number in (calls.python, calls.c)]
    rows = [
        f'  "{each}": {{\n'
        + ",\n".join(f'    "{name}": {json.dumps(cells)}' for name, cells in bounds[each].items())
        + "\n  }"
        for each in sorted(bounds)
    ]
    return "{\n" + ",\n".join(rows) + "\n}\n"


def main() -> None:
    """Print the table, or whose calls they are."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.calls", description="Count the proxy's calls for one request."
    )
    parser.add_argument("--only", default="", metavar="CASES", help="names with commas between")
    parser.add_argument("--seed", type=int, default=1, help="of names, bodies and heads")
    parser.add_argument("--profile", action="store_true", help="show whose calls they are")
    parser.add_argument("--rows", type=int, default=60, help="rows of --profile")
    parser.add_argument("--json", action="store_true", help="print an object instead of a table")
    parser.add_argument("--write-bounds", action="store_true", help="allow what is counted now")
    arguments = parser.parse_args()
    operatorlog.configure(verbosity=-1, json_lines=False)
    cases = chosen(arguments.only)
    if arguments.profile:
        for each in cases:
            print_profile(each, arguments.seed, arguments.rows)
        return
    found = {}
    if not arguments.json:
        print(f"Python {sys.version.split()[0]}; calls a request\n{'':10}{'Python':>8}{'C':>8}")
    for each in cases:
        found[each.name] = calls = measure(each, arguments.seed)
        if not arguments.json:
            print(f"{each.name:10}{calls.python:8.2f}{calls.c:8.2f}  {each.what}", flush=True)
    if arguments.json:
        print(json.dumps({name: [calls.python, calls.c] for name, calls in found.items()}))
    if arguments.write_bounds:
        text = BOUNDS.read_text(encoding="utf-8") if BOUNDS.exists() else "{}"
        BOUNDS.write_text(with_bounds(text, found), encoding="utf-8")


if __name__ == "__main__":
    main()
