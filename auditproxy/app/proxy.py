"""The whole proxy of one process: makes it of options and files, starts it, and stops it in order.

check(options) -> Files          every file read, every fault of them; nothing is opened
build(options) -> Proxy          everything made, nothing listens
Proxy: start -> settle -> close  health port and listener, in this order and back

What runs it until a signal is serve.py, or worker.py where several share a port.
"""

import asyncio
import platform
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from auditproxy import __version__
from auditproxy.apis.faults import Unusable
from auditproxy.apis.units import SECOND
from auditproxy.app import libraries, operatorlog, process  # noqa: F401 - libraries comes first
from auditproxy.app.announcing import tell_start
from auditproxy.app.composition import Composed
from auditproxy.app.logs.logchecks import log_doubts, log_faults
from auditproxy.app.ports import Ports, probes_not_bound
from auditproxy.app.reload import new_reloader
from auditproxy.app.sinks.backends import AuditSink, open_backends
from auditproxy.app.sinks.spoolfaults import spool_doubts, spool_faults
from auditproxy.app.upstream import require
from auditproxy.app.wanted import alerts_of, receivers_of, sessions_of, tracing_of
from auditproxy.audit.backend import Backend
from auditproxy.backends.ending import at_once
from auditproxy.backends.overheard import OverheardBackend
from auditproxy.downstream.limits import ConnectionLimits
from auditproxy.files.files import Files, read_files
from auditproxy.files.listener import listener_context
from auditproxy.files.reloader import Reloader
from auditproxy.files.servingcertificate import make_certificate
from auditproxy.health.server import HealthServer
from auditproxy.metrics.registry import Metrics
from auditproxy.options import Options
from auditproxy.options.backends import without_effect
from auditproxy.server.handler import Handler
from auditproxy.server.serving import Serving
from auditproxy.sockets.listener import fault_text, fault_word
from auditproxy.sockets.tasks import spawn
from auditproxy.sockets.transport import tune_tls_buffers

if TYPE_CHECKING:
    from auditproxy.alerts.alert import Alert
    from auditproxy.app.sessions.opening import SessionParts
    from auditproxy.app.tracing import TracingParts
    from auditproxy.notifiers.dispatcher import AlertDispatcher


def check(options: Options, *, strict: bool = False) -> Files:
    """What the files say that the options name; raises Unusable with every fault of them.

    Without one ``serve`` would start. ``strict`` adds what ``serve`` only warns of: a
    policy's fields that no policy has.
    """
    faults: list[str] = []
    try:
        files = read_files(options, strict=strict)
        listener_context(options, files)
    except Unusable as error:
        faults += error.faults
    faults += log_faults(options) + spool_faults(options)
    if faults:
        raise Unusable(*faults)
    spooled = () if files.alert_targets is None else files.alert_targets.spooled
    doubts = without_effect(options) + log_doubts(options) + spool_doubts(options, spooled)
    return replace(files, warnings=files.warnings + doubts)


async def start_health(health: HealthServer, options: Options, ports: Ports | None = None) -> int:
    """Open the port of probes, if there is to be one; its number or 0. Raises ServingError."""
    address = options.health.address()
    if address is None:
        return 0
    try:
        return await health.start(*address, ports.probes if ports is not None else ())
    except OSError as error:
        raise probes_not_bound(*address, error) from None


class Proxy:
    """The whole proxy of one process; made by ``build``."""

    def __init__(
        self,
        options: Options,
        composed: Composed,
        serving: Serving,
        health: HealthServer,
        sink: AuditSink,
        metrics: Metrics,
        reloader: Reloader,
        sessions: "SessionParts | None" = None,
        alerts: "AlertDispatcher | None" = None,
        tracing: "TracingParts | None" = None,
    ) -> None:
        self.port = 0
        self.health_port = 0
        self.certificate = ""
        self._options = options
        self._composed = composed
        self._serving = serving
        self._health = health
        self._sink = sink
        self.metrics = metrics
        self.reloader = reloader
        self._sessions = sessions
        self._alerts = alerts
        self._tracing = tracing
        self._background: tuple[asyncio.Task[None], ...] = ()

    @property
    def backend(self) -> Backend:
        """Where events go."""
        return self._sink.backend

    @property
    def health(self) -> HealthServer:
        """What answers probes and scrapes."""
        return self._health

    @property
    def handler(self) -> Handler:
        """The chain, for callers that read its services."""
        return self._serving.handler

    async def start(self, ports: Ports | None = None, *, is_shared: bool = False) -> None:
        """Open the health port, then the listener; raises ServingError.

        ``ports`` are those of the options, where they were bound before. With ``is_shared``
        other processes accept clients there as well.
        """
        self.health_port = await start_health(self._health, self._options, ports)
        serving = self._options.serving
        self.port = await self._serving.start(
            serving.bind_address,
            serving.secure_port,
            reserved=None if ports is None else ports.clients,
            is_shared=is_shared,
        )
        self._sink.start()
        if self._alerts is not None:
            self._alerts.start()
        self._health.ready()
        background = [spawn(self.reloader.run(), "reload files")]
        if self._options.upstream.check_period:
            background.append(spawn(self._composed.monitor.run(), "check the upstream"))
        if self._sink.run is not None:
            background.append(spawn(self._sink.run(), "sign checkpoints"))
        if self._sessions is not None:
            self._sessions.start()
        if self._tracing is not None:
            self._tracing.start()
        self._background = tuple(background)

    async def require_upstream(self) -> None:
        """Ask the upstream before anything listens; raises Unusable when it cannot serve."""
        require(await self._composed.monitor.ask())

    async def settle(self) -> None:
        """Wait until every finished request has its last event."""
        await self._serving.handler.settle()

    def reopen(self) -> None:
        """Reopen the log file, in case it was moved away, and reload changed files."""
        self.reloader.wake()
        self._sink.reopen()
        if self._sessions is not None:
            self._sessions.reopen()

    async def leave(self) -> None:
        """Leave new connections to the other processes; those that are being made are served."""
        await self._serving.leave()

    async def close(self, *, delay: float = 0.0) -> None:
        """Fail /readyz, wait, stop accepting, end requests, write their events, close the log.

        In the second half of ``delay`` seconds, when load balancers know, each connection ends
        with its answer, so that none is cut off as its client sends the next request.
        """
        self._health.shutting_down()
        await asyncio.sleep(delay / 2)
        if delay:
            self._serving.announce_end()
        await asyncio.sleep(delay / 2)
        options = self._options.serving
        grace, audit_grace = options.request_timeout / SECOND, options.audit_grace / SECOND
        # Half is for delivering, at the least: what is decoded and then lost is worth nothing.
        decoding = half = audit_grace / 2

        async def serving() -> None:
            nonlocal decoding
            decoding = await self._serving.close(
                grace, audit_grace, half, session_grace=options.session_grace / SECOND
            )

        async def background() -> None:
            # Sessions may take long: files are read anew and checkpoints signed meanwhile.
            for task in self._background:
                task.cancel()
            await asyncio.gather(*self._background, return_exceptions=True)

        def shutdown() -> Awaitable[None]:
            return self.backend.shutdown(max(audit_grace - decoding, half))

        async def sessions() -> None:
            sends = []
            if self._sessions is not None:
                await self._sessions.close(process.RECORDER_GRACE)
                sends.append(self._sessions.deliver(process.SENDING_GRACE))
            if self._alerts is not None:
                sends.append(self._alerts.shutdown(process.SENDING_GRACE))
            if self._tracing is not None:
                sends.append(self._tracing.close(process.SENDING_GRACE))
            await at_once(*sends)

        await process.one_after_the_other(
            serving, background, shutdown, sessions, self._composed.close, self._health.close
        )


def _health_server(metrics: Metrics, report: Callable[[str], None]) -> HealthServer:
    """The second port, which asks nothing yet; what happens to its connections is counted."""

    def accepting_failed(error: OSError) -> None:
        metrics.connections.accept_error("health", fault_word(error))
        report(fault_text(error, "--health-bind-address"))

    return HealthServer(
        metrics.few,
        metrics.requests.registry,
        accepting_failed=accepting_failed,
        pushed_out=lambda: metrics.connections.refused("health"),
    )


async def build(
    options: Options,
    files: Files | None = None,
    *,
    listener_tls: bool,
    sink: Backend | None = None,
    write_alert: "Callable[[Alert], None] | None" = None,
    quiet: bool = False,
) -> Proxy:
    """Make the proxy; raises Unusable.

    ``files`` is what ``check`` has read; without it they are read here. With
    ``listener_tls`` False clients are served plain HTTP; ``sink`` replaces the
    backends of the options. Both are for tests. ``write_alert`` takes the alerts for
    standard error, for the demo. With ``quiet`` the lines of the start are
    not logged: the parent has done it.
    """
    tune_tls_buffers()
    files = files or read_files(options)
    certificate = files.certificate or make_certificate(options) if listener_tls else None
    files = replace(files, certificate=certificate)
    metrics = Metrics()
    metrics.build_info(__version__, platform.python_version())
    report = operatorlog.limited(operatorlog.warn, time.monotonic)
    tracing = tracing_of(files, metrics)
    receivers = receivers_of(options, files, metrics, operatorlog.warn) if sink is None else ()
    opened = (
        open_backends(
            options,
            metrics,
            operatorlog.warn,
            target=files.audit_webhook and replace(files.audit_webhook, egress=files.egress),
            checkpoint_key=files.checkpoint_key,
            called=None if tracing is None else tracing.tracing.webhook_called,
            receivers=receivers,
        )
        if sink is None
        else AuditSink(sink, lambda: None)
    )
    alerts = alerts_of(options, files, metrics, report, write_alert)
    sessions = sessions_of(options, files, metrics, report, alerts)
    taking = opened.common or opened.backend
    composed = Composed(
        options,
        files,
        sink=taking if alerts is None else OverheardBackend(taking, alerts.offer),
        own_backends=opened.own,
        take_line=opened.take_line if alerts is None else None,
        is_durable=opened.is_durable,
        awaits_decoded=opened.awaits_decoded,
        metrics=metrics,
        report=report,
        supervisor=None if sessions is None else sessions.supervisor,
        alerts=alerts,
        tracing=None if tracing is None else tracing.tracing,
        receivers=receivers,
        session_annotations=sessions is not None and sessions.annotates,
    )
    handler = Handler(composed.shared, composed.services)
    if not quiet:
        tell_start(options, files)
    context = listener_context(options, files)
    serving = Serving(
        handler,
        context,
        report=report,
        limits=ConnectionLimits(
            options.serving.max_connections, options.serving.max_connections_per_address
        ),
        proxy_protocol=options.serving.proxy_protocol,
    )
    reloader = new_reloader(options, composed, serving, report)
    health = _health_server(metrics, report)
    for state in opened.states:
        health.add_check(state.name, state.check, ("readyz",))
        health.add_information(state.describe)
    for part in (reloader, sessions, alerts):
        if part is not None:
            health.add_information(part.describe)
    health.add_information(composed.describe_issuers)
    if options.upstream.check_period:
        health.add_check("upstream", lambda: composed.monitor.is_ready, ("readyz",))
        health.add_information(composed.monitor.describe)
    proxy = Proxy(
        options, composed, serving, health, opened, metrics, reloader, sessions, alerts, tracing
    )
    proxy.certificate = certificate.certificate if certificate else ""
    return proxy
