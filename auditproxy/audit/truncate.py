"""Truncate: events and batches no larger than a receiver takes.

An event is as large as its JSON line. A larger one loses its bodies, which an
annotation says; one that is still too large, or whose level has no bodies, is
dropped (apiserver plugin/pkg/audit/truncate).
"""

from dataclasses import dataclass

from msgspec.structs import replace

from auditproxy.apis.audit import LEVEL_WORDS, Event, Level
from auditproxy.audit.encode import json_line

TRUNCATED = "audit.k8s.io/truncated"

_WITH_BODIES = (LEVEL_WORDS[Level.REQUEST], LEVEL_WORDS[Level.REQUEST_RESPONSE])


@dataclass(frozen=True, slots=True)
class Truncated:
    """What is left of some events: batches to deliver, and how many were too large even so."""

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
        fitting, size = _fit(event, maximum_event_size)
        if fitting is None:
            dropped += 1
            continue
        if batch and batch_size + size > maximum_batch_size:
            batches.append(tuple(batch))
            batch, batch_size = [], 0
        batch.append(fitting)
        batch_size += size
    if batch:
        batches.append(tuple(batch))
    return Truncated(tuple(batches), dropped)


def _fit(event: Event, maximum: int) -> tuple[Event | None, int]:
    """The event, without its bodies if need be, and its size; None when it never fits."""
    size = _size(event)
    if size > maximum and (smaller := without_bodies(event)) is not None:
        event, size = smaller, _size(smaller)
    return (None if size > maximum else event), size


def without_bodies(event: Event) -> Event | None:
    """The event without its bodies, marked as truncated; None where its level has none."""
    if event.level not in _WITH_BODIES:
        return None
    annotations = dict(sorted({**event.annotations, TRUNCATED: "true"}.items()))
    return replace(event, request_object=None, response_object=None, annotations=annotations)


def _size(event: Event) -> int:
    return len(json_line(event))
