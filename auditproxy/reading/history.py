"""History: what each write of a trail changed, against what an earlier answer showed of its object.

Pure. What is not in the trail is not known: a patch then says only what it sets.
"""

from collections.abc import Iterable
from typing import Any

from auditproxy.reading.changes import FieldChange, difference, submitted, without_secrets
from auditproxy.reading.facts import RequestFacts
from auditproxy.reading.requests import TrailRequest

_WRITES = frozenset(("create", "update", "patch"))


def changes_of(requests: Iterable[RequestFacts]) -> dict[TrailRequest, list[FieldChange]]:
    """The changes of each write whose bodies were recorded, secrets hidden."""
    before: dict[tuple[str, ...], Any] = {}
    found: dict[TrailRequest, list[FieldChange]] = {}
    for one in sorted(requests, key=lambda each: each.request.key):
        reference = one.reference
        key = (reference.api_group, reference.resource, one.namespace, one.name)
        answered = one.answered if one.code < 400 and is_object(one.answered) else None
        is_whole = answered is not None and bool(one.name) and not reference.subresource
        if one.event.verb in _WRITES:
            known = before.get(key) if is_whole else None
            if known is not None:
                changed = difference(known, answered)
            else:
                changed = submitted(one.asked)
            if changed:
                found[one.request] = without_secrets(changed, one.resource)
        if is_whole and not one.is_dry_run:
            before[key] = answered
    return found


def is_object(value: Any) -> bool:
    """Whether a body is an object of the API, and no Status and no list."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("metadata"), dict)
        and value.get("kind") != "Status"
        and "items" not in value
    )
