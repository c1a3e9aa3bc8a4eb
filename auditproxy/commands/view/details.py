"""One request whole: what the page shows of it, as visible texts."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from auditproxy.apis.faults import Unusable
from auditproxy.commands.events.rows import user_of
from auditproxy.commands.events.showing import LONGEST_BODY, body_lines, claims_text, user_text
from auditproxy.commands.view.indexrows import SELECTED, IndexRow, facts_of, read_row
from auditproxy.commands.view.places import read_request
from auditproxy.commands.view.trail import AskedIndex
from auditproxy.reading.meaning.cells import visible
from auditproxy.reading.meaning.changes import ABSENT, FieldChange, in_words, spelled
from auditproxy.reading.meaning.explanations import explanation
from auditproxy.reading.meaning.facts import RequestFacts
from auditproxy.reading.meaning.history import changes_of
from auditproxy.reading.meaning.moments import iso, length_of
from auditproxy.reading.meaning.sentences import result, sentence
from auditproxy.reading.trail.blocks import Block
from auditproxy.serializer.json import go_text

LONGEST_TEXT = 20_000
"""Characters of one value that are shown."""
MOST_BODY_BYTES = 256 * 1024
"""Bytes of a body that is shown."""
_EARLIER = 3
"""Requests that are read to know what an object was before."""


class Details:
    """Answers what the page asks of single requests."""

    def __init__(
        self,
        index: AskedIndex,
        blocks: Sequence[Block],
        recording_of: Callable[[str], str | None] = lambda audit_id: None,
    ) -> None:
        """``recording_of`` gives the name of the recording of an audit ID."""
        self._index = index
        self._recording_of = recording_of
        self._blocks = blocks

    def of(self, given: Mapping[str, str]) -> dict[str, Any]:
        """The request of a key; raises Unusable where there is none, and OSError."""
        try:
            key = msgspec.json.decode(given.get("key", ""), type=tuple[int, str, str])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Unusable("key is not the key of a request") from None
        row = self._row(key)
        facts = self._facts(row)
        is_whole = facts is not None
        facts = facts or facts_of(row)
        changed = self._changes(facts)
        return {
            "key": row.key,
            "isWhole": is_whole,
            "outcome": facts.outcome,
            "title": _shown(
                f"{user_of(facts) or 'a client without a user'} {sentence(facts, changed)}"
            ),
            "facts": [[name, _shown(value)] for name, value in _rows(facts) if value],
            "stages": _stages(facts),
            "annotations": [
                [_shown(name), _shown(value) or "(empty)", explanation(name)]
                for name, value in sorted(facts.event.annotations.items())
            ],
            "changes": [_change(change) for change in changed or ()],
            "asked": _body(facts.event.request_object, facts, "asked"),
            "answered": _body(facts.event.response_object, facts, "answered"),
            "session": self._recording_of(facts.event.audit_id) if facts.is_session else None,
        }

    def _row(self, key: tuple[int, str, str]) -> IndexRow:
        rows = self._index.ask(
            f"SELECT {SELECTED} FROM requests WHERE received = make_timestamptz(?) "  # noqa: S608
            "AND audit_id = ? AND origin = ? LIMIT 1",
            key,
        )
        if not rows:
            raise Unusable("no request has this key")
        return read_row(rows[0])

    def _facts(self, row: IndexRow) -> RequestFacts | None:
        """The request of a row with all that the trail has of it; None where that is gone."""
        if not row.audit_id:
            return None
        found = read_request(self._blocks, row.audit_id, row.received * 1000, row.staged * 1000)
        return None if found is None else RequestFacts(found)

    def _changes(self, facts: RequestFacts) -> list[FieldChange] | None:
        """What a write changed, against what an earlier answer showed of its object."""
        reference = facts.reference
        earlier: list[RequestFacts] = []
        if facts.event.verb in ("patch", "update") and facts.name and facts.asked is not None:
            rows = self._index.ask(
                f"SELECT {SELECTED} FROM requests WHERE received < make_timestamptz(?) "  # noqa: S608
                'AND "name" = ? AND coalesce("namespace", \'\') = ? AND resource = ? '
                "AND coalesce(api_group, '') = ? AND subresource IS NULL AND code < 400 "
                "AND \"level\" = 'RequestResponse' AND NOT dry_run "
                "AND verb IN ('get', 'create', 'update', 'patch') "
                f"ORDER BY received DESC LIMIT {_EARLIER}",
                [
                    facts.request.received // 1000,
                    facts.name,
                    facts.namespace,
                    reference.resource,
                    reference.api_group,
                ],
            )
            for row in rows:
                found = self._facts(read_row(row))
                if found is not None:
                    earlier.append(found)
        return changes_of([*earlier, facts]).get(facts.request)


def _rows(facts: RequestFacts) -> list[tuple[str, str]]:
    event = facts.event
    status = event.response_status
    acting = event.impersonated_user
    return [
        ("Audit ID", event.audit_id),
        ("User", user_text(event.user)),
        ("Acting as", user_text(acting) if acting is not None else ""),
        ("Kind", facts.kind),
        ("From", f"{facts.peer} {claims_text(event.source_ips)}".strip()),
        ("Client", event.user_agent),
        ("Request", f"{event.verb} {event.request_uri}"),
        ("Command", " ".join(facts.command)),
        ("Received", iso(received) if (received := facts.request.received) else ""),
        ("Took", "" if facts.duration is None else length_of(facts.duration)),
        ("Result", f"{result(facts)}, {facts.outcome}"),
        ("Message", status.message if status is not None else ""),
        ("Allowed by", facts.granted_by),
        ("Level", event.level),
    ]


def _stages(facts: RequestFacts) -> list[dict[str, Any]]:
    """Each event, by the witness that wrote it."""
    found = []
    for account in facts.request.accounts:
        for seen in account:
            status = seen.event.response_status
            found.append(
                {
                    "time": iso(seen.staged),
                    "stage": _shown(seen.event.stage or "-"),
                    "after": length_of(seen.staged - seen.received),
                    "code": status.code if status is not None else 0,
                    "witness": _shown(seen.origin),
                }
            )
    return found


def _change(change: FieldChange) -> dict[str, Any]:
    """A field with its values as texts; null where there is none, or where it is not known."""
    return {
        "path": _shown(change.path),
        "before": None if change.before is ABSENT else _shown(spelled(change.before)),
        "after": None if change.after is ABSENT else _shown(spelled(change.after)),
        "isKnown": change.is_known,
        "words": _shown(in_words(change)),
    }


def _body(raw: msgspec.Raw, facts: RequestFacts, which: Literal["asked", "answered"]) -> list[str]:
    """Lines of YAML; the first ones of a long body."""
    size = len(bytes(raw))
    if size > MOST_BODY_BYTES:
        return [f"{size} bytes are too many for this page; auditproxy events show has them"]
    lines = body_lines(facts.asked if which == "asked" else facts.answered, facts.resource)
    return [_shown(line) for _, line in zip(range(LONGEST_BODY + 1), lines, strict=False)]


def _shown(text: str) -> str:
    return visible(go_text(text), LONGEST_TEXT)
