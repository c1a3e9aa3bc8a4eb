"""What was copied of one request and its answer; the events are made from it."""

import msgspec

from auditproxy.audit.refusals.refusal import Stop
from auditproxy.request.resolution import NO_TARGET
from auditproxy.request.target import Target
from auditproxy.serializer.budget import Budget


class Captured(msgspec.Struct):
    """What was copied of one request and its answer; a body is None if ``missing`` has the reason.

    ``request_limit`` is the maximum size of the request's body when decompressed; the budgets
    limit the cost of reading each body, None for a body without a copy. ``content_length`` is
    the Content-Length of a HEAD's answer, -1 without one. ``accept`` is the client's Accept
    header. ``is_relayed``: kube-apiserver received the answer from another server. ``stop`` is
    how far the server got with the request.
    """

    request_content_type: str = ""
    request_content_encoding: str = ""
    request_body: bytes | None = b""
    request_missing: str = ""
    request_limit: int = 0
    request_complete: bool = False
    code: int = 0
    content_type: str = ""
    content_encoding: str = ""
    content_length: int = -1
    warnings: tuple[str, ...] = ()
    response_body: bytes | None = b""
    response_missing: str = ""
    response_complete: bool = False
    no_sniff: bool = False
    is_relayed: bool = False
    head_request: bool = False
    request_budget: Budget | None = None
    response_budget: Budget | None = None
    accept: str = ""
    target: Target = NO_TARGET
    stop: Stop = Stop.HANDLED
