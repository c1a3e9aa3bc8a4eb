"""Aside: the log in its blocking modes, whose large events are written beside the event loop.

    small, and the thread has nothing to write --> log, at once
    anything else                              --> one thread, in the order in which it came

A large line takes as long to make and to write as hundreds of small ones, during which no other
request would get on. Requests still wait for their own events, as the mode says. Lines that come
made (LogBackend.process_line) keep to the same order: the log takes none while the thread has it.
"""

from auditproxy.apis.audit import Event
from auditproxy.audit.backend import Delivery
from auditproxy.audit.encode import LARGE
from auditproxy.backends.log import LogBackend
from auditproxy.backends.modes import Awaited
from auditproxy.backends.writer import LogWriter


class LargeAside:
    """Writes events to ``log``, or has ``awaited`` deliver them to it by way of ``writer``."""

    def __init__(self, log: LogBackend, writer: LogWriter, awaited: Awaited) -> None:
        self._log = log
        self._writer = writer
        self._awaited = awaited
        self._is_shut = False

    def process_events(self, events: tuple[Event, ...]) -> Delivery:
        """Write the events, or begin to."""
        log = self._log
        if log.lent == log.returned:
            for event in events:
                size = 0
                for body in (event.request_object, event.response_object):
                    if body is not None:
                        size += memoryview(body).nbytes
                if size >= LARGE and not self._is_shut:
                    return self._awaited.process_events(events)
            return log.process_events(events)
        if self._is_shut or self._awaited.has_room(events):
            return self._awaited.process_events(events)
        # Nothing is lost for want of room: the loop waits, as it would without a thread.
        self._writer.drain()
        return log.process_events(events)

    async def shutdown(self, grace: float) -> None:
        """Wait for what is being written, and close the log."""
        self._is_shut = True
        await self._awaited.shutdown(grace)

    def __str__(self) -> str:
        return str(self._log)
