"""A worker: one of several processes that serve clients on one port, under a parent.

    options -> failed                     it cannot serve; the parent says why
            -> alive, each second, from the start to the end
            -> built -> serve -> serving -> state, each second
                                 leave    gives its port up to the others, serves what came, ends
                                 stop     as SIGTERM does: the port is given up by all
                                 end      at once

``python -m auditproxy.app.workers.worker NUMBER CONTROL LISTENER``: two descriptors that it
inherits. The parent alone decides when it ends at once: a service manager may send SIGTERM to every
process, and the parent passes it on as well. When the parent is gone it stops as after SIGTERM.
"""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace

import msgspec

from auditproxy.apis.faults import Unusable
from auditproxy.apis.units import SECOND
from auditproxy.app import libraries, operatorlog, process  # noqa: F401 - libraries comes first
from auditproxy.app.announcing import tell_end
from auditproxy.app.operatorlines import OperatorLines
from auditproxy.app.ports import Ports
from auditproxy.app.proxy import Proxy, build, check
from auditproxy.app.workers.control import ControlChannel
from auditproxy.options import Options
from auditproxy.options.workers import of_worker
from auditproxy.sockets.handover import hand_over
from auditproxy.sockets.tasks import spawn

REPORT_INTERVAL = 1.0
"""Seconds between two reports of its state to the parent."""

FIRST_REQUEST = 1.0
"""Seconds in which a connection that was just made gets its first request to a worker that leaves:
one that is closed before it looks like a refusal to clients."""

_ENDING = (signal.SIGTERM, signal.SIGINT)


class Worker:
    """One worker, as it runs."""

    def __init__(
        self, channel: ControlChannel, listener: socket.socket, lines: OperatorLines
    ) -> None:
        self._channel = channel
        self._listener = listener
        self._lines = lines
        self._serve = asyncio.Event()
        self._stop = asyncio.Event()
        self._leaves = False

    async def run(self, options: Options) -> int:
        """Serve until the stop; the exit code. Raises Unusable when it cannot."""
        spawn(self._tell_alive(), "report that it is alive")
        # The options are of one worker already; the parent has said what follows from them.
        proxy = await build(options, check(options), listener_tls=True, quiet=True)
        self._lines.count(proxy.metrics.operator_line_dropped)
        if options.upstream.required:
            await proxy.require_upstream()
        hearing = spawn(self._hear(proxy), "hear the parent")
        await self._channel.send("built")
        await self._serve.wait()
        if not self._stop.is_set():
            await proxy.start(Ports(self._listener), is_shared=True)
        process.tune()
        self._take_signals(proxy)
        await self._channel.send("serving")
        reporting = spawn(self._report(proxy), "report to the parent")
        await self._stop.wait()
        reporting.cancel()
        if self._leaves:
            await proxy.leave()
            await asyncio.sleep(FIRST_REQUEST)
            await proxy.close()
        else:
            await proxy.close(delay=options.serving.shutdown_delay_duration / SECOND)
        hearing.cancel()
        code = tell_end(proxy.metrics)
        for number in _ENDING:
            # A handler in Python goes before the process does.
            signal.signal(number, signal.SIG_IGN)
        return code

    def _take_signals(self, proxy: Proxy) -> None:
        loop = asyncio.get_running_loop()
        process.tell_faults(loop)
        loop.add_signal_handler(signal.SIGHUP, proxy.reopen)
        for number in _ENDING:
            # Not the loop's own: in the end it would let one that comes late kill the process.
            signal.signal(number, lambda *_: hand_over(loop, self._stop.set))

    async def _tell_alive(self) -> None:
        """Say that the loop runs, to the end: the parent kills what is stuck."""
        while True:
            await self._channel.send("alive")
            await asyncio.sleep(REPORT_INTERVAL)

    async def _report(self, proxy: Proxy) -> None:
        while True:
            content = json.dumps(asdict(proxy.health.readiness()))
            await self._channel.send("state", content.encode())
            await asyncio.sleep(REPORT_INTERVAL)

    async def _hear(self, proxy: Proxy) -> None:
        while (message := await self._channel.receive()) is not None:
            kind, _ = message
            if kind == "serve":
                self._serve.set()
            elif kind == "metrics":
                await self._channel.send("metrics", await proxy.health.metrics())
            elif kind == "reopen":
                proxy.reopen()
            elif kind == "leave":
                self._leaves = True
                self._stop.set()
            elif kind == "stop":
                self._stop.set()
            elif kind == "end":
                self._lines.finish(process.LAST_LINES)
                os._exit(1)
        # The parent is gone, which alone would stop this process or start another.
        self._stop.set()
        self._serve.set()


async def work(number: int, control: int, listener: int) -> int:
    """Run a worker over two descriptors; the exit code."""
    connected, bound = socket.socket(fileno=control), socket.socket(fileno=listener)
    for each in (connected, bound):
        # A credential plugin that this process starts must not hold them open.
        each.set_inheritable(False)
    channel = await ControlChannel.of(connected)
    message = await channel.receive()
    if message is None:
        return 0
    options = msgspec.json.decode(message[1], type=Options)
    lines = OperatorLines()
    operatorlog.configure(
        verbosity=options.logging.verbosity,
        json_lines=options.logging.format == "json",
        lines=lines,
        worker=number,
    )
    own = of_worker(options, number)
    own = replace(own, serving=replace(own.serving, workers=1))
    try:
        return await Worker(channel, bound, lines).run(own)
    except Unusable as error:
        content = {"faults": error.faults, "code": error.code}
        await channel.send("failed", json.dumps(content).encode())
        return error.code
    finally:
        lines.finish(process.LAST_LINES)


def main(words: Sequence[str]) -> int:
    """Run a worker; ``words`` are its number and its descriptors."""
    for each in (*_ENDING, signal.SIGHUP, signal.SIGUSR2):
        # Until it serves: the parent passes on what counts. What this one starts takes them.
        signal.signal(each, lambda *_: None)
    number, control, listener = map(int, words)
    return process.run(work(number, control, listener))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
