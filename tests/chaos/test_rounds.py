"""A few rounds of chaos, and that lies of a disk are noticed. ``make chaos`` plays many."""

from pathlib import Path

import pytest

from tests.chaos.platter import OUTCOMES
from tests.chaos.rounds import Chaos


async def test_killed_at_random(tmp_path: Path) -> None:
    """T269: kill -9 under load: what reached the upstream is in the log, and what was answered too
    where the connection has gone on."""
    chaos = Chaos(tmp_path, seed=7, least=20)
    await chaos.run(3)
    assert chaos.faults == []
    assert chaos.rounds == 3
    assert chaos.answered >= 60
    assert chaos.events >= 2 * chaos.answered - 3 * chaos.connections
    assert chaos.judged == {"killed": 3}


async def test_loss_of_power(tmp_path: Path) -> None:
    """T271: the same where only what was synced is left, or some bytes more, or the names before."""
    chaos = Chaos(tmp_path, seed=8, power=True, least=20)
    await chaos.run(3)
    assert chaos.faults == []
    assert chaos.answered >= 60
    assert chaos.judged == dict.fromkeys(OUTCOMES, 3)


@pytest.mark.parametrize(
    ("lie", "outcome"), [("files", "tail lost"), ("files", "names lost"), ("names", "names lost")]
)
async def test_a_disk_that_lies(tmp_path: Path, lie: str, outcome: str) -> None:
    """T271: a proxy that did not sync its file, or its name, would be found out."""
    chaos = Chaos(tmp_path, seed=9, power=True, lies=(lie,), least=40)
    await chaos.run(1)
    faults = [fault for fault in chaos.faults if fault.startswith(f"{outcome}: ")]
    assert any("was forwarded without a record" in fault for fault in faults)
    assert any("'ResponseComplete') was stored" in fault for fault in faults)
    assert not any(fault.startswith("killed: ") for fault in chaos.faults)
