"""Listener: accepts connections for a port, and lives through a lack of descriptors.

    listening --accept fails for want of something--> paused --a second--> listening
              \\--a reserved descriptor is left--> accepts with it, and takes another when it can

asyncio's own accept loop logs a traceback for each failed accept and pauses without
a message; this one passes the cause to ``fault`` once each time it pauses, which its owner
counts and logs.
"""

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import Callable, Coroutine
from typing import Any

from auditproxy.sockets.keepalive import keep_alive
from auditproxy.sockets.transport import has_something_to_read

BACKLOG = 1024
ACCEPTED_AT_ONCE = 64
PAUSE = 1.0
"""Seconds without accepting, after a failure that concerns more than one connection."""

REFILL = 0.01
"""Seconds after which a closed connection's descriptor is free on every event loop."""

_OF_ONE_CONNECTION = frozenset(
    {
        errno.ECONNABORTED,
        errno.EINTR,
        errno.EPROTO,
        errno.ENETDOWN,
        errno.ENOPROTOOPT,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.EOPNOTSUPP,
        errno.ENETUNREACH,
        errno.EPERM,
        errno.ETIMEDOUT,
    }
)
"""What accept(2) passes on from a connection that failed before it was accepted."""

_OUT_OF_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE})

Serve = Callable[[socket.socket], Coroutine[Any, Any, None] | None]
"""Takes an accepted socket; what it returns is run as a task of its own."""


def bind(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen on each address of a host, "" being all interfaces; raises OSError.

    With port 0 all have the same free port. Addresses that this machine does
    not have are left out as long as one is had.
    """
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    bound: list[socket.socket] = []
    missing: OSError | None = None
    for family, _, _, _, address in dict.fromkeys(found):
        number = bound[0].getsockname()[1] if bound else port
        where = (address[0], number, *address[2:])
        try:
            bound.append(socket.create_server(where, family=family, backlog=BACKLOG))
        except OSError as error:
            missing = error
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                bound = _closed(bound)
                break
    if missing is not None and not bound:
        raise missing
    return bound


def _closed(sockets: list[socket.socket]) -> list[socket.socket]:
    for each in sockets:
        each.close()
    return []


def fault_word(error: OSError) -> str:
    """The name of an error, as ``EMFILE``: one of a few."""
    return errno.errorcode.get(error.errno or 0, "other")


def fault_text(error: OSError, flag: str) -> str:
    """The log line when accepting on the port of ``flag`` pauses."""
    text = f"accepting connections on {flag} pauses for a second: {error.strerror}"
    if error.errno == errno.EMFILE:
        text += (
            "; raise the limit of open files (ulimit -n, LimitNOFILE=) or lower --max-connections"
        )
    return text


class Listener:
    """Accepts what comes to a listening socket and gives each connection to ``serve``.

    ``fault`` hears each time why accepting pauses. ``reserve`` descriptors are
    kept back for connections that come when there are no others any more. ``at_once``
    connections are accepted before others than this listener have their turn.
    """

    def __init__(
        self,
        bound: socket.socket,
        serve: Serve,
        fault: Callable[[OSError], None],
        *,
        reserve: int = 0,
        at_once: int = ACCEPTED_AT_ONCE,
    ) -> None:
        self._socket = bound
        self._serve = serve
        self._fault = fault
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._paused: asyncio.TimerHandle | None = None
        self._at_once = at_once
        self._reserve = reserve
        self._reserved: list[int] = []
        self._closed = False
        self.refill()
        bound.setblocking(False)
        self._loop.add_reader(bound.fileno(), self._accept)

    def _accept(self) -> None:
        """Accept what waits, at most so many at once that others get their turn."""
        for _ in range(self._at_once):
            try:
                accepted, _ = self._socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _OF_ONE_CONNECTION:
                    continue
                if error.errno in _OUT_OF_DESCRIPTORS:
                    if not has_something_to_read(self._socket.fileno()):
                        # Descriptors are asked for before connections are.
                        return
                    if self._reserved:
                        os.close(self._reserved.pop())
                        continue
                self._pause(error)
                return
            self._take(accepted)

    def _pause(self, error: OSError) -> None:
        """Let those who wait be served later: the loop would ask again at once, and for ever."""
        self._fault(error)
        self._loop.remove_reader(self._socket.fileno())
        self._paused = self._loop.call_later(PAUSE, self._resume)

    def _take(self, accepted: socket.socket) -> None:
        try:
            accepted.setblocking(False)
            keep_alive(accepted)
        except OSError:
            # It was reset before we came to it.
            accepted.close()
            return
        work = self._serve(accepted)
        if work is not None:
            task = self._loop.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(lambda done: self._made(done, accepted))

    def _made(self, task: "asyncio.Task[None]", accepted: socket.socket) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            # It may never have begun, and no other code would close the socket.
            accepted.close()

    def _resume(self) -> None:
        self._paused = None
        self._loop.add_reader(self._socket.fileno(), self._accept)

    def refill(self) -> None:
        """Take back what was lent, as far as there are descriptors."""
        with contextlib.suppress(OSError):
            while not self._closed and len(self._reserved) < self._reserve:
                self._reserved.append(os.dup(self._socket.fileno()))

    def refill_soon(self) -> None:
        """The same once the connection that is being closed has given its descriptor back."""
        if self._reserve > len(self._reserved):
            self._loop.call_later(REFILL, self.refill)

    def close(self) -> None:
        """Stop accepting and drop connections that are still being made."""
        if self._closed:
            return
        self._closed = True
        if self._paused is not None:
            self._paused.cancel()
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()
        while self._reserved:
            os.close(self._reserved.pop())
        for task in tuple(self._tasks):
            task.cancel()


def shown_address(host: str, port: int) -> str:
    """The address as it is written in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def why_not_bound(error: OSError) -> str:
    """Why an address cannot be listened on, without asyncio's repetition of it."""
    number = error.errno or 0
    return os.strerror(number) if number > 0 else str(error.strerror or error)
