"""The audit log as a sink: the backend of its mode, how it fares, and its chain."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditproxy.app.logs.logbackend import OpenChain, OpenLog, audit_rotation, open_log
from auditproxy.app.operatorlog import Report
from auditproxy.app.sinks.backendmodes import (
    Waiting,
    awaited_by_requests,
    buffered_later,
    truncated,
)
from auditproxy.audit.backend import Backend, TakeLine
from auditproxy.backends.aside import LargeAside
from auditproxy.backends.losses import Losses
from auditproxy.backends.modes import Awaited, IgnoreErrors
from auditproxy.backends.sinkstate import SinkState
from auditproxy.metrics.registry import Metrics
from auditproxy.options import Options
from auditproxy.options.backendoptions import DURABLE, BackendOptions
from auditproxy.options.backends import AuditLogOptions

if TYPE_CHECKING:
    from auditproxy.app.logs.logchain import ChainKeeping
    from auditproxy.audit.chain.checkpoints import CheckpointKey

LOG_ALONG = 256
"""Events that the log takes in one go when they wait already."""


def nothing() -> None:
    """There is no file to open again, or to watch."""


@dataclass(frozen=True, slots=True)
class LogSink:
    """The log's part of an AuditSink; no backend where there is no log."""

    backends: tuple[Backend, ...] = ()
    states: tuple[SinkState, ...] = ()
    reopen: Callable[[], None] = nothing
    take_line: TakeLine | None = None
    start: Callable[[], None] = nothing
    is_durable: bool = False
    sign: Callable[[], None] = nothing


def log_sink(
    options: AuditLogOptions,
    metrics: Metrics,
    losses: Losses,
    report: Report,
    chain: OpenChain | None,
) -> LogSink:
    """The log that the options describe; raises LogFileError."""
    open_sink = _durable_sink if options.mode == DURABLE else _log_sink
    return open_sink(options, metrics, losses, report, chain)


def _log_sink(
    options: AuditLogOptions,
    metrics: Metrics,
    losses: Losses,
    report: Report,
    chain: OpenChain | None,
) -> LogSink:
    log = open_log(options, metrics, losses, report, chain)
    backend, waiting = _log(options, log, metrics, losses)
    state = SinkState(
        losses,
        mode=options.mode,
        clock=time.monotonic,
        waiting=waiting,
        stalled=lambda: log.writer.stalled,
        probe=log.probe,
    )
    return LogSink(
        (backend,),
        (state,),
        log.reopen,
        log.backend.process_line if _takes_lines(options, log) else None,
        sign=log.sign,
    )


def _durable_sink(
    options: AuditLogOptions,
    metrics: Metrics,
    losses: Losses,
    report: Report,
    chain: OpenChain | None,
) -> LogSink:
    from auditproxy.app.logs.durablelog import open_durable_log

    log = open_durable_log(options, metrics, losses, report, chain=chain)
    state = SinkState(
        losses,
        mode=options.mode,
        clock=time.monotonic,
        waiting=lambda: log.waiting,
        stalled=lambda: log.stalled,
        probe=lambda: log.fault,
    )
    takes_lines = options.format == "json" and not options.truncate_enabled
    return LogSink(
        (truncated(options, log, losses),),
        (state,),
        log.reopen,
        log.process_line if takes_lines else None,
        log.watch,
        is_durable=True,
        sign=log.sign,
    )


def chain_of(
    options: Options, metrics: Metrics, report: Report, key: "CheckpointKey | None"
) -> "tuple[OpenChain | None, ChainKeeping | None]":
    """What gives lines their places in a chain, and what keeps it signed; None for what is not."""
    if not options.audit_chain.hash_chain:
        return None, None
    from auditproxy.app.logs.logchain import ChainKeeping, ChainOpening, ChainParts

    keeping = ChainKeeping(options.audit_chain)
    parts = ChainParts(
        audit_rotation(options.audit_log),
        key,
        metrics.audit.sinks.checkpoint,
        keeping.anchor,
        metrics.audit.sinks.chain_broke,
    )
    return ChainOpening(parts, report), keeping if key else None


def _takes_lines(options: AuditLogOptions, log: OpenLog) -> bool:
    """Whether the log writes each event at once, on this thread, as a line of JSON."""
    return (
        options.mode == "blocking"
        and options.format == "json"
        and not options.truncate_enabled
        and not log.may_stall
    )


def _log(
    options: BackendOptions, log: OpenLog, metrics: Metrics, losses: Losses
) -> tuple[Backend, Waiting]:
    if options.mode == "batch":
        backend, waiting = buffered_later(
            options, log.writer, metrics, losses, in_order=True, along=LOG_ALONG
        )
    elif log.may_stall:
        # A reader who does not read keeps requests waiting, and not the process.
        backend, waiting = awaited_by_requests(options, log.writer, metrics, losses)
    else:
        awaited = Awaited(log.writer, losses)
        backend, waiting = LargeAside(log.backend, log.writer, awaited), lambda: awaited.waiting
        if options.mode == "blocking":
            backend = IgnoreErrors(backend)
    return truncated(options, backend, losses), waiting
