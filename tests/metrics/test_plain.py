"""Plain numbers are scraped as the library's own objects are, to the byte."""

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from auditproxy.metrics.plain import Counts, Durations

BOUNDS = (0.005, 0.5, 1, 60)
WORDS = st.sampled_from(["", "get", 'a"b', "a\nb", "ü", "\\"])
VALUES = st.sampled_from([0.0, 0.005, 0.0051, 0.3, 0.5, 1.0, 59.9, 60.0, 60.1, 1e9]) | st.floats(
    0, 100
)


@given(st.lists(st.tuples(WORDS, WORDS, VALUES), max_size=20))
def test_same_text(changes: list[tuple[str, str, float]]) -> None:
    """Counters and histograms, with labels and without, in the order of their first use."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    counts = Counts("a_b", "Words of\nmine.", ("x", "y"), registry=ours)
    plain = Counts("plain", "Without labels.", registry=ours)
    durations = Durations("seconds", "Time.", ("x", "y"), bounds=BOUNDS, registry=ours)
    alone = Durations("alone", "Time.", bounds=BOUNDS, registry=ours)
    counter = Counter("a_b", "Words of\nmine.", ("x", "y"), registry=theirs)
    plain_counter = Counter("plain", "Without labels.", registry=theirs)
    histogram = Histogram("seconds", "Time.", ("x", "y"), buckets=BOUNDS, registry=theirs)
    alone_histogram = Histogram("alone", "Time.", buckets=BOUNDS, registry=theirs)
    assert generate_latest(ours) == generate_latest(theirs)
    for x, y, value in changes:
        counts.labels(x, y).value += 1
        counter.labels(x, y).inc()
        plain.labels().value += 2
        plain_counter.inc(2)
        durations.labels(y, x).observe(value)
        histogram.labels(y, x).observe(value)
        alone.labels().observe(value)
        alone_histogram.observe(value)
    assert generate_latest(ours) == generate_latest(theirs)


def test_series() -> None:
    """One object for the same values; a wrong number of them is a fault of ours."""
    counts = Counts("a", "A.", ("x",), registry=CollectorRegistry())
    assert counts.labels("1") is counts.labels("1")
    assert counts.labels("1") is not counts.labels("2")
    wrong: Any
    for wrong in ((), ("1", "2")):
        with pytest.raises(ValueError, match="a has 1 labels"):
            counts.labels(*wrong)


def test_names_are_taken_once() -> None:
    """The registry knows the names, as those of the library's objects."""
    registry = CollectorRegistry()
    Counts("a", "A.", registry=registry)
    with pytest.raises(ValueError, match="Duplicated"):
        Counter("a", "A.", registry=registry)
    Durations("b", "B.", bounds=BOUNDS, registry=registry)
    with pytest.raises(ValueError, match="Duplicated"):
        Histogram("b", "B.", registry=registry)


def test_scraped_on_a_thread() -> None:
    """A scrape on another thread sees series that are added meanwhile, or not, and never fails."""
    registry = CollectorRegistry()
    counts = Counts("a", "A.", ("x",), registry=registry)
    durations = Durations("b", "B.", ("x",), bounds=BOUNDS, registry=registry)
    faults: list[Exception] = []
    done = threading.Event()

    def scrape() -> None:
        try:
            while not done.is_set():
                generate_latest(registry)
        except Exception as error:
            faults.append(error)

    thread = threading.Thread(target=scrape)
    thread.start()
    for number in range(2000):
        counts.labels(str(number % 500)).value += 1
        durations.labels(str(number % 500)).observe(1.0)
    done.set()
    thread.join()
    assert not faults
    assert registry.get_sample_value("a_total", {"x": "1"}) == 4
