"""``python -m tests.bench.sizes RESULT.json``: what to order for a cluster, from what was measured.

RESULT.json is what ``python -m tests.bench --only get,watch,start --output RESULT.json`` has
written. How much a cluster asks is an assumption, and stands in the table: a proxy's own
``apiserver_request_total`` and ``apiserver_longrunning_requests`` say it for a cluster that runs.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditproxy.apis.units import MEBIBYTE
from auditproxy.options import Options

BUSY = 0.5
"""Share of a core that may be busy on average: the rest is for peaks, lists and bodies."""
DECODED = 9
"""Times the largest copy that decoding one body takes at most."""
EVENT = 1024
"""Bytes of a line at level Metadata."""
DAY = 24 * 60 * 60


@dataclass(frozen=True)
class Cluster:
    """What asks the API server through the proxy: requests a second, and watches at once."""

    nodes: int
    rate: float
    watches: int

    @property
    def connections(self) -> int:
        """Connections at once: HTTP/1.1 has one for each watch, and some for other requests."""
        return self.watches + 2 * self.nodes + 100


def cluster(nodes: int) -> Cluster:
    """A cluster whose every client goes through the proxy.

    A node asks twice a second and has fifteen watches (kubelet, network, a few agents); twenty
    requests a second and three hundred watches are of controllers, whatever the nodes.
    """
    return Cluster(nodes, 20 + 2.0 * nodes, 300 + 15 * nodes)


def bodies() -> int:
    """Bytes that copies of bodies take at most, with the defaults (docs/behaviour.md)."""
    audit = Options().audit
    largest = max(audit.capture_request_limit, audit.capture_response_limit)
    return audit.capture_memory_limit + DECODED * largest


@dataclass(frozen=True)
class Order:
    """What the proxy needs: cores, MiB of memory at rest and at most, GB of the log for each day."""

    cores: float
    memory: float
    limit: float
    log: float


def order(asked: Cluster, *, request: float, watch: float, start: float) -> Order:
    """What to order; ``request`` is CPU in us, ``watch`` KiB each, ``start`` MiB."""
    memory = start + asked.watches * watch / 1024
    return Order(
        asked.rate * request / 1e6 / BUSY,
        memory,
        memory + bodies() / MEBIBYTE,
        asked.rate * EVENT * DAY / 1e9,
    )


def table(result: Mapping[str, Any], subject: str = "uvloop") -> list[str]:
    """The lines of the table; raises KeyError for a result without what it takes."""
    measured = result["summary"]
    figures = {
        "request": measured["get"]["cpu"][subject]["median"],
        "watch": measured["watch"]["memory"][subject]["median"],
        "start": measured["start"]["resident"][subject]["median"],
    }
    lines = [
        "| nodes | requests/s | watches | connections | cores, half busy | memory, MiB "
        "| its limit | log, GB a day |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for nodes in (10, 100, 1000):
        asked = cluster(nodes)
        needed = order(asked, **figures)
        lines.append(
            f"| {nodes:,} | {asked.rate:,.0f} | {asked.watches:,} | {asked.connections:,} "
            f"| {needed.cores:.2f} | {needed.memory:,.0f} | {needed.limit:,.0f} "
            f"| {needed.log:,.0f} |"
        )
    return lines


def main(words: Sequence[str] | None = None) -> int:
    """Print the table; 2 where the result lacks a cell."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.sizes",
        description="Say what to order for clusters of 10, 100 and 1,000 nodes.",
        epilog="python -m tests.bench --only get,watch,start --output r.json && "
        "python -m tests.bench.sizes r.json",
    )
    parser.add_argument("result", type=Path, help="what tests.bench has written")
    given = parser.parse_args(words)
    try:
        lines = table(json.loads(given.result.read_text(encoding="utf-8")))
    except KeyError as error:
        parser.exit(2, f"{given.result} has no {error}; measure get,watch,start\n")
    except (OSError, ValueError) as error:
        parser.exit(2, f"{given.result}: {error}\n")
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
