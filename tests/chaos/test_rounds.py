"""A few rounds of chaos, and that a broken promise would be noticed. ``make chaos`` plays many."""

import json
from pathlib import Path

from tests.chaos.rounds import Chaos, place


async def test_killed_at_random(tmp_path: Path) -> None:
    """T269: kill -9 under load: what reached the upstream is in the log, and what was answered too
    where the connection has gone on."""
    chaos = Chaos(tmp_path, seed=7)
    await chaos.run(3)
    assert chaos.faults == []
    assert chaos.rounds == 3
    assert chaos.answered > 0
    assert chaos.events >= 2 * chaos.answered - 3 * chaos.connections


def line(count: int, stage: str) -> str:
    """An event of round 1."""
    target = f"/api/v1/namespaces/r1-c0/configmaps/n{count}"
    return json.dumps({"requestURI": target, "stage": stage}) + "\n"


def test_broken_promises_are_noticed(tmp_path: Path) -> None:
    """Each by itself: no record, a late one, one that is there twice, and half a line."""
    chaos = Chaos(tmp_path)
    chaos.rounds = 1
    (tmp_path / "audit-1.log").write_text(line(0, "RequestReceived") * 2 + "{")
    (tmp_path / "audit.log").write_text(line(1, "RequestReceived") + "what\n{")
    chaos.journal = {(1, 0, 0), (1, 0, 1), (1, 0, 2)}
    chaos._read()
    chaos._check()
    assert chaos.faults == [
        "audit-1.log was rotated with half a line",
        "audit.log has a line that is no event: b'what'",
        "((1, 0, 0), 'RequestReceived') is in the log 2 times",
        "(1, 0, 1) was forwarded before ((1, 0, 0), 'ResponseComplete') was stored",
        "(1, 0, 2) was forwarded without a record",
        "(1, 0, 2) was forwarded before ((1, 0, 1), 'ResponseComplete') was stored",
    ]
    assert chaos.torn == 2
    assert place("/api/v1/namespaces/r1-c2/configmaps/n3") == (1, 2, 3)
