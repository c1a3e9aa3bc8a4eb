"""The token bucket of the throttle."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.backends.throttle import TokenBucket


def test_burst_then_rate() -> None:
    """The burst is free, then one token each tenth of a second."""
    bucket = TokenBucket(10.0, 3)
    assert [bucket.take(0.0) for _ in range(5)] == pytest.approx([0, 0, 0, 0.1, 0.2])
    assert bucket.take(10.0) == 0


def test_no_more_than_the_burst() -> None:
    """A long pause does not save up more."""
    bucket = TokenBucket(1.0, 2)
    bucket.take(0.0)
    assert [bucket.take(1000.0) for _ in range(3)] == pytest.approx([0, 0, 1])


@given(st.lists(st.floats(0, 5), min_size=1, max_size=50))
def test_never_faster_than_allowed(pauses: list[float]) -> None:
    """Whatever the clock does, in any time t at most burst + rate x t tokens are given."""
    bucket, now, given_at = TokenBucket(4.0, 2), 0.0, []
    for pause in pauses:
        now += pause
        now += bucket.take(now)
        given_at.append(now)
    for position, moment in enumerate(given_at):
        assert position + 1 <= 2 + 4.0 * moment + 1e-6
