"""Truncate: events and batches no larger than a receiver takes.

An event is as large as its JSON line. A larger one loses its bodies, which an
annotation says (apiserver plugin/pkg/audit/truncate). kube-apiserver drops one that is
still too large, or whose level has no bodies; here its long texts and lists are cut, and
another annotation names the members, so that no client can keep its own request out of
the trail by its length.
"""

from dataclasses import dataclass
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from auditproxy.apis.audit import LEVEL_WORDS, Event, Level
from auditproxy.audit.encode import body_bytes, json_line

TRUNCATED = "audit.k8s.io/truncated"
SHORTENED = "auditproxy.io/shortened"

_LENGTHS = (16384, 4096, 1024, 256, 64)
"""Characters that texts keep, until the event fits; lists keep a sixteenth as many entries."""
_SHORTENED_MEMBERS = {
    "annotations": "annotations",
    "impersonated_user": "impersonatedUser",
    "object_ref": "objectRef",
    "request_uri": "requestURI",
    "response_status": "responseStatus",
    "source_ips": "sourceIPs",
    "user": "user",
    "user_agent": "userAgent",
}
"""The members whose length a client can choose."""

_WITH_BODIES = (LEVEL_WORDS[Level.REQUEST], LEVEL_WORDS[Level.REQUEST_RESPONSE])


@dataclass(frozen=True, slots=True)
class Truncated:
    """The result of cutting: batches to deliver, and how many events were still too large."""

    batches: tuple[tuple[Event, ...], ...]
    dropped: int


def truncate(
    events: tuple[Event, ...], *, maximum_event_size: int, maximum_batch_size: int
) -> Truncated:
    """Cut events and batches to size; sizes are bytes.

    A batch is counted by its events alone, as kube-apiserver does. The events
    given stay as they are: others may hold them too.
    """
    batches: list[tuple[Event, ...]] = []
    batch: list[Event] = []
    batch_size = dropped = 0
    for event in events:
        smaller = fitting(event, maximum_event_size)
        if smaller is None:
            dropped += 1
            continue
        size = _size(smaller)
        if batch and batch_size + size > maximum_batch_size:
            batches.append(tuple(batch))
            batch, batch_size = [], 0
        batch.append(smaller)
        batch_size += size
    if batch:
        batches.append(tuple(batch))
    return Truncated(tuple(batches), dropped)


def fitting(event: Event, maximum: int) -> Event | None:
    """The event if it has at most ``maximum`` bytes, or what of it does.

    Its bodies go first, then the ends of long texts and lists. None when not even the
    rest fits, which needs a maximum of less than some 4000 bytes.
    """
    # What its bodies alone make too large is not written to see how large it is.
    if body_bytes(event) <= maximum and _size(event) <= maximum:
        return event
    if event.level in _WITH_BODIES:
        annotations = {**event.annotations, TRUNCATED: "true"}
        event = replace(
            event, request_object=None, response_object=None, annotations=_sorted(annotations)
        )
    if _size(event) <= maximum:
        return event
    for length in _LENGTHS:
        smaller = _shortened(event, length)
        if _size(smaller) <= maximum:
            return smaller
    return None


def _shortened(event: Event, length: int) -> Event:
    """The event with no text longer than ``length`` characters, and a note of what was cut."""
    cut: dict[str, Any] = {}
    for name in _SHORTENED_MEMBERS:
        value = getattr(event, name)
        shorter = _cut(value, length)
        if shorter != value:
            cut[name] = shorter
    if not cut:
        return event
    note = ",".join(_SHORTENED_MEMBERS[name] for name in cut)
    annotations = {**cut.get("annotations", event.annotations), SHORTENED: note}
    if TRUNCATED in event.annotations:
        annotations[TRUNCATED] = "true"
    return replace(event, **{**cut, "annotations": _sorted(annotations)})


def _cut(value: Any, length: int) -> Any:
    """A value with its texts and lists cut."""
    if isinstance(value, str):
        return value[:length]
    if isinstance(value, tuple):
        return tuple(_cut(entry, length) for entry in value[: length // 16])
    if isinstance(value, dict):
        entries = list(value.items())[: length // 16]
        return {_cut(key, length): _cut(entry, length) for key, entry in entries}
    if isinstance(value, Struct):
        return replace(
            value, **{f: _cut(getattr(value, f), length) for f in value.__struct_fields__}
        )
    return value


def _sorted(annotations: dict[str, str]) -> dict[str, str]:
    return dict(sorted(annotations.items()))


def _size(event: Event) -> int:
    return len(json_line(event))
