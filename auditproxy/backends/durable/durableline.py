"""Lines of mode ``durable`` on their way, and how they are made of events."""

import asyncio
from collections.abc import Callable

from auditproxy.apis.audit import Event
from auditproxy.audit.encode import PartsEncoder
from auditproxy.audit.fitting import fitting
from auditproxy.backends.durable.durablefile import Line, size_of
from auditproxy.backends.log import PLUGIN, EncodingError
from auditproxy.backends.logfiles.rotation import LineTooLongError

UNMADE = (EncodingError, LineTooLongError)
"""Why an event has no line."""


class Waiting:
    """A line of about ``size`` bytes that waits; ``outcome`` is whether it was stored.

    That of a large event is made when it is committed; until then it has no text.
    """

    __slots__ = ("event", "is_intent", "outcome", "size", "text")

    def __init__(
        self,
        text: Line,
        event: Event | None,
        size: int,
        outcome: "asyncio.Future[bool]",
        *,
        is_intent: bool,
    ) -> None:
        self.text = text
        self.event = event
        self.size = size
        self.outcome = outcome
        self.is_intent = is_intent


class Committed:
    """How a commit ended: the first ``count`` of the lines ``made`` are stored, ``fault`` is why
    the others are not, and those ``unmade`` never will be. It took so many ``seconds``.
    """

    def __init__(self) -> None:
        self.made: list[Waiting] = []
        self.unmade: list[tuple[Waiting, Exception]] = []
        self.count = 0
        self.fault: OSError | None = None
        self.seconds = 0.0


class LineMaker:
    """Makes lines of at most ``longest`` bytes, 0 without a limit; any thread may call it."""

    def __init__(self, encode: PartsEncoder, longest: int, report: Callable[[str], None]) -> None:
        self._encode = encode
        self._longest = longest
        self._report = report

    def line(self, event: Event) -> Line:
        """The event's line; without its bodies where a whole file would not have room.

        Raises what UNMADE names.
        """
        line, longest = self._line(event), self._longest
        if not longest or size_of(line) <= longest:
            return line
        smaller = fitting(event, longest)
        if smaller is None or size_of(shorter := self._line(smaller)) > longest:
            raise LineTooLongError(size_of(line), longest)
        self._report(
            f"audit plugin '{PLUGIN}': an event larger than --audit-log-maxsize was written "
            "without its bodies"
        )
        return shorter

    def _line(self, event: Event) -> Line:
        try:
            parts = self._encode(event)
        except Exception as error:
            raise EncodingError(f"encoding failed: {type(error).__name__}") from None
        return parts[0] if len(parts) == 1 else parts

    def texts(self, lines: list[Waiting], done: Committed) -> list[Line]:
        """The texts of lines, made of their events where they have these; notes which could be.

        Nothing is kept of them: text of a large event can be six times as long as its bodies, whose
        size alone was counted.
        """
        texts: list[Line] = []
        for waiting in lines:
            try:
                texts.append(waiting.text if waiting.event is None else self.line(waiting.event))
            except UNMADE as error:
                done.unmade.append((waiting, error))
            else:
                done.made.append(waiting)
        return texts
