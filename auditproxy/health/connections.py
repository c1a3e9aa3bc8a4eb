"""BoundedConnections: those of a small server, of which the one that is idle longest makes room."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from typing import Any

from auditproxy.health.connection import HealthConnection


def _nothing() -> None:
    """There is nothing to do."""


class BoundedConnections:
    """At most ``most`` connections, the most recently used last.

    ``pushed_out`` is called before one makes room for another, ``lost`` when one has ended.
    """

    def __init__(
        self,
        most: int,
        *,
        pushed_out: Callable[[], None] = _nothing,
        lost: Callable[[], None] = _nothing,
    ) -> None:
        self._most = most
        self._pushed_out = pushed_out
        self._lost = lost
        self._open: dict[HealthConnection, None] = {}

    def __len__(self) -> int:
        """How many are open."""
        return len(self._open)

    def __iter__(self) -> Iterator[HealthConnection]:
        """Those that are open."""
        return iter(self._open)

    def place(self, server: Any) -> HealthConnection:
        """Make room where there is none, and return the protocol of one more connection."""
        if len(self._open) >= self._most:
            self._pushed_out()
            # Close idle connections first; those being answered only if there are no others.
            idle = (each for each in self._open if not each.is_answering)
            next(idle, next(iter(self._open))).end()
        connection = HealthConnection(server, loop=asyncio.get_running_loop(), on_lost=self._ended)
        self._open[connection] = None
        return connection

    async def connect(self, accepted: socket.socket, connection: HealthConnection) -> None:
        """Begin to serve an accepted socket."""
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, accepted)
        except BaseException:
            accepted.close()
            self._ended(connection)
            raise

    def used(self, connection: HealthConnection) -> None:
        """It has a request: it is the most recently used one."""
        if connection in self._open:
            self._open[connection] = self._open.pop(connection)

    def _ended(self, connection: HealthConnection) -> None:
        self._open.pop(connection, None)
        self._lost()
