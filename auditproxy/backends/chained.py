"""A log file whose lines are in a chain, and the checkpoints beside it.

    line --ChainEnd.chained--> RotatingFile      a lost line has no place in it
           the chain's end --key--> Checkpoints  where a file ends, when asked to, at the end

One thread has both files: the one that writes the lines.
"""

from collections.abc import Callable
from dataclasses import dataclass

from auditproxy.audit.chain.checkpoints import CheckpointKey, Reason, checkpoint_line
from auditproxy.audit.chain.continuing import Beginning
from auditproxy.audit.chain.links import ADDED, ChainEnd
from auditproxy.backends.rotation import LineTooLongError, RotatingFile

CHECKPOINTS = ".checkpoints"
"""Behind a log's path: the file of its checkpoints."""


@dataclass(slots=True)
class Checkpoints:
    """Signs checkpoints, numbers them, and writes each to its file and to the anchor.

    ``now`` gives the time in RFC 3339; ``report`` takes why one was not written, or an empty
    text.
    """

    file: RotatingFile
    key: CheckpointKey
    sequence: int
    now: Callable[[], str]
    report: Callable[[str], None]
    anchor: Callable[[bytes], None] | None = None

    def sign(self, end: ChainEnd, reason: Reason, *, message: str = "", after: str = "") -> bool:
        """Write a checkpoint; false for one that cannot be written, which holds up no event."""
        line = checkpoint_line(
            end,
            self.key,
            sequence=self.sequence + 1,
            time=self.now(),
            reason=reason,
            message=message,
            after=after,
        )
        try:
            self.file.write(line)
        except (OSError, LineTooLongError) as error:
            why = error.strerror if isinstance(error, OSError) else None
            self.report((why or str(error)).lower())
            return False
        self.sequence += 1
        self.report("")
        if self.anchor is not None:
            self.anchor(line)
        return True


class ChainedFile:
    """A RotatingFile that gives each line its place in a chain; ``checkpoints`` may be None."""

    def __init__(
        self,
        file: RotatingFile,
        beginning: Beginning,
        checkpoints: Checkpoints | None,
    ) -> None:
        self._file = file
        self._end = beginning.end
        self._checkpoints = checkpoints
        self._files = file.files
        self._signed: ChainEnd | None = None
        if checkpoints is not None:
            end, reason = beginning.end, beginning.reason
            signed = checkpoints.sign(end, reason, message=beginning.message, after=beginning.after)
            self._signed = end if signed else None

    def write(self, line: bytes, /, *more: bytes) -> None:
        """Append the line with its place; raises OSError or LineTooLongError, as the file does."""
        parts: tuple[bytes, ...]
        if more:
            parts, end = self._end.chained_parts(line, *more)
        else:
            data, end = self._end.chained(line)
            parts = (data,)
        try:
            self._file.write(*parts)
        except LineTooLongError as error:
            length = len(line) + sum(map(len, more))
            raise LineTooLongError(length, error.maximum - ADDED) from None
        before, self._end = self._end, end
        if self._file.files != self._files:
            self._files = self._file.files
            if before.number:
                self._sign(before, "Rotated")

    def checkpoint(self) -> None:
        """Sign what was written since the last checkpoint, if anything was."""
        if self._end != self._signed:
            self._sign(self._end, "Interval")

    def take_fault(self) -> str:
        """A fault that lost no line, returned once."""
        return self._file.take_fault()

    def probe(self, *, may_open: bool = True) -> str:
        """Why a line could not be written now."""
        return self._file.probe(may_open=may_open)

    def reopen(self) -> None:
        """Open both files again."""
        self._file.reopen()
        if self._checkpoints is not None:
            self._checkpoints.file.reopen()

    def close(self) -> None:
        """Sign the end, and close both files."""
        if self._checkpoints is not None:
            if self._end != self._signed:
                self._sign(self._end, "Shutdown")
            self._checkpoints.file.close()
        self._file.close()

    def _sign(self, end: ChainEnd, reason: Reason) -> None:
        if self._checkpoints is not None and self._checkpoints.sign(end, reason):
            self._signed = end
