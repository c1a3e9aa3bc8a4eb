"""What a backend's mode makes of it: buffered, awaited, or as it is; truncated outside of that."""

import asyncio
import time
from collections.abc import Callable

from auditproxy.apis.units import SECOND
from auditproxy.audit.backend import Backend, Deliverer
from auditproxy.backends.losses import Losses
from auditproxy.backends.modes import Awaited, IgnoreErrors
from auditproxy.backends.sinkstate import SinkState
from auditproxy.backends.truncate import TruncateBackend
from auditproxy.metrics.registry import Metrics
from auditproxy.options.backendoptions import DURABLE, BackendOptions

Waiting = Callable[[], int]
"""How many events wait."""


def remote(
    options: BackendOptions,
    deliverer: Deliverer,
    metrics: Metrics,
    losses: Losses,
    *,
    in_order: bool,
) -> tuple[Backend, SinkState]:
    """What delivers to another machine, in its mode; ``in_order`` has one delivery at a time."""
    if options.mode == "batch":
        backend, waiting = buffered_later(options, deliverer, metrics, losses, in_order=in_order)
    else:
        backend, waiting = awaited_by_requests(options, deliverer, metrics, losses)
    state = SinkState(losses, mode=options.mode, clock=time.monotonic, waiting=waiting)
    return truncated(options, backend, losses), state


def awaited_by_requests(
    options: BackendOptions, deliverer: Deliverer, metrics: Metrics, losses: Losses
) -> tuple[Backend, Waiting]:
    """What delivers while requests wait for it, in a blocking mode."""
    awaited = Awaited(deliverer, losses)
    metrics.audit.sinks.buffer(losses.backend, awaited.maximum, lambda: awaited.waiting)
    backend = IgnoreErrors(awaited) if options.mode == "blocking" else awaited
    return backend, lambda: awaited.waiting


def truncated(options: BackendOptions, backend: Backend, losses: Losses) -> Backend:
    """The backend, with large events made small where the options want it."""
    if not options.truncate_enabled:
        return backend
    return TruncateBackend(
        backend,
        losses,
        maximum_event_size=options.truncate_max_event_size,
        maximum_batch_size=options.truncate_max_batch_size,
        refuses=options.mode == DURABLE,
    )


def buffered_later(
    options: BackendOptions,
    deliverer: Deliverer,
    metrics: Metrics,
    losses: Losses,
    *,
    in_order: bool,
    along: int = 0,
) -> tuple[Backend, Waiting]:
    """What delivers later, in mode ``batch``; ``along`` events may join a delivery of a file."""
    from auditproxy.backends.buffered import BatchConfig, BufferedBackend
    from auditproxy.backends.throttle import TokenBucket

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
