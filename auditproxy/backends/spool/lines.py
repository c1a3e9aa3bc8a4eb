"""LineSpool: a spool of lines that nothing waits for: those of the session log, and alerts."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from auditproxy.apis.units import SECOND
from auditproxy.backends.sending import Sender
from auditproxy.backends.spool.backend import SpoolBackend, SpoolClocks, SpoolConfig
from auditproxy.backends.spool.entries import LineEntry
from auditproxy.backends.spool.form import SpoolForm
from auditproxy.backends.spool.state import shown_size
from auditproxy.metrics.spool import SpoolSeries


@dataclass(frozen=True, slots=True)
class LineCounts:
    """Where lines are counted, and what they are for operators: ``what`` of which ``owner``.

    ``written`` takes how many the receiver has; ``dropped`` how many are lost, and a reason of
    those that Losses has.
    """

    owner: str
    what: str
    written: Callable[[int], None]
    dropped: Callable[[int, str], None]


class LineLosses:
    """Counts lines, and says each cause of a loss once until lines are delivered again.

    ``lines`` is how many were lost since then, and ``fault`` why none is taken, "" while they are.
    """

    def __init__(self, counts: LineCounts, report: Callable[[str], None]) -> None:
        self._counts = counts
        self._report = report
        self._told: set[str] = set()
        self._lock = threading.Lock()
        self.fault = ""
        self.lines = 0

    def delivered(self, count: int = 1) -> None:
        """``count`` lines are with the receiver."""
        self._counts.written(count)
        self.fault = ""
        if count:
            self.tell_rest()

    def failing(self, public: str) -> None:
        """Lines wait."""
        self.fault = public

    def lost(self, count: int, *, plugin: str, reason: str, text: str, public: str = "") -> None:
        """``count`` lines are lost; those of the event loop and of the spool's thread."""
        self._counts.dropped(count, reason)
        with self._lock:
            self.lines += count
            is_new = reason not in self._told
            self._told.add(reason)
        if is_new:
            self._report(f"{self._counts.owner}: {self._counts.what} are lost: {text}")

    def tell_rest(self) -> None:
        """Say how many were lost."""
        with self._lock:
            lines, self.lines = self.lines, 0
            self._told.clear()
        if lines:
            self._report(f"{self._counts.owner}: {lines} {self._counts.what} were lost")


class LineSpool:
    """Spools lines; used within one event loop.

    ``config`` has the mode ``batch``: nothing waits for a line. ``title`` is what /readyz?verbose
    calls the receiver.
    """

    def __init__(
        self,
        sender: Sender,
        config: SpoolConfig,
        *,
        title: str,
        counts: LineCounts,
        series: SpoolSeries,
        form: SpoolForm,
        report: Callable[[str], None],
        clocks: SpoolClocks | None = None,
    ) -> None:
        self._clocks = clocks or SpoolClocks()
        self._title = title
        self._series = series
        self._losses = LineLosses(counts, report)
        self._spool = SpoolBackend(
            sender,
            config,
            losses=self._losses,
            report=report,
            dead_letter=series.dead_letter,
            form=form,
            clocks=self._clocks,
        )

    def open(self) -> None:
        """Take the folder, with the lines that an earlier process left in it; raises OSError."""
        resumed, store = self._spool.open(), self._spool.store
        self._series.resumed(resumed, store.cut_bytes)
        self._series.spool(
            store.maximum_bytes,
            waits=lambda: store.waiting,
            size=lambda: store.size,
            age=self.age,
        )

    def put(self, entry: LineEntry) -> None:
        """Take a line."""
        self._spool.process_line(entry)

    def start(self) -> None:
        """Send what is there and what comes, until ``shutdown``."""
        self._spool.start()

    def describe(self) -> tuple[str, ...]:
        """The line of /readyz?verbose; the words of faults are for all clients."""
        spool = self._spool
        away, fault = spool.drain.fault, spool.intake.fault
        said = [f"not delivering: {away}" if away else "delivering"]
        if fault:
            said.append(f"the spool cannot be written: {fault}")
        if waiting := spool.waiting:
            said.append(f"{waiting} wait for the disk")
        if stored := spool.store.waiting:
            said.append(f"{stored} wait in the spool ({shown_size(spool)}), for {self.age():.0f} s")
        if lost := self._losses.lines:
            said.append(f"{lost} lost")
        return (f"{self._title}: {', '.join(said)}",)

    def age(self) -> float:
        """Seconds since the oldest line that waits was made, 0 without one."""
        made = self._spool.oldest
        return max(0.0, (self._clocks.nanoseconds() - made) / SECOND) if made else 0.0

    async def shutdown(self, seconds: float) -> None:
        """Store what was taken, and send what is stored, within so many seconds; close.

        What is left stays in the folder for the next start.
        """
        await self._spool.shutdown(seconds)
