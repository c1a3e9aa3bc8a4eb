"""Audit backends: from options to the backend that every event goes to.

    log:      truncate< mode( log ) >          the webhook and receivers alike
    several:  union[ the log's, the webhook's, the receivers' ]
    mode      batch: buffered<x>   blocking: ignoreErrors<x>   blocking-strict: x
              durable: durable<log>, ours
    spool     spool<x> in place of buffered<x> and x, ours

As kube-apiserver builds it (apiserver server/options/audit.go), truncation
outside of the buffer.
"""

import functools
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from auditproxy.app import operatorlog
from auditproxy.app.logs.logsink import LogSink, chain_of, log_sink, nothing
from auditproxy.app.operatorlog import Report
from auditproxy.app.sinks.backendmodes import remote, truncated
from auditproxy.app.sinks.backendpolicies import OwnBackend, divided
from auditproxy.audit.backend import Backend, Deliverer, TakeLine
from auditproxy.backends.losses import Losses
from auditproxy.backends.sinkstate import State
from auditproxy.backends.union import union
from auditproxy.metrics.registry import Metrics
from auditproxy.options import Options
from auditproxy.options.spool import SpooledOptions

if TYPE_CHECKING:
    from auditproxy.app.logs.logchain import ChainKeeping
    from auditproxy.app.sinks.receivers import OpenedReceiver
    from auditproxy.audit.chain.checkpoints import CheckpointKey
    from auditproxy.backends.webhookcalls import Ended
    from auditproxy.clients.webhook import WebhookTarget


def _all_of(calls: list[Callable[[], None]]) -> Callable[[], None]:
    """One call for several."""

    def call() -> None:
        for each in calls:
            each()

    return call


@dataclass(frozen=True, slots=True)
class AuditSink:
    """Where events go, how the log file is opened again, and how each backend fares.

    ``take_line`` takes the line of an event in place of the event, where that is all that becomes
    of it; None when it did not, and the event is to be given to the backend. ``start`` is called
    once the loop runs that serves. ``is_durable`` is whether a connection's next request waits for
    the events of the one before, ``awaits_decoded`` whether for those alone that a spool has to
    store, also where their bodies are decoded aside.
    """

    backend: Backend
    reopen: Callable[[], None]
    states: tuple[State, ...] = ()
    take_line: TakeLine | None = None
    start: Callable[[], None] = nothing
    is_durable: bool = False
    common: Backend | None = None
    """The backends that follow the main policy, where that is not all of them."""
    own: tuple[OwnBackend, ...] = ()
    """Those that have policies of their own."""
    run: Callable[[], Coroutine[Any, Any, None]] | None = None
    """Runs beside the requests, until it is cancelled; None where nothing has to."""
    awaits_decoded: bool = False


def open_backends(
    options: Options,
    metrics: Metrics,
    report: Report,
    webhook: Deliverer | None = None,
    *,
    target: "WebhookTarget | None" = None,
    checkpoint_key: "CheckpointKey | None" = None,
    called: "Ended | None" = None,
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
    spooling: list[SpooledOptions] = []
    # Once, and not without a webhook: its metrics are there from then on.
    webhook_losses = functools.cache(partial(Losses, "webhook", metrics, report, time.monotonic))
    spooled = target is not None and options.audit_webhook.has_spool
    if webhook is None and target is not None and not spooled:
        from auditproxy.app.sinks.webhook import open_webhook

        webhook = open_webhook(
            target,
            initial_backoff=options.audit_webhook.initial_backoff,
            losses=webhook_losses(),
            called=called,
        )
    log = LogSink()
    keeping: ChainKeeping | None = None
    to_webhook: Backend | None = None
    if options.audit_log.path or (webhook is None and not spooled and not receivers):
        losses = Losses("log", metrics, report, time.monotonic)
        told = operatorlog.limited(report, time.monotonic)
        chain, keeping = chain_of(options, metrics, told, checkpoint_key)
        log = log_sink(options.audit_log, metrics, losses, told, chain)
        backends += log.backends
        states += log.states
        starts.append(log.start)
    if target is not None and spooled:
        from auditproxy.app.sinks.webhook import open_spooled_webhook

        opened = open_spooled_webhook(
            target, options.audit_webhook, metrics, webhook_losses(), report, called
        )
        to_webhook = truncated(options.audit_webhook, opened.backend, webhook_losses())
        backends.append(to_webhook)
        states.append(opened.state)
        starts.append(opened.start)
        spooling.append(options.audit_webhook)
    elif webhook is not None:
        to_webhook, sink_state = remote(
            options.audit_webhook, webhook, metrics, webhook_losses(), in_order=False
        )
        backends.append(to_webhook)
        states.append(sink_state)
    for each in receivers:
        if each.spool is not None:
            backends.append(truncated(each.options, each.spool.backend, each.losses))
            states.append(each.spool.state)
            starts.append(each.spool.start)
            spooling.append(each.options)
            continue
        backend, sink_state = remote(
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
        awaits_decoded=any(each.mode != "batch" for each in spooling),
    )
