"""Listener: accepts connections on a port, and survives a lack of descriptors.

    listening --accept fails for lack of resources--> paused --a second--> listening
              \\--a reserved descriptor is left--> accepts with it, and replaces it when it can

asyncio's own accept loop logs a traceback for each failed accept and pauses without further
notice. This one calls ``fault`` with the cause each time it pauses, and its owner counts and
reports that.
"""

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from auditproxy.sockets.keepalive import keep_alive
from auditproxy.sockets.tasks import spawn
from auditproxy.sockets.transport import has_something_to_read

BACKLOG = 1024
ACCEPTED_AT_ONCE = 64
PAUSE = 1.0
"""Seconds without accepting, after a failure that affects more than one connection."""

REFILL = 0.01
"""Seconds after which every event loop has released a closed connection's descriptor."""

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
"""Errors that accept(2) passes on from a connection that failed before it was accepted."""

_OUT_OF_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE})

Serve = Callable[[socket.socket], Coroutine[Any, Any, None] | None]
"""Takes an accepted socket; a returned coroutine is run as a task of its own."""


def bind(host: str, port: int, *, listening: bool = True) -> list[socket.socket]:
    """Return sockets listening on each address of a host, "" for all interfaces; raises OSError.

    With port 0 all use the same free port. Addresses that this machine does not have are
    skipped as long as one is available. With ``listening`` False they are bound only.
    """
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    bound: list[socket.socket] = []
    missing: OSError | None = None
    for family, _, _, _, address in dict.fromkeys(found):
        number = bound[0].getsockname()[1] if bound else port
        where = (address[0], number, *address[2:])
        try:
            bound.append(_bound(family, where, both_families=False))
        except OSError as error:
            missing = error
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                bound = _closed(bound)
                break
    if missing is not None and not bound:
        raise missing
    if listening:
        listen(bound)
    return bound


def listen(bound: Iterable[socket.socket]) -> None:
    """Have sockets listen that are bound, or close all of them and raise OSError."""
    try:
        for each in bound:
            # So that the next process can have the port while connections of this one are closing.
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            each.listen(BACKLOG)
    except OSError:
        _closed(bound)
        raise


def reserve(host: str, port: int) -> socket.socket:
    """Return a socket bound to an address that does not listen yet; raises OSError.

    ``host`` is an address of this machine; :: means all interfaces of both families. Processes
    that inherit it all accept from one queue, so that none of them takes connections along.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return _bound(family, (host, port), both_families=host == "::")


def _bound(family: int, where: tuple[str | int, ...], *, both_families: bool) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not both_families)
        bound.bind(where)
        # As long as neither listens, two processes that reuse addresses could both have the port.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    except OSError:
        bound.close()
        raise
    return bound


def _closed(sockets: Iterable[socket.socket]) -> list[socket.socket]:
    for each in sockets:
        each.close()
    return []


def fault_word(error: OSError) -> str:
    """Return the symbolic name of an error, such as ``EMFILE``: one of a few."""
    return errno.errorcode.get(error.errno or 0, "other")


def fault_text(error: OSError, flag: str) -> str:
    """Return the operator message for a pause in accepting on the port of ``flag``."""
    text = f"accepting connections on {flag} pauses for a second: {error.strerror}"
    if error.errno == errno.EMFILE:
        text += (
            "; raise the limit of open files (ulimit -n, LimitNOFILE=) or lower --max-connections"
        )
    return text


class Listener:
    """Accepts connections from a listening socket and passes each to ``serve``.

    ``fault`` is called with the cause each time accepting pauses. ``reserve`` descriptors
    are kept for connections that arrive when no others are left. Up to ``at_once``
    connections are accepted in a row before the event loop runs other work.
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
        """Accept waiting connections, up to ``at_once``, then yield to other work."""
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
                        # accept(2) allocates the descriptor first and fails even if none waits.
                        return
                    if self._reserved:
                        os.close(self._reserved.pop())
                        continue
                self._pause(error)
                return
            self._take(accepted)

    def _pause(self, error: OSError) -> None:
        """Stop accepting for a while: the loop would otherwise retry at once, forever."""
        self._fault(error)
        self._loop.remove_reader(self._socket.fileno())
        self._paused = self._loop.call_later(PAUSE, self._resume)

    def _take(self, accepted: socket.socket) -> None:
        try:
            accepted.setblocking(False)
            keep_alive(accepted)
        except OSError:
            # The connection was reset before it was accepted.
            accepted.close()
            return
        work = self._serve(accepted)
        if work is not None:
            task = spawn(work, "take a connection")
            self._tasks.add(task)
            task.add_done_callback(lambda done: self._made(done, accepted))

    def _made(self, task: "asyncio.Task[None]", accepted: socket.socket) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            # The task may never have started, and nothing else would close the socket.
            accepted.close()

    def _resume(self) -> None:
        self._paused = None
        self._loop.add_reader(self._socket.fileno(), self._accept)

    def refill(self) -> None:
        """Replace used reserve descriptors, as far as descriptors are available."""
        with contextlib.suppress(OSError):
            while not self._closed and len(self._reserved) < self._reserve:
                self._reserved.append(os.dup(self._socket.fileno()))

    def refill_soon(self) -> None:
        """Call ``refill`` once a connection being closed has released its descriptor."""
        if self._reserve > len(self._reserved):
            self._loop.call_later(REFILL, self.refill)

    async def leave(self) -> None:
        """Stop accepting, and wait for the connections that are still being set up."""
        self._stop()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def close(self) -> None:
        """Stop accepting and drop connections that are still being set up."""
        self._stop()
        for task in tuple(self._tasks):
            task.cancel()

    def _stop(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._paused is not None:
            self._paused.cancel()
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()
        while self._reserved:
            os.close(self._reserved.pop())


def shown_address(host: str, port: int) -> str:
    """Return the address as written in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def why_not_bound(error: OSError) -> str:
    """Return why an address cannot be bound, without the repetition in asyncio's text."""
    number = error.errno or 0
    return os.strerror(number) if number > 0 else str(error.strerror or error)


def fix_of_binding(error: OSError) -> str:
    """Return what to do about an address that cannot be bound."""
    if isinstance(error, socket.gaierror):
        return "give an address of this machine, or a name that has one"
    if error.errno == errno.EADDRNOTAVAIL:
        return "give an address of this machine, or 0.0.0.0 for all of them"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "choose a port above 1023, or give the process the capability CAP_NET_BIND_SERVICE"
    return "choose another, or stop the process that listens there"
