"""Resolve a request's head: its target and RequestInfo, or why it must be refused.

Refused requests also get the part of the requestURI that their event may show.
"""

from dataclasses import dataclass

import msgspec

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.status import Status, failure, new_bad_request
from auditproxy.request import requestinfo
from auditproxy.request.frontproxyheaders import FrontProxyHeaders
from auditproxy.request.headers import ClientHeaders
from auditproxy.request.target import Target, TargetError, parse_target, refused_uri

LONGEST_TARGET = 128 * 1024
"""Bytes of a request target; parsing a longer one would block other requests."""

LONGEST_REFUSED = 4096
"""Bytes of a refused target shown in its event, since unauthenticated clients can send one."""

NO_TARGET = parse_target("GET", b"/")
"""Placeholder for a target that must not be parsed."""


@dataclass(slots=True)
class Resolution:
    """The result; ``fault`` is the Status to refuse the request with.

    ``unresolvable`` is kube-apiserver's plain text for a path without a RequestInfo.
    """

    target: Target
    info: RequestInfo
    request_uri: str = ""
    long_running: bool = False
    is_shortened: bool = False
    fault: Status | None = None
    unresolvable: str = ""


def resolve(
    method: str,
    raw: bytes,
    headers: ClientHeaders,
    *,
    fault: Status | None,
    front_proxy: FrontProxyHeaders,
) -> Resolution:
    """Resolve a request target; ``fault`` is the Status if the head was already refused."""
    plain = RequestInfo(is_resource_request=False, path="", verb=method.lower())
    found = Resolution(NO_TARGET, plain)
    if fault is None and len(raw) > LONGEST_TARGET:
        fault = failure(414, "", f"the request target is longer than {LONGEST_TARGET} bytes")
    if fault is not None:
        return _refused(found, method, raw, fault)
    try:
        target = found.target = parse_target(method, raw)
    except TargetError as error:
        fault = new_bad_request(f"the request target is refused: {error}")
        return _refused(found, method, raw, fault)
    if raw == b"*" or not (method == "CONNECT" or target.is_for(headers.get("host"))):
        fault = new_bad_request("the request target is not a path of this host")
        return _refused(found, method, raw, fault)
    found.request_uri = target.request_uri
    try:
        found.info = requestinfo.resolve(method, target)
    except requestinfo.RequestInfoError as error:
        found.fault = Status(metadata={}, code=500)
        found.unresolvable = f"failed to create RequestInfo: {error}"
        return found
    except requestinfo.LongSelectorsError as error:
        # All but the name is in the path: the policy and the event need it.
        path = requestinfo.resolve(method, parse_target(method, raw.partition(b"?")[0]))
        found.info = msgspec.structs.replace(path, verb=error.verb)
        found.fault = failure(414, "", str(error))
        return found
    found.long_running = requestinfo.is_long_running(found.info)
    if (header_fault := headers.fault(front_proxy)) is not None:
        found.fault = new_bad_request(header_fault)
    return found


def _refused(found: Resolution, method: str, raw: bytes, fault: Status) -> Resolution:
    """Set what the event shows of a refused target: no secrets, and a bounded length."""
    shown = refused_uri(method, raw)
    if len(shown) > LONGEST_REFUSED:
        shown = shown[:LONGEST_REFUSED]
        found.is_shortened = True
    found.request_uri = shown.decode("utf-8", "surrogateescape")
    found.fault = fault
    return found
