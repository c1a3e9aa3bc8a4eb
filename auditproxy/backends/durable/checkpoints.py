"""Checkpoints on their way to their file: signed, on a thread of their own, over what is stored.

    ask(end) --> log synced --> signed --> the checkpoints' file, synced --> anchor
                 a fault: reported; the next one covers its lines, and the beginning of a
                          chain and the ends of files are kept, and signed before it

A disk that is slow holds up this thread, and neither a line nor a request.
"""

import os
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from auditproxy.audit.chain.checkpoints import CheckpointKey, Reason, checkpoint_line
from auditproxy.audit.chain.continuing import Beginning
from auditproxy.audit.chain.links import ChainEnd
from auditproxy.backends.durable.durablefile import CommitError, DurableFile
from auditproxy.backends.logfiles.disk import Disk
from auditproxy.sockets.thread import OrderedThread

CHECKPOINTS = ".checkpoints"
"""Behind a log's path: the file of its checkpoints."""

MAXIMUM_WAITING = 16
"""Checkpoints that wait for the disk, each with a descriptor of the log; further ones are not
made, and a later one covers their lines."""

MAXIMUM_ENDS = 64
"""Ends of files that are kept beside these while the disk does not answer, and as many that could
not be signed yet, each with at most a descriptor; further ones are not signed."""

CLOSING = 1.0
"""Seconds that the thread has at the end for what it has begun and for the last checkpoint."""

SYNCED = -1
"""In place of a descriptor: the disk has the lines already."""

MISSING = -2
"""In place of a descriptor: the file cannot be opened, so nothing of it is signed."""


@dataclass(slots=True)
class Checkpoints:
    """Signs checkpoints, numbers them, and writes each to its file and to the anchor.

    ``now`` gives the time in RFC 3339; ``report`` takes why one was not written, or an empty
    text. ``log`` and ``instance`` are said in each.
    """

    file: DurableFile
    key: CheckpointKey
    sequence: int
    now: Callable[[], str]
    report: Callable[[str], None]
    anchor: Callable[[bytes], None] | None = None
    log: str = ""
    instance: str = ""

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
            log=self.log,
            instance=self.instance,
        )
        try:
            self.file.commit((line,))
        except CommitError as error:
            self.report(why(error.fault))
            return False
        self.sequence += 1
        self.report("")
        if self.anchor is not None:
            self.anchor(line)
        return True


@dataclass(slots=True)
class _Asked:
    """A checkpoint to be made; ``descriptor`` is one of the file that has the end."""

    end: ChainEnd
    reason: Reason
    descriptor: int
    message: str = ""
    after: str = ""

    @property
    def is_passing(self) -> bool:
        """Whether a later checkpoint says as much."""
        return self.reason in ("Interval", "Shutdown")


class Signing:
    """Has checkpoints made, one after the other; ``disk`` syncs the log before each.

    It is used by the thread that writes the log. ``signed`` is the end that a checkpoint has, None
    before the first. ``ended`` are ends of files that no process has signed, each with a message;
    they come before the beginning, and the disk has them.

    The beginning and the ends of files are kept until they are signed, before all that is behind
    them: without them a log whose older files were removed looks as if lines were missing.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        beginning: Beginning,
        disk: Disk,
        *,
        ended: Sequence[tuple[ChainEnd, str]] = (),
    ) -> None:
        self._checkpoints = checkpoints
        self._disk = disk
        self._thread = OrderedThread("audit-checkpoints")
        self._waiting: list[ChainEnd] = []
        self._doubt = ""
        self.signed: ChainEnd | None = None
        self._beginning = beginning
        self._late: deque[_Asked] = deque()
        """Ends of files for which there was no room among those that wait."""
        self._kept = [_Asked(end, "Rotated", SYNCED, message) for end, message in ended]
        """What could not be signed and must be, and what is signed now; in the chain's order."""

    def begin(self, descriptor: int) -> None:
        """Sign the beginning, at once; ``descriptor`` is as for ``ask``."""
        begun = self._beginning
        self._sign(_Asked(begun.end, begun.reason, descriptor, begun.message, begun.after))

    def ask(self, end: ChainEnd, reason: Reason, descriptor: int) -> None:
        """Have an end signed, once the disk has the file of its line.

        ``descriptor`` is one of that file, closed in any case, or SYNCED or MISSING.
        """
        asked = _Asked(end, reason, descriptor)
        if len(self._waiting) >= MAXIMUM_WAITING and reason != "Shutdown":
            if not asked.is_passing and len(self._late) < MAXIMUM_ENDS:
                self._late.append(asked)
                return
            _close(descriptor)
            self._checkpoints.report("too many wait for the disk")
            return
        self._waiting.append(end)
        self._thread.run(partial(self._asked, asked))

    def needs(self, end: ChainEnd) -> bool:
        """Whether an end is neither signed nor waits for it."""
        return end != self.signed and end not in self._waiting

    def reopen(self) -> None:
        """Open the file of checkpoints again."""
        self._thread.run(self._checkpoints.file.reopen)

    def close(self) -> None:
        """Make what was asked for, within CLOSING seconds, and close the file."""
        self._thread.finish(self._end, CLOSING)

    # --- on the thread -------------------------------------------------------------

    def _asked(self, asked: _Asked) -> None:
        try:
            self._sign(asked)
        finally:
            self._waiting.remove(asked.end)

    def _sign(self, asked: _Asked) -> None:
        """Sign what is kept, then this; keep what could not be and must be."""
        while self._late and self._late[0].end.number <= asked.end.number:
            self._kept.append(self._late.popleft())
        self._kept.append(asked)
        while self._kept and self._is_settled(self._kept[0]):
            _close(self._kept.pop(0).descriptor)
        passing = [each for each in self._kept if each.is_passing]
        self._kept = [each for each in self._kept if not each.is_passing]
        for each in passing + self._kept[MAXIMUM_ENDS:]:
            _close(each.descriptor)
        del self._kept[MAXIMUM_ENDS:]

    def _is_settled(self, asked: _Asked) -> bool:
        """Make a checkpoint; false where it can be tried again."""
        if asked.reason == "Interval" and asked.end == self.signed:
            # What was kept until now has signed it.
            return True
        try:
            return self._make(asked)
        except Exception as crash:
            self._checkpoints.report(f"signing crashed: {type(crash).__name__}")
            return False

    def _make(self, asked: _Asked) -> bool:
        """Sync the log and sign; what is not on the disk is not signed."""
        if asked.descriptor == MISSING:
            self._checkpoints.report("the log cannot be opened for it")
            return True
        try:
            if asked.descriptor != SYNCED:
                self._disk.sync(asked.descriptor)
        except OSError as error:
            # The kernel says it once, and the next sync succeeds without what was lost.
            since = self.signed.number + 1 if self.signed else 1
            text = f"lines {since} to {asked.end.number} may be lost: the disk said {why(error)}"
            self._doubt = text
            self._checkpoints.report(f"the log is not on the disk: {why(error)}")
            return False
        _close(asked.descriptor)
        asked.descriptor = SYNCED
        message = "; ".join(filter(None, (asked.message, self._doubt)))
        if not self._checkpoints.sign(asked.end, asked.reason, message=message, after=asked.after):
            return False
        self.signed, self._doubt = asked.end, ""
        return True

    def _end(self) -> None:
        for asked in (*self._kept, *self._late):
            _close(asked.descriptor)
        self._checkpoints.file.close()


def why(error: OSError) -> str:
    """A fault in a few words."""
    return (error.strerror or str(error)).lower()


def _close(descriptor: int) -> None:
    if descriptor >= 0:
        os.close(descriptor)
