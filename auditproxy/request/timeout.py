"""``?timeout=``: the deadline of a request (apiserver endpoints/filters/request_deadline.go)."""

from auditproxy.request.target import Target
from auditproxy.serializer.duration import parse_duration
from auditproxy.serializer.errors import GoDurationError


class TimeoutParameterError(ValueError):
    """The parameter is not a valid duration; the text is kube-apiserver's 400 message."""


def request_deadline(target: Target, maximum: int) -> int:
    """Return the nanoseconds that a request may take, counted from its receipt.

    A missing, zero or negative value, and one above ``maximum``, give the maximum.
    Raises TimeoutParameterError. Do not call for long-running requests.
    """
    if not target.raw_query:
        return maximum
    text = target.query.first("timeout")
    if not text:
        return maximum
    try:
        asked = parse_duration(text)
    except GoDurationError as error:
        raise TimeoutParameterError(
            f"invalid timeout specified in the request URL - {error}"
        ) from None
    return asked if 0 < asked < maximum else maximum
