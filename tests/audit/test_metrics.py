"""Metrics: kube-apiserver's names and labels, the accounting, and bounded labels."""

from prometheus_client import generate_latest

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.audit import Level
from auditproxy.audit.metrics import MAXIMUM_RESOURCES, Metrics

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


def test_audit_counters() -> None:
    """Every count goes where it belongs, and generated is written plus dropped."""
    metrics = Metrics()
    value = metrics.registry.get_sample_value
    for _ in range(3):
        metrics.event()
    metrics.written()
    metrics.written()
    metrics.dropped("disk-full", "log")
    metrics.level(Level.METADATA)
    metrics.rejected()
    assert value("apiserver_audit_event_total") == 3
    assert value("auditproxy_audit_events_generated_total") == 3
    assert value("auditproxy_audit_events_written_total") == 2
    assert value("auditproxy_audit_events_dropped_total", {"reason": "disk-full"}) == 1
    assert value("apiserver_audit_error_total", {"plugin": "log"}) == 1
    assert value("apiserver_audit_level_total", {"level": "Metadata"}) == 1
    assert value("apiserver_audit_requests_rejected_total") == 1


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
    metrics.request(invented, "GET", code=404, seconds=0.0)
    metrics.request(invented, "GET", code=403, seconds=0.0)
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


def test_faults() -> None:
    """What went wrong has counters of its own."""
    metrics = Metrics()
    metrics.upstream_error("unreachable")
    metrics.tls_handshake_error()
    metrics.rejected_unparsed(431)
    metrics.log_reopened("deleted")
    exposition = text(metrics)
    assert 'auditproxy_upstream_errors_total{reason="unreachable"} 1.0' in exposition
    assert "apiserver_tls_handshake_errors_total 1.0" in exposition
    assert 'auditproxy_requests_unparsed_total{code="431"} 1.0' in exposition
    assert 'auditproxy_audit_log_reopened_total{reason="deleted"} 1.0' in exposition
