"""Crashes in words: the place, and nothing that a client sent."""

import pytest

from auditproxy.apis.crash import describe


def test_describe_tells_no_values() -> None:
    """HD7: a crash is told by type and place: its text may repeat a secret."""

    def crash() -> None:
        raise ValueError("the secret")

    with pytest.raises(ValueError) as caught:
        crash()
    text = describe(caught.value)
    assert text.startswith("ValueError at ")
    assert "test_crash.py:" in text
    assert "secret" not in text


def test_without_a_place() -> None:
    """What was never raised has none."""
    assert describe(KeyError("the secret")) == "KeyError at nowhere"
