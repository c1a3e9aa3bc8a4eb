"""Blocks that are scanned in processes give what they give when scanned here."""

from pathlib import Path

from auditproxy.reading.meaning.conditions import conditions_of
from auditproxy.reading.trail.abreast import scan_all
from auditproxy.reading.trail.blocks import blocks_of
from auditproxy.reading.trail.scanning import Scanned, Search
from auditproxy.reading.trail.sources import trail_file
from tests.fakes.trails import event, write


def results(found: list[Scanned]) -> list[tuple[object, ...]]:
    """What can be compared."""
    return [(one.events, one.counts, one.forms) for one in found]


def test_processes(tmp_path: Path) -> None:
    """The same results in the same order; bodies come through too."""
    made = [
        event(
            "create",
            name=f"n{number}",
            user=("alice", "bob")[number % 2],
            requestObject={"n": number},
        )
        for number in range(40)
    ]
    blocks = blocks_of([trail_file(str(write(tmp_path / "audit.log", made)))], 2000)
    assert len(blocks) > 5
    search = Search(conditions=conditions_of({"user": ["alice"]}))
    here = list(scan_all(blocks, search))
    abreast = list(scan_all(blocks, search, alone=3000, processes=2))
    assert results(abreast) == results(here)
    assert sum(len(one.events) for one in here) == 20


def test_ending_early(tmp_path: Path) -> None:
    """Closing it ends the processes."""
    made = [event(name=f"n{number}") for number in range(40)]
    blocks = blocks_of([trail_file(str(write(tmp_path / "audit.log", made)))], 2000)
    scans = scan_all(blocks, Search(), alone=0, processes=2)
    assert next(scans).events
    scans.close()
    assert list(scans) == []
