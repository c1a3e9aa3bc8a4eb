"""Pairing: the requests that two trails have of one key, put side by side.

Pure. Records come in the order of their keys, and of their times within a key. A client may use an
audit ID again, so a pair is of one time too: a direct request with the audit ID of one that went
through the proxy is a request of its own, at the same microsecond too if anything else differs.
"""

import itertools
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from urllib.parse import parse_qsl

import msgspec

CLOSED_EARLY = "Connection closed early"
"""The message of an event whose client left, as kube-apiserver and the proxy write it."""
MOST_OF_ONE_KEY = 100_000
"""Records of one key that are put side by side together."""
_SECOND = 1_000_000


class SideRecord(msgspec.Struct, frozen=True, array_like=True):
    """One request in one of the trails; times are microseconds, None where there is none."""

    is_ours: bool
    key: str
    audit_id: str | None
    received: int
    ended: int
    username: str | None
    impersonated: str | None
    verb: str | None
    uri: str | None
    code: int | None
    peer: str | None
    client: str | None
    api_group: str | None
    resource: str | None
    subresource: str | None
    namespace: str | None
    name: str | None
    message: str | None = None

    @property
    def is_cut(self) -> bool:
        """Whether the client left before the answer; of ours, maybe before it was all forwarded."""
        return self.message == CLOSED_EARLY

    @property
    def query(self) -> list[tuple[str, str]]:
        """The parameters of the request's URI, in their order."""
        return parse_qsl((self.uri or "").partition("?")[2], keep_blank_values=True)

    @property
    def actor(self) -> str:
        """The user that the request was made as."""
        return self.impersonated or self.username or ""

    @property
    def path(self) -> str:
        """Of the request's URI, without the query."""
        return (self.uri or "").partition("?")[0]

    @property
    def what(self) -> tuple[str, str, str, str]:
        """The kind of request: verb, group, resource and subresource, or the path."""
        resource = self.resource or self.path
        return self.verb or "", self.api_group or "", resource, self.subresource or ""


Pair = tuple[SideRecord | None, SideRecord | None]
"""Of ours and of theirs; None where a trail does not have it."""


def pairs_of(records: Iterable[SideRecord], apart: int) -> Iterator[Pair]:
    """Pairs of each key whose times are at most ``apart`` microseconds apart."""
    for _, group in itertools.groupby(records, lambda record: record.key):
        while chunk := list(itertools.islice(group, MOST_OF_ONE_KEY)):
            yield from _side_by_side(chunk, apart)


def _side_by_side(records: list[SideRecord], apart: int) -> Iterator[Pair]:
    """The pairs of one key, by time; those that are alike are put together before the others.

    Else a direct request of the same time would be taken for the one that came through the proxy.
    """
    ours = list(_once(record for record in records if record.is_ours))
    theirs = list(_once(record for record in records if not record.is_ours))
    found: list[Pair] = []
    for likeness in (_same_answer, _same_path, _anything):
        ours, theirs = _put_together(ours, theirs, apart, likeness, found)
    # Those of whole seconds can be of several requests: what is left of them is repeated here.
    told = {pair[1] for pair in found}
    found += ((record, None) for record in ours)
    found += ((None, record) for record in dict.fromkeys(theirs) if record not in told)
    yield from sorted(found, key=_time)


def _put_together(
    ours: list[SideRecord],
    theirs: list[SideRecord],
    apart: int,
    likeness: Callable[[SideRecord], Hashable],
    found: list[Pair],
) -> tuple[list[SideRecord], list[SideRecord]]:
    """Add pairs of one likeness and about one time; what is left of both sides, by time."""
    waiting: dict[Hashable, deque[SideRecord]] = {}
    for record in ours:
        waiting.setdefault(likeness(record), deque()).append(record)
    left_of_ours: list[SideRecord] = []
    left_of_theirs: list[SideRecord] = []
    for record in theirs:
        alike = waiting.get(likeness(record), _NONE)
        while alike and record.received - alike[0].received > apart:
            left_of_ours.append(alike.popleft())
        if alike and alike[0].received - record.received <= apart:
            found.append((alike.popleft(), record))
        else:
            left_of_theirs.append(record)
    for alike in waiting.values():
        left_of_ours += alike
    return sorted(left_of_ours, key=_received), left_of_theirs


_NONE: deque[SideRecord] = deque()


def _same_answer(record: SideRecord) -> Hashable:
    code = record.code or 0
    return record.actor, record.verb or "", record.uri or "", code, record.is_cut


def _same_path(record: SideRecord) -> Hashable:
    return record.actor, record.verb or "", record.path


def _anything(record: SideRecord) -> Hashable:
    return None


def _received(record: SideRecord) -> int:
    return record.received


def _time(pair: Pair) -> int:
    return min(record.received for record in pair if record is not None)


def _once(records: Iterable[SideRecord]) -> Iterator[SideRecord]:
    """Without those that were exported twice: equal in every member to another one.

    Of theirs with times of whole seconds all are given: they can be several requests.
    """
    moment: int | None = None
    known: set[SideRecord] = set()
    for record in records:
        if record.received != moment:
            moment, known = record.received, set()
        if record not in known or _is_coarse(record):
            known.add(record)
            yield record


def _is_coarse(record: SideRecord) -> bool:
    return not (record.is_ours or record.received % _SECOND or record.ended % _SECOND)
