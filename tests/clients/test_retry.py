"""Pauses between attempts."""

import pytest

from auditproxy.clients.retry import pauses


@pytest.mark.parametrize(
    ("random", "expected"),
    [
        (None, [10, 15, 22.5, 33.75]),
        (lambda: 0.0, [10, 15, 22.5, 33.75]),
        (lambda: 1.0, [12, 18, 27, 40.5]),
        (lambda: 0.5, [11, 16.5, 24.75, 37.125]),
    ],
)
def test_pauses(random: object, expected: list[float]) -> None:
    """Each is half as long again, and up to a fifth more."""
    assert list(pauses(10, 5, random)) == pytest.approx(expected)  # type: ignore[arg-type]


def test_one_attempt() -> None:
    """Who asks once waits for nothing."""
    assert list(pauses(10, 1)) == []
