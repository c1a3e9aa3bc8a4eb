"""A few rounds of chaos for the spool. ``make chaos`` plays many."""

from pathlib import Path

import pytest

from tests.chaos.platter import SPOOL_OUTCOMES
from tests.chaos.spooled import SpoolChaos


async def test_killed_at_random(tmp_path: Path) -> None:
    """T269, T247: kill -9 under load, with a receiver that fails: what was stored arrives, in order,
    some of it twice, or is a dead letter."""
    chaos = SpoolChaos(tmp_path, seed=5, least=30, sizes=("8Mi",))
    await chaos.run(3)
    assert chaos.faults == []
    assert chaos.answered >= 90
    assert len(chaos.arrivals.events) + len(chaos.dead) >= 2 * chaos.answered - 3 * 8
    assert chaos.resumed == 2
    assert chaos.failed > 0
    assert max(chaos.arrivals.events.values()) > 1
    assert chaos.judged == {"killed": 3}


async def test_loss_of_power(tmp_path: Path) -> None:
    """T271, T247: the same where only what was synced is left, or some bytes or pages more, or names
    from before."""
    chaos = SpoolChaos(tmp_path, seed=6, power=True, least=30, sizes=("8Mi",))
    await chaos.run(3)
    assert chaos.faults == []
    assert chaos.answered >= 90
    assert chaos.judged == dict.fromkeys(SPOOL_OUTCOMES, 3)


@pytest.mark.parametrize(("lie", "outcome"), [("files", "tail lost"), ("names", "names lost")])
async def test_a_disk_that_lies(tmp_path: Path, lie: str, outcome: str) -> None:
    """T271: a spool that did not sync its segments, or their names, would be found out."""
    chaos = SpoolChaos(tmp_path, seed=7, power=True, lies=(lie,), least=60, sizes=("8Mi",))
    await chaos.run(1)
    faults = [fault for fault in chaos.faults if fault.startswith(f"{outcome}: ")]
    assert any("is not left" in fault for fault in faults)
    assert not any(fault.startswith("killed: ") for fault in chaos.faults)


async def test_a_spool_that_never_has_room(tmp_path: Path) -> None:
    """T247: a round without its answers is a broken promise, and does not end the others."""
    chaos = SpoolChaos(tmp_path, seed=8, least=10**9, slowest=0.2)
    await chaos.run(2)
    waits = [fault for fault in chaos.faults if fault.endswith(" answers within 0.2 seconds")]
    assert [fault.partition(":")[0] for fault in waits] == ["round 1", "round 2"]
    assert waits == chaos.faults
