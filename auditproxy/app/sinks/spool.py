"""Puts a spool in front of a sender, as options say.

A remote sink needs a Sender (backends/sending.py), a group of options that is a SpooledOptions, and
a call of ``open_spool``.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from auditproxy.apis.faults import Unusable
from auditproxy.apis.units import SECOND
from auditproxy.app.sinks.spoolfaults import spool_flag, unusable
from auditproxy.audit.backend import Backend
from auditproxy.backends.losses import Losses
from auditproxy.backends.modes import IgnoreErrors
from auditproxy.backends.sending import Sender
from auditproxy.backends.spool.backend import SpoolBackend, SpoolConfig
from auditproxy.backends.spool.drain import Batching
from auditproxy.backends.spool.state import SpoolState
from auditproxy.backends.throttle import TokenBucket
from auditproxy.metrics.registry import Metrics
from auditproxy.options.spool import SpooledOptions

INITIAL_BACKOFF = 10 * SECOND
"""Nanoseconds before the first retry, where options do not say."""


class SpoolError(Unusable):
    """The spool's folder cannot be used; the text names the flag and the folder."""


@dataclass(frozen=True, slots=True)
class OpenSpool:
    """A spool in use: the backend in its mode, its state, and ``start``, for the running loop."""

    backend: Backend
    state: SpoolState
    start: Callable[[], None]


def open_spool(
    sender: Sender,
    options: SpooledOptions,
    metrics: Metrics,
    losses: Losses,
    report: Callable[[str], None],
    *,
    initial_backoff: int = INITIAL_BACKOFF,
) -> OpenSpool:
    """The spool that the options describe; raises SpoolError. ``initial_backoff`` is nanoseconds.

    The caller gives its backend to ``truncate`` if it is enabled, and calls ``start``.
    """
    plugin = options.plugin
    series = metrics.audit.spools.of(plugin)
    spool = SpoolBackend(
        sender,
        SpoolConfig(
            folder=Path(options.spool_dir),
            maximum_bytes=options.spool_max_bytes,
            full=options.spool_full_policy,
            mode=options.mode,
            batching=_batching(options, initial_backoff),
            maximum_events=options.batch_buffer_size,
        ),
        losses=losses,
        report=report,
        dead_letter=series.dead_letter,
    )
    try:
        resumed = spool.open()
    except OSError as error:
        why = error.strerror or str(error)
        raise SpoolError(unusable(spool_flag(options), options.spool_dir, why)) from None
    state = SpoolState(spool, losses, time.time_ns)
    metrics.audit.sinks.buffer(plugin, options.batch_buffer_size, lambda: spool.waiting)
    series.spool(
        options.spool_max_bytes,
        waits=lambda: spool.store.waiting,
        size=lambda: spool.store.size,
        age=state.age,
    )
    series.resumed(resumed, spool.store.cut_bytes)
    backend: Backend = IgnoreErrors(spool) if options.mode == "blocking" else spool
    return OpenSpool(backend, state, spool.start)


def _batching(options: SpooledOptions, initial_backoff: int) -> Batching:
    """How batches are made; waits and limits are those of mode ``batch`` alone."""
    bucket = None
    is_batch = options.mode == "batch"
    if is_batch and options.batch_throttle_enable:
        bucket = TokenBucket(options.batch_throttle_qps, options.batch_throttle_burst)
    return Batching(
        max_size=max(1, options.batch_max_size),
        max_wait=max(0, options.batch_max_wait) / SECOND if is_batch else 0.0,
        bucket=bucket,
        initial_backoff=initial_backoff / SECOND,
    )
