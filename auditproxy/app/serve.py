"""``auditproxy serve``: runs the proxy until a signal, in this process or in several workers.

SIGTERM, SIGINT   stop in order; a second one exits at once
SIGHUP            open the logs again, and look for files that have changed
SIGUSR2           with workers: restart one after the other
"""

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import replace

from auditproxy.apis.faults import FAILED
from auditproxy.apis.units import SECOND
from auditproxy.app import descriptors, operatorlog, process
from auditproxy.app.announcing import tell_end, tell_serving
from auditproxy.app.operatorlines import OperatorLines
from auditproxy.app.ports import Ports, reserved
from auditproxy.app.proxy import build
from auditproxy.app.upstream import require_upstream
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
        note = fitted.note
        if fitted.is_few:
            files, note = replace(files, warnings=(*files.warnings, note)), ""
        # Bound before anything is made: what cannot be served leaves nothing behind.
        with reserved(options) as ports:
            if fitted.options.upstream.required:
                # Asked first for the same reason; each process asks again, and keeps the result.
                await require_upstream(fitted.options, files.upstream)
            if options.serving.workers == 1:
                return await _serve_alone(ports, fitted.options, files, lines, note)
            # A proxy in one process does not pay for it.
            from auditproxy.app.workers.serving import serve_with_workers

            return await serve_with_workers(ports, fitted.options, files, stop_signal, note)
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


async def _serve_alone(
    ports: Ports, options: Options, files: Files, lines: OperatorLines, note: str
) -> int:
    proxy = await build(options, files, listener_tls=True)
    lines.count(proxy.metrics.operator_line_dropped)
    if options.upstream.required:
        await proxy.require_upstream()
    await proxy.start(ports)
    loop = asyncio.get_running_loop()
    process.tell_faults(loop)

    def end_at_once() -> None:
        lines.finish(process.LAST_LINES)
        # Nor does it wait for what a thread has begun, a credential plugin for one.
        os._exit(FAILED)

    loop.add_signal_handler(signal.SIGHUP, proxy.reopen)
    stop = stop_signal(end_at_once)
    # A process that waits for this line may send signals from now on.
    tell_serving(options, proxy.port, note)
    process.tune()
    await stop.wait()
    await proxy.close(delay=options.serving.shutdown_delay_duration / SECOND)
    return tell_end(proxy.metrics)
