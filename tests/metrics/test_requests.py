"""B4: series of requests are bounded, whatever is asked for and answered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest

from auditproxy.apis.attributes import RequestInfo
from auditproxy.metrics import requests as request_series
from auditproxy.metrics.requests import (
    MAXIMUM_COUNTERS,
    MAXIMUM_HISTOGRAMS,
    RequestSeries,
)


def info(resource: str, *, verb: str = "list", namespace: str = "") -> RequestInfo:
    """A request for a resource of some group."""
    return RequestInfo(
        is_resource_request=True,
        path="/",
        verb=verb,
        api_group="things.example.com",
        api_version="v1",
        resource=resource,
        namespace=namespace,
    )


def kinds(series: RequestSeries, metric: str) -> int:
    """How many sets of labels a metric has."""
    return len(
        {
            tuple(sorted((k, v) for k, v in sample.labels.items() if k != "le"))
            for family in series.registry.collect()
            if family.name == metric
            for sample in family.samples
        }
    )


def test_size() -> None:
    """B4: thousands of resources, served in every way, are a page of a few megabytes at most."""
    series = RequestSeries()
    for number in range(1300):
        for verb, method in (("list", "GET"), ("create", "POST"), ("delete", "DELETE")):
            for code in (200, 409):
                asked = info(f"resource{number}", verb=verb, namespace="n")
                series.request(asked, method, code=code, seconds=0.1)
                series.long_running(asked, method, code).inc()
    others = 40
    assert kinds(series, "apiserver_request") <= MAXIMUM_COUNTERS + others
    assert kinds(series, "apiserver_request_duration_seconds") <= MAXIMUM_HISTOGRAMS + others
    assert kinds(series, "apiserver_longrunning_requests") <= MAXIMUM_HISTOGRAMS + others
    page = generate_latest(series.registry)
    assert len(page) < 2_500_000
    total = sum(
        sample.value
        for family in series.registry.collect()
        if family.name == "apiserver_request"
        for sample in family.samples
    )
    assert total == 1300 * 3 * 2


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdefgh"), st.sampled_from((200, 404, 409, 101))), max_size=60
    )
)
def test_every_request_is_counted(asked: list[tuple[str, int]]) -> None:
    """B4: past the bounds requests are counted as ``other``, and none is left out or moved."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(request_series, "MAXIMUM_HISTOGRAMS", 3)
        patch.setattr(request_series, "MAXIMUM_COUNTERS", 5)
        series = RequestSeries()
        for resource, code in asked:
            series.request(info(resource), "GET", code=code, seconds=0.0)
    value = series.registry.get_sample_value
    counted: dict[tuple[str, str], float] = {}
    for family in series.registry.collect():
        for sample in family.samples:
            if sample.name == "apiserver_request_total":
                key = (sample.labels["resource"], sample.labels["code"])
                counted[key] = counted.get(key, 0) + sample.value
    assert sum(counted.values()) == len(asked)
    for (resource, counted_code), count in counted.items():
        if resource != "other":
            pair = (resource, counted_code)
            exact = sum((r, "0" if c == 101 else str(c)) == pair for r, c in asked)
            assert count <= exact
    durations = sum(
        sample.value
        for family in series.registry.collect()
        for sample in family.samples
        if sample.name == "apiserver_request_duration_seconds_count"
    )
    assert durations == len(asked)
    assert value("apiserver_request_total", {"resource": "a"}) is None


def test_what_is_no_resource_stays_apart() -> None:
    """B4: requests for paths keep their empty labels past the bounds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(request_series, "MAXIMUM_COUNTERS", 0)
        series = RequestSeries()
        series.request(
            RequestInfo(is_resource_request=False, path="/version", verb="get"),
            "GET",
            code=200,
            seconds=0.0,
        )
        series.request(info("pods"), "GET", code=200, seconds=0.0)
    found = {
        (sample.labels["group"], sample.labels["resource"])
        for family in series.registry.collect()
        for sample in family.samples
        if sample.name == "apiserver_request_total"
    }
    assert found == {("", ""), ("other", "other")}


def test_remembered_series() -> None:
    """The second request of a kind is counted with the first; what differs in a label is apart."""
    series = RequestSeries()
    pods = info("pods", namespace="n")
    found: dict[tuple[str, ...], float] = {}
    asked: list[tuple[RequestInfo, str, int, str, tuple[str, ...], tuple[str, ...]]] = [
        (pods, "GET", 200, "", (), ()),
        (pods, "GET", 200, "text/plain", (), ()),
        (info("pods"), "GET", 200, "", (), ()),
        (info("pods", verb="get", namespace="n"), "HEAD", 200, "", (), ()),
        (pods, "GET", 404, "", (), ()),
        (pods, "GET", 200, "", (), ("1",)),
        (pods, "GET", 200, "", (), ("0",)),
        (pods, "GET", 200, "", (), ("",)),
        (pods, "POST", 200, "", ("All",), ()),
        (pods, "POST", 200, "", ("no",), ()),
        (pods, "PATCH", 200, "application/apply-patch+yaml", (), ()),
        (pods, "PATCH", 200, "application/json-patch+json", (), ()),
        (pods, "patch", 200, "application/apply-patch+yaml", (), ()),
        (pods, "X" * 40, 200, "", (), ()),
    ]
    fresh = RequestSeries()
    for _ in range(3):
        for asks, method, code, content_type, dry_run, watch in asked:
            for one in (series, fresh):
                one.request(
                    asks,
                    method,
                    code=code,
                    seconds=0.1,
                    content_type=content_type,
                    dry_run=dry_run,
                    watch=watch,
                )
            # Without a memory every request is looked at anew.
            fresh._known.clear()
    assert series._known
    assert generate_latest(series.registry) == generate_latest(fresh.registry)
    for family in series.registry.collect():
        for sample in family.samples:
            if sample.name == "apiserver_request_total":
                labels = sample.labels
                key = (labels["verb"], labels["dry_run"], labels["scope"], labels["code"])
                found[key] = sample.value
    assert sum(found.values()) == 3 * len(asked)
    assert found["APPLY", "", "namespace", "200"] == 6
    assert found["WATCH", "", "namespace", "200"] == 6


def test_unknown_resources_are_not_remembered() -> None:
    """What was ``other`` has its own labels as soon as the upstream has served it once."""
    series = RequestSeries()
    for code in (404, 404, 200, 404):
        series.request(info("late"), "GET", code=code, seconds=0.1)
    found = {
        (sample.labels["resource"], sample.labels["code"]): sample.value
        for family in series.registry.collect()
        for sample in family.samples
        if sample.name == "apiserver_request_total"
    }
    assert found == {("other", "404"): 2, ("late", "200"): 1, ("late", "404"): 1}


def test_remembered_series_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither many kinds of requests nor long parameters stay in the memory."""
    monkeypatch.setattr(request_series, "MAXIMUM_KINDS", 8)
    series = RequestSeries()
    for number in range(100):
        series.request(info(f"r-{number}"), "GET", code=200, seconds=0.0)
        assert len(series._known) <= 8
    size = len(series._known)
    series.request(info("r-1"), "GET", code=200, seconds=0.0, watch=("w" * 1000,))
    series.request(info("r-1"), "GET", code=200, seconds=0.0, dry_run=("",) * 1000)
    assert len(series._known) == size
