"""A few rounds of chaos for the spool. ``make chaos`` plays many."""

from pathlib import Path

from tests.chaos.spooled import SpoolChaos


async def test_killed_at_random(tmp_path: Path) -> None:
    """T269, T247: kill -9 under load, with a receiver that fails: what was stored arrives, in order,
    some of it twice."""
    chaos = SpoolChaos(tmp_path, seed=5)
    await chaos.run(3, least=30)
    assert chaos.faults == []
    assert len(chaos.answered) >= 90
    assert len(chaos.events) >= 2 * len(chaos.answered) - 3 * 8
    assert chaos.resumed == 2
    assert chaos.failed > 0
    assert max(chaos.events.values()) > 1
