"""What two trails say of each other, as text or as JSON."""

import heapq
import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import msgspec

from auditproxy.apis.audit import ObjectReference
from auditproxy.apis.user import UserInfo
from auditproxy.app.standardstreams import Output
from auditproxy.commands.events.rows import user_of
from auditproxy.commands.reconcile import judging
from auditproxy.commands.reconcile.judging import BYPASSED, DIFFERENT, PairVerdict, VerdictTally
from auditproxy.commands.reconcile.pairing import SideRecord
from auditproxy.reading.meaning.cells import aligned, visible, widest
from auditproxy.reading.meaning.events import TrailEvent, TrailStatus
from auditproxy.reading.meaning.facts import RequestFacts
from auditproxy.reading.meaning.facts import short_user as short
from auditproxy.reading.meaning.moments import iso
from auditproxy.reading.meaning.requests import TrailRequest, seen_event
from auditproxy.reading.meaning.sentences import sentence

SCHEMA = 1
"""Version of the objects."""
_SAID = {
    judging.MATCHED: "in both, the same",
    DIFFERENT: "in both, different",
    BYPASSED: "in theirs alone: bypassed the proxy",
    judging.IGNORED: "in theirs alone: users of --ignore-user",
    judging.OWN: "in theirs alone: the proxy's own",
    judging.REFUSED: "in ours alone: refused by the proxy, or failed on the way",
    judging.UNRECORDED: "in ours alone: their policy has none of that kind",
    judging.MISSING: "in ours alone: missing in theirs",
    judging.OUTSIDE: "outside of the period, or under way at its ends: not judged",
}
"""What is counted, in the order in which it is shown."""
_TABLES = (
    (
        BYPASSED,
        "Bypassed the proxy:",
        ("TIME", "USER", "REQUEST", "CODE", "FROM", "CLIENT", "AUDIT ID"),
    ),
    (
        DIFFERENT,
        "In both, and different (proxy -> API server):",
        ("TIME", "USER", "REQUEST", "DIFFERENT", "AUDIT ID"),
    ),
)


class ComparedPeriod(msgspec.Struct, frozen=True):
    """The period that both logs have, in microseconds, and how requests were put together."""

    begin: int
    end: int
    is_by_id: bool


class ReconcileReport(Protocol):
    """What verdicts are given to."""

    def begin(self, found: ComparedPeriod) -> None:
        """What is known before the first one."""

    def add(self, verdict: PairVerdict) -> None:
        """One verdict."""

    def finish(self, tally: VerdictTally) -> None:
        """All of them, counted."""


class JsonReport:
    """An object for each request that bypassed the proxy or differs, and one of all counts."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._found: ComparedPeriod | None = None

    def begin(self, found: ComparedPeriod) -> None:
        """Keep what the last object says."""
        self._found = found

    def add(self, verdict: PairVerdict) -> None:
        """Write it, if it is one of those."""
        if verdict.what in (BYPASSED, DIFFERENT):
            self._write(_object(verdict))

    def finish(self, tally: VerdictTally) -> None:
        """Write the counts."""
        assert self._found is not None
        self._write(
            {
                "schema": SCHEMA,
                "summary": {name: tally.together[name] for name in _SAID},
                "users": {user: dict(counts) for user, counts in tally.by_user.items()},
                "begin": iso(self._found.begin * 1000),
                "end": iso(self._found.end * 1000),
                "joinedBy": "auditID" if self._found.is_by_id else "content",
            }
        )

    def _write(self, members: dict[str, Any]) -> None:
        # ASCII: nothing in it steers a terminal.
        self._out.write(json.dumps(members) + "\n")


class TextReport:
    """Tables; of the requests themselves the newest ``limit`` of each kind."""

    def __init__(self, out: Output, limit: int) -> None:
        self._out = out
        self._limit = limit
        self._kept: dict[str, list[tuple[int, int, PairVerdict]]] = {BYPASSED: [], DIFFERENT: []}
        self._number = itertools.count()

    def begin(self, found: ComparedPeriod) -> None:
        """Write the period."""
        self._out.write(f"{iso(found.begin * 1000)} to {iso(found.end * 1000)}, in both logs; ")
        self._out.write(
            "put together by audit ID\n"
            if found.is_by_id
            else "put together by user, verb, path and time, because GKE has no audit IDs\n"
        )

    def add(self, verdict: PairVerdict) -> None:
        """Keep it, if it is one of those that are shown and new enough."""
        kept = self._kept.get(verdict.what)
        if kept is None:
            return
        heapq.heappush(kept, (verdict.record.received, next(self._number), verdict))
        if len(kept) > self._limit:
            heapq.heappop(kept)

    def finish(self, tally: VerdictTally) -> None:
        """Write the tables."""
        counts = [(said, str(tally.together[name])) for name, said in _SAID.items()]
        self._table("", ("", "REQUESTS"), counts)
        users = sorted(
            (user for user in tally.times), key=lambda user: -tally.by_user[user][BYPASSED]
        )
        self._table(
            "Users that bypassed the proxy:",
            ("USER", "BYPASSED", "THROUGH THE PROXY", "FIRST", "LAST"),
            [_user_row(user, tally) for user in users[: self._limit]],
            len(users),
        )
        for name, title, headings in _TABLES:
            verdicts = [verdict for _, _, verdict in sorted(self._kept[name])[::-1]]
            rows = [_row(verdict) for verdict in verdicts]
            self._table(title, headings, rows, tally.together[name])

    def _table(
        self, title: str, headings: Sequence[str], rows: Sequence[Sequence[str]], of: int = 0
    ) -> None:
        if not rows:
            return
        self._out.write(f"\n{title}\n" if title else "\n")
        shown = [tuple(headings), *(tuple(visible(cell) or "-" for cell in row) for row in rows)]
        for line in aligned(shown, widest(shown, [0] * len(headings))):
            self._out.write(f"{line}\n")
        if of > len(rows):
            self._out.write(f"and {of - len(rows)} more; --limit shows more, --output=json all\n")


def _user_row(user: str, tally: VerdictTally) -> tuple[str, ...]:
    counts = tally.by_user[user]
    first, last = tally.times[user]
    through = counts[judging.MATCHED] + counts[DIFFERENT]
    return short(user), str(counts[BYPASSED]), str(through), iso(first * 1000), iso(last * 1000)


def _row(verdict: PairVerdict) -> tuple[str, ...]:
    record = verdict.record
    facts = _facts(record)
    begun = (iso(record.received * 1000), user_of(facts), sentence(facts))
    if verdict.what == BYPASSED:
        code = str(record.code or "")
        return (*begun, code, record.peer or "", record.client or "", record.audit_id or "")
    return (*begun, ", ".join(_told(verdict)), record.audit_id or "")


def _told(verdict: PairVerdict) -> Iterator[str]:
    for member, ours, theirs in verdict.differences:
        yield f"{member} {ours or '-'} -> {theirs or '-'}"


def _object(verdict: PairVerdict) -> dict[str, Any]:
    record = verdict.record
    facts = _facts(record)
    members = {
        "finding": verdict.what,
        "auditID": record.audit_id,
        "received": iso(record.received * 1000),
        "user": record.username,
        "impersonatedUser": record.impersonated,
        "sentence": sentence(facts),
        "verb": record.verb,
        "apiGroup": record.api_group,
        "resource": facts.resource,
        "namespace": record.namespace,
        "name": record.name,
        "requestURI": record.uri,
        "code": record.code,
        "peer": record.peer,
        "client": record.client,
        "differences": [
            {"member": member, "proxy": ours, "cloud": theirs}
            for member, ours, theirs in verdict.differences
        ],
    }
    return {key: value for key, value in members.items() if value}


def _facts(record: SideRecord) -> RequestFacts:
    acting = UserInfo(username=record.impersonated) if record.impersonated else None
    event = TrailEvent(
        verb=record.verb or "",
        request_uri=record.uri or "",
        user=UserInfo(username=record.username or ""),
        impersonated_user=acting,
        stage="ResponseComplete",
        object_ref=ObjectReference(
            resource=record.resource or "",
            namespace=record.namespace or "",
            name=record.name or "",
            api_group=record.api_group or "",
            subresource=record.subresource or "",
        )
        if record.resource
        else None,
        response_status=TrailStatus(code=record.code or 0),
    )
    return RequestFacts(TrailRequest(((seen_event(event),),)))
