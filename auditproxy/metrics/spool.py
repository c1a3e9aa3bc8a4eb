"""Metrics of spools: what waits on the disk for a remote receiver."""

from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolWords:
    """How the series of one kind of spool are named: ``one`` and ``many`` of what waits in it.

    ``label`` is the name of what they differ by, "" where there is one. The rest is for texts;
    lines for operators have ``one`` and ``many`` too.
    """

    prefix: str
    one: str
    many: str
    label: str
    what: str
    receiver: str
    spool: str
    begins: str

    def count(self, number: int, does: str, do: str) -> str:
        """So many of them, and what they do: ``1 event is missing``, ``2 events are missing``."""
        return f"{number} {self.one} {does}" if number == 1 else f"{number} {self.many} {do}"

    @property
    def any(self) -> str:
        """One of them with its article."""
        return f"{'an' if self.one[0] in 'aeiou' else 'a'} {self.one}"


AUDIT_EVENTS = SpoolWords(
    prefix="auditproxy_audit_spool",
    one="event",
    many="events",
    label="plugin",
    what="Audit events",
    receiver="the receiver",
    spool="the spool, by backend",
    begins="happened",
)
SESSION_LINES = SpoolWords(
    prefix="auditproxy_session_spool",
    one="line",
    many="lines",
    label="",
    what="Lines of the session log",
    receiver="the webhook",
    spool="the session webhook's spool",
    begins="was made",
)
ALERTS = SpoolWords(
    prefix="auditproxy_alerts_spool",
    one="alert",
    many="alerts",
    label="destination",
    what="Alerts",
    receiver="the destination",
    spool="the spool of alerts, by destination",
    begins="began or ended",
)


class SpoolMetrics:
    """State of the spools of one kind, evaluated at every scrape; one without a label is 0 without
    a spool.
    """

    def __init__(self, registry: CollectorRegistry, words: SpoolWords) -> None:
        labels = (words.label,) if words.label else ()
        one, many, spool = words.one, words.many, words.spool

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"{words.prefix}_{name}", text, labels, registry=registry)

        def counter(name: str, text: str) -> Counter:
            return Counter(f"{words.prefix}_{name}", text, labels, registry=registry)

        self.waits = gauge(
            many, f"{words.what} on the disk that {words.receiver} has not acknowledged: {spool}."
        )
        self.bytes = gauge("bytes", f"Size of the files in {spool}.")
        self.capacity = gauge("capacity_bytes", f"Size that files may have in {spool}.")
        self.age = gauge(
            f"oldest_{one}_age_seconds",
            f"How long ago the oldest {one} {words.begins} that waits in {spool}; 0 without one.",
        )
        self.resumed = counter(
            f"resumed_{many}", f"{words.what} that were there when the process started: {spool}."
        )
        self.dead_letters = counter(
            "dead_letters",
            f"{words.what} that {words.receiver} refused by themselves and that were set aside: "
            f"{spool}.",
        )
        self.cut = counter(
            "cut_bytes",
            "Bytes at the end of the newest file that were cut off when the process started, as "
            f"the disk is not known to have had them whole: {spool}.",
        )
        self._counts: dict[tuple[str, ...], Callable[[], int]] = {}

    def of(self, *labels: str) -> "SpoolSeries":
        """The series of one spool, whose label is this."""
        return SpoolSeries(self, labels)

    @property
    def waiting(self) -> int:
        """What is in all spools."""
        return sum(count() for count in self._counts.values())

    def counted(self, labels: tuple[str, ...], waits: Callable[[], int]) -> None:
        """Have a spool count in ``waiting``."""
        self._counts[labels] = waits


class SpoolSeries:
    """The series of one spool."""

    def __init__(self, metrics: SpoolMetrics, labels: tuple[str, ...]) -> None:
        self._metrics = metrics
        self._labels = labels

    def spool(
        self,
        capacity: int,
        *,
        waits: Callable[[], int],
        size: Callable[[], int],
        age: Callable[[], float],
    ) -> None:
        """Register the spool; scrapes call the functions, on any thread."""
        metrics = self._metrics
        metrics.counted(self._labels, waits)
        self._gauge(metrics.capacity).set(capacity)
        self._gauge(metrics.waits).set_function(waits)
        self._gauge(metrics.bytes).set_function(size)
        self._gauge(metrics.age).set_function(age)
        for counter in (metrics.resumed, metrics.dead_letters, metrics.cut):
            self._counter(counter)

    def resumed(self, count: int, cut_bytes: int) -> None:
        """Count what was there at the start, and the bytes that were cut off then."""
        self._counter(self._metrics.resumed).inc(count)
        self._counter(self._metrics.cut).inc(cut_bytes)

    def dead_letter(self) -> None:
        """Count one that was set aside."""
        self._counter(self._metrics.dead_letters).inc()

    def _gauge(self, gauge: Gauge) -> Gauge:
        return gauge.labels(*self._labels) if self._labels else gauge

    def _counter(self, counter: Counter) -> Counter:
        return counter.labels(*self._labels) if self._labels else counter
