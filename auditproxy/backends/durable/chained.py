"""Log files whose lines are in a chain, and the checkpoints of what they hold.

    line --ChainEnd.chained--> RotatingFile or DurableFile    a line that is not there has no place
           the chain's end ----> Signing                      where a file ends, when asked to,
                                                              at the end

One thread has the file: the one that writes the lines.
"""

import contextlib
import os
from collections.abc import Sequence

from auditproxy.audit.chain.links import ADDED, ChainEnd
from auditproxy.backends.durable.chainable import ChainableFile
from auditproxy.backends.durable.checkpoints import MISSING, SYNCED, Signing
from auditproxy.backends.durable.durablefile import DurableFile, Line
from auditproxy.backends.logfiles.rotation import LineTooLongError


class _Chain:
    """The end of a file's chain, and what signs it; None for no checkpoints."""

    def __init__(self, end: ChainEnd, signing: Signing | None) -> None:
        self._end = end
        self._signing = signing
        if signing is not None:
            signing.begin(self._descriptor())

    def checkpoint(self) -> None:
        """Have signed what was written since the last checkpoint, if anything was."""
        if self._signing is not None and self._signing.needs(self._end):
            self._signing.ask(self._end, "Interval", self._descriptor())

    def _descriptor(self) -> int:
        """A descriptor of the file that has the end, for a sync; SYNCED if it needs none."""
        return SYNCED

    def _last_descriptor(self) -> int:
        """The same for the end of all."""
        return SYNCED

    def _reopened(self) -> None:
        if self._signing is not None:
            self._signing.reopen()

    def _closed(self) -> None:
        """Sign the end, signed before or not: it was in order. Close the file of checkpoints."""
        signing = self._signing
        if signing is not None:
            is_signed = signing.signed == self._end
            signing.ask(self._end, "Shutdown", SYNCED if is_signed else self._last_descriptor())
            signing.close()


class ChainedFile(_Chain):
    """A file that gives each line its place in a chain."""

    def __init__(self, file: ChainableFile, end: ChainEnd, signing: Signing | None) -> None:
        self._file = file
        self._files = file.files
        self._reader = MISSING
        if signing is not None:
            self._follow()
        super().__init__(end, signing)

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
            if self._signing is not None:
                self._file_ended(self._signing, before)

    def _file_ended(self, signing: Signing, end: ChainEnd) -> None:
        """The line before the last was the last one of its file."""
        descriptor, self._reader = self._reader, MISSING
        if end.number:
            signing.ask(end, "Rotated", descriptor)
        elif descriptor != MISSING:
            os.close(descriptor)
        self._follow()

    def _follow(self) -> None:
        """Have a descriptor of the file that is written to, which stays with it when it moves."""
        with contextlib.suppress(OSError):
            self._reader = self._file.reader()

    def _descriptor(self) -> int:
        if self._reader == MISSING:
            self._follow()
        if self._reader != MISSING:
            # The process may have no descriptor left: a later checkpoint covers these lines.
            with contextlib.suppress(OSError):
                return os.dup(self._reader)
        return MISSING

    def _last_descriptor(self) -> int:
        if self._reader == MISSING:
            self._follow()
        descriptor, self._reader = self._reader, MISSING
        return descriptor

    def take_fault(self) -> str:
        """A fault that lost no line, returned once."""
        return self._file.take_fault()

    def probe(self, *, may_open: bool = True) -> str:
        """Why a line could not be written now."""
        return self._file.probe(may_open=may_open)

    def reopen(self) -> None:
        """Open both files again."""
        self._file.reopen()
        self._reopened()

    def close(self) -> None:
        """Sign the end, and close both files."""
        self._closed()
        self._file.close()
        if self._reader != MISSING:
            os.close(self._reader)
            self._reader = MISSING


class ChainedDurableFile(_Chain):
    """A DurableFile that gives each line its place in a chain: what is signed was synced before."""

    def __init__(self, file: DurableFile, end: ChainEnd, signing: Signing | None) -> None:
        self._file = file
        super().__init__(end, signing)

    @property
    def longest_line(self) -> int:
        """Bytes that a line may have; 0 without a limit."""
        longest = self._file.longest_line
        return longest and longest - ADDED

    def commit(self, lines: Sequence[Line]) -> None:
        """As the file does; lines that are not committed give their places back."""
        chained: list[Line] = []
        ends = [self._end]
        for line in lines:
            text: Line
            if isinstance(line, bytes):
                text, end = ends[-1].chained(line)
            else:
                text, end = ends[-1].chained_parts(*line)
            chained.append(text)
            ends.append(end)
        try:
            self._file.commit(chained)
        finally:
            settled = self._file.settled_lines
            self._end = ends[settled]
            if self._signing is not None:
                for first in self._file.begun:
                    # Also one that is empty again: the file before it has ended.
                    if first <= settled and ends[first].number:
                        self._signing.ask(ends[first], "Rotated", SYNCED)

    def watch(self) -> str:
        """Look after the file; why a line could not be written."""
        return self._file.watch()

    def take_fault(self) -> str:
        """A fault that lost no line, returned once."""
        return self._file.take_fault()

    def reopen(self) -> None:
        """Open both files again."""
        self._file.reopen()
        self._reopened()

    def close(self) -> None:
        """Sign the end, and close both files."""
        self._closed()
        self._file.close()
