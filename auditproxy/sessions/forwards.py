"""The connections of a port-forward: their ports, bytes and durations, never their content."""

from auditproxy.apis.session import PortCarried, PortClosed, PortOpened
from auditproxy.apis.units import SECOND
from auditproxy.sessions.castnotes import ConnectionClosedNote, ConnectionOpenedNote, clean
from auditproxy.sessions.numbered import IntegerRows, NumberedValues

MOST_OPEN = 1024
"""Connections of a session that are counted at once; of others the beginning alone is noted."""


_PORT, _BEGAN, _IN, _OUT, _GAP, _WIDTH = range(6)
"""What is kept of a connection, and how many integers that are."""


class Forwards:
    """Follows the connections of one session; moments are nanoseconds on one clock."""

    def __init__(self) -> None:
        self._places = NumberedValues()
        self._rows = IntegerRows(_WIDTH)

    def take(
        self, moment: int, event: PortOpened | PortCarried | PortClosed
    ) -> ConnectionOpenedNote | ConnectionClosedNote | None:
        """The note of a connection that began or ended; None for bytes."""
        match event:
            case PortOpened(connection, port):
                if len(self._places) < MOST_OPEN and self._places.get(connection) < 0:
                    self._places.add(connection, self._rows.add(port, moment, 0, 0, 0))
                return ConnectionOpenedNote(connection=connection, port=port)
            case PortCarried(connection, from_client, size):
                place = self._places.get(connection)
                if place >= 0:
                    self._rows.numbers[place * _WIDTH + (_IN if from_client else _OUT)] += size
                return None
            case PortClosed(connection, error):
                return self._closed(moment, connection, error)

    def lost(self) -> None:
        """Something is missing here: what is open may have carried more, or have ended."""
        for place in self._places.values():
            self._rows.numbers[place * _WIDTH + _GAP] = 1

    def close(self, moment: int) -> list[ConnectionClosedNote]:
        """The session ended: what is still open ends with it."""
        notes = [self._closed(moment, number, "") for number in self._places.numbers()]
        return [note for note in notes if note is not None]

    def _closed(self, moment: int, connection: int, error: str) -> ConnectionClosedNote | None:
        place = self._places.pop(connection)
        if place < 0:
            return None
        port, began, bytes_in, bytes_out, has_gap = self._rows.pop(place)
        return ConnectionClosedNote(
            connection=connection,
            port=port,
            bytes_in=bytes_in,
            bytes_out=bytes_out,
            duration_seconds=max(0, moment - began) // 1000 * 1000 / SECOND,
            error=clean(error),
            has_gap=bool(has_gap),
        )
