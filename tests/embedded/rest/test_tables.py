"""Tables: ages as kubectl prints them, and cells for their columns."""

import pytest

from auditproxy.embedded import kinds
from auditproxy.embedded.rest.tables import age, table

NOW = 1_767_225_600_000_000_000
"""2026-01-01T00:00:00Z."""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-01-01T00:00:00Z", "0s"),
        ("2026-01-01T00:00:09Z", "0s"),
        ("2025-12-31T23:58:01Z", "119s"),
        ("2025-12-31T23:58:00Z", "2m"),
        ("2025-12-31T23:56:40Z", "3m20s"),
        ("2025-12-31T23:50:00Z", "10m"),
        ("2025-12-31T20:30:00Z", "3h30m"),
        ("2025-12-31T12:30:00Z", "11h"),
        ("2025-12-29T20:00:00Z", "2d4h"),
        ("2025-12-01T00:00:00Z", "31d"),
        ("2022-12-02T00:00:00Z", "3y31d"),
        ("", "<unknown>"),
        (None, "<unknown>"),
        ("yesterday", "<invalid>"),
    ],
)
def test_age(text: str | None, shown: str) -> None:
    """Two units where one says too little."""
    assert age(text, NOW) == shown


@pytest.mark.parametrize("kind", kinds.RESOURCES, ids=lambda kind: kind.resource)
def test_cells_for_every_column(kind: kinds.ResourceType) -> None:
    """Even of an object that has nothing but a name."""
    item = {"metadata": {"name": "a"}}
    found = table(kind, (item,), {}, now=NOW)
    assert len(found["rows"][0]["cells"]) == len(found["columnDefinitions"])
    assert found["rows"][0]["object"]["metadata"] == {"name": "a"}


def test_without_objects_and_columns() -> None:
    """includeObject=None, and a watch's later events."""
    item = {"metadata": {"name": "a"}}
    found = table(kinds.of("pods"), (item,), {}, now=NOW, include="None", with_columns=False)
    assert found["columnDefinitions"] is None
    assert "object" not in found["rows"][0]
