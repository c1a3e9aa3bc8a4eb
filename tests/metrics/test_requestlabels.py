"""kube-apiserver's labels, row by row as its own test has them (endpoints/metrics/metrics_test.go)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.attributes import RequestInfo
from auditproxy.metrics.requestlabels import (
    clean_code,
    clean_dry_run,
    clean_scope,
    clean_verb,
    is_served,
)


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
        ("GET", info("watch", subresource="log"), "", "CONNECT"),
        ("WATCHLIST", info("watchlist"), "", "WATCH"),
        ("GET", info("watchlist", namespace="d"), "", "WATCH"),
        ("HEAD", info("watch"), "", "LIST"),
        ("notValid", info("notValid"), "", "other"),
        ("POST", info("create"), "application/apply-patch+yaml", "POST"),
        ("PATCH", info("patch"), "application/apply-patch+yaml; charset=utf-8", "PATCH"),
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
        (("",), "invalid"),
        (("All",), "All"),
        (("x",), "invalid"),
        (("All", "x"), "invalid"),
        (("All", ""), "invalid"),
        (("all",), "invalid"),
        (("All", "All"), "All"),
    ],
)
def test_clean_dry_run(values: tuple[str, ...], label: str) -> None:
    """One word when all values are that word, another for whatever else is given."""
    assert clean_dry_run(values) == label


@pytest.mark.parametrize(
    ("method", "request_info", "watch", "label"),
    [
        ("GET", info("list"), ("true",), "WATCH"),
        ("GET", info("get", name="p", namespace="d"), ("true",), "WATCH"),
        ("GET", info("get", name="p"), ("",), "WATCH"),
        ("GET", info("get", name="p"), ("x", "false"), "WATCH"),
        ("GET", info("list"), ("false", "true"), "LIST"),
        ("GET", info("list"), ("False",), "LIST"),
        ("GET", info("list"), ("0",), "LIST"),
        ("GET", info("list"), (), "LIST"),
        ("GET", info("watch", namespace="d"), (), "WATCH"),
        ("HEAD", info("list"), ("true",), "LIST"),
        ("POST", info("create"), ("true",), "POST"),
        ("GET", info("get", subresource="log"), ("true",), "CONNECT"),
    ],
)
def test_watch(method: str, request_info: RequestInfo, watch: tuple[str, ...], label: str) -> None:
    """The first value of ?watch= makes a GET a WATCH, and so does the path of an old one."""
    assert clean_verb(request_info, method, "", watch) == label


def test_clean_code() -> None:
    """Codes are decimal; exec over a switched connection is 0, as in kube-apiserver."""
    assert [clean_code(code) for code in (200, 404, 0, 101)] == ["200", "404", "0", "0"]


@pytest.mark.parametrize("code", [101, 200, 201, 304, 409, 410, 422])
def test_is_served(code: int) -> None:
    """Answers that only a server gives that knows the resource."""
    assert is_served(code)


@pytest.mark.parametrize(
    "code", [0, 301, 302, 400, 401, 403, 404, 405, 413, 429, 500, 502, 503, 504]
)
def test_is_not_served(code: int) -> None:
    """Answers that an invented path can have."""
    assert not is_served(code)


@given(
    method=st.text(max_size=12),
    verb=st.text(max_size=12),
    content_type=st.text(max_size=12),
    watch=st.lists(st.text(max_size=5)).map(tuple),
    dry_run=st.lists(st.text(max_size=5)).map(tuple),
    subresource=st.text(max_size=8),
)
def test_labels_are_a_few_words(
    method: str,
    verb: str,
    content_type: str,
    watch: tuple[str, ...],
    dry_run: tuple[str, ...],
    subresource: str,
) -> None:
    """Whatever a client sends, these labels are of a closed set."""
    asked = info(verb, subresource=subresource)
    assert clean_verb(asked, method, content_type, watch) in {
        "APPLY", "CONNECT", "CREATE", "DELETE", "DELETECOLLECTION", "GET", "LIST", "PATCH", "POST",
        "PROXY", "PUT", "UPDATE", "WATCH", "other",
    }  # fmt: skip
    assert clean_dry_run(dry_run) in {"", "All", "invalid"}
    assert clean_scope(asked) in {"", "resource", "namespace", "cluster"}
