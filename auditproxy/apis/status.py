"""metav1.Status, the value of every refusal: the answer's body and the event's responseStatus.

Member order and omission follow k8s.io/apimachinery meta/v1 types.go.
"""

from typing import Any

import msgspec

from auditproxy.apis.attributes import Attributes
from auditproxy.apis.gotext import go_quote, html_sanitize


class StatusCause(msgspec.Struct, frozen=True, omit_defaults=True):
    """One field's part in a failure."""

    reason: str = ""
    message: str = ""
    field: str = ""


class StatusDetails(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What the failure is about; an empty one is emitted as ``{}``."""

    name: str = ""
    group: str = ""
    kind: str = ""
    uid: str = ""
    causes: tuple[StatusCause, ...] = ()
    retry_after_seconds: int = msgspec.field(default=0, name="retryAfterSeconds")


class Status(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A result of the API; ``metadata`` is always emitted, as Go's struct is.

    kind and apiVersion are not members: responseStatus never shows them, and
    ``status_object`` in serializer/json.py writes them in front for an answer.
    """

    metadata: dict[str, Any]
    status: str = ""
    message: str = ""
    reason: str = ""
    details: StatusDetails | None = None
    code: int = 0


def failure(code: int, reason: str, message: str, details: StatusDetails | None = None) -> Status:
    """A Status that says what went wrong."""
    return Status(
        metadata={}, status="Failure", message=message, reason=reason, details=details, code=code
    )


def only_code(code: int) -> Status:
    """The responseStatus of an answer that carried no Status object."""
    return Status(metadata={}, code=code)


def new_unauthorized() -> Status:
    """401 as kube-apiserver words it (apimachinery api/errors NewUnauthorized)."""
    return failure(401, "Unauthorized", "Unauthorized")


def new_bad_request(message: str) -> Status:
    """400 with a text of ours or of kube's."""
    return failure(400, "BadRequest", message)


def new_service_unavailable(message: str) -> Status:
    """503, for an upstream that cannot be reached and for shutdown."""
    return failure(503, "ServiceUnavailable", message)


def new_bad_gateway(message: str) -> Status:
    """502, for an upstream whose answer is not HTTP as we may relay it."""
    return failure(502, "BadGateway", message)


def new_internal_error(message: str) -> Status:
    """500 with a text."""
    return failure(500, "InternalError", message)


def new_timeout() -> Status:
    """504 of the timeout filter (apiserver server/filters/timeout.go)."""
    return failure(
        504,
        "Timeout",
        "Timeout: request did not complete within the allotted timeout",
        StatusDetails(),
    )


def new_request_timeout() -> Status:
    """408 for a body that comes too slowly; kube-apiserver has none and waits for its 504."""
    return failure(408, "Timeout", "the request body arrives too slowly", StatusDetails())


def new_forbidden(attributes: Attributes, reason: str) -> Status:
    """403 for the attributes that were refused (apiserver handlers/responsewriters/errors.go)."""
    message = forbidden_message(attributes, reason)
    group, resource, name = attributes.api_group, attributes.resource, attributes.name
    if not group and not resource:
        return failure(403, "Forbidden", f"forbidden: {message}", StatusDetails())
    group_resource = f"{resource}.{group}" if group else resource
    subject = f"{group_resource} {go_quote(name)}" if name else group_resource
    return failure(
        403,
        "Forbidden",
        f"{subject} is forbidden: {message}",
        StatusDetails(name=name, group=group, kind=resource),
    )


def forbidden_message(attributes: Attributes, reason: str) -> str:
    """The sentence of a refusal, its core HTML-escaped as kube does."""
    username = attributes.user.username if attributes.user else ""
    core = f"User {go_quote(username)} cannot {attributes.verb} "
    if attributes.is_resource_request:
        resource = attributes.resource
        if attributes.subresource:
            resource += f"/{attributes.subresource}"
        core += f"resource {go_quote(resource)} in API group {go_quote(attributes.api_group)} "
        if attributes.namespace:
            core += f"in the namespace {go_quote(attributes.namespace)}"
        else:
            core += "at the cluster scope"
    else:
        core += f"path {go_quote(attributes.path)}"
    core = html_sanitize(core)
    return f"{core}: {reason}" if reason else core
