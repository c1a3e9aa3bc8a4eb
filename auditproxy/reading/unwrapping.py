"""Unwrapping: lines of any form to events."""

from collections.abc import Iterator

from auditproxy.reading.events import Counts, read_events
from auditproxy.reading.requests import NATIVE, SeenEvent, seen_event


class Unwrapper:
    """Takes the lines of one file in order and gives the events that are in them."""

    def __init__(self, origin: str, counts: Counts, forms: Counts) -> None:
        self._origin = origin
        self._counts = counts
        self._forms = forms

    def take(self, line: bytes) -> Iterator[SeenEvent]:
        """The events that end with this line."""
        for event in read_events(line, self._counts):
            self._forms[NATIVE] += 1
            yield seen_event(event, self._origin, NATIVE, line)

    def finish(self) -> Iterator[SeenEvent]:
        """The events that the end of the file completes."""
        yield from ()
