"""Resolve a request's head: its target and RequestInfo, or why it must be refused.

Refused requests also get the part of the requestURI that their event may show.

    KnownTargets.resolve -- (seen before) --> the same Resolution
                         \\--otherwise--> resolve
"""

from typing import Any

import msgspec

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.memo import Memo
from auditproxy.apis.status import Status, failure, new_bad_request
from auditproxy.request import requestinfo
from auditproxy.request.frontproxyheaders import FrontProxyHeaders
from auditproxy.request.headers import ClientHeaders
from auditproxy.request.target import Target, TargetError, parse_target, refused_uri

LONGEST_TARGET = 128 * 1024
"""Bytes of a request target; parsing a longer one would block other requests."""

LONGEST_REFUSED = 4096
"""Bytes of a refused target shown in its event, since unauthenticated clients can send one."""

MAXIMUM_TARGETS = 4096
"""Targets without a query that are remembered, for all connections."""

MAXIMUM_QUERIES = 32
"""Targets with a query that one connection remembers."""

LONGEST_REMEMBERED = 256
"""Characters of a method and a target that are remembered."""

MOST_PARTS = 16
"""Parameters of a query that is remembered, and items of lists in it: each costs some hundred
bytes, however short it is."""

NO_TARGET = parse_target("GET", b"/")
"""Placeholder for a target that must not be parsed."""


class Resolution(msgspec.Struct, frozen=True, gc=False):
    """The result, shared by all requests with the target; ``fault`` is the Status to refuse with.

    ``unresolvable`` is kube-apiserver's plain text for a path without a RequestInfo. ``dry_run``
    and ``watch`` are the values of these parameters.
    """

    target: Target
    info: RequestInfo
    request_uri: str = ""
    long_running: bool = False
    is_shortened: bool = False
    fault: Status | None = None
    unresolvable: str = ""
    dry_run: tuple[str, ...] = ()
    watch: tuple[str, ...] = ()


NOT_RESOLVED = Resolution(NO_TARGET, RequestInfo(is_resource_request=False, path="", verb=""))
"""Placeholder until a target is resolved."""

TargetMemo = Memo[tuple[str, str], Resolution]
"""Resolutions by method and target."""


class KnownTargets:
    """Resolves targets, and remembers those that no header and no authority had a say in.

    What is without a query is remembered here, for all connections; a query may hold a secret, so
    one is remembered by its connection alone, in the memo that it brings.
    """

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: TargetMemo = Memo(MAXIMUM_TARGETS)

    def resolve(
        self,
        method: str,
        text: str,
        headers: ClientHeaders,
        *,
        queries: TargetMemo,
        fault: Status | None,
        front_proxy: FrontProxyHeaders,
    ) -> Resolution:
        """Return what ``resolve`` does; ``text`` is the target with surrogates for other bytes."""
        known = queries if "?" in text else self._known
        if fault is None:
            found = known.get((method, text))
            if found is not None and headers.fault(front_proxy) is None:
                return found
        raw = text.encode("utf-8", "surrogateescape")
        found = resolve(method, raw, headers, fault=fault, front_proxy=front_proxy)
        if found.fault is not None or found.target.authority is not None:
            return found
        if len(method) + len(text) > LONGEST_REMEMBERED:
            return found
        if known is queries and _parts(text) > MOST_PARTS:
            return found
        return known.remember((method, text), found)


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
    if fault is None and len(raw) > LONGEST_TARGET:
        fault = failure(414, "", f"the request target is longer than {LONGEST_TARGET} bytes")
    if fault is not None:
        return _refused(NO_TARGET, plain, method, raw, fault)
    try:
        target = parse_target(method, raw)
    except TargetError as error:
        fault = new_bad_request(f"the request target is refused: {error}")
        return _refused(NO_TARGET, plain, method, raw, fault)
    if raw == b"*" or not (method == "CONNECT" or target.is_for(headers.get("host"))):
        fault = new_bad_request("the request target is not a path of this host")
        return _refused(target, plain, method, raw, fault)
    try:
        info = requestinfo.resolve(method, target)
    except requestinfo.RequestInfoError as error:
        return _resolution(
            target,
            plain,
            target.request_uri,
            fault=Status(metadata={}, code=500),
            unresolvable=f"failed to create RequestInfo: {error}",
        )
    except requestinfo.LongSelectorsError as error:
        # All but the name is in the path: the policy and the event need it.
        path = requestinfo.resolve(method, parse_target(method, raw.partition(b"?")[0]))
        info = msgspec.structs.replace(path, verb=error.verb)
        return _resolution(target, info, target.request_uri, fault=failure(414, "", str(error)))
    header_fault = headers.fault(front_proxy)
    return _resolution(
        target,
        info,
        target.request_uri,
        long_running=requestinfo.is_long_running(info),
        fault=None if header_fault is None else new_bad_request(header_fault),
    )


def _parts(query: str) -> int:
    """Parameters of a query and items of lists in it, or more."""
    return 1 + sum(query.count(mark) for mark in ("&", ",", "%2C", "%2c"))


def _refused(
    target: Target, info: RequestInfo, method: str, raw: bytes, fault: Status
) -> Resolution:
    """Return what the event shows of a refused target: no secrets, and a bounded length."""
    shown = refused_uri(method, raw)
    is_shortened = len(shown) > LONGEST_REFUSED
    uri = shown[:LONGEST_REFUSED].decode("utf-8", "surrogateescape")
    return _resolution(target, info, uri, is_shortened=is_shortened, fault=fault)


def _resolution(target: Target, info: RequestInfo, request_uri: str, **more: Any) -> Resolution:
    """Return a Resolution with what is read of the query."""
    if target.raw_query:
        query = target.query
        more |= {"dry_run": query.values("dryRun"), "watch": query.values("watch")}
    return Resolution(target, info, request_uri, **more)
