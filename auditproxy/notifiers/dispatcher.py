"""AlertDispatcher: events in, beside the requests; alerts out to all destinations.

    offer --> queue --slices--> AlertEngine --> every Notifier
               |full: dropped, counted, or into the reserve

Evaluation runs on the event loop in slices of SLICE seconds, and takes no more than SHARE of the
loop's time: what a flood of events brings beyond that waits, and is dropped when too much waits.
Users have shares of the queue (shares.py). What a critical rule selects, or says that a session is
not recorded, has a reserve of its own where there is no room.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from auditproxy.alerts.alert import Alert, AlertState
from auditproxy.alerts.engine import AlertEngine
from auditproxy.alerts.rules import AlertRule, AlertRules
from auditproxy.apis.audit import Event
from auditproxy.apis.gotext import go_quote
from auditproxy.apis.session import SessionEvent, SessionEventType
from auditproxy.apis.units import MEBIBYTE
from auditproxy.backends.ending import at_once, finish
from auditproxy.backends.weight import EVENT_WEIGHT, weight
from auditproxy.metrics.alerts import AlertMetrics
from auditproxy.notifiers.outbox import Notifier
from auditproxy.notifiers.shares import EventShares, owner_of
from auditproxy.sockets.tasks import spawn

if TYPE_CHECKING:
    from auditproxy.notifiers.alertspools import AlertSpools

SLICE = 0.001
"""Seconds of evaluation after which other tasks have their turn; within one event too."""

SHARE = 0.2
"""The part of the loop's time that evaluation takes at most."""

GATHER = 0.02
"""Seconds in which events gather once all are evaluated: a wake for each would cost more than its
evaluation."""

TICK = 10.0
"""Seconds between two checks for alerts to repeat and to resolve."""

MAXIMUM_BYTES = 64 * MEBIBYTE
"""Of the events that wait."""

MOST_RESERVED = 1_000
"""Events that may wait in the reserve."""

MOST_RESERVED_BYTES = 16 * MEBIBYTE
"""Of these events."""

MOST_NAMED = 3
"""Users that a line about dropped events names."""

LONGEST_NAME = 200
"""Characters of such a name."""

CRITICAL = "critical"
"""The severity of rules whose events have a reserve."""

MOST_COUNTED = 256
"""Users whose dropped events are counted for such a line."""


class AlertDispatcher:
    """Takes events at once and evaluates them later; used within one event loop.

    ``clock`` is nanoseconds since the epoch, ``monotonic`` seconds. ``labels`` are added to those
    of every alert. ``waiting`` events have not been evaluated. ``spools`` are those that notifiers
    put alerts into, None without any.
    """

    def __init__(
        self,
        rules: AlertRules,
        notifiers: Sequence[Notifier],
        metrics: AlertMetrics,
        *,
        clock: Callable[[], int],
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        report: Callable[[str], None],
        queue_size: int,
        labels: dict[str, str] | None = None,
        spools: "AlertSpools | None" = None,
    ) -> None:
        self.spools = spools
        self._metrics = metrics
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep
        self._report = report
        self._queue = EventShares(queue_size, MAXIMUM_BYTES)
        self._reserve = EventShares(MOST_RESERVED, MOST_RESERVED_BYTES)
        self._unseen: Counter[str] = Counter()
        """Dropped events by rule, until they are counted."""
        self._lost: Counter[str] = Counter()
        """Dropped events by user, since they were last reported."""
        self._steps: Iterator[Alert | None] | None = None
        """What is left to do for the event that is being evaluated."""
        self._arrived = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._is_shut = False
        self._reported = -float("inf")
        self._retiring: set[asyncio.Task[None]] = set()
        self._notifiers = tuple(notifiers)
        self._labels = labels or {}
        self._engine = self._new_engine(rules)

    @property
    def waiting(self) -> int:
        """How many events have not been evaluated, or not by all rules."""
        return len(self._queue) + len(self._reserve) + (self._steps is not None)

    def start(self) -> None:
        """Send what earlier processes have left in spools; the rest begins with the first event."""
        if self.spools is not None:
            self.spools.start()

    def describe(self) -> tuple[str, ...]:
        """The lines of /readyz?verbose."""
        return () if self.spools is None else self.spools.describe()

    def offer(self, event: Event | SessionEvent) -> None:
        """Queue an event; dropped and counted when too many wait. Never blocks, never raises."""
        if self._is_shut:
            self._metrics.dropped("shutdown")
            return
        for dropped in self._queue.put(event, _weight(event)):
            self._save_or_drop(dropped)
        if not self._arrived.is_set():
            self._arrived.set()
        if self._worker is None:
            self._worker = spawn(self._work(), "evaluate alert rules")

    def replace_rules(self, rules: AlertRules) -> None:
        """Use other rules; what fires now ends for the old ones, and begins again."""
        self._count_engine()
        self._engine = self._new_engine(rules)

    def replace_notifiers(
        self, notifiers: Sequence[Notifier], labels: dict[str, str], grace: float = 10.0
    ) -> None:
        """Send to other destinations; those before send what waits, for ``grace`` seconds."""
        old, self._notifiers, self._labels = self._notifiers, tuple(notifiers), labels
        for notifier in old:
            task = spawn(notifier.shutdown(grace), "retire a destination of alerts")
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    async def shutdown(self, grace: float) -> None:
        """Evaluate and send what waits, for at most ``grace`` seconds; the rest is counted."""
        ends = self._monotonic() + grace
        self._is_shut = True
        self._arrived.set()
        if self._worker is not None:
            await finish({self._worker}, grace)
        if self.waiting:
            self._metrics.dropped("shutdown", self.waiting)
            self._queue.clear()
            self._reserve.clear()
            self._steps = None
        self._count_unseen()
        self._count_engine()
        left = max(ends - self._monotonic(), 0.0)
        await at_once(
            finish(set(self._retiring), left),
            *(notifier.shutdown(left) for notifier in self._notifiers),
        )

    # --- evaluation ------------------------------------------------------------------

    async def _work(self) -> None:
        """Evaluate slice after slice, and check for a tick in between."""
        next_tick = self._monotonic() + TICK
        while not (self._is_shut and not self.waiting):
            if not self.waiting:
                self._arrived.clear()
                try:
                    async with asyncio.timeout(max(next_tick - self._monotonic(), 0.0)):
                        await self._arrived.wait()
                except TimeoutError:
                    pass
            began = self._monotonic()
            self._slice(began + SLICE)
            if self._monotonic() >= next_tick:
                try:
                    self._tick()
                except Exception as crash:
                    # The next one sends what this one has not.
                    self._crashed(crash)
                next_tick = self._monotonic() + TICK
            rest = (self._monotonic() - began) * (1 / SHARE - 1)
            if not self.waiting:
                rest = max(rest, GATHER)
            await self._sleep(0 if self._is_shut else rest)

    def _slice(self, ends: float) -> None:
        """Evaluate until then; what one event has left to do is gone on with in the next slice."""
        now = self._clock()
        while self.waiting:
            try:
                if self._steps is None:
                    event = (self._reserve or self._queue).take()
                    self._steps = iter(self._engine.steps(event, now))
                for alert in self._steps:
                    if alert is not None:
                        self._send((alert,))
                    if self._monotonic() >= ends:
                        return
            except Exception as crash:
                self._crashed(crash)
            self._steps = None
            if self._monotonic() >= ends:
                return

    def _tick(self) -> None:
        self._count_unseen()
        engine = self._engine
        self._send(engine.tick(self._clock()))
        self._metrics.firing(engine.firing)
        self._count_engine()

    def _count_engine(self) -> None:
        """Count what the engine has counted since the last time."""
        engine = self._engine
        for counts, counted in (
            (engine.condition_errors, self._metrics.condition_failed),
            (engine.folded, self._metrics.folded),
        ):
            for rule, count in counts.items():
                if count:
                    counted(rule, count)
                    counts[rule] = 0

    def _count_unseen(self) -> None:
        for rule, count in self._unseen.items():
            self._metrics.unseen(rule, count)
        self._unseen.clear()

    def _send(self, alerts: Sequence[Alert]) -> None:
        for alert in alerts:
            if alert.state is AlertState.FIRING:
                self._metrics.fired(alert.name, alert.severity)
            if self._labels:
                alert = _labelled(alert, self._labels)
            for notifier in self._notifiers:
                notifier.put(alert)

    # --- losses ----------------------------------------------------------------------

    def _save_or_drop(self, event: Event | SessionEvent) -> None:
        """There is no room for an event: keep it in the reserve if it may matter most."""
        rules = self._selected(event)
        if any(map(is_reserved, rules or ())):
            for dropped in self._reserve.put(event, _weight(event)):
                self._drop(dropped, rules if dropped is event else self._selected(dropped))
        else:
            self._drop(event, rules)

    def _selected(self, event: Event | SessionEvent) -> Sequence[AlertRule] | None:
        """The rules that select an event; None, and it is counted, where that crashes."""
        try:
            return self._engine.selected(event)
        except Exception as crash:
            self._crashed(crash)
            return None

    def _drop(self, event: Event | SessionEvent, rules: Sequence[AlertRule] | None) -> None:
        if rules is None:
            return
        self._metrics.dropped("queue-full")
        for rule in rules:
            self._unseen[rule.name] += 1
        owner = owner_of(event)
        if owner in self._lost or len(self._lost) < MOST_COUNTED:
            self._lost[owner] += 1
        if self._limited():
            named = [
                f"{go_quote(cut(name))} ({count})"
                for name, count in self._lost.most_common(MOST_NAMED)
            ]
            self._lost.clear()
            self._report(
                "events are dropped before alert rules see them: more come than are evaluated, "
                f"most of {', '.join(named)}; raise --alert-queue-size for bursts, or let fewer "
                "rules have conditions"
            )

    def _crashed(self, crash: Exception) -> None:
        self._metrics.dropped("crash")
        if self._limited():
            self._report(f"evaluating alert rules crashed: {type(crash).__name__}")

    def _limited(self) -> bool:
        """Whether a line may be logged: one a minute."""
        now = self._monotonic()
        if now - self._reported < 60:
            return False
        self._reported = now
        return True

    def _new_engine(self, rules: AlertRules) -> AlertEngine:
        for rule in rules.rules:
            self._metrics.rule(rule.name, rule.severity)
        return AlertEngine(rules.rules)


def is_reserved(rule: AlertRule) -> bool:
    """Whether what a rule selects has room in the reserve."""
    return rule.severity == CRITICAL or SessionEventType.RECORDING_STOPPED in rule.session_events


def cut(name: str) -> str:
    """A name in a line of the operator log."""
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}..."


def _weight(event: Event | SessionEvent) -> int:
    if isinstance(event, SessionEvent):
        return EVENT_WEIGHT
    return weight(event) + len(event.request_uri)


def _labelled(alert: Alert, labels: dict[str, str]) -> Alert:
    """The alert with more labels; its own rule."""
    return Alert(
        name=alert.name,
        severity=alert.severity,
        state=alert.state,
        labels={**labels, **alert.labels},
        annotations=alert.annotations,
        starts_at=alert.starts_at,
        ends_at=alert.ends_at,
        count=alert.count,
    )
