"""The connections of a port-forward: their ports, bytes and durations, never their content."""

from dataclasses import dataclass

from auditproxy.apis.session import PortCarried, PortClosed, PortOpened
from auditproxy.apis.units import SECOND
from auditproxy.sessions.castnotes import ConnectionClosedNote, ConnectionOpenedNote, clean

MOST_OPEN = 1024
"""Connections of a session that are counted at once; of others the beginning alone is noted."""


@dataclass(slots=True)
class _Open:
    port: int
    began: int
    bytes_in: int = 0
    bytes_out: int = 0
    has_gap: bool = False


class Forwards:
    """Follows the connections of one session; moments are nanoseconds on one clock."""

    def __init__(self) -> None:
        self._open: dict[int, _Open] = {}

    def take(
        self, moment: int, event: PortOpened | PortCarried | PortClosed
    ) -> ConnectionOpenedNote | ConnectionClosedNote | None:
        """The note of a connection that began or ended; None for bytes."""
        match event:
            case PortOpened(connection, port):
                if len(self._open) < MOST_OPEN:
                    self._open[connection] = _Open(port, moment)
                return ConnectionOpenedNote(connection=connection, port=port)
            case PortCarried(connection, from_client, size):
                known = self._open.get(connection)
                if known is not None and from_client:
                    known.bytes_in += size
                elif known is not None:
                    known.bytes_out += size
                return None
            case PortClosed(connection, error):
                return self._closed(moment, connection, error)

    def lost(self) -> None:
        """Something is missing here: what is open may have carried more, or have ended."""
        for known in self._open.values():
            known.has_gap = True

    def close(self, moment: int) -> list[ConnectionClosedNote]:
        """The session ended: what is still open ends with it."""
        notes = [self._closed(moment, connection, "") for connection in list(self._open)]
        return [note for note in notes if note is not None]

    def _closed(self, moment: int, connection: int, error: str) -> ConnectionClosedNote | None:
        known = self._open.pop(connection, None)
        if known is None:
            return None
        return ConnectionClosedNote(
            connection=connection,
            port=known.port,
            bytes_in=known.bytes_in,
            bytes_out=known.bytes_out,
            duration_seconds=max(0, moment - known.began) // 1000 * 1000 / SECOND,
            error=clean(error),
            has_gap=known.has_gap,
        )
