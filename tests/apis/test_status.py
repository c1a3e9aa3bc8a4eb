"""Status: kube-apiserver's texts."""

import msgspec
import pytest

from auditproxy.apis.attributes import Attributes
from auditproxy.apis.status import (
    Status,
    StatusDetails,
    forbidden_message,
    new_bad_gateway,
    new_bad_request,
    new_forbidden,
    new_internal_error,
    new_service_unavailable,
    new_timeout,
    new_unauthorized,
    only_code,
)
from auditproxy.apis.user import UserInfo

NAME = UserInfo(username="NAME")


def resource(verb: str = "get", **members: str) -> Attributes:
    """A resource request of NAME."""
    return Attributes(user=NAME, verb=verb, is_resource_request=True, path="", **members)  # type: ignore[arg-type]


def path(text: str) -> Attributes:
    """A request of NAME for a path."""
    return Attributes(user=NAME, verb="GET", is_resource_request=False, path=text)


@pytest.mark.parametrize(
    ("attributes", "reason", "message"),
    [
        (path("/whatever"), "", 'forbidden: User "NAME" cannot GET path "/whatever"'),
        (path("/<script>"), "", 'forbidden: User "NAME" cannot GET path "/&lt;script&gt;"'),
        (
            resource(resource="pod", name="mypod"),
            "",
            'pod "mypod" is forbidden: User "NAME" cannot get resource "pod" '
            'in API group "" at the cluster scope',
        ),
        (
            resource(resource="pod", subresource="quota", api_group="v2", namespace="test"),
            "",
            'pod.v2 is forbidden: User "NAME" cannot get resource "pod/quota" '
            'in API group "v2" in the namespace "test"',
        ),
        (
            resource(verb="list", resource="pods"),
            "a <reason>",
            'pods is forbidden: User "NAME" cannot list resource "pods" '
            'in API group "" at the cluster scope: a <reason>',
        ),
    ],
)
def test_forbidden(attributes: Attributes, reason: str, message: str) -> None:
    """The rows of apiserver handlers/responsewriters/errors_test.go."""
    status = new_forbidden(attributes, reason)
    assert status.message == message
    assert (status.code, status.reason, status.status) == (403, "Forbidden", "Failure")
    assert message.endswith(forbidden_message(attributes, reason))


def test_forbidden_details() -> None:
    """Details name what was refused; for a path they are empty but there."""
    details = new_forbidden(resource(resource="pods", name="p", api_group="g"), "").details
    assert details == StatusDetails(name="p", group="g", kind="pods")
    assert new_forbidden(path("/"), "").details == StatusDetails()


def test_nobody_is_forbidden() -> None:
    """Without a user the name is empty."""
    attributes = Attributes(user=None, verb="get", is_resource_request=False, path="/x")
    assert new_forbidden(attributes, "").message == 'forbidden: User "" cannot get path "/x"'


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (new_unauthorized(), 401, "Unauthorized"),
        (new_bad_request("m"), 400, "BadRequest"),
        (new_service_unavailable("m"), 503, "ServiceUnavailable"),
        (new_bad_gateway("m"), 502, "BadGateway"),
        (new_internal_error("m"), 500, "InternalError"),
        (new_timeout(), 504, "Timeout"),
        (only_code(200), 200, ""),
    ],
)
def test_codes(status: Status, code: int, reason: str) -> None:
    """Each refusal has its code and reason."""
    assert (status.code, status.reason) == (code, reason)


def test_json() -> None:
    """metadata is always there, empty members are not; details are there when set."""
    assert msgspec.json.encode(only_code(200)) == b'{"metadata":{},"code":200}'
    assert msgspec.json.encode(new_timeout()).endswith(b'"details":{},"code":504}')
    assert b"details" not in msgspec.json.encode(new_unauthorized())
