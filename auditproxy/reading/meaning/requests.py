"""Requests: the events of a trail put together by who wrote them, their audit ID and their time.

Pure. One request has up to three events, and each server that saw it writes its own: kube-apiserver
and a proxy in front of it are two witnesses of one request. Nothing is left out for a stage that is
missing: a failed login has ResponseStarted alone, a crash ends in Panic, a watch may be open.

    events of one origin, audit ID and time of arrival    one account of a request
    accounts of other origins with the same ID, target
    and verb, within a minute                             its other witnesses
"""

import msgspec

from auditproxy.apis.audit import Stage
from auditproxy.apis.units import SECOND
from auditproxy.reading.meaning.events import STAGES, TrailEvent, spelled
from auditproxy.reading.meaning.moments import stamp

NATIVE = "native"
_APART = 60 * SECOND
"""Between the clocks of two witnesses of one request, at most."""
_RANK = {stage.value: rank for rank, stage in enumerate(STAGES)}
_LEVELS = {"Metadata": 1, "Request": 2, "RequestResponse": 3}
_ENDS = (Stage.RESPONSE_COMPLETE, Stage.PANIC)


class SeenEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event and where it was read; times are nanoseconds, 0 where the event has none."""

    event: TrailEvent
    received: int
    staged: int
    origin: str = ""
    """The files of one server: rotated ones and the one that is being written have the same."""
    form: str = NATIVE
    line: bytes = b""
    """The bytes that it was read from."""


class TrailRequest:
    """One request: the accounts of its witnesses, the one that says most first.

    An account is the events of one witness in the order of their stages, at least one.
    """

    __slots__ = ("accounts", "last")

    def __init__(self, accounts: tuple[tuple[SeenEvent, ...], ...]) -> None:
        self.accounts = tuple(sorted(accounts, key=_worth))
        self.last = self.accounts[0][-1]
        """The last event of the first account."""

    @property
    def event(self) -> TrailEvent:
        """The last event: it has what the earlier ones have, and more."""
        return self.last.event

    @property
    def received(self) -> int:
        """When the request came, in nanoseconds."""
        return self.last.received or self.last.staged

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages of the first account."""
        return tuple(seen.event.stage for seen in self.accounts[0])

    @property
    def key(self) -> tuple[int, str]:
        """What requests are sorted by."""
        return self.received, self.event.audit_id


def seen_event(
    event: TrailEvent, origin: str = "", form: str = NATIVE, line: bytes = b"", outer: int = 0
) -> SeenEvent:
    """An event with its times read; ``outer`` is the time of what it was wrapped in."""
    received = stamp(event.request_received_timestamp) or 0
    staged = stamp(event.stage_timestamp) or received or outer
    return SeenEvent(
        event=event,
        received=received or staged,
        staged=staged,
        origin=origin,
        form=form,
        line=line,
    )


def joined(events: list[SeenEvent]) -> list[TrailRequest]:
    """The requests of these events, oldest first; of an event that was written twice, one."""
    accounts: dict[tuple[str, str, int], dict[str, SeenEvent]] = {}
    for place, seen in enumerate(events):
        # Without an ID every event is a request of its own.
        number = 0 if seen.event.audit_id else place + 1
        key = (seen.event.audit_id, seen.origin, seen.received + number)
        stages = accounts.setdefault(key, {})
        known = stages.get(seen.event.stage)
        if known is None or _is_later(seen, known):
            stages[seen.event.stage] = seen
    by_id: dict[str, list[tuple[SeenEvent, ...]]] = {}
    for (audit_id, _, _), stages in accounts.items():
        account = tuple(sorted(stages.values(), key=_order))
        by_id.setdefault(audit_id, []).append(account)
    found: list[TrailRequest] = []
    for audit_id, each in by_id.items():
        found += map(TrailRequest, _witnesses(each) if audit_id else [(one,) for one in each])
    return sorted(found, key=lambda request: request.key)


def _is_later(seen: SeenEvent, known: SeenEvent) -> bool:
    """Which of two events of one stage is taken, in whatever order they are read."""
    if seen.staged != known.staged:
        return seen.staged > known.staged
    return spelled(seen.event) > spelled(known.event)


def _witnesses(
    accounts: list[tuple[SeenEvent, ...]],
) -> list[tuple[tuple[SeenEvent, ...], ...]]:
    """Accounts with one ID by the request that they are of: a client may use an ID twice."""
    groups: list[list[tuple[SeenEvent, ...]]] = []
    for account in sorted(accounts, key=lambda one: (one[-1].received, one[-1].origin)):
        for group in groups:
            if _is_twin(group, account):
                group.append(account)
                break
        else:
            groups.append([account])
    return [tuple(group) for group in groups]


def _is_twin(group: list[tuple[SeenEvent, ...]], account: tuple[SeenEvent, ...]) -> bool:
    first, last = group[0][-1], account[-1]
    return (
        all(one[-1].origin != last.origin for one in group)
        and last.received - first.received <= _APART
        and first.event.verb == last.event.verb
        and _path(first) == _path(last)
    )


def _path(seen: SeenEvent) -> str:
    return seen.event.request_uri.partition("?")[0]


def _order(seen: SeenEvent) -> tuple[int, int, str]:
    return _RANK.get(seen.event.stage, 0), seen.staged, seen.event.stage


def _worth(account: tuple[SeenEvent, ...]) -> tuple[bool, int, int, str]:
    """An account that has no end last, then the one that recorded less."""
    last = account[-1]
    level = _LEVELS.get(last.event.level, 0)
    return last.event.stage not in _ENDS, -level, last.received, last.origin
