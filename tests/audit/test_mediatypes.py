"""What a Content-Type says."""

import pytest

from auditproxy.audit.mediatypes import LONGEST_TYPE, base_type


@pytest.mark.parametrize(
    ("content_type", "base"),
    [
        ("application/json", "application/json"),
        ("Application/JSON; charset=utf-8", "application/json"),
        (" application/yaml ;x", "application/yaml"),
        ("", ""),
        ("A/" + "B" * LONGEST_TYPE + ";c", "a/" + "b" * LONGEST_TYPE),
    ],
)
def test_base_type(content_type: str, base: str) -> None:
    """Parameters and case do not matter."""
    assert base_type(content_type) == base
