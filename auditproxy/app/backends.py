"""Audit backends: from options to the backend that every event goes to.

    log:      truncate< mode( log ) >          the webhook and receivers alike
    several:  union[ the log's, the webhook's, the receivers' ]
    mode      batch: buffered<x>   blocking: ignoreErrors<x>   blocking-strict: x
              durable: durable<log>, ours
    spool     spool<x> in place of buffered<x> and x, ours

As kube-apiserver builds it (apiserver server/options/audit.go), truncation
outside of the buffer.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from auditproxy.apis.units import SECOND
from auditproxy.app import operatorlog
from auditproxy.app.backendpolicies import OwnBackend, divided
from auditproxy.app.logs.durablelog import open_durable_log
from auditproxy.app.logs.logbackend import OpenChain, OpenLog, audit_rotation, open_log
from auditproxy.app.operatorlog import Report
from auditproxy.app.webhook import open_spooled_webhook, open_webhook
from auditproxy.audit.backend import Backend, Deliverer, TakeLine
from auditproxy.backends.aside import LargeAside
from auditproxy.backends.buffered import BatchConfig, BufferedBackend
from auditproxy.backends.losses import Losses
from auditproxy.backends.modes import Awaited, IgnoreErrors
from auditproxy.backends.sinkstate import SinkState, State
from auditproxy.backends.throttle import TokenBucket
from auditproxy.backends.truncate import TruncateBackend
from auditproxy.backends.union import union
from auditproxy.backends.webhookcalls import Ended
from auditproxy.clients.webhook import WebhookTarget
from auditproxy.metrics.registry import Metrics
from auditproxy.options import Options
from auditproxy.options.backendoptions import DURABLE, BackendOptions
from auditproxy.options.backends import AuditLogOptions

if TYPE_CHECKING:
    from auditproxy.app.logs.logchain import ChainKeeping
    from auditproxy.app.receivers import OpenedReceiver
    from auditproxy.audit.chain.checkpoints import CheckpointKey

LOG_ALONG = 256
"""Events that the log takes in one go when they wait already."""

Waiting = Callable[[], int]


def _nothing() -> None:
    """There is no file to open again, or to watch."""


def _all_of(calls: list[Callable[[], None]]) -> Callable[[], None]:
    """One call for several."""

    def call() -> None:
        for each in calls:
            each()

    return call


@dataclass(frozen=True, slots=True)
class _LogSink:
    """The log's part of an AuditSink; no backend where there is no log."""

    backends: tuple[Backend, ...] = ()
    states: tuple[SinkState, ...] = ()
    reopen: Callable[[], None] = _nothing
    take_line: TakeLine | None = None
    start: Callable[[], None] = _nothing
    is_durable: bool = False
    sign: Callable[[], None] = _nothing


@dataclass(frozen=True, slots=True)
class AuditSink:
    """Where events go, how the log file is opened again, and how each backend fares.

    ``take_line`` takes the line of an event in place of the event, where that is all that becomes
    of it; None when it did not, and the event is to be given to the backend. ``start`` is called
    once the loop runs that serves. ``is_durable`` is whether a connection's next request waits for
    the events of the one before.
    """

    backend: Backend
    reopen: Callable[[], None]
    states: tuple[State, ...] = ()
    take_line: TakeLine | None = None
    start: Callable[[], None] = _nothing
    is_durable: bool = False
    common: Backend | None = None
    """The backends that follow the main policy, where that is not all of them."""
    own: tuple[OwnBackend, ...] = ()
    """Those that have policies of their own."""
    run: Callable[[], Coroutine[Any, Any, None]] | None = None
    """Runs beside the requests, until it is cancelled; None where nothing has to."""


def open_backends(
    options: Options,
    metrics: Metrics,
    report: Report,
    webhook: Deliverer | None = None,
    *,
    target: WebhookTarget | None = None,
    checkpoint_key: "CheckpointKey | None" = None,
    called: Ended | None = None,
    receivers: "tuple[OpenedReceiver, ...]" = (),
) -> AuditSink:
    """The backend that the options describe; raises LogFileError.

    ``target`` is what the webhook's file says; no file but the log is opened here.
    ``report`` logs one fact for operators; losses are logged at most once a
    minute for each cause. Without a path, a webhook and ``receivers`` the log goes to
    standard output. ``webhook`` replaces the one of the options, for tests. ``called`` gets its
    calls.
    """
    backends: list[Backend] = []
    states: list[State] = []
    starts: list[Callable[[], None]] = []
    webhook_losses = Losses("webhook", metrics, report, time.monotonic)
    spooled = target is not None and options.audit_webhook.has_spool
    if webhook is None and target is not None and not spooled:
        webhook = open_webhook(
            target,
            initial_backoff=options.audit_webhook.initial_backoff,
            losses=webhook_losses,
            called=called,
        )
    log = _LogSink()
    keeping: ChainKeeping | None = None
    to_webhook: Backend | None = None
    if options.audit_log.path or (webhook is None and not spooled and not receivers):
        losses = Losses("log", metrics, report, time.monotonic)
        told = operatorlog.limited(report, time.monotonic)
        chain, keeping = _chain(options, metrics, told, checkpoint_key)
        open_sink = _durable_sink if options.audit_log.mode == DURABLE else _log_sink
        log = open_sink(options.audit_log, metrics, losses, told, chain)
        backends += log.backends
        states += log.states
        starts.append(log.start)
    if target is not None and spooled:
        opened = open_spooled_webhook(
            target, options.audit_webhook, metrics, webhook_losses, report, called
        )
        to_webhook = _truncated(options.audit_webhook, opened.backend, webhook_losses)
        backends.append(to_webhook)
        states.append(opened.state)
        starts.append(opened.start)
    elif webhook is not None:
        to_webhook, sink_state = _remote(
            options.audit_webhook, webhook, metrics, webhook_losses, in_order=False
        )
        backends.append(to_webhook)
        states.append(sink_state)
    for each in receivers:
        if each.spool is not None:
            backends.append(_truncated(each.options, each.spool.backend, each.losses))
            states.append(each.spool.state)
            starts.append(each.spool.start)
            continue
        backend, sink_state = _remote(
            each.options, each.deliverer, metrics, each.losses, in_order=True
        )
        backends.append(backend)
        states.append(sink_state)
    for state in states:
        metrics.audit.sinks.sink(state.backend, state.is_well, state.stalled)
    plugins = (state.backend for state in states)
    common, own = divided(options, tuple(zip(plugins, backends, strict=True)))
    return AuditSink(
        union(tuple(backends)),
        log.reopen,
        tuple(states),
        # What else takes events needs them as they are.
        log.take_line if len(backends) == 1 and not own else None,
        _all_of(starts),
        log.is_durable,
        common if own else None,
        own,
        None if keeping is None else partial(keeping.run, log.sign, to_webhook),
    )


def _log_sink(
    options: AuditLogOptions,
    metrics: Metrics,
    losses: Losses,
    report: Report,
    chain: OpenChain | None,
) -> "_LogSink":
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
    return _LogSink(
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
) -> "_LogSink":
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
    return _LogSink(
        (_truncated(options, log, losses),),
        (state,),
        log.reopen,
        log.process_line if takes_lines else None,
        log.watch,
        is_durable=True,
        sign=log.sign,
    )


def _chain(
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
        backend, waiting = _buffered(
            options, log.writer, metrics, losses, in_order=True, along=LOG_ALONG
        )
    elif log.may_stall:
        # A reader who does not read keeps requests waiting, and not the process.
        backend, waiting = _awaited(options, log.writer, metrics, losses)
    else:
        awaited = Awaited(log.writer, losses)
        backend, waiting = LargeAside(log.backend, log.writer, awaited), lambda: awaited.waiting
        if options.mode == "blocking":
            backend = IgnoreErrors(backend)
    return _truncated(options, backend, losses), waiting


def _remote(
    options: BackendOptions,
    deliverer: Deliverer,
    metrics: Metrics,
    losses: Losses,
    *,
    in_order: bool,
) -> tuple[Backend, SinkState]:
    """What delivers to another machine, in its mode; ``in_order`` has one delivery at a time."""
    if options.mode == "batch":
        backend, waiting = _buffered(options, deliverer, metrics, losses, in_order=in_order)
    else:
        backend, waiting = _awaited(options, deliverer, metrics, losses)
    state = SinkState(losses, mode=options.mode, clock=time.monotonic, waiting=waiting)
    return _truncated(options, backend, losses), state


def _awaited(
    options: BackendOptions, deliverer: Deliverer, metrics: Metrics, losses: Losses
) -> tuple[Backend, Waiting]:
    awaited = Awaited(deliverer, losses)
    metrics.audit.sinks.buffer(losses.backend, awaited.maximum, lambda: awaited.waiting)
    backend = IgnoreErrors(awaited) if options.mode == "blocking" else awaited
    return backend, lambda: awaited.waiting


def _truncated(options: BackendOptions, backend: Backend, losses: Losses) -> Backend:
    if not options.truncate_enabled:
        return backend
    return TruncateBackend(
        backend,
        losses,
        maximum_event_size=options.truncate_max_event_size,
        maximum_batch_size=options.truncate_max_batch_size,
        refuses=options.mode == DURABLE,
    )


def _buffered(
    options: BackendOptions,
    deliverer: Deliverer,
    metrics: Metrics,
    losses: Losses,
    *,
    in_order: bool,
    along: int = 0,
) -> tuple[Backend, Waiting]:
    bucket = None
    if options.batch_throttle_enable:
        bucket = TokenBucket(options.batch_throttle_qps, options.batch_throttle_burst)
    config = BatchConfig(
        buffer_size=options.batch_buffer_size,
        max_size=options.batch_max_size,
        max_wait=max(0, options.batch_max_wait) / SECOND,
        bucket=bucket,
        in_order=in_order,
        # With a throttle the number of batches means something, even for a file.
        along=along if bucket is None else 0,
    )
    buffered = BufferedBackend(deliverer, config, losses, clock=time.monotonic, sleep=asyncio.sleep)
    metrics.audit.sinks.buffer(losses.backend, options.batch_buffer_size, lambda: buffered.waiting)
    return buffered, lambda: buffered.waiting
