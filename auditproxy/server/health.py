"""Health and metrics, on a port of their own: /livez, /readyz, /healthz and /metrics.

The texts are those of apiserver server/healthz: ``ok``, or with ``?verbose`` and
on failure one line a check. The proxy's own port forwards these paths like any other.
"""

import asyncio
from collections.abc import Callable

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

Check = Callable[[], bool]
"""Whether something is as it should be."""

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
        self._listener: asyncio.Server | None = None
        self._server: web.Server | None = None

    def add_check(self, name: str, check: Check, groups: tuple[str, ...] = GROUPS) -> None:
        """Have a check asked in some groups."""
        for group in groups:
            self._checks[group][name] = check

    async def start(self, host: str, port: int) -> int:
        """Listen on plain HTTP; returns the port. Raises OSError."""
        self._server = web.Server(self._handle, access_log=None)
        self._listener = await asyncio.get_running_loop().create_server(
            self._server, host or None, port
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
        _, group, *rest = path.split("/")
        if group not in self._checks:
            return _text(404, "404 page not found\n")
        if rest and rest != [""]:
            return self._one(group, "/".join(rest))
        excluded = {name for value in request.query.getall("exclude", []) for name in [value]}
        return self._all(group, excluded, verbose="verbose" in request.query)

    def _one(self, group: str, name: str) -> web.Response:
        """The answer of a single check."""
        check = self._checks[group].get(name)
        if check is None:
            return _text(404, "404 page not found\n")
        if check():
            return _text(200, "ok")
        return _text(500, "internal server error: failed health check\n")

    def _all(self, group: str, excluded: set[str], *, verbose: bool) -> web.Response:
        """The answer of all checks of a group."""
        lines = []
        failed = False
        for name, check in self._checks[group].items():
            if name in excluded:
                excluded.discard(name)
                lines.append(f"[+]{name} excluded: ok\n")
            elif check():
                lines.append(f"[+]{name} ok\n")
            else:
                # Withheld as kube-apiserver withholds it: probes are not authenticated.
                lines.append(f"[-]{name} failed: reason withheld\n")
                failed = True
        if excluded:
            names = ", ".join(f'"{name}"' for name in sorted(excluded))
            lines.append(f"warn: some health checks cannot be excluded: no matches for {names}\n")
        if failed:
            return _text(500, "".join(lines) + f"{group} check failed\n")
        if not verbose:
            return _text(200, "ok")
        return _text(200, "".join(lines) + f"{group} check passed\n")


def _text(code: int, body: str) -> web.Response:
    return web.Response(
        status=code,
        text=body,
        content_type="text/plain",
        charset="utf-8",
        headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache, private"},
    )
