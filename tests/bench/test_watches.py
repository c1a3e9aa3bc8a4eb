"""Memory of watches, in a process of its own: resident memory differs by a percent between runs."""

import sys
from pathlib import Path

from tests.bench.measured import Measured
from tests.bench.settings import write_files, write_kubeconfig
from tests.bench.streams import watches
from tests.bench.subjects import Setup, Subject, command
from tests.e2e.cluster import free_ports

MOST = 95.0
"""KiB of one watch on uvloop: two TLS connections, and what is kept of its request."""


async def test_a_watch_is_small(tmp_path: Path) -> None:
    """Two hundred of them, each on a connection of its own at either side."""
    files = write_files(tmp_path, "Metadata")
    port, upstream_port = free_ports(2)
    write_kubeconfig(files, upstream_port)
    cores = set(range(64))
    words = [sys.executable, "-m", "tests.bench.upstream", str(tmp_path), str(upstream_port), "1"]
    log = tmp_path / "upstream.log"
    upstream = await Subject.start("upstream", words, upstream_port, cores, log)
    try:
        words = command("uvloop", files, port, upstream_port, Setup())
        log = tmp_path / "proxy.log"
        subject = await Subject.start("uvloop", words, port, cores, log)
        try:
            figures = await watches(Measured(subject, files, upstream_port, 1, 0))
        finally:
            await subject.stop()
    finally:
        await upstream.stop()
    assert figures["memory"] < MOST
