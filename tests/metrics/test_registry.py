"""Metrics: kube-apiserver's names and labels, the accounting, and bounded labels."""

import pytest
from prometheus_client import generate_latest

from auditproxy.apis.attributes import RequestInfo
from auditproxy.metrics.registry import Metrics
from auditproxy.metrics.requests import DURATION_BUCKETS, MAXIMUM_RESOURCES

PODS = RequestInfo(
    is_resource_request=True,
    path="/api/v1/namespaces/d/pods/p",
    verb="get",
    api_version="v1",
    namespace="d",
    resource="pods",
    name="p",
)


def text(metrics: Metrics) -> str:
    """The exposition."""
    return generate_latest(metrics.registry).decode()


def test_names_and_types() -> None:
    """Existing dashboards find kube-apiserver's series; there are no *_created ones."""
    exposition = text(Metrics())
    for line in (
        "# TYPE apiserver_audit_event_total counter",
        "# TYPE apiserver_audit_error_total counter",
        "# TYPE apiserver_audit_level_total counter",
        "# TYPE apiserver_audit_requests_rejected_total counter",
        "# TYPE apiserver_request_total counter",
        "# TYPE apiserver_request_duration_seconds histogram",
        "# TYPE apiserver_longrunning_requests gauge",
        "# TYPE apiserver_tls_handshake_errors_total counter",
        "# TYPE auditproxy_audit_events_generated_total counter",
    ):
        assert line in exposition
    assert "_created" not in exposition
    assert 'apiserver_audit_level_total{level="RequestResponse"} 0.0' in exposition


def test_request_labels() -> None:
    """A served request has kube-apiserver's labels; its duration is observed without the code."""
    metrics = Metrics()
    metrics.request(PODS, "GET", code=200, seconds=0.03)
    labels = {
        "verb": "GET",
        "dry_run": "",
        "group": "",
        "version": "v1",
        "resource": "pods",
        "subresource": "",
        "scope": "resource",
        "component": "apiserver",
    }
    value = metrics.registry.get_sample_value
    assert value("apiserver_request_total", {**labels, "code": "200"}) == 1
    assert value("apiserver_request_duration_seconds_count", labels) == 1
    assert value("apiserver_request_duration_seconds_bucket", {**labels, "le": "0.05"}) == 1
    assert value("apiserver_request_duration_seconds_bucket", {**labels, "le": "0.025"}) == 0


def test_labels_are_bounded() -> None:
    """Resources that the upstream does not serve, and too many that it does, are ``other``."""
    metrics = Metrics()
    invented = RequestInfo(
        is_resource_request=True, path="/apis/x/v1/evil", verb="list", resource="evil"
    )
    for code in (0, 301, 400, 401, 403, 404, 405, 413, 429, 500, 502, 503, 504):
        metrics.request(invented, "GET", code=code, seconds=0.0)
    assert "evil" not in text(metrics)
    for number in range(MAXIMUM_RESOURCES + 10):
        served = RequestInfo(
            is_resource_request=True, path="/", verb="list", resource=f"r{number}", api_version="v1"
        )
        metrics.request(served, "GET", code=200, seconds=0.0)
    exposition = text(metrics)
    assert f'resource="r{MAXIMUM_RESOURCES - 1}"' in exposition
    assert f'resource="r{MAXIMUM_RESOURCES}"' not in exposition


def test_long_running_gauge() -> None:
    """Open watches rise and fall under their labels."""
    metrics = Metrics()
    watch = RequestInfo(
        is_resource_request=True, path="/", verb="watch", resource="pods", api_version="v1"
    )
    gauge = metrics.long_running(watch, "GET", 200)
    gauge.inc()
    assert 'apiserver_longrunning_requests{component="apiserver",group="",' in text(metrics)
    gauge.dec()


@pytest.mark.parametrize("word", ["\udcff", "p\u00f6ds", "x" * 254], ids=["byte", "letter", "long"])
def test_labels_are_names(word: str) -> None:
    """A server that says 200 to anything cannot make a label of it, nor break the exposition."""
    metrics = Metrics()
    odd = RequestInfo(is_resource_request=True, path="/", verb="list", resource=word)
    metrics.request(odd, "GET", code=200, seconds=0.0)
    assert 'resource="other"' in text(metrics)


@pytest.mark.parametrize(
    ("method", "verb", "members", "dry_run", "labels"),
    [
        ("GET", "list", {}, (), {"verb": "LIST", "scope": "cluster"}),
        ("POST", "create", {}, (), {"verb": "POST", "scope": "resource"}),
        (
            "PATCH",
            "patch",
            {"name": "p", "subresource": "status"},
            ("All",),
            {"verb": "PATCH", "scope": "resource", "subresource": "status", "dry_run": "All"},
        ),
    ],
)
def test_dropped_requests(
    method: str,
    verb: str,
    members: dict[str, str],
    dry_run: tuple[str, ...],
    labels: dict[str, str],
) -> None:
    """Requests that the server has no room for count under 429 (endpoints/metrics metrics_test.go)."""
    metrics = Metrics()
    asked = RequestInfo(
        is_resource_request=True,
        path="/",
        verb=verb,
        api_version="v1",
        resource="pods",
        **members,  # type: ignore[arg-type]
    )
    metrics.request(asked, method, code=200, seconds=0.0)
    metrics.request(asked, method, code=429, seconds=0.0, dry_run=dry_run)
    wanted = {
        "verb": "",
        "dry_run": "",
        "group": "",
        "version": "v1",
        "resource": "pods",
        "subresource": "",
        "scope": "",
        "component": "apiserver",
        "code": "429",
        **labels,
    }
    assert metrics.registry.get_sample_value("apiserver_request_total", wanted) == 1


def test_exec_is_counted_as_connect() -> None:
    """A switched connection has the labels that kube-apiserver gives it: CONNECT and code 0."""
    metrics = Metrics()
    asked = RequestInfo(
        is_resource_request=True,
        path="/",
        verb="create",
        api_version="v1",
        namespace="d",
        resource="pods",
        name="p",
        subresource="exec",
    )
    metrics.request(asked, "GET", code=101, seconds=1.0)
    line = 'code="0",component="apiserver",dry_run="",group="",resource="pods",scope="resource",'
    assert f'{line}subresource="exec",verb="CONNECT",version="v1"' in text(metrics)


def test_watch_of_one_object() -> None:
    """watch= counts for the verb label whatever the request is for."""
    metrics = Metrics()
    metrics.request(PODS, "GET", code=200, seconds=0.0, watch=("1",))
    assert 'verb="WATCH"' in text(metrics)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "apiserver_audit_event_total",
            "Counter of audit events generated and sent to the audit backend.",
        ),
        (
            "apiserver_audit_error_total",
            "Counter of audit events that failed to be audited properly. "
            "Plugin identifies the plugin affected by the error.",
        ),
        (
            "apiserver_audit_level_total",
            "Counter of policy levels for audit events (1 per request).",
        ),
        (
            "apiserver_audit_requests_rejected_total",
            "Counter of apiserver requests rejected due to an error in audit logging backend.",
        ),
    ],
)
def test_help(name: str, words: str) -> None:
    """The audit metrics explain themselves in kube-apiserver's words."""
    assert f"# HELP {name} [ALPHA] {words}\n" in text(Metrics())


def test_buckets() -> None:
    """The histogram has kube-apiserver's buckets, so that quantiles compare."""
    assert len(DURATION_BUCKETS) == 23
    assert (DURATION_BUCKETS[0], DURATION_BUCKETS[9], DURATION_BUCKETS[-1]) == (0.005, 1.25, 60)
    assert list(DURATION_BUCKETS) == sorted(DURATION_BUCKETS)
