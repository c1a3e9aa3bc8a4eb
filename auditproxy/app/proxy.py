"""Running: starts what composition built, waits for a signal, and stops it in order.

check(options)                   every fault that the files show; nothing is opened
build(options) -> Proxy          everything made, nothing listens
Proxy: start -> settle -> close  health port and listener, in this order and back
serve(options)                   all of it, until SIGTERM or SIGINT
"""

import asyncio
import platform
import signal
import sys
import time
from collections.abc import Awaitable
from typing import Any

from auditproxy import __version__
from auditproxy.app import descriptors, operatorlog
from auditproxy.app.backends import AuditSink, open_backends
from auditproxy.app.composition import NANOSECONDS, Composed, describe_authentication
from auditproxy.app.logbackend import LogFileError, log_fault
from auditproxy.app.operatorlines import OperatorLines
from auditproxy.app.process import one_after_the_other, tell_faults, tune
from auditproxy.app.reload import new_reloader
from auditproxy.audit.backend import Backend
from auditproxy.downstream.limits import ConnectionLimits
from auditproxy.files.files import Files, FilesError, read_files
from auditproxy.files.reloader import Reloader
from auditproxy.files.servingcertificate import listener_context, serving_certificate
from auditproxy.health.server import HealthServer
from auditproxy.metrics.registry import Metrics
from auditproxy.options import (
    AuditLogOptions,
    AuditOptions,
    AuthenticationOptions,
    HealthOptions,
    Options,
    ServingOptions,
    UpstreamOptions,
)
from auditproxy.options.backends import describe_backends
from auditproxy.server.handler import Handler
from auditproxy.server.serving import Serving
from auditproxy.sockets.listener import fault_text, fault_word, shown_address, why_not_bound
from auditproxy.sockets.transport import tune_tls_buffers
from auditproxy.tls.selfsigned import CertificateError
from auditproxy.tls.serving import ServingError

LAST_LINES = 0.5
"""Seconds that the last lines for operators may take at the end."""

UNDELIVERED = 3
"""The exit code of a process that lost audit events."""

FAILED = 1
"""The exit code of a process that could not start for what is outside of its configuration."""

MISCONFIGURED = 2
"""The exit code of a process that cannot start until a flag or a file is corrected."""


class StartError(Exception):
    """The proxy cannot start; ``faults`` has a line for each reason, ``code`` ends the process."""

    def __init__(self, faults: tuple[str, ...], code: int = MISCONFIGURED) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults
        self.code = code


def check(options: Options, *, strict: bool = False) -> tuple[str, ...]:
    """Every fault of the files that the options name; none means that ``serve`` would start.

    ``strict`` adds what ``serve`` only warns of: a policy's fields that no policy has.
    """
    faults: list[str] = []
    files = None
    try:
        files = read_files(options)
    except FilesError as error:
        faults += (*error.faults, *(error.misspelt if strict else ()))
    else:
        faults += files.misspelt if strict else ()
    if fault := log_fault(options.audit_log):
        faults.append(fault)
    try:
        certificate = serving_certificate(options, make=False)
        if certificate is not None and files is not None:
            listener_context(options, certificate.pair, files)
    except (ServingError, CertificateError) as error:
        faults.append(str(error))
    return tuple(faults)


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
        self._background: tuple[asyncio.Task[None], ...] = ()

    @property
    def backend(self) -> Backend:
        """Where events go."""
        return self._sink.backend

    @property
    def handler(self) -> Handler:
        """The chain, for what wants to look at its services."""
        return self._serving.handler

    async def start(self) -> None:
        """Open the health port, then the listener; raises ServingError."""
        address = self._options.health.address()
        if address is not None:
            try:
                self.health_port = await self._health.start(*address)
            except OSError as error:
                raise ServingError(
                    f"--health-bind-address {shown_address(*address)} cannot be used: "
                    f"{why_not_bound(error)}; choose another or stop what listens there"
                ) from None
        serving = self._options.serving
        self.port = await self._serving.start(serving.bind_address, serving.secure_port)
        self._health.ready()
        background = [self.reloader.run()]
        if self._options.upstream.check_period:
            background.append(self._composed.monitor.run())
        self._background = tuple(asyncio.create_task(each) for each in background)

    async def require_upstream(self) -> None:
        """Ask the upstream before anything listens; raises StartError when it cannot serve."""
        standing = await self._composed.monitor.ask()
        if not standing.ready:
            fix = "or remove --require-upstream to start without it"
            raise StartError((f"{standing.line}; {fix}",), FAILED)

    async def settle(self) -> None:
        """Wait until every finished request has its last event."""
        await self._serving.handler.settle()

    def reopen(self) -> None:
        """Open the log file again, after somebody moved it away, and read changed files again."""
        self.reloader.wake()
        self._sink.reopen()

    async def close(self, *, delay: float = 0.0) -> None:
        """Fail /readyz, wait, stop accepting, end requests, write their events, close the log."""
        self._health.shutting_down()
        for task in self._background:
            task.cancel()
        await asyncio.sleep(delay)
        grace = self._options.serving.request_timeout / NANOSECONDS
        audit_grace = self._options.serving.audit_grace / NANOSECONDS
        # Half is for delivering, at the least: what is decoded and then lost is worth nothing.
        decoding = half = audit_grace / 2

        async def serving() -> None:
            nonlocal decoding
            decoding = await self._serving.close(grace, audit_grace, half)

        def shutdown() -> Awaitable[None]:
            return self.backend.shutdown(max(audit_grace - decoding, half))

        await one_after_the_other(serving, shutdown, self._composed.close, self._health.close)


async def build(
    options: Options, *, sink: Backend | None = None, tls: bool = False, files: Files | None = None
) -> Proxy:
    """Make the proxy; raises FilesError, ServingError, CertificateError, LogFileError.

    ``sink`` replaces the log backend and ``tls`` False serves plain HTTP on
    loopback: both are for tests and the demo.
    """
    tune_tls_buffers()
    files = files or read_files(options)
    metrics = Metrics()
    metrics.build_info(__version__, platform.python_version())
    report = operatorlog.limited(operatorlog.warn, time.monotonic)
    opened = (
        open_backends(options, metrics, operatorlog.warn, target=files.audit_webhook)
        if sink is None
        else AuditSink(sink, lambda: None)
    )
    composed = Composed(options, files, sink=opened.backend, metrics=metrics, report=report)
    handler = Handler(composed.shared, composed.services)
    certificate = serving_certificate(options, make=True) if tls else None
    for warning in files.warnings:
        operatorlog.warn(warning)
    operatorlog.info(describe_authentication(options, files))
    for note in (*files.notes, *(certificate.notes if certificate else ())):
        operatorlog.info(note)
    context = listener_context(options, certificate.pair, files) if certificate else None
    serving = Serving(
        handler,
        context,
        report=report,
        limits=ConnectionLimits(
            options.serving.max_connections, options.serving.max_connections_per_address
        ),
        proxy_protocol=options.serving.proxy_protocol,
    )

    def accepting_probes_failed(error: OSError) -> None:
        metrics.connections.accept_error("health", fault_word(error))
        report(fault_text(error, "--health-bind-address"))

    health = HealthServer(
        metrics.few,
        metrics.requests.registry,
        accepting_failed=accepting_probes_failed,
        pushed_out=lambda: metrics.connections.refused("health"),
    )
    reloader = new_reloader(options, composed, serving, certificate, report)
    for state in opened.states:
        health.add_check(state.name, state.check, ("readyz",))
        health.add_information(state.describe)
    health.add_information(reloader.describe)
    health.add_information(composed.describe_issuers)
    if options.upstream.check_period:
        health.add_check("upstream", lambda: composed.monitor.is_ready, ("readyz",))
        health.add_information(composed.monitor.describe)
    proxy = Proxy(options, composed, serving, health, opened, metrics, reloader)
    proxy.certificate = certificate.certificate if certificate else ""
    return proxy


async def start_proxy_for_demo(files: Any) -> Proxy:
    """A started proxy on a free port; ``files`` are DemoFiles, unknown on this floor."""
    operatorlog.configure(verbosity=-1, json_lines=False)
    proxy = await build(
        Options(
            serving=ServingOptions(
                bind_address="127.0.0.1",
                secure_port=0,
                tls_cert_file=str(files.certificate),
                tls_private_key_file=str(files.private_key),
            ),
            upstream=UpstreamOptions(kubeconfig=str(files.upstream_kubeconfig), check_period=0),
            authentication=AuthenticationOptions(
                client_ca_file=str(files.client_ca),
                token_auth_file=str(files.tokens),
            ),
            audit=AuditOptions(
                policy_file=str(files.policy),
                authorization_annotations="review",
            ),
            audit_log=AuditLogOptions(path=str(files.audit_log)),
            health=HealthOptions(bind_address=""),
        ),
        tls=True,
    )
    await proxy.start()
    return proxy


async def serve(options: Options) -> int:
    """Run until SIGTERM or SIGINT; a second signal ends at once. Returns the exit code."""
    lines = OperatorLines()
    operatorlog.configure(
        verbosity=options.logging.verbosity,
        json_lines=options.logging.format == "json",
        lines=lines,
    )
    try:
        return await _serve(options, lines)
    finally:
        lines.finish(LAST_LINES)


async def _serve(options: Options, lines: OperatorLines) -> int:
    try:
        fitted = descriptors.fit(options)
        if fitted.note:
            few = fitted.options.serving.max_connections < descriptors.MANY
            (operatorlog.warn if few else operatorlog.info)(fitted.note)
        options = fitted.options
        proxy = await build(options, tls=True)
        lines.count(proxy.metrics.operator_line_dropped)
        if options.upstream.required:
            await proxy.require_upstream()
        await proxy.start()
    except FilesError as error:
        raise StartError(error.faults) from None
    except (ServingError, CertificateError, LogFileError, descriptors.DescriptorError) as error:
        raise StartError((str(error),)) from None
    loop = asyncio.get_running_loop()
    tell_faults(loop)
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGHUP, proxy.reopen)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # Whoever waits for this line may send signals from now on.
    operatorlog.info(serving_line(options, proxy.port))
    tune()
    await stop.wait()
    operatorlog.info("shutting down; a second signal ends at once")

    def end_at_once() -> None:
        lines.finish(LAST_LINES)
        sys.exit(1)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end_at_once)
    await proxy.close(delay=options.serving.shutdown_delay_duration / NANOSECONDS)
    return ending(proxy.metrics)


def serving_line(options: Options, port: int) -> str:
    """The line that says where clients are served, and where events go."""
    return (
        f"serving on {shown_address(options.serving.bind_address, port)}, "
        f"audit events go to {describe_backends(options.audit_log, options.audit_webhook)}"
    )


def ending(metrics: Metrics) -> int:
    """Say whether every event was delivered; the exit code, UNDELIVERED when not."""
    lost = metrics.audit.undelivered()
    if not lost:
        operatorlog.info("stopped; every audit event was delivered")
        return 0
    causes = ", ".join(f"{count} of {plugin}: {reason}" for (plugin, reason), count in lost.items())
    operatorlog.warn(f"stopped; audit events were not delivered: {causes}")
    return UNDELIVERED
