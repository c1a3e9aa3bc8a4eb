"""A few rounds of chaos for the hash chain. ``make chaos`` plays many."""

from pathlib import Path

import pytest

from tests.chaos.chained import ChainChaos
from tests.chaos.platter import OUTCOMES


@pytest.mark.parametrize("power", [False, True])
async def test_one_chain(tmp_path: Path, *, power: bool) -> None:
    """T269, T271: one chain through kills and losses of power, and each of its lines there."""
    chaos = ChainChaos(tmp_path, seed=3, power=power, least=20)
    await chaos.run(3)
    assert chaos.faults == []
    assert chaos.judged == dict.fromkeys(OUTCOMES if power else ("killed",), 3)
    assert chaos.answered >= 60
    assert chaos.lines >= 2 * chaos.answered - 3 * chaos.connections
    assert chaos.checkpoints >= 3
    assert 0 < chaos.signed <= chaos.lines


async def test_a_disk_that_lies(tmp_path: Path) -> None:
    """T271: lines that were signed, and not synced, would be found out."""
    chaos = ChainChaos(tmp_path, seed=4, power=True, lies=("logs",), least=40)
    await chaos.run(1)
    faults = [fault for fault in chaos.faults if fault.startswith("tail lost: ")]
    assert any("'removed'" in fault and "was signed" in fault for fault in faults)
    assert not any(fault.startswith("killed: ") for fault in chaos.faults)
