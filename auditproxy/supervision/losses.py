"""Losses: what passed in a session and its account was not given, until it can be reported.

Bytes are counted, and so are connections whose beginning is lost. What happens once in a session
and changes what all that follows means is not lost: it is reported as soon as there is room.
"""

from auditproxy.apis.session import (
    Carried,
    Channel,
    InputClosed,
    Outcome,
    PortCarried,
    PortOpened,
    Resized,
    StreamEvent,
    Unreadable,
)
from auditproxy.supervision.account import Missing


class SessionLosses:
    """Those of one session; ``size`` is the bytes of all, reported or not."""

    def __init__(self) -> None:
        self.size = 0
        self._size = self._sent = self._connections = 0
        self._is_any = False
        self._owed: dict[object, StreamEvent] = {}

    def lose(self, event: StreamEvent | Missing) -> None:
        """An event is not given to the account. A Missing is counted already, and not reported."""
        match event:
            case Missing(size, sent, connections):
                self._size += size
                self._sent += sent
                self._connections += connections
                self._is_any = True
                return
            case Carried(channel, data):
                self._count(len(data), sent=channel is Channel.STDIN)
            case PortCarried(size=size):
                self._count(size, sent=False)
            case Unreadable(from_client=from_client):
                self._owed.setdefault((Unreadable, from_client), event)
            case Resized() | Outcome() | InputClosed():
                self._owed[type(event)] = event
            case PortOpened():
                self._connections += 1
                self._is_any = True
            case _:
                self._is_any = True

    def _count(self, size: int, *, sent: bool) -> None:
        self.size += size
        self._size += size
        self._sent += size if sent else 0
        self._is_any = True

    def __bool__(self) -> bool:
        """Whether there is anything that was not reported."""
        return self._is_any or bool(self._owed)

    def tell(self) -> list[StreamEvent | Missing]:
        """All that was not reported, the gap first; at most one event of each kind."""
        reports: list[StreamEvent | Missing] = []
        if self._is_any:
            reports.append(Missing(self._size, self._sent, self._connections))
            self._size = self._sent = self._connections = 0
            self._is_any = False
        reports.extend(self._owed.values())
        self._owed.clear()
        return reports
