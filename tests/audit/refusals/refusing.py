"""Refusals for tests: what jane asked for, and what she was told."""

from typing import Any

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.status import StatusDetails, failure
from auditproxy.audit.refusals.refusal import Refusal
from auditproxy.request.requestinfo import resolve
from auditproxy.request.target import parse_target

REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
}
MAPS = "/api/v1/namespaces/n/configmaps"


def info_of(method: str, target: str) -> RequestInfo:
    """What a method and a target mean."""
    return resolve(method, parse_target(method, target.encode()))


def refusal(
    code: int,
    message: str | None,
    method: str = "POST",
    target: str = MAPS,
    *,
    details: StatusDetails | None = None,
    body: bytes | None = b"{}",
    **members: Any,
) -> Refusal:
    """A refused request of jane's; without a message the answer holds no Status."""
    status = None if message is None else failure(code, REASONS.get(code, ""), message, details)
    given = {
        "username": "jane",
        "content_type": "application/json",
        "answer_type": "application/json",
        "no_sniff": False,
        **members,
    }
    return Refusal(
        info=info_of(method, target),
        query=parse_target(method, target.encode()).query,
        body=body,
        code=code,
        status=status,
        **given,
    )
