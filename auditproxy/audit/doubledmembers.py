"""What is recorded of a request's body in which members stand twice."""

from auditproxy.apis.attributes import RequestInfo
from auditproxy.audit.refusals.handlers import BUILTIN_GROUPS
from auditproxy.serializer import doubled
from auditproxy.serializer.budget import Budget

REQUEST_OBJECT_DOUBLED = "auditproxy.io/request-object-doubled-members"
MERGED = "merged as kube-apiserver decodes them"
LAST = "the last of each is shown"
TOO_MANY = "too many values to merge: recorded as it was sent, as a string"


def each_once(
    info: RequestInfo, body: bytes, budget: Budget | None, *, may_be_canonical: bool = True
) -> tuple[bytes | None, str]:
    """Return a JSON body as the server decodes it, and a note if other readers see another object.

    Duplicate members are merged in objects of a Go type; custom resources keep the last one.
    The body is None if it has too many values to merge: showing the last of each would hide
    what the server decodes. ``may_be_canonical`` is false for a body that is known not to be.
    Raises the budget's error.
    """
    if may_be_canonical and doubled.canonical_value(body) is not doubled.NOT_CANONICAL:
        return body, ""
    if not doubled.is_doubled(body, budget):
        return body, ""
    deleting = info.verb in ("delete", "deletecollection")
    if deleting or info.subresource == "scale" or info.api_group in BUILTIN_GROUPS:
        return (None, TOO_MANY) if doubled.is_countless(body) else (doubled.merged(body), MERGED)
    return body, LAST
