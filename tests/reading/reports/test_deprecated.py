"""``report deprecated``: what is removed first."""

from typing import Any

from tests.fakes.trails import event
from tests.reading.reports.made import sections


def test_deprecated() -> None:
    """What is removed first comes first; a release is a number and not a text."""

    def called(removed: str, resource: str) -> dict[str, Any]:
        notes = {"k8s.io/deprecated": "true", "k8s.io/removed-release": removed}
        return event("list", resource, group="batch", annotations=notes, userAgent="old/1.0 (x)")

    found = sections(
        "deprecated", called("1.100", "a"), called("1.25", "b"), called("", "c"), event("list")
    )["calls"]
    assert [(row["removedRelease"], row["api"], row["userAgent"]) for row in found.rows] == [
        ("1.25", "batch/v1 b", "old/1.0 (x)"),
        ("1.100", "batch/v1 a", "old/1.0 (x)"),
        ("", "batch/v1 c", "old/1.0 (x)"),
    ]
