"""History: what each write of a trail changed, against what an earlier answer showed of its object.

Pure. What is not in the trail is not known: a patch then says only what it sets.
"""

from collections.abc import Iterable
from typing import Any

from auditproxy.reading.meaning.changes import FieldChange, difference, submitted, without_secrets
from auditproxy.reading.meaning.facts import RequestFacts
from auditproxy.reading.meaning.requests import TrailRequest

_WRITES = frozenset(("create", "update", "patch"))


MOST_OBJECTS = 2_000
"""Objects that are remembered; of more the oldest are forgotten."""


class History:
    """What is known of objects by the answers of requests that were taken."""

    def __init__(self) -> None:
        self._before: dict[tuple[str, ...], Any] = {}

    def take(self, requests: Iterable[RequestFacts]) -> dict[TrailRequest, list[FieldChange]]:
        """The changes of each write whose bodies were recorded, secrets hidden."""
        found: dict[TrailRequest, list[FieldChange]] = {}
        for one in sorted(requests, key=lambda each: each.request.key):
            changed = self._changes(one)
            if changed:
                found[one.request] = without_secrets(changed, one.resource)
        return found

    def _changes(self, one: RequestFacts) -> list[FieldChange]:
        reference = one.reference
        key = (reference.api_group, reference.resource, one.namespace, one.name)
        answered = one.answered if one.code < 400 and is_object(one.answered) else None
        is_whole = answered is not None and bool(one.name) and not reference.subresource
        changed: list[FieldChange] = []
        if one.event.verb in _WRITES:
            known = self._before.get(key) if is_whole else None
            changed = submitted(one.asked) if known is None else difference(known, answered)
        if is_whole and not one.is_dry_run:
            self._before[key] = answered
            if len(self._before) > MOST_OBJECTS:
                del self._before[next(iter(self._before))]
        return changed


def changes_of(requests: Iterable[RequestFacts]) -> dict[TrailRequest, list[FieldChange]]:
    """The changes of the writes among requests that are taken together."""
    return History().take(requests)


def is_object(value: Any) -> bool:
    """Whether a body is an object of the API, and no Status and no list."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("metadata"), dict)
        and value.get("kind") != "Status"
        and "items" not in value
    )
