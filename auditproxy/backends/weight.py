"""What events that wait take of memory, and how much of it one backend may hold."""

from auditproxy.apis.audit import Event
from auditproxy.apis.units import MEBIBYTE

MAXIMUM_BYTES = 256 * MEBIBYTE
"""Bytes of the events in one buffer; kube-apiserver bounds their number alone."""

EVENT_WEIGHT = 2048
"""Bytes that an event without bodies is taken to have."""


def weight(event: Event) -> int:
    """About how many bytes of memory an event holds."""
    bodies = (event.request_object, event.response_object)
    return EVENT_WEIGHT + sum(len(memoryview(body)) for body in bodies if body is not None)
