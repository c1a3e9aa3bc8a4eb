"""Each known kind of difference is explained where operators read."""

from pathlib import Path

import pytest

from tests.differential.known import KNOWN, unknown

PARITY = Path(__file__).parents[2] / "docs" / "parity.md"


@pytest.mark.parametrize(("pattern", "row"), KNOWN)
def test_documented(pattern: str, row: str) -> None:
    """The row is there, in the table of deviations."""
    rows = [
        line for line in PARITY.read_text(encoding="utf-8").splitlines() if line.startswith("|")
    ]
    assert any(row in line for line in rows), pattern


def test_unknown() -> None:
    """What no pattern matches as a whole is unknown."""
    found = unknown(["only kube-apiserver has a Panic", "verb", "only kube-apiserver has a Panic!"])
    assert found == ["verb", "only kube-apiserver has a Panic!"]
