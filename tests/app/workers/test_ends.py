"""The last line of workers says what is known, and no more."""

import pytest

from auditproxy.app.workers.ends import WorkerEnd, lossy_end
from tests.fakes.options import options

FORWARDED = "every request that was forwarded is recorded, and of those under way the last"


@pytest.mark.parametrize(
    ("flags", "ends", "expected"),
    [
        ({"audit_log_mode": "durable"}, {(1, -9), (2, 0)}, f"worker 1 was killed: {FORWARDED}"),
        ({}, {(1, -9), (2, -6), (1, 0)}, f"workers 1, 2 were killed: {FORWARDED}"),
        (
            {"audit_log_mode": "batch"},
            {(2, -9)},
            "worker 2 was killed: events that waited in memory may be missing (mode batch of log)",
        ),
        ({}, {(1, 3), (2, 0)}, "audit events were lost, see the lines before"),
        (
            {},
            {(1, 3), (2, -9)},
            f"audit events were lost, see the lines before; worker 2 was killed: {FORWARDED}",
        ),
    ],
)
def test_lossy_end(flags: dict[str, str], ends: set[WorkerEnd], expected: str) -> None:
    """Lost, killed, or both; a kill is no loss that was seen."""
    assert lossy_end(ends, options(**flags)).startswith(f"workers have stopped; {expected}")
