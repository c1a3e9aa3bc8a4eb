"""RecordedBytes: how many of the bytes that passed a recording has, and so how many it lacks.

What is missing is what passed less what was recorded: no way to lose bytes has to be known here.
"""

from collections.abc import Callable, Sequence

from auditproxy.apis.session import Carried, Channel, StreamEvent
from auditproxy.sessions.streambytes import StreamBytes


class RecordedBytes:
    """Those of one recording.

    Bytes of streams that are ``kept`` are recorded once their line is written. Of others their
    number is all there is to record, of files on ``copied`` their names, and of connections their
    ends.
    """

    __slots__ = ("_copied", "_gaps", "_held", "_kept", "_recorded", "_taken")

    def __init__(self, kept: Callable[[Channel], bool], copied: Channel | None) -> None:
        self._kept = kept
        self._copied = copied
        self._taken = StreamBytes()
        self._gaps = 0
        self._recorded = 0
        self._held = 0

    def take(self, event: StreamEvent, *, is_stopped: bool) -> None:
        """What an event has carried has passed; ``is_stopped``: nothing is written for it."""
        size = self._taken.take(event)
        if not isinstance(event, Carried):
            self._recorded += 0 if is_stopped else size
        elif event.channel is not self._copied and not self._kept(event.channel):
            self._recorded += size

    def gap(self, size: int) -> None:
        """So many bytes passed in no event."""
        self._gaps += size

    def copy(self, events: Sequence[StreamEvent], rest: Sequence[StreamEvent]) -> None:
        """Of events ``rest`` is left; the others were files, whose names are written."""
        self._recorded += self._of_copy(events)
        if self._copied is not None and self._kept(self._copied):
            self._recorded -= self._of_copy(rest)

    def unread(self, size: int) -> None:
        """So many bytes of a copy are neither read nor written."""
        self._recorded -= size

    def hold(self, size: int) -> None:
        """Lines with so many bytes wait to be written."""
        self._held += size

    def wrote(self) -> None:
        """The lines that waited are written."""
        self._recorded += self._held
        self._held = 0

    def drop(self) -> None:
        """The lines that waited will not be written."""
        self._held = 0

    def gone(self) -> None:
        """There is no file."""
        self._recorded = self._held = 0

    def passed(self, known: StreamBytes | None = None) -> tuple[int, int]:
        """Bytes from the client and to it, by the tunnel's side where it is ``known``."""
        taken, known = self._taken, known or self._taken
        return max(taken.sent, known.sent), max(taken.received, known.received)

    def missing(self, known: StreamBytes | None = None) -> int:
        """Bytes that passed and are in no line, neither a written one nor one that waits."""
        # Known ones have those of gaps.
        passed = sum(self.passed(known)) + (self._gaps if known is None else 0)
        return max(0, passed - self._recorded - self._held)

    def _of_copy(self, events: Sequence[StreamEvent]) -> int:
        return sum(
            len(event.data)
            for event in events
            if isinstance(event, Carried) and event.channel is self._copied
        )
