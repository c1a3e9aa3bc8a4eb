"""Pairing: the requests that two trails have of one key, put side by side.

Pure. Records come in the order of their keys, and of their times within a key. A client may use an
audit ID again, so a pair is of one time too: a direct request with the audit ID of one that went
through the proxy is a request of its own.
"""

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qsl

import msgspec

CLOSED_EARLY = "Connection closed early"
"""The message of an event whose client left, as kube-apiserver and the proxy write it."""
MOST_OF_ONE_KEY = 100_000
"""Records of one key that are put side by side together."""


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
    ours = deque(_once(record for record in records if record.is_ours))
    theirs = deque(_once(record for record in records if not record.is_ours))
    while ours and theirs:
        between = theirs[0].received - ours[0].received
        if abs(between) <= apart:
            yield ours.popleft(), theirs.popleft()
        elif between > 0:
            yield ours.popleft(), None
        else:
            yield None, theirs.popleft()
    yield from ((record, None) for record in ours)
    yield from ((None, record) for record in theirs)


def _once(records: Iterable[SideRecord]) -> Iterator[SideRecord]:
    """Without those that were exported twice."""
    known: tuple[int, str | None] | None = None
    for record in records:
        if (record.received, record.audit_id) != known:
            known = record.received, record.audit_id
            yield record
