"""Bodies that a log has not: how many, and how large they are by those that it has."""

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.audit import Level
from auditproxy.apis.names import STREAMING_SUBRESOURCES
from auditproxy.audit.policy.simulation.logged import LoggedEvent

MAXIMUM_KINDS = 4096
"""Kinds of bodies, by direction, resource and verb, whose sizes are known or asked for."""

Kind = tuple[str, str, str, str, str]
"""Direction, group, resource, subresource, verb."""

_WITH_REQUEST = frozenset({"create", "update", "patch"})
_ENDS = ("ResponseComplete", "Panic")


class Bodies:
    """Sizes of bodies in a log by their kind."""

    def __init__(self) -> None:
        self._seen: dict[Kind, tuple[int, int]] = {}

    def take(self, event: LoggedEvent, info: RequestInfo) -> None:
        """Read the sizes of one event's bodies."""
        for direction, body in (
            ("request", event.request_object),
            ("response", event.response_object),
        ):
            if body:
                self.add(direction, info, 1, len(body))

    def add(self, direction: str, info: RequestInfo, more: int, bytes_of_them: int) -> None:
        """Count bodies of one kind."""
        kind = _kind(direction, info)
        count, size = self._seen.get(kind, (0, 0))
        if count or len(self._seen) < MAXIMUM_KINDS:
            self._seen[kind] = count + more, size + bytes_of_them

    def mean(self, kind: Kind) -> float | None:
        """The mean size of such a body; None where the log has none."""
        count, size = self._seen.get(kind, (0, 0))
        return size / count if count else None


def _kind(direction: str, info: RequestInfo) -> Kind:
    return direction, info.api_group, info.resource, info.subresource, info.verb


def missing(event: LoggedEvent, info: RequestInfo, level: Level) -> tuple[Kind, ...]:
    """The bodies that an event would have at a level, and has not at its own lower one.

    What has no body at any level is not missing: watches, streams, paths.
    """
    recorded = event.recorded_level
    if level <= recorded or event.stage not in _ENDS or not info.is_resource_request:
        return ()
    if info.verb == "watch" or info.subresource in STREAMING_SUBRESOURCES:
        return ()
    found = []
    if recorded < Level.REQUEST <= level and info.verb in _WITH_REQUEST:
        found.append(_kind("request", info))
    if recorded < Level.REQUEST_RESPONSE <= level:
        found.append(_kind("response", info))
    return tuple(found)
