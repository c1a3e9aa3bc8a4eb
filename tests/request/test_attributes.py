"""Attributes: what the policy and an authorizer are asked about.

The rows are those of apiserver endpoints/filters/authorization_test.go TestGetAuthorizerAttributes.
"""

import pytest

from auditproxy.apis.attributes import Attributes, SelectorRequirement
from auditproxy.apis.user import UserInfo
from auditproxy.request.attributes import attributes
from auditproxy.request.requestinfo import resolve
from auditproxy.request.selectors import LONGEST_SELECTORS
from auditproxy.request.target import parse_target

JOBS = "/apis/batch/v1/namespaces/myns/jobs"
FOO_IS_BAR = (SelectorRequirement("foo", "In", ("bar",)),)


def attributes_of(method: str, target: str, user: UserInfo | None = None) -> Attributes:
    """The attributes of a request."""
    return attributes(user, resolve(method, parse_target(method, target.encode())))


@pytest.mark.parametrize(
    ("method", "path", "verb"),
    [("POST", "/", "post"), ("GET", "/api/", "get"), ("GET", "/apis/extensions/", "get")],
)
def test_non_resource(method: str, path: str, verb: str) -> None:
    """Of what is no resource only verb and path are told."""
    assert attributes_of(method, path) == Attributes(
        user=None, verb=verb, is_resource_request=False, path=path
    )


def test_resource() -> None:
    """A cluster's resource."""
    assert attributes_of("POST", "/api/v1/nodes/mynode") == Attributes(
        user=None,
        verb="create",
        is_resource_request=True,
        path="/api/v1/nodes/mynode",
        api_version="v1",
        resource="nodes",
        name="mynode",
    )


def test_namespaced_resource() -> None:
    """A namespace's resource, with a subresource."""
    path = "/api/v1/namespaces/myns/pods/mypod/status"
    assert attributes_of("PUT", path) == Attributes(
        user=None,
        verb="update",
        is_resource_request=True,
        path=path,
        namespace="myns",
        api_version="v1",
        resource="pods",
        subresource="status",
        name="mypod",
    )


@pytest.mark.parametrize(
    ("query", "fields", "labels"),
    [
        ("", (), ()),
        ("?fieldSelector%=foo%3Dbar", (), ()),
        ("?labelSelector%=foo%3Dbar", (), ()),
        ("?fieldSelector=foo%3D%3Dbar", FOO_IS_BAR, ()),
        ("?labelSelector=foo%3D%3Dbar", (), FOO_IS_BAR),
        ("?fieldSelector=%2Abar", (), ()),
        ("?labelSelector=%2Abar", (), ()),
        # A selector that is not readable does not take the other one along.
        ("?fieldSelector=%2Abar&labelSelector=foo%3Dbar", (), FOO_IS_BAR),
        ("?fieldSelector=foo%3Dbar&labelSelector=%2Abar", FOO_IS_BAR, ()),
        ("?labelSelector=foo%3Dbar,x%3E1", (), FOO_IS_BAR),
        # Long ones are read each time, with the same result.
        (f"?labelSelector=foo%20in%20({',' * 600}bar)", (), None),
    ],
)
def test_group_resource_with_selectors(
    query: str,
    fields: tuple[SelectorRequirement, ...],
    labels: tuple[SelectorRequirement, ...] | None,
) -> None:
    """Selectors become requirements; one that is not readable counts as none."""
    if labels is None:
        labels = (SelectorRequirement("foo", "In", ("", "bar")),)
    for _ in range(2):
        assert attributes_of("GET", JOBS + query) == Attributes(
            user=None,
            verb="list",
            is_resource_request=True,
            path=JOBS,
            namespace="myns",
            api_group="batch",
            api_version="v1",
            resource="jobs",
            field_selector=fields,
            label_selector=labels,
        )


def test_name_of_a_field_selector() -> None:
    """The name that a field selector gives is the object's name, beside the requirement."""
    found = attributes_of("GET", f"{JOBS}?fieldSelector=metadata.name%3Dx")
    assert found.name == "x"
    assert found.field_selector == (SelectorRequirement("metadata.name", "In", ("x",)),)


def test_user() -> None:
    """The user is taken as given, for resources and others."""
    alice = UserInfo(username="alice", groups=("dev",))
    assert attributes_of("GET", "/healthz", alice).user is alice
    assert attributes_of("GET", JOBS, alice).user is alice


def test_selectors_that_are_not_read() -> None:
    """B8: the policy needs none, and a review is asked without those that are too long."""
    target = parse_target("GET", f"{JOBS}?labelSelector=foo%3Dbar".encode())
    info = resolve("GET", target)
    assert attributes(None, info).label_selector == FOO_IS_BAR
    assert attributes(None, info, selectors=False).label_selector == ()
    for length, found in ((LONGEST_SELECTORS, True), (LONGEST_SELECTORS + 1, False)):
        text = ("a," * length)[: length - 1] + "b"
        long = resolve("GET", parse_target("GET", f"{JOBS}?labelSelector={text}".encode()))
        assert bool(attributes(None, long).label_selector) is found
