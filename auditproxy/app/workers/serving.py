"""The parent of workers, as it runs: one port, one page of metrics, one exit code."""

import asyncio
import signal
import time
from collections.abc import Callable
from dataclasses import replace

from auditproxy.apis.faults import FAILED
from auditproxy.app import operatorlog, process
from auditproxy.app.announcing import UNDELIVERED, tell_serving, tell_start
from auditproxy.app.ports import Ports
from auditproxy.app.proxy import start_health
from auditproxy.app.sinks.spoolfaults import has_spools
from auditproxy.app.workers.ends import lossy_end
from auditproxy.app.workers.parent import Workers
from auditproxy.files.files import Files
from auditproxy.files.servingcertificate import make_certificate
from auditproxy.health.server import HealthServer
from auditproxy.metrics.workers import WorkerMetrics
from auditproxy.options import Options
from auditproxy.sockets.listener import fault_text
from auditproxy.sockets.tasks import spawn


async def serve_with_workers(
    ports: Ports,
    options: Options,
    files: Files,
    stop_signal: Callable[[Callable[[], None]], asyncio.Event],
    note: str = "",
) -> int:
    """Run until the signal; the exit code. Raises Unusable when the workers cannot start.

    ``stop_signal`` gives the event that the first signal sets, and calls what it is given at the
    second. ``note`` is logged once they serve.
    """
    # Made once, before several look for it.
    files = replace(files, certificate=files.certificate or make_certificate(options))
    tell_start(options, files)
    metrics = WorkerMetrics()
    workers = Workers(options, ports.clients, metrics)
    health = _health_of(workers, metrics)
    loop = asyncio.get_running_loop()
    process.tell_faults(loop)
    hurry = asyncio.Event()
    stop = stop_signal(hurry.set)
    try:
        await workers.build()
        await start_health(health, options, ports)
        await workers.start()
        health.ready()
        loop.add_signal_handler(signal.SIGHUP, workers.reopen)
        loop.add_signal_handler(signal.SIGUSR2, workers.restart)
        tell_serving(options, ports.clients.getsockname()[1], note)
        process.tune()
        await stop.wait()
        health.shutting_down()
        code = await _stop(workers, hurry)
    finally:
        await workers.kill()
        await health.close()
    if code == UNDELIVERED:
        operatorlog.warn(lossy_end(workers.ends, options))
    elif not code:
        spooled = ", or waits in a spool" if has_spools(options) else ""
        operatorlog.info(f"workers have stopped; every audit event was delivered{spooled}")
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
