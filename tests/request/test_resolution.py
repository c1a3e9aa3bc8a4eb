"""What a head asks for, or why it must not go on."""

import pytest

from auditproxy.apis.status import failure
from auditproxy.request.frontproxyheaders import NO_FRONT_PROXY
from auditproxy.request.headers import ClientHeaders
from auditproxy.request.resolution import LONGEST_REFUSED, LONGEST_TARGET, Resolution, resolve
from auditproxy.request.selectors import LONGEST_SELECTORS


def resolved(method: str, raw: bytes, *lines: tuple[bytes, bytes], fault: int = 0) -> Resolution:
    """What is read of a request for our host."""
    headers = ClientHeaders(((b"Host", b"h"), *lines))
    refused = failure(fault, "", "before") if fault else None
    return resolve(method, raw, headers, fault=refused, front_proxy=NO_FRONT_PROXY)


def test_resource() -> None:
    """A path of the API has a RequestInfo and its own requestURI."""
    found = resolved("GET", b"/api/v1/namespaces/n/pods/p/exec?command=ls")
    assert found.fault is None
    assert (found.info.namespace, found.info.name, found.info.subresource) == ("n", "p", "exec")
    assert found.request_uri == "/api/v1/namespaces/n/pods/p/exec?command=ls"
    assert found.long_running


@pytest.mark.parametrize(
    ("method", "raw", "code", "shown"),
    [
        ("GET", b"https://alice:PASSWORD@h/api/v1/pods", 400, "/api/v1/pods"),
        ("OPTIONS", b"*", 400, "*"),
        ("GET", b"/" + b"x" * LONGEST_TARGET, 414, "/" + "x" * (LONGEST_REFUSED - 1)),
    ],
)
def test_refused_targets(method: str, raw: bytes, code: int, shown: str) -> None:
    """What is not served is shown without secrets, and not all of a long one."""
    found = resolved(method, raw)
    assert found.fault is not None
    assert (found.fault.code, found.request_uri) == (code, shown)
    assert found.is_shortened == (len(raw) > LONGEST_REFUSED)


def test_a_head_that_is_refused_already() -> None:
    """Its target is read no further than to be shown."""
    found = resolved("GET", b"/api/v1/pods", fault=505)
    assert found.fault is not None
    assert (found.fault.code, found.request_uri) == (505, "/api/v1/pods")
    assert not found.info.is_resource_request


def test_a_path_without_meaning() -> None:
    """kube-apiserver's plain 500, for which the words are given."""
    found = resolved("GET", b"/api/v1/watch")
    assert found.fault is not None
    assert found.fault.code == 500
    assert found.unresolvable.startswith("failed to create RequestInfo: ")
    assert found.request_uri == "/api/v1/watch"


@pytest.mark.parametrize(
    ("query", "verb"), [(b"", "list"), (b"&watch=0", "list"), (b"&watch=true", "watch")]
)
def test_long_selectors(query: bytes, verb: str) -> None:
    """A name that is not looked for leaves all that the path says to the policy and the event."""
    long = b"?fieldSelector=metadata.name%3Dp&labelSelector=" + b"a" * LONGEST_SELECTORS + query
    found = resolved("GET", b"/apis/apps/v1/namespaces/n/deployments" + long)
    assert found.fault is not None
    assert found.fault.code == 414
    info = found.info
    assert (info.api_group, info.namespace, info.resource) == ("apps", "n", "deployments")
    assert (info.verb, info.name, info.path) == (verb, "", "/apis/apps/v1/namespaces/n/deployments")


def test_headers_that_must_not_go_on() -> None:
    """A header nobody may send refuses a request whose target is known."""
    found = resolved("GET", b"/api/v1/pods", (b"Impersonate-Nonsense", b"x"))
    assert found.fault is not None
    assert found.fault.code == 400
    assert found.info.resource == "pods"
