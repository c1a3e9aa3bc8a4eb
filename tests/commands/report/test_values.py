"""Values of reports as people read them."""

from typing import Any

import pytest

from auditproxy.commands.report.values import shown


@pytest.mark.parametrize(
    ("value", "form", "expected"),
    [
        ("", "text", "-"),
        (None, "bytes", "-"),
        (2048, "bytes", "2.0 KiB"),
        (1234567, "count", "1,234,567"),
        (0.1234, "share", "12.3 %"),
        ("2026-11-23T10:00:00.123456Z", "time", "2026-11-23T10:00:00Z"),
        ("alice", "text", "alice"),
    ],
)
def test_shown(value: Any, form: str, expected: str) -> None:
    """By their form; a dash where there is none."""
    assert shown(value, form) == expected
