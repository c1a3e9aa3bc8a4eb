"""``?timeout=``: how long a request may take (apiserver endpoints/filters/request_deadline.go)."""

from auditproxy.request.target import Target
from auditproxy.serializer.duration import parse_duration
from auditproxy.serializer.errors import GoDurationError


class TimeoutParameterError(ValueError):
    """The parameter is no duration; the text is the message of kube-apiserver's 400."""


def request_deadline(target: Target, maximum: int) -> int:
    """The nanoseconds that a request may take, from its receipt on.

    Nothing, zero, a negative value and more than ``maximum`` mean the maximum.
    Raises TimeoutParameterError. Not to be asked for long-running requests.
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
