"""Tables, amounts and times of text output."""

import pytest

from auditproxy.commands.policy.tables import amount, duration, seconds_between, table


def test_table() -> None:
    """Numbers at the right; long and dangerous cells are made harmless."""
    lines = list(table(("A", "N", "B"), [("x\x1b", "10", ""), ("y", "9", "z" * 200)],
                       numbers=range(1, 2)))  # fmt: skip
    assert lines[0] == "A       N  B\n"
    assert lines[1] == "x\\x1b  10\n"
    assert lines[2].startswith("y       9  zzz")
    assert lines[2].endswith("zzz...\n")
    assert len(lines[2]) < 120


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1536, "1.5 KiB"),
        (-300 << 20, "-300 MiB"),
        (5 << 50, "5120 TiB"),
    ],
)
def test_amount(size: int, text: str) -> None:
    """With two or three digits."""
    assert amount(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1, "1 s"), (600, "10 min"), (3600 * 5, "5.0 h"), (86400 * 9, "9 days")],
)
def test_duration(seconds: float, text: str) -> None:
    """In one unit."""
    assert duration(seconds) == text


def test_seconds_between() -> None:
    """Of two texts, if they are times."""
    first = "2026-01-01T00:00:00.000000Z"
    assert seconds_between(first, "2026-01-01T00:00:01.500000Z") == 1.5
    assert seconds_between(first, "today") is None
    assert seconds_between("", "") is None
