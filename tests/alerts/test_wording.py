"""Texts of faults of durations."""

import pytest

from auditproxy.alerts.wording import not_a_duration
from auditproxy.apis.units import SECOND


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1, "1s"), (10, "10s"), (60, "1m"), (90, "1m30s"), (600, "10m"), (36000, "10h")],
)
def test_not_a_duration(seconds: int, text: str) -> None:
    """Without zeros that say nothing."""
    bounds = (seconds * SECOND, 24 * 3600 * SECOND)
    assert not_a_duration("x", bounds) == (
        f'must be a duration from {text} to 24h, as 90s, 5m or 1h; is "x"'
    )
    assert not_a_duration("", bounds).endswith("; is missing")
