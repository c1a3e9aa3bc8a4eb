"""``auditproxy serve``: runs the proxy until a signal, in this process or in several workers.

SIGTERM, SIGINT   stop in order; a second one exits at once
SIGHUP            open the logs again, and look for files that have changed
SIGUSR2           with workers: restart one after the other
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace

from auditproxy.apis.faults import FAILED
from auditproxy.apis.units import SECOND
from auditproxy.app import descriptors, operatorlog, process
from auditproxy.app.announcing import UNDELIVERED, serving_line, tell_end, tell_start
from auditproxy.app.operatorlines import OperatorLines
from auditproxy.app.proxy import build, start_health
from auditproxy.app.workers import Workers
from auditproxy.files.files import Files
from auditproxy.files.servingcertificate import make_certificate
from auditproxy.health.server import HealthServer
from auditproxy.metrics.workers import WorkerMetrics
from auditproxy.options import Options
from auditproxy.server.serving import not_bound
from auditproxy.sockets.listener import fault_text, reserve
from auditproxy.sockets.tasks import spawn


async def serve(options: Options, files: Files) -> int:
    """Run until SIGTERM or SIGINT; a second signal exits at once. Returns the exit code.

    ``files`` is what ``check`` has read. Raises Unusable when the proxy cannot start.
    """
    lines = OperatorLines()
    operatorlog.configure(
        verbosity=options.logging.verbosity,
        json_lines=options.logging.format == "json",
        lines=lines,
    )
    for number in (signal.SIGHUP, signal.SIGUSR2):
        # Until it serves: all is read anew anyway. The default would end the process.
        asyncio.get_running_loop().add_signal_handler(number, _pass_over)
    try:
        fitted = descriptors.fit(options)
        if fitted.note:
            few = fitted.options.serving.max_connections < descriptors.MANY
            (operatorlog.warn if few else operatorlog.info)(fitted.note)
        serve_all = _serve_alone if options.serving.workers == 1 else _serve_with_workers
        return await serve_all(fitted.options, files, lines)
    finally:
        lines.finish(process.LAST_LINES)


def _pass_over() -> None:
    """Do nothing on a signal."""


def _stop_signal(end: Callable[[], None]) -> asyncio.Event:
    """The event that the first SIGTERM or SIGINT sets; the second calls ``end``."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def hear() -> None:
        if stop.is_set():
            end()
        else:
            stop.set()
            operatorlog.info("shutting down; a second signal exits at once")

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, hear)
    return stop


async def _serve_alone(options: Options, files: Files, lines: OperatorLines) -> int:
    proxy = await build(options, files, listener_tls=True)
    lines.count(proxy.metrics.operator_line_dropped)
    if options.upstream.required:
        await proxy.require_upstream()
    await proxy.start()
    loop = asyncio.get_running_loop()
    process.tell_faults(loop)

    def end_at_once() -> None:
        lines.finish(process.LAST_LINES)
        # Nor does it wait for what a thread has begun, a credential plugin for one.
        os._exit(FAILED)

    loop.add_signal_handler(signal.SIGHUP, proxy.reopen)
    stop = _stop_signal(end_at_once)
    # A process that waits for this line may send signals from now on.
    operatorlog.info(serving_line(options, proxy.port))
    process.tune()
    await stop.wait()
    await proxy.close(delay=options.serving.shutdown_delay_duration / SECOND)
    return tell_end(proxy.metrics)


async def _serve_with_workers(options: Options, files: Files, lines: OperatorLines) -> int:
    # Made once, before several look for it.
    files = replace(files, certificate=files.certificate or make_certificate(options))
    tell_start(options, files)
    serving = options.serving
    try:
        listener = reserve(serving.bind_address, serving.secure_port)
    except OSError as error:
        raise not_bound(serving.bind_address, serving.secure_port, error) from None
    metrics = WorkerMetrics()
    workers = Workers(options, listener, metrics)
    health = _health_of(workers, metrics)
    loop = asyncio.get_running_loop()
    process.tell_faults(loop)
    hurry = asyncio.Event()
    stop = _stop_signal(hurry.set)
    try:
        await workers.build()
        await start_health(health, options)
        await workers.start()
        health.ready()
        loop.add_signal_handler(signal.SIGHUP, workers.reopen)
        loop.add_signal_handler(signal.SIGUSR2, workers.restart)
        operatorlog.info(serving_line(options, listener.getsockname()[1]))
        process.tune()
        await stop.wait()
        health.shutting_down()
        code = await _stop(workers, hurry)
    finally:
        await workers.kill()
        listener.close()
        await health.close()
    if code == UNDELIVERED:
        operatorlog.warn("workers have stopped; audit events were lost, see the lines before")
    elif not code:
        operatorlog.info("workers have stopped; every audit event was delivered")
    return code


async def _stop(workers: Workers, hurry: asyncio.Event) -> int:
    """Stop workers in order, or leave it at that in a hurry; the exit code."""
    stopping = spawn(workers.stop(), "stop workers")
    hurrying = spawn(hurry.wait(), "wait for a second signal")
    await asyncio.wait({stopping, hurrying}, return_when=asyncio.FIRST_COMPLETED)
    hurrying.cancel()
    if stopping.done():
        return stopping.result()
    stopping.cancel()
    return FAILED


def _health_of(workers: Workers, metrics: WorkerMetrics) -> HealthServer:
    report = operatorlog.limited(operatorlog.warn, time.monotonic)
    health = HealthServer(
        metrics.registry,
        accepting_failed=lambda error: report(fault_text(error, "--health-bind-address")),
        page=workers.metrics,
    )
    health.add_check("workers", workers.is_alive, ("healthz", "livez"))
    health.add_check("workers", workers.is_ready, ("readyz",))
    health.add_information(workers.describe)
    return health
