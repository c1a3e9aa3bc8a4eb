"""Answers of the embedded API server: errors with kube-apiserver's texts, and negotiated forms."""

from dataclasses import dataclass
from typing import Any

from auditproxy.apis.gotext import go_quote
from auditproxy.apis.status import Status, StatusCause, StatusDetails, failure
from auditproxy.embedded.http1 import Response
from auditproxy.embedded.kinds import ResourceType
from auditproxy.serializer.json import encode, status_body

Object = dict[str, Any]
"""An API object as decoded JSON."""

JSON_TYPE = "application/json"


class ApiError(Exception):
    """A request that ends with a Status."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Wanted:
    """The form that Accept asks for: ``kind`` is Table, PartialObjectMetadata, ... or empty."""

    kind: str = ""
    group: str = ""
    version: str = ""


def wanted(accept: str, offered: tuple[Wanted, ...] = ()) -> Wanted:
    """Return the first supported form of an Accept header; raises ApiError (406).

    ``offered`` are the forms beside the object's own one, which is always offered.
    """
    for clause in accept.split(",") if accept.strip() else ("*/*",):
        media, *rest = (part.strip() for part in clause.split(";"))
        if media not in (JSON_TYPE, "application/*", "*/*"):
            continue
        parameters = dict(part.partition("=")[::2] for part in rest)
        form = Wanted(parameters.get("as", ""), parameters.get("g", ""), parameters.get("v", ""))
        if not form.kind:
            return Wanted()
        if form in offered:
            return form
    raise ApiError(
        failure(
            406,
            "NotAcceptable",
            "only the following media types are accepted: application/json",
        )
    )


def answer(value: object, status: int = 200, content_type: str = JSON_TYPE) -> Response:
    """A value as JSON, with the newline that kube-apiserver writes."""
    return Response(status, encode(value) + b"\n", content_type)


def answer_status(status: Status) -> Response:
    """A Status as an answer."""
    headers: tuple[tuple[str, str], ...] = ()
    if status.details is not None and status.details.retry_after_seconds:
        headers = (("Retry-After", str(status.details.retry_after_seconds)),)
    return Response(status.code, status_body(status), headers=headers)


def answer_text(status: int, text: str) -> Response:
    """Return a constant text, like the answers of the mux around the API."""
    headers = (("X-Content-Type-Options", "nosniff"),)
    return Response(status, text.encode(), "text/plain; charset=utf-8", headers)


def success(kind: ResourceType, name: str, uid: str) -> Object:
    """Return the Status of a deletion that completes at once."""
    details = {"name": name, "kind": kind.resource, "uid": uid}
    if kind.group:
        details["group"] = kind.group
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": details,
    }


def _details(kind: ResourceType, name: str) -> StatusDetails:
    return StatusDetails(name=name, group=kind.group, kind=kind.resource)


def not_found(kind: ResourceType, name: str) -> ApiError:
    """404 for an object."""
    message = f"{kind.group_resource} {go_quote(name)} not found"
    return ApiError(failure(404, "NotFound", message, _details(kind, name)))


def no_such_path() -> Response:
    """404 for a path that nothing serves."""
    return answer_text(404, "404 page not found\n")


def method_not_allowed() -> ApiError:
    """405 for a method that a resource does not have."""
    return ApiError(
        failure(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
            StatusDetails(),
        )
    )


def already_exists(kind: ResourceType, name: str) -> ApiError:
    """409 for a second object of the same name."""
    message = f"{kind.group_resource} {go_quote(name)} already exists"
    return ApiError(failure(409, "AlreadyExists", message, _details(kind, name)))


def conflict(kind: ResourceType, name: str, why: str) -> ApiError:
    """409 for an update of an object that has changed since it was read."""
    message = f"Operation cannot be fulfilled on {kind.group_resource} {go_quote(name)}: {why}"
    return ApiError(failure(409, "Conflict", message, _details(kind, name)))


MODIFIED = (
    "the object has been modified; please apply your changes to the latest version and try again"
)


def bad_request(message: str) -> ApiError:
    """400 with a text."""
    return ApiError(failure(400, "BadRequest", message))


def unsupported_media_type(accepted: str) -> ApiError:
    """415 for a body of an unsupported media type."""
    return ApiError(
        failure(
            415,
            "UnsupportedMediaType",
            "the body of the request was in an unknown format - "
            f"accepted media types include: {accepted}",
        )
    )


def expired(message: str) -> Status:
    """410 for a resourceVersion that is too old to watch from."""
    return failure(410, "Expired", message)


@dataclass(frozen=True, slots=True)
class FieldError:
    """Return the cause for an invalid field; ``reason`` is a CauseType of metav1."""

    field: str
    reason: str
    message: str


def required(field: str, detail: str = "") -> FieldError:
    """Return the cause for a missing field."""
    return FieldError(
        field, "FieldValueRequired", f"Required value: {detail}" if detail else "Required value"
    )


def invalid_value(field: str, value: object, detail: str) -> FieldError:
    """Return the cause for a field with an unsupported value."""
    shown = go_quote(value) if isinstance(value, str) else encode(value).decode()
    return FieldError(field, "FieldValueInvalid", f"Invalid value: {shown}: {detail}")


def invalid(kind: ResourceType, name: str, errors: tuple[FieldError, ...]) -> ApiError:
    """422 for an object that is not valid."""
    texts = [f"{error.field}: {error.message}" for error in errors]
    listed = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    causes = tuple(StatusCause(error.reason, error.message, error.field) for error in errors)
    details = StatusDetails(name=name, group=kind.group, kind=kind.kind, causes=causes)
    group_kind = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
    message = f"{group_kind} {go_quote(name)} is invalid: {listed}"
    return ApiError(failure(422, "Invalid", message, details))
