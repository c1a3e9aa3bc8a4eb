"""Outbox: the queue of one destination, its repetitions and what it loses.

    put --> queue --batch--> send --200--> sent
              |full: oldest   |fails--> wait, longer each time --> send again
              |dropped        |refused, or expired--> lost, counted

Alerts of the same labels take each other's place while they wait: the latest says it all.

Alertmanager ends an alert by itself at its endsAt, and does not notify of one that ended before it
came. One that fires is therefore sent with an end that is at least LATE away, as Prometheus does,
and its true end is sent when it comes: unless it comes before Alertmanager has notified.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from auditproxy.alerts.alert import SEVERITIES, Alert, AlertState
from auditproxy.apis.units import SECOND
from auditproxy.backends.ending import finish
from auditproxy.clients.webhook import WebhookError
from auditproxy.metrics.alerts import AlertMetrics
from auditproxy.sockets.tasks import spawn

MAXIMUM_ALERTS = 10_000
"""That wait for one destination."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds after a failed attempt."""

EXPIRES = 3600 * SECOND
"""Nanoseconds after an alert's end at which it is no longer sent."""

LATE = 90 * SECOND
"""Nanoseconds that must be left of an alert that is sent while it fires: it is sent again only
after a minute, and with the next tick of the rules."""

LATE_FIRING = 300 * SECOND
"""Nanoseconds that an alert fires from when it is delivered, where less than LATE was left."""

NOTIFIED = 45 * SECOND
"""Nanoseconds after which Alertmanager has notified of an alert: by default it waits for 30 s
(group_wait, prometheus/alertmanager docs/configuration.md)."""

Labels = tuple[tuple[str, str], ...]


class Client(Protocol):
    """Sends alerts to one server; ``batch`` is how many at once."""

    @property
    def batch(self) -> int:
        """The most alerts that ``send`` takes."""
        ...

    async def send(self, alerts: Sequence[Alert]) -> int:
        """Send; return how many were refused. Raises WebhookError."""
        ...

    def is_final(self, error: WebhookError) -> bool:
        """Whether sending again is pointless."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class Notifier(Protocol):
    """Takes alerts; never blocks and never raises."""

    def put(self, alert: Alert) -> None:
        """Take an alert."""
        ...

    async def shutdown(self, grace: float) -> None:
        """Send what waits within ``grace`` seconds, and close."""
        ...


class Outbox:
    """A Notifier in front of a client; used within one event loop.

    ``every_state`` sends repetitions, as Alertmanager expects; else an alert is sent when it
    begins and, with ``resolved``, when it ends. Alerts that have not been delivered when they end
    are sent as above with ``every_state``.
    """

    def __init__(
        self,
        name: str,
        client: Client,
        metrics: AlertMetrics,
        *,
        clock: Callable[[], int],
        sleep: Callable[[float], Awaitable[None]],
        random: Callable[[], float],
        report: Callable[[str], None],
        every_state: bool = False,
        resolved: bool = False,
        minimum_severity: str = SEVERITIES[0],
        limit: int = MAXIMUM_ALERTS,
    ) -> None:
        self.name = name
        self._client = client
        self._metrics = metrics
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._report = report
        self._every_state = every_state
        self._states = {AlertState.FIRING}
        if every_state:
            self._states |= {AlertState.REPEATED, AlertState.RESOLVED}
        elif resolved:
            self._states.add(AlertState.RESOLVED)
        self._severities = SEVERITIES[SEVERITIES.index(minimum_severity) :]
        self._limit = limit
        self._waiting: OrderedDict[tuple[bool, Labels], Alert] = OrderedDict()
        self._begun: OrderedDict[Labels, int] = OrderedDict()
        """Alerts whose end was put off, and when their ends may be sent: Alertmanager has notified
        of them by then. One that comes earlier is left to the later end."""
        self._arrived = asyncio.Event()
        self._ending = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._is_shut = False
        self._fails = False
        metrics.destination(name)

    def put(self, alert: Alert) -> None:
        """Queue an alert; the oldest is dropped when too many wait."""
        if alert.state not in self._states or alert.severity not in self._severities:
            return
        if self._is_shut:
            self._metrics.failed(self.name, "shutdown", 1)
            return
        self._queue(alert)
        if len(self._waiting) > self._limit:
            self._waiting.popitem(last=False)
            self._metrics.failed(self.name, "queue-full", 1)
        self._arrived.set()
        if self._worker is None:
            self._worker = spawn(self._work(), f"send alerts to {self.name}")

    async def shutdown(self, grace: float) -> None:
        """Send what waits for at most ``grace`` seconds; the rest is lost and counted.

        A pause after a failed attempt ends at once: there may be no other time.
        """
        self._is_shut = True
        self._arrived.set()
        self._ending.set()
        try:
            if self._worker is not None:
                await finish({self._worker}, grace)
        finally:
            # Also where the wait itself was cut short.
            if self._worker is not None:
                self._worker.cancel()
            if self._waiting:
                self._metrics.failed(self.name, "shutdown", len(self._waiting))
                self._waiting.clear()
            await self._client.close()

    async def _work(self) -> None:
        pause = FIRST_PAUSE
        while True:
            while not self._waiting:
                if self._is_shut:
                    return
                self._arrived.clear()
                await self._arrived.wait()
            batch = self._batch()
            if not batch:
                continue
            try:
                delivered = await self._deliver(batch)
            except asyncio.CancelledError:
                self._metrics.failed(self.name, "shutdown", len(batch))
                raise
            if delivered:
                pause = FIRST_PAUSE
                continue
            await self._pause(pause * (1 + 0.2 * self._random()))
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _pause(self, seconds: float) -> None:
        """Wait; a shutdown ends it, and then waits are short."""
        if self._is_shut:
            await self._sleep(min(seconds, FIRST_PAUSE))
            return

        async def end_at_shutdown() -> None:
            await self._ending.wait()

        async def sleep() -> None:
            await self._sleep(seconds)

        waits = {spawn(wait(), "pause between attempts") for wait in (end_at_shutdown, sleep)}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _queue(self, alert: Alert) -> None:
        key = _key(alert)
        before = self._waiting.get(key)
        self._waiting[key] = alert if before is None else _began(alert, before)

    def _batch(self) -> list[Alert]:
        """The next alerts; those that ended long ago are lost."""
        found: list[Alert] = []
        now = self._clock()
        while self._waiting and len(found) < self._client.batch:
            (is_end, labels), alert = self._waiting.popitem(last=False)
            if now - alert.ends_at > EXPIRES:
                self._metrics.failed(self.name, "expired", 1)
                continue
            if is_end and self._begun.get(labels, 0) > now:
                continue
            if alert.state is AlertState.FIRING and self._is_late(alert, now):
                self._began_at(labels, now)
            found.append(alert)
        return found

    def _is_late(self, alert: Alert, now: int) -> bool:
        """Whether an alert would end at Alertmanager before it is notified of or sent again."""
        if not self._every_state or not alert.starts_at <= alert.ends_at < now + LATE:
            return False
        # One that was delivered before and is over has its end in the queue.
        is_over = alert.ends_at <= now
        return alert.state is AlertState.FIRING or (
            alert.state is AlertState.REPEATED and not is_over
        )

    def _began_at(self, labels: Labels, now: int) -> None:
        self._begun.pop(labels, None)
        self._begun[labels] = now + NOTIFIED
        if len(self._begun) > self._limit:
            self._begun.popitem(last=False)

    def _sent_as(self, batch: list[Alert]) -> list[Alert]:
        """The batch with the ends of those that are late; what waits again keeps its own."""
        now = self._clock()
        return [
            msgspec.structs.replace(alert, ends_at=now + LATE_FIRING)
            if self._is_late(alert, now)
            else alert
            for alert in batch
        ]

    async def _deliver(self, batch: list[Alert]) -> bool:
        """Send a batch, or put it back; false when it is to be sent again later."""
        try:
            refused = await self._client.send(self._sent_as(batch))
        except WebhookError as error:
            if self._client.is_final(error):
                self._lost(len(batch), str(error))
                return True
            self._metrics.attempt_failed(self.name, error.reason)
            if not self._fails:
                self._fails = True
                self._report(f"alerts cannot be sent to {self.name}: {error}; trying again")
            # What came meanwhile is newer; in front, as these have waited longer.
            for alert in reversed(batch):
                key = _key(alert)
                newer = self._waiting.get(key)
                self._waiting[key] = alert if newer is None else _began(newer, alert)
                if newer is None:
                    self._waiting.move_to_end(key, last=False)
            return False
        except Exception as crash:
            self._lost(len(batch), f"sending crashed: {type(crash).__name__}")
            return True
        self._metrics.sent(self.name, len(batch) - refused)
        if refused:
            self._lost(refused, "the Alertmanager refused alerts as not valid")
        if self._fails:
            self._fails = False
            self._report(f"alerts are sent to {self.name} again")
        return True

    def _lost(self, count: int, text: str) -> None:
        self._metrics.failed(self.name, "refused", count)
        self._report(f"{count} alerts for {self.name} are lost: {text}")


def _key(alert: Alert) -> tuple[bool, Labels]:
    """What takes an alert's place while it waits: the end of one does not take its beginning's."""
    return alert.state is AlertState.RESOLVED, tuple(sorted(alert.labels.items()))


def _began(newer: Alert, older: Alert) -> Alert:
    """The newer of two alerts; it begins, where the older one does and was not delivered."""
    if newer.state is AlertState.REPEATED and older.state is AlertState.FIRING:
        return msgspec.structs.replace(newer, state=AlertState.FIRING)
    return newer


class LineNotifier:
    """A Notifier that writes a line for each alert that begins, and for each that ends."""

    def __init__(
        self,
        name: str,
        write: Callable[[Alert], None],
        metrics: AlertMetrics,
        *,
        resolved: bool = False,
        minimum_severity: str = SEVERITIES[0],
    ) -> None:
        self.name = name
        self._write = write
        self._metrics = metrics
        self._resolved = resolved
        self._severities = SEVERITIES[SEVERITIES.index(minimum_severity) :]
        metrics.destination(name)

    def put(self, alert: Alert) -> None:
        """Write an alert."""
        if alert.severity not in self._severities:
            return
        if alert.state is AlertState.FIRING or (
            self._resolved and alert.state is AlertState.RESOLVED
        ):
            self._write(alert)
            self._metrics.sent(self.name, 1)

    async def shutdown(self, grace: float) -> None:
        """Nothing waits."""
