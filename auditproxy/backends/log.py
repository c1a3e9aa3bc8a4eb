"""The log backend: one event, one line, one write (apiserver plugin/pkg/audit/log).

Every event ends as written or as dropped with a reason; a failing disk is reported
to operators and never to the request, unless the mode is blocking-strict.
"""

import errno
from collections.abc import Callable
from typing import Protocol

from auditproxy.apis.audit import Event
from auditproxy.audit.encode import PartsEncoder
from auditproxy.audit.fitting import fitting
from auditproxy.backends.logfiles.rotation import LineTooLongError, ShortWriteError
from auditproxy.backends.logfiles.stream import Stream
from auditproxy.backends.losses import Losses

PLUGIN = "log"
"""The backend's name in kube-apiserver's metrics and texts."""


class LineWriter(Protocol):
    """Where lines go."""

    def write(self, line: bytes, /, *more: bytes) -> None:
        """Append one line whole, given in one or more parts; raises OSError or LineTooLongError."""
        ...

    def take_fault(self) -> str:
        """A fault for operators that lost no line, returned once; usually ""."""
        ...

    def probe(self) -> str:
        """Why a line could not be written now, as far as a check without writing shows; "" when
        no fault is known.
        """
        ...

    def close(self) -> None:
        """No more lines will come."""
        ...


class StandardOutput(Stream):
    """Lines to a descriptor that is not ours to rotate, truncate or close."""

    def __init__(self, descriptor: int = 1) -> None:
        super().__init__(descriptor)

    def take_fault(self) -> str:
        """Nothing goes wrong here without losing a line."""
        return ""

    def close(self) -> None:
        """Leave it open."""


class EncodingError(ValueError):
    """An event could not be made a line; the text names the kind of fault, never the event."""


class LogBackend:
    """Writes events as lines; ``report`` logs one fact for operators.

    One thread has it at a time. What the event loop gives to a thread (writer.py) is counted in
    ``lent`` before, on the loop, and in ``returned`` after it was done, on that thread. While the
    two differ the log is the thread's.
    """

    def __init__(
        self,
        writer: LineWriter,
        *,
        encode: PartsEncoder,
        losses: Losses,
        report: Callable[[str], None],
    ) -> None:
        self._writer = writer
        self._encode = encode
        self.losses = losses
        self.lent = 0
        self.returned = 0
        self._report = report

    @property
    def is_lent(self) -> bool:
        """Whether a thread has it, asked on the event loop."""
        return self.lent != self.returned

    def process_events(self, events: tuple[Event, ...]) -> bool:
        """Write each event; false when one was lost, the others are written anyway."""
        success = True
        for event in events:
            try:
                self._write(event)
            except (OSError, LineTooLongError, EncodingError) as error:
                success = False
                self._lost(error)
            else:
                self.losses.delivered()
            self._tell_fault()
        return success

    def process_line(self, line: bytes, *, is_intent: bool) -> bool | None:
        """Write the line of an event; a lost one is counted as ``process_events`` does.

        Its bodies are small: it fits in any file. True, for the request continues in any case;
        None, and nothing is done, while a thread has the log: the event has to wait for its turn.
        """
        if self.lent != self.returned:
            return None
        try:
            self._writer.write(line)
        except (OSError, LineTooLongError) as error:
            self._lost(error)
        else:
            self.losses.delivered()
        self._tell_fault()
        return True

    def _tell_fault(self) -> None:
        if fault := self._writer.take_fault():
            self._report(f"audit plugin '{PLUGIN}': {fault}")

    def _lost(self, error: Exception) -> None:
        self.losses.lost(
            1,
            plugin=PLUGIN,
            reason=drop_reason(error),
            text=describe(error),
            public=public_text(error),
        )

    def _write(self, event: Event) -> None:
        """Write an event; what of it fits, if it is too large as a whole."""
        try:
            # Not by _line: this is called for every event.
            parts = self._encode(event)
        except Exception as error:
            raise _not_encoded(error) from None
        try:
            self._writer.write(*parts)
        except LineTooLongError as error:
            smaller = fitting(event, error.maximum)
            if smaller is None:
                raise
            self._writer.write(*self._line(smaller))
            self._report(
                f"audit plugin '{PLUGIN}': an event larger than --audit-log-maxsize was written "
                "without its bodies"
            )

    def _line(self, event: Event) -> tuple[bytes, ...]:
        """The event's line in parts; what the encoder raises is a loss like any other."""
        try:
            return self._encode(event)
        except Exception as error:
            raise _not_encoded(error) from None

    def probe(self) -> str:
        """Why the writer could not take a line now; "" when nothing speaks against it."""
        return self._writer.probe()

    async def shutdown(self, grace: float) -> None:
        """Close the file; nothing is buffered."""
        self.close()

    def close(self) -> None:
        """Close the file and report what was lost since the last line."""
        self._writer.close()
        self._tell_fault()
        self.losses.tell_rest()

    def __str__(self) -> str:
        return PLUGIN


def _not_encoded(error: Exception) -> EncodingError:
    return EncodingError(f"encoding failed: {type(error).__name__}")


def drop_reason(error: Exception) -> str:
    """The metric's word for why an event was lost."""
    if isinstance(error, LineTooLongError):
        return "too-large"
    if isinstance(error, EncodingError):
        return "encode-error"
    if isinstance(error, ShortWriteError):
        return "disk-full"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "disk-full"
    return "broken-pipe" if isinstance(error, BrokenPipeError) else "write-error"


def describe(error: Exception) -> str:
    """The fault in one line, the same for every event it hits."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {public_text(error)}"
    return public_text(error)


def public_text(error: Exception) -> str:
    """The same without naming a file."""
    if isinstance(error, LineTooLongError):
        return "an event is larger than --audit-log-maxsize even without bodies"
    if isinstance(error, ShortWriteError):
        return "short write: no space left on device"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error)
