"""Anchors: where checkpoints go beside their file, out of reach of who can write the log.

take(line), any thread --> the event loop --> webhook
before begin(): waiting
"""

import asyncio
import time
from collections import deque

from auditproxy.app import operatorlog
from auditproxy.audit.backend import Backend
from auditproxy.audit.chain.anchoring import checkpoint_event
from auditproxy.serializer.times import micro_time
from auditproxy.sockets.handover import hand_over

WAITING = 16
"""Checkpoints that are kept from before the webhook is there; the newest."""


def to_standard_error(line: bytes) -> None:
    """Log a checkpoint as a line for operators."""
    operatorlog.info(f"checkpoint of the audit log: {line.decode().rstrip()}")


class WebhookAnchor:
    """Sends checkpoints to the audit webhook, as events.

    The one that is made at the end comes too late for it: the next start sends the same end.
    """

    def __init__(self) -> None:
        self._backend: Backend | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: deque[bytes] = deque(maxlen=WAITING)

    def take(self, line: bytes) -> None:
        """Take a checkpoint."""
        if self._loop is None:
            self._waiting.append(line)
        else:
            hand_over(self._loop, self._send, line)

    def begin(self, backend: Backend) -> None:
        """Send what has come and what comes, from the running loop."""
        self._backend = backend
        self._loop = asyncio.get_running_loop()
        while self._waiting:
            self._send(self._waiting.popleft())

    def end(self) -> None:
        """Send no more: the webhook is about to end."""
        self._backend = None

    def _send(self, line: bytes) -> None:
        if self._backend is None:
            return
        event = checkpoint_event(line, micro_time(time.time_ns()))
        # The backend counts it if it is lost; nothing here waits for the outcome.
        self._backend.process_events((event,))
