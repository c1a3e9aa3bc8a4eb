"""Health and metrics, on a port of their own: /livez, /readyz, /healthz and /metrics.

The texts are those of apiserver server/healthz: ``ok``, or with ``?verbose`` and
on failure one line a check. The proxy's own port forwards these paths like any other.
Nothing that a client sends here is logged.
"""

import asyncio
import http
import logging
from collections.abc import Callable

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

from auditproxy.apis.status import go_quote

Check = Callable[[], bool]
"""Whether something is as it should be; one that raises is not."""

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
GROUPS = ("healthz", "livez", "readyz")


class HealthServer:
    """Answers probes; ``readyz`` fails until ``ready`` and after ``shutting_down``."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._ready = False
        self._shutting_down = False
        self._checks: dict[str, dict[str, Check]] = {group: {} for group in GROUPS}
        for group in GROUPS:
            self._checks[group]["ping"] = lambda: True
        self._checks["readyz"]["serving"] = lambda: self._ready
        self._checks["readyz"]["shutdown"] = lambda: not self._shutting_down
        self._information: list[Callable[[], tuple[str, ...]]] = []
        self._listener: asyncio.Server | None = None
        self._server: web.Server | None = None

    def add_check(self, name: str, check: Check, groups: tuple[str, ...] = GROUPS) -> None:
        """Have a check asked in some groups."""
        for group in groups:
            self._checks[group][name] = check

    def add_information(self, describe: Callable[[], tuple[str, ...]]) -> None:
        """Have lines shown by /readyz?verbose; anybody may read them, so they tell no secret."""
        self._information.append(describe)

    async def start(self, host: str, port: int) -> int:
        """Listen on plain HTTP; returns the port. Raises OSError."""
        loop = asyncio.get_running_loop()
        server = web.Server(self._handle)
        silent = _silent_logger()
        self._server = server
        self._listener = await loop.create_server(
            lambda: _Connection(server, loop=loop, access_log=silent, logger=silent),
            host or None,
            port,
        )
        bound: int = self._listener.sockets[0].getsockname()[1]
        return bound

    def ready(self) -> None:
        """The proxy serves."""
        self._ready = True

    def shutting_down(self) -> None:
        """The proxy is about to stop."""
        self._shutting_down = True

    async def close(self) -> None:
        """Stop listening."""
        if self._listener is not None:
            self._listener.close()
        if self._server is not None:
            await self._server.shutdown(1.0)

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        if request.method not in ("GET", "HEAD"):
            return _text(405, "only GET and HEAD are answered here\n")
        path = request.path
        if path == "/metrics":
            body = generate_latest(self._registry)
            return web.Response(body=body, headers={"Content-Type": METRICS_TYPE})
        group, _, name = path.removeprefix("/").partition("/")
        if group not in self._checks:
            return _text(404, "404 page not found\n")
        if name:
            return self._one(group, name)
        excluded = frozenset(request.query.getall("exclude", ()))
        return self._all(group, excluded, verbose="verbose" in request.query)

    def _one(self, group: str, name: str) -> web.Response:
        """The answer of a single check."""
        check = self._checks[group].get(name)
        if check is None:
            return _text(404, "404 page not found\n")
        if _passes(check):
            return _text(200, "ok")
        return _text(500, "internal server error: failed health check\n")

    def _all(self, group: str, excluded: frozenset[str], *, verbose: bool) -> web.Response:
        """The answer of all checks of a group."""
        checks = self._checks[group]
        lines = []
        failed = False
        for name, check in checks.items():
            if name in excluded:
                lines.append(f"[+]{name} excluded: ok\n")
            elif _passes(check):
                lines.append(f"[+]{name} ok\n")
            else:
                # Withheld as kube-apiserver withholds it: probes are not authenticated.
                lines.append(f"[-]{name} failed: reason withheld\n")
                failed = True
        if unknown := excluded - checks.keys():
            names = ",".join(go_quote(name) for name in sorted(unknown))
            lines.append(f"warn: some health checks cannot be excluded: no matches for {names}\n")
        if group == "readyz" and verbose:
            lines += (f"info: {line}\n" for describe in self._information for line in describe())
        if failed:
            return _text(500, "".join(lines) + f"{group} check failed\n")
        if not verbose:
            return _text(200, "ok")
        return _text(200, "".join(lines) + f"{group} check passed\n")


class _Connection(web.RequestHandler):
    """Answers what is no HTTP with one constant text, where aiohttp would echo it."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The last answer of a connection."""
        response = _text(status, f"{status} {http.HTTPStatus(status).phrase}\n")
        response.force_close()
        return response


def _silent_logger() -> logging.Logger:
    """A logger outside of logging's tree: aiohttp's own prints the bytes of malformed requests."""
    logger = logging.Logger("health")
    logger.addHandler(logging.NullHandler())
    logger.setLevel(logging.CRITICAL + 1)
    return logger


def _passes(check: Check) -> bool:
    """Ask a check; one that raises fails, whatever it raises."""
    try:
        return check()
    except Exception:
        return False


def _text(code: int, body: str) -> web.Response:
    return web.Response(
        status=code,
        text=body,
        content_type="text/plain",
        charset="utf-8",
        headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache, private"},
    )
