"""Health and metrics, on a port of their own: /livez, /readyz, /healthz and /metrics.

The texts are those of apiserver server/healthz: ``ok``, or with ``?verbose`` and on failure
one line per check. The proxy's own port forwards these paths like any other. Nothing that a
client sends here is logged.

Any client that reaches the port can open connections and leave them idle. At the limit, the
connection that has been idle longest is closed for the next, so that probes are always
answered.
"""

import socket
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp.web_request import BaseRequest
from aiohttp.web_response import Response
from aiohttp.web_server import Server
from prometheus_client import CollectorRegistry

from auditproxy.apis.gotext import go_quote
from auditproxy.health.connection import HealthConnection, text_answer
from auditproxy.health.connections import BoundedConnections
from auditproxy.health.metricspage import MetricsPage
from auditproxy.sockets.listener import Listener, bind, listen

Check = Callable[[], bool | str]
"""Returns True if healthy; otherwise False, or a text that gives the reason.

Any client that reaches the port may read the text, so it must not contain secrets. A check
that raises fails.
"""

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
GROUPS = ("healthz", "livez", "readyz")

MAXIMUM_CONNECTIONS = 32
"""Maximum connections; a further one closes the connection that has been idle longest."""

ACCEPTED_AT_ONCE = 8
"""Connections accepted before the descriptors of those they displaced are released."""

RESERVED = 4
"""Descriptors reserved for probes, for when other connections use up all others."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """Which checks of /readyz fail, with their reasons, and the lines of /readyz?verbose."""

    faults: tuple[str, ...] = ()
    information: tuple[str, ...] = ()


class HealthServer:
    """Answers probes; ``readyz`` fails until ``ready`` and after ``shutting_down``.

    /metrics shows ``registry``, and the registry with many series, ``many``; with ``page`` what
    that makes of their text.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        many: CollectorRegistry | None = None,
        *,
        accepting_failed: Callable[[OSError], None] = lambda error: None,
        pushed_out: Callable[[], None] = lambda: None,
        page: Callable[[bytes], Awaitable[bytes]] | None = None,
    ) -> None:
        self._own_page = MetricsPage(registry, many)
        self._page = page
        self._accepting_failed = accepting_failed
        self._ready = False
        self._shutting_down = False
        self._checks: dict[str, dict[str, Check]] = {group: {} for group in GROUPS}
        for group in GROUPS:
            self._checks[group]["ping"] = lambda: True
        self._checks["readyz"]["serving"] = lambda: self._ready
        self._checks["readyz"]["shutdown"] = lambda: not self._shutting_down
        self._information: list[Callable[[], tuple[str, ...]]] = []
        self._listeners: list[Listener] = []
        self._server: Server | None = None
        self._connections = BoundedConnections(
            MAXIMUM_CONNECTIONS, pushed_out=pushed_out, lost=self._lost
        )

    def add_check(self, name: str, check: Check, groups: tuple[str, ...] = GROUPS) -> None:
        """Add a check to some groups."""
        for group in groups:
            self._checks[group][name] = check

    def add_information(self, describe: Callable[[], tuple[str, ...]]) -> None:
        """Add lines to /readyz?verbose; any client may read them, so they contain no secrets."""
        self._information.append(describe)

    async def start(self, host: str, port: int, reserved: Sequence[socket.socket] = ()) -> int:
        """Listen on plain HTTP; return the port. Raises OSError.

        ``reserved`` are sockets bound to that address, where it was bound before.
        """
        self._server = Server(self._answer)
        listen(reserved)
        for bound in reserved or bind(host, port):
            port = bound.getsockname()[1]
            self._listeners.append(
                Listener(
                    bound,
                    self._accepted,
                    self._accepting_failed,
                    reserve=RESERVED,
                    at_once=ACCEPTED_AT_ONCE,
                )
            )
        return port

    def _accepted(self, accepted: socket.socket) -> Coroutine[Any, Any, None]:
        return self._connections.connect(accepted, self._connections.place(self._server))

    def _lost(self) -> None:
        for listener in self._listeners:
            listener.refill_soon()

    async def _answer(self, request: BaseRequest) -> Response:
        """Answer a request to its last byte; its connection becomes the most recently used."""
        connection = request.protocol
        assert isinstance(connection, HealthConnection)
        self._connections.used(connection)
        with connection.answering():
            response = await self._handle(request)
            await response.prepare(request)
            await response.write_eof()
        return response

    async def metrics(self) -> bytes:
        """Return the text of /metrics."""
        own = await self._own_page.text()
        return own if self._page is None else await self._page(own)

    def readiness(self) -> Readiness:
        """Return what /readyz would say."""
        faults = ((name, _fault(check)) for name, check in self._checks["readyz"].items())
        return Readiness(
            tuple(f"{name}: {why or 'failed'}" for name, why in faults if why is not None),
            tuple(line for describe in self._information for line in describe()),
        )

    def ready(self) -> None:
        """Report the proxy as ready."""
        self._ready = True

    def shutting_down(self) -> None:
        """Report the proxy as shutting down."""
        self._shutting_down = True

    async def close(self) -> None:
        """Stop listening."""
        for listener in self._listeners:
            listener.close()
        if self._server is not None:
            await self._server.shutdown(1.0)

    async def _handle(self, request: BaseRequest) -> Response:
        if request.method not in ("GET", "HEAD"):
            return text_answer(405, "only GET and HEAD are supported\n")
        path = request.path
        if path == "/metrics":
            body = await self.metrics()
            return Response(body=body, headers={"Content-Type": METRICS_TYPE})
        group, _, name = path.removeprefix("/").partition("/")
        if group not in self._checks:
            return text_answer(404, "404 page not found\n")
        if name:
            return self._one(group, name)
        excluded = frozenset(request.query.getall("exclude", ()))
        return self._all(group, excluded, verbose="verbose" in request.query)

    def _one(self, group: str, name: str) -> Response:
        """Return the answer for a single check."""
        check = self._checks[group].get(name)
        if check is None:
            return text_answer(404, "404 page not found\n")
        why = _fault(check)
        if why is None:
            return text_answer(200, "ok")
        return text_answer(500, f"internal server error: {why or 'failed health check'}\n")

    def _all(self, group: str, excluded: frozenset[str], *, verbose: bool) -> Response:
        """Return the answer for all checks of a group."""
        checks = self._checks[group]
        lines = []
        failed = False
        for name, check in checks.items():
            if name in excluded:
                lines.append(f"[+]{name} excluded: ok\n")
            elif (why := _fault(check)) is None:
                lines.append(f"[+]{name} ok\n")
            else:
                # Withheld as in kube-apiserver, unless the check returns a text that is not secret.
                lines.append(f"[-]{name} failed: {why or 'reason withheld'}\n")
                failed = True
        if unknown := excluded - checks.keys():
            names = ",".join(go_quote(name) for name in sorted(unknown))
            lines.append(f"warn: some health checks cannot be excluded: no matches for {names}\n")
        if not (failed or verbose):
            return text_answer(200, "ok")
        if verbose and group == "readyz":
            lines += (f"info: {line}\n" for describe in self._information for line in describe())
        lines.append(f"{group} check {'failed' if failed else 'passed'}\n")
        return text_answer(500 if failed else 200, "".join(lines))


def _fault(check: Check) -> str | None:
    """Return None if a check passes, otherwise the reason; "" if it gives none or raises."""
    try:
        verdict = check()
    except Exception:
        return ""
    if verdict is True:
        return None
    return verdict if isinstance(verdict, str) else ""
