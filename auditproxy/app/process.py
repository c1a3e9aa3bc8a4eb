"""What is set once for the process: garbage collection, turns of threads, core dumps, faults."""

import asyncio
import gc
import logging
import resource
import sys
import time
from typing import Any

from auditproxy.app import operatorlog
from auditproxy.downstream.responses import describe


def forbid_core_dumps() -> None:
    """Leave no memory, which holds tokens and keys, behind in a file when the process crashes."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def tune_garbage_collector() -> None:
    """Let the collector look at new objects only, and seldom: requests leave no cycles behind.

    With its defaults it takes a seventh of the CPU of a busy proxy.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def share_interpreter() -> None:
    """Have a thread that decodes a body let the event loop run ten times as often as by default.

    With the default of 5 ms each turn of the loop would wait so long for it.
    """
    sys.setswitchinterval(0.0005)


def tell_faults(loop: asyncio.AbstractEventLoop) -> None:
    """Have faults that no request has, the loop's and libraries', told once a minute each."""
    report = operatorlog.limited(operatorlog.warn, time.monotonic)

    def fault(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        crash = context.get("exception")
        if crash is not None:
            report(f"something went wrong outside of requests: {describe(crash)}")
        else:
            report(operatorlog.first_line(str(context.get("message"))))

    loop.set_exception_handler(fault)
    logging.getLogger().addHandler(operatorlog.LibraryWarnings(report))
