"""kube-apiserver's labels, row by row as its own test has them (endpoints/metrics/metrics_test.go)."""

import pytest

from auditproxy.apis.attributes import RequestInfo
from auditproxy.audit.request_metrics import clean_dry_run, clean_scope, clean_verb


def info(verb: str = "get", **members: str) -> RequestInfo:
    """A resource request."""
    return RequestInfo(is_resource_request=True, path="/", verb=verb, **members)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("method", "request_info", "content_type", "label"),
    [
        ("", info(""), "", "other"),
        ("GET", info("list", namespace="d"), "", "LIST"),
        ("GET", info("list"), "", "LIST"),
        ("HEAD", info("list"), "", "LIST"),
        ("GET", info("get", name="p"), "", "GET"),
        ("HEAD", info("get", name="p"), "", "GET"),
        ("GET", info("watch"), "", "WATCH"),
        ("GET", info("watch", name="p"), "", "WATCH"),
        ("PATCH", info("patch"), "application/apply-patch+yaml", "APPLY"),
        ("PATCH", info("patch"), "application/merge-patch+json", "PATCH"),
        ("POST", info("create"), "", "POST"),
        ("PUT", info("update", subresource="scale"), "", "PUT"),
        ("DELETE", info("deletecollection"), "", "DELETE"),
        ("OPTIONS", info(""), "", "other"),
        ("FOO", info(""), "", "other"),
        ("GET", info("get", subresource="log"), "", "CONNECT"),
        ("POST", info("create", subresource="exec"), "", "CONNECT"),
        ("POST", info("create", subresource="portforward"), "", "CONNECT"),
        ("GET", info("get", subresource="attach"), "", "CONNECT"),
        ("GET", RequestInfo(is_resource_request=False, path="/healthz", verb="get"), "", "GET"),
    ],
)
def test_clean_verb(method: str, request_info: RequestInfo, content_type: str, label: str) -> None:
    """The verb label follows method, scope, watch and subresource."""
    assert clean_verb(request_info, method, content_type) == label


@pytest.mark.parametrize(
    ("request_info", "scope"),
    [
        (RequestInfo(is_resource_request=False, path="", verb=""), ""),
        (info(name="p", namespace="d"), "resource"),
        (info("create", namespace="d"), "resource"),
        (info("list", namespace="d"), "namespace"),
        (info("list"), "cluster"),
    ],
)
def test_clean_scope(request_info: RequestInfo, scope: str) -> None:
    """A name or a create is a resource, then a namespace, then the cluster."""
    assert clean_scope(request_info) == scope


@pytest.mark.parametrize(
    ("values", "label"),
    [
        ((), ""),
        (("",), ""),
        (("All",), "All"),
        (("x",), "invalid"),
        (("All", "x"), "All,invalid"),
        (("All", "All"), "All"),
    ],
)
def test_clean_dry_run(values: tuple[str, ...], label: str) -> None:
    """Known values stay, others are one word, several are sorted."""
    assert clean_dry_run(values) == label
