"""Checkpoints on their way to their file: signed, on a thread of their own, over what is stored.

    ask(end) --> log synced --> signed --> the checkpoints' file, synced --> anchor
                 a fault: reported; the next one covers its lines

A disk that is slow holds up this thread, and neither a line nor a request.
"""

import os
from collections.abc import Callable
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


class Signing:
    """Has checkpoints made, one after the other; ``disk`` syncs the log before each.

    It is used by the thread that writes the log. ``signed`` is the end that a checkpoint has, None
    before the first. ``ends_file`` says that the beginning is behind the last line of a file that
    was renamed since: no process was there to sign that.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        beginning: Beginning,
        disk: Disk,
        *,
        ends_file: bool = False,
    ) -> None:
        self._checkpoints = checkpoints
        self._disk = disk
        self._thread = OrderedThread("audit-checkpoints")
        self._waiting: list[ChainEnd] = []
        self._doubt = ""
        self.signed: ChainEnd | None = None
        self._beginning = beginning
        self._ends_file = ends_file

    def begin(self, descriptor: int) -> None:
        """Sign the beginning, at once; ``descriptor`` is as for ``ask``."""
        begun = self._beginning
        self._make(begun.end, begun.reason, descriptor, begun.message, begun.after)
        if self._ends_file and begun.end.number:
            self._make(begun.end, "Rotated", SYNCED)

    def ask(self, end: ChainEnd, reason: Reason, descriptor: int) -> None:
        """Have an end signed, once the disk has the file of its line.

        ``descriptor`` is one of that file, closed in any case, or SYNCED or MISSING.
        """
        if len(self._waiting) >= MAXIMUM_WAITING and reason != "Shutdown":
            _close(descriptor)
            self._checkpoints.report("too many wait for the disk")
            return
        self._waiting.append(end)
        self._thread.run(partial(self._asked, end, reason, descriptor))

    def needs(self, end: ChainEnd) -> bool:
        """Whether an end is neither signed nor waits for it."""
        return end != self.signed and end not in self._waiting

    def reopen(self) -> None:
        """Open the file of checkpoints again."""
        self._thread.run(self._checkpoints.file.reopen)

    def close(self) -> None:
        """Make what was asked for, within CLOSING seconds, and close the file."""
        self._thread.finish(self._checkpoints.file.close, CLOSING)

    # --- on the thread -------------------------------------------------------------

    def _asked(self, end: ChainEnd, reason: Reason, descriptor: int) -> None:
        try:
            self._make(end, reason, descriptor)
        except Exception as crash:
            self._checkpoints.report(f"signing crashed: {type(crash).__name__}")
        finally:
            self._waiting.remove(end)

    def _make(
        self, end: ChainEnd, reason: Reason, descriptor: int, message: str = "", after: str = ""
    ) -> None:
        """Sync the log and sign; what is not on the disk is not signed."""
        if descriptor == MISSING:
            self._checkpoints.report("the log cannot be opened for it")
            return
        try:
            if descriptor != SYNCED:
                self._disk.sync(descriptor)
        except OSError as error:
            # The kernel says it once, and the next sync succeeds without what was lost.
            since = self.signed.number + 1 if self.signed else 1
            text = f"lines {since} to {end.number} may be lost: the disk said {why(error)}"
            self._doubt = self._doubt or text
            self._checkpoints.report(f"the log is not on the disk: {why(error)}")
            return
        finally:
            _close(descriptor)
        message = "; ".join(filter(None, (message, self._doubt)))
        if self._checkpoints.sign(end, reason, message=message, after=after):
            self.signed, self._doubt = end, ""


def why(error: OSError) -> str:
    """A fault in a few words."""
    return (error.strerror or str(error)).lower()


def _close(descriptor: int) -> None:
    if descriptor >= 0:
        os.close(descriptor)
