"""``auditproxy serve``: runs the proxy until a signal, in this process or in several workers.

SIGTERM, SIGINT   stop in order; a second one exits at once
SIGHUP            open the logs again, and look for files that have changed
SIGUSR2           with workers: restart one after the other
"""

import asyncio
import os
import signal
from collections.abc import Callable

from auditproxy.apis.faults import FAILED
from auditproxy.apis.units import SECOND
from auditproxy.app import descriptors, operatorlog, process
from auditproxy.app.announcing import serving_line, tell_end
from auditproxy.app.operatorlines import OperatorLines
from auditproxy.app.proxy import build
from auditproxy.files.files import Files
from auditproxy.options import Options


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
        if options.serving.workers == 1:
            return await _serve_alone(fitted.options, files, lines)
        # A proxy in one process does not pay for it.
        from auditproxy.app.workers.serving import serve_with_workers

        return await serve_with_workers(fitted.options, files, stop_signal)
    finally:
        lines.finish(process.LAST_LINES)


def _pass_over() -> None:
    """Do nothing on a signal."""


def stop_signal(end: Callable[[], None]) -> asyncio.Event:
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
    stop = stop_signal(end_at_once)
    # A process that waits for this line may send signals from now on.
    operatorlog.info(serving_line(options, proxy.port))
    process.tune()
    await stop.wait()
    await proxy.close(delay=options.serving.shutdown_delay_duration / SECOND)
    return tell_end(proxy.metrics)
