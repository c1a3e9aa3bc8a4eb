"""Rows of the index as requests: what of a list is shown needs no file of the trail.

Pure. A row has no bodies but short ones of writes, so a sentence may say less than that of a whole
request; what is known of names and results is the same.
"""

from typing import Any

import msgspec

from auditproxy.apis.audit import ObjectReference
from auditproxy.apis.faults import Unusable
from auditproxy.apis.prepared import prepared
from auditproxy.apis.user import UserInfo
from auditproxy.commands.events.rows import cells, tone
from auditproxy.reading.meaning.events import TrailEvent, TrailStatus
from auditproxy.reading.meaning.facts import RequestFacts
from auditproxy.reading.meaning.moments import iso
from auditproxy.reading.meaning.requests import SeenEvent, TrailRequest

SELECTED = (
    'epoch_us(received), epoch_us(staged), is_timed, origin, audit_id, "level", stage, verb, '
    "request_uri, username, impersonated_username, api_group, api_version, resource, subresource, "
    '"namespace", "name", code, reason, source_ips, user_agent, outcome, asked, witnesses'
)
"""The columns of an IndexRow, in order."""


@prepared
class IndexRow(msgspec.Struct, frozen=True, array_like=True):
    """One request and witness; times are microseconds."""

    received: int
    staged: int
    is_timed: bool
    origin: str
    audit_id: str
    level: str | None
    stage: str | None
    verb: str | None
    request_uri: str | None
    username: str | None
    impersonated_username: str | None
    api_group: str | None
    api_version: str | None
    resource: str | None
    subresource: str | None
    namespace: str | None
    name: str | None
    code: int | None
    reason: str | None
    source_ips: list[str | None] | None
    user_agent: str | None
    outcome: str
    asked: str | None
    witnesses: int

    @property
    def key(self) -> tuple[int, str, str]:
        """What rows are sorted by, which is different for each."""
        return self.received, self.audit_id, self.origin


def read_row(row: list[Any]) -> IndexRow:
    """A row of the database; raises Unusable for one that has other columns."""
    try:
        return msgspec.convert(row, IndexRow)
    except msgspec.ValidationError:
        raise Unusable("where: it must be one expression, and nothing else") from None


def facts_of(row: IndexRow) -> RequestFacts:
    """What is known of the request of a row."""
    reference = ObjectReference(
        resource=row.resource or "",
        namespace=row.namespace or "",
        name=row.name or "",
        api_group=row.api_group or "",
        api_version=row.api_version or "",
        subresource=row.subresource or "",
    )
    acting = row.impersonated_username
    event = TrailEvent(
        kind="Event",
        level=row.level or "",
        audit_id=row.audit_id,
        stage=row.stage or "",
        request_uri=row.request_uri or "",
        verb=row.verb or "",
        user=UserInfo(username=row.username or ""),
        impersonated_user=UserInfo(username=acting) if acting else None,
        source_ips=tuple(address or "" for address in row.source_ips or ()),
        user_agent=row.user_agent or "",
        object_ref=reference,
        response_status=TrailStatus(code=row.code or 0, reason=row.reason or ""),
        request_object=msgspec.Raw((row.asked or "").encode()),
        request_received_timestamp=iso(row.received * 1000) if row.is_timed else "",
        stage_timestamp=iso(row.staged * 1000) if row.is_timed else "",
    )
    seen = SeenEvent(
        event=event, received=row.received * 1000, staged=row.staged * 1000, origin=row.origin
    )
    return RequestFacts(TrailRequest(((seen,),)))


def shown_row(row: IndexRow) -> dict[str, Any]:
    """A row as the page shows it: visible texts, and the key that names it."""
    return _shown(facts_of(row), row.key, row.outcome, row.witnesses)


def shown_request(request: TrailRequest) -> dict[str, Any]:
    """A request of a trail as a row of the page."""
    facts = RequestFacts(request)
    key = request.received // 1000, facts.event.audit_id, request.accounts[0][0].origin
    return _shown(facts, key, facts.outcome, facts.witnesses)


def _shown(
    facts: RequestFacts, key: tuple[int, str, str], outcome: str, witnesses: int
) -> dict[str, Any]:
    time, user, sentence, result, took, peer, client, _, audit_id = cells(
        facts, _time(key[0]), None, wide=True
    )
    return {
        "key": key,
        "time": time,
        "user": user,
        "request": sentence,
        "result": result,
        "took": took,
        "from": peer,
        "client": client,
        "auditID": audit_id,
        "outcome": outcome,
        "tone": tone(facts),
        "witnesses": witnesses,
    }


def _time(microseconds: int) -> str:
    """To the millisecond, in UTC."""
    whole = iso(microseconds * 1000)
    return f"{whole[:-1]}.{microseconds // 1000 % 1000:03d}Z" if whole else ""
