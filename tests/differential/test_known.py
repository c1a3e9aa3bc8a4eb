"""Each known kind of difference is explained where operators read."""

from pathlib import Path

import pytest

from tests.differential.compare import Report
from tests.differential.known import KNOWN, unknown

PARITY = Path(__file__).parents[2] / "docs" / "parity.md"


@pytest.mark.parametrize(("pattern", "where", "row"), KNOWN)
def test_documented(pattern: str, where: str, row: str) -> None:
    """The row is there, in the table of deviations."""
    rows = [
        line for line in PARITY.read_text(encoding="utf-8").splitlines() if line.startswith("|")
    ]
    assert any(row in line for line in rows), (pattern, where)


def test_unknown() -> None:
    """What no pattern matches as a whole, kind and place, is unknown."""
    report = Report()
    for kind, where in (
        ("only kube-apiserver has a Panic", "create 500"),
        ("only kube-apiserver has a Panic!", "create 500"),
        ("responseStatus.message+,status+", "get 500"),
        ("responseStatus.code", "get 403"),
        ("verb", "get 200"),
    ):
        report.add(kind, where, "")
    assert unknown(report) == [
        "only kube-apiserver has a Panic! | create 500",
        "responseStatus.code | get 403",
        "verb | get 200",
    ]
