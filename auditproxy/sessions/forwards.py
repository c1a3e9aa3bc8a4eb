"""The connections of a port-forward: their ports, bytes and durations, never their content."""

from array import array

from auditproxy.apis.session import PortCarried, PortClosed, PortOpened
from auditproxy.apis.units import SECOND
from auditproxy.sessions.castnotes import ConnectionClosedNote, ConnectionOpenedNote, clean

MOST_OPEN = 1024
"""Connections of a session that are counted at once; of others the beginning alone is noted."""


_PORT, _BEGAN, _IN, _OUT, _GAP, _NUMBERS = range(6)
"""What is kept of a connection, and how many numbers that are."""
_PLACES = tuple(range(0, MOST_OPEN * _NUMBERS, _NUMBERS))


class Forwards:
    """Follows the connections of one session; moments are nanoseconds on one clock.

    All that are open are in one array: an object for each takes three times as much.
    """

    def __init__(self) -> None:
        self._open: dict[int, int] = {}
        """Where the numbers of each begin."""
        self._numbers = array("q")
        self._free: list[int] = []

    def take(
        self, moment: int, event: PortOpened | PortCarried | PortClosed
    ) -> ConnectionOpenedNote | ConnectionClosedNote | None:
        """The note of a connection that began or ended; None for bytes."""
        match event:
            case PortOpened(connection, port):
                if len(self._open) < MOST_OPEN:
                    self._open[connection] = self._place(port, moment)
                return ConnectionOpenedNote(connection=connection, port=port)
            case PortCarried(connection, from_client, size):
                known = self._open.get(connection)
                if known is not None:
                    self._numbers[known + (_IN if from_client else _OUT)] += size
                return None
            case PortClosed(connection, error):
                return self._closed(moment, connection, error)

    def lost(self) -> None:
        """Something is missing here: what is open may have carried more, or have ended."""
        for known in self._open.values():
            self._numbers[known + _GAP] = 1

    def close(self, moment: int) -> list[ConnectionClosedNote]:
        """The session ended: what is still open ends with it."""
        notes = [self._closed(moment, connection, "") for connection in list(self._open)]
        return [note for note in notes if note is not None]

    def _place(self, port: int, moment: int) -> int:
        numbers = array("q", (port, moment, 0, 0, 0))
        if not self._free:
            # Of the integers that all sessions share.
            self._free.append(_PLACES[len(self._numbers) // _NUMBERS])
            self._numbers += numbers
        place = self._free.pop()
        self._numbers[place : place + _NUMBERS] = numbers
        return place

    def _closed(self, moment: int, connection: int, error: str) -> ConnectionClosedNote | None:
        known = self._open.pop(connection, None)
        if known is None:
            return None
        self._free.append(known)
        port, began, bytes_in, bytes_out, has_gap = self._numbers[known : known + _NUMBERS]
        return ConnectionClosedNote(
            connection=connection,
            port=port,
            bytes_in=bytes_in,
            bytes_out=bytes_out,
            duration_seconds=max(0, moment - began) // 1000 * 1000 / SECOND,
            error=clean(error),
            has_gap=bool(has_gap),
        )
