"""Metrics of sessions and their recordings."""

import pytest
from prometheus_client import CollectorRegistry

from auditproxy.metrics.sessions import SessionMetrics


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    """A series of one registry; None where it does not exist."""
    return registry.get_sample_value(f"auditproxy_session{name}", labels)


@pytest.mark.parametrize(
    ("name", "label", "words"),
    [
        ("_recordings_total", "state", ("Complete", "Cut", "Failed")),
        (
            "_recording_failures_total",
            "reason",
            ("open", "stopped", "cut", "failed", "crash"),
        ),
        ("s_refused_total", "reason", ("recording", "unreadable")),
        ("_recordings_removed_total", "reason", ("age", "total")),
    ],
)
def test_series_exist_from_the_start(name: str, label: str, words: tuple[str, ...]) -> None:
    """A rate over a series that appears only with its first value would miss that value."""
    registry = CollectorRegistry()
    SessionMetrics(registry)
    assert [value(registry, name, **{label: word}) for word in words] == [0] * len(words)


def test_lines_exist_from_the_start() -> None:
    """Both outcomes of both destinations of the session log."""
    registry = CollectorRegistry()
    metrics = SessionMetrics(registry)
    for destination in ("log", "webhook"):
        for outcome in ("written", "dropped"):
            labels = {"destination": destination, "outcome": outcome}
            assert value(registry, "_log_lines_total", **labels) == 0
    metrics.line("webhook", "dropped", 400)
    dropped = {"destination": "webhook", "outcome": "dropped"}
    assert value(registry, "_log_lines_total", **dropped) == 400


def test_a_session() -> None:
    """It is open while it runs; its recording is counted by its state once it has ended."""
    registry = CollectorRegistry()
    metrics = SessionMetrics(registry)
    metrics.started("exec", recorded=True)
    metrics.started("exec", recorded=False)
    assert value(registry, "s_total", kind="exec", recorded="true") == 1
    assert value(registry, "s_total", kind="exec", recorded="false") == 1
    assert value(registry, "s_open", kind="exec") == 2
    metrics.ended("exec", "Cut")
    metrics.ended("exec", "")
    assert value(registry, "s_open", kind="exec") == 0
    assert value(registry, "_recordings_total", state="Cut") == 1
    assert value(registry, "_recordings_total", state="Complete") == 0


def test_what_goes_wrong() -> None:
    """Failures and refusals by reason; the bytes that are missing."""
    registry = CollectorRegistry()
    metrics = SessionMetrics(registry)
    metrics.failed("open")
    metrics.stopped("Cut", "64 MiB")
    metrics.refused("unreadable")
    metrics.gap(700)
    metrics.missing(900)
    metrics.log_reopened("deleted")
    assert value(registry, "_recording_failures_total", reason="open") == 1
    assert value(registry, "_recording_failures_total", reason="cut") == 1
    assert value(registry, "s_refused_total", reason="unreadable") == 1
    assert value(registry, "_recording_gap_bytes_total") == 700
    assert value(registry, "_recording_missing_bytes_total") == 900
    assert value(registry, "_log_reopened_total", reason="deleted") == 1


def test_the_folder() -> None:
    """Bytes that were written, and recordings that were removed."""
    registry = CollectorRegistry()
    metrics = SessionMetrics(registry)
    metrics.wrote(10)
    metrics.wrote(20)
    metrics.removed("age", 30)
    assert value(registry, "_recording_bytes_total") == 30
    assert value(registry, "_recordings_removed_total", reason="age") == 1


def test_stall_is_that_of_now() -> None:
    """How long the recorder's work has taken is asked for at each scrape."""
    registry = CollectorRegistry()
    metrics = SessionMetrics(registry)
    seconds = [0.0]
    metrics.stalled(lambda: seconds[0])
    assert value(registry, "_recorder_stalled_seconds") == 0
    seconds[0] = 12.5
    assert value(registry, "_recorder_stalled_seconds") == 12.5
