"""Metrics of spools."""

import pytest

from auditproxy.metrics.registry import Metrics
from auditproxy.metrics.spool import SpoolSeries


@pytest.mark.parametrize(
    ("kind", "one", "many", "labels"),
    [
        ("audit", "event", "events", {"plugin": "a"}),
        ("session", "line", "lines", {}),
        ("alerts", "alert", "alerts", {"destination": "a"}),
    ],
)
def test_series(kind: str, one: str, many: str, labels: dict[str, str]) -> None:
    """Each is there from the start, with the label of its kind."""
    metrics = Metrics()
    series: dict[str, SpoolSeries] = {
        "audit": metrics.audit.spools.of("a"),
        "session": metrics.sessions.spool,
        "alerts": metrics.alerts.spools.of("a"),
    }
    spool = series[kind]
    names = {
        many: 3,
        "bytes": 500,
        "capacity_bytes": 1000,
        f"oldest_{one}_age_seconds": 1.5,
        f"resumed_{many}_total": 3,
        "dead_letters_total": 1,
        "cut_bytes_total": 7,
    }

    def samples() -> dict[str, float | None]:
        get = metrics.registry.get_sample_value
        return {name: get(f"auditproxy_{kind}_spool_{name}", labels) for name in names}

    absent = None if labels else 0
    assert set(samples().values()) == {absent}
    spool.spool(1000, waits=lambda: 3, size=lambda: 500, age=lambda: 1.5)
    assert samples()["dead_letters_total"] == 0
    spool.resumed(3, 7)
    spool.dead_letter()
    assert samples() == names


def test_all_of_a_kind() -> None:
    """One that is opened again takes its own place."""
    spools = Metrics().audit.spools
    for label, waits in (("a", 2), ("b", 3), ("a", 4)):
        spools.of(label).spool(1, waits=lambda count=waits: count, size=int, age=float)  # type: ignore[misc]
    assert spools.waiting == 7
