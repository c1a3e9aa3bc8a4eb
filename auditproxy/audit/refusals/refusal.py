"""A request that the upstream refused, and the checks of kube-apiserver that may have done it."""

from dataclasses import dataclass
from enum import IntEnum

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.status import Status
from auditproxy.audit.mediatypes import base_type
from auditproxy.request.target import Query
from auditproxy.serializer.budget import Budget


class Stop(IntEnum):
    """The checks of kube-apiserver in their order; HANDLED is behind those before decoding."""

    AUTHENTICATION = 1
    IMPERSONATION = 2
    FLOW_CONTROL = 3
    AUTHORIZER_ERROR = 4
    AUTHORIZATION = 5
    ROUTE = 6
    NEGOTIATION = 7
    BODY_LIMIT = 8
    QUERY_OPTIONS = 9
    DECODING = 10
    HANDLED = 11


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer of 400 and above, and the request that it answers.

    ``username`` is the effective user's. ``body`` is None if there is no copy of it,
    ``status`` if the answer has none that is readable; ``text`` is then its first bytes.
    ``budget`` limits the cost of reading the body.
    ``is_relayed``: the answer is that of another server, behind kube-apiserver.
    """

    info: RequestInfo
    username: str
    query: Query
    content_type: str
    body: bytes | None
    code: int
    answer_type: str
    no_sniff: bool
    status: Status | None
    is_relayed: bool = False
    text: bytes = b""
    budget: Budget | None = None

    @property
    def message(self) -> str:
        """What the Status says, nothing without one."""
        return self.status.message if self.status is not None else ""

    @property
    def is_plain(self) -> bool:
        """Whether the answer is plain text, which no handler of a resource writes."""
        return base_type(self.answer_type) == "text/plain"

    @property
    def is_proxied(self) -> bool:
        """Whether the answer may be that of a pod, a service or a node, which choose all of it."""
        info = self.info
        return info.is_resource_request and "proxy" in (info.verb, info.subresource)
