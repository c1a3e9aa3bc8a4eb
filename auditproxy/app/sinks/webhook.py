"""Makes the webhook backend, and its spool."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from auditproxy.apis.units import SECOND
from auditproxy.app import operatorlog
from auditproxy.app.operatorlog import Report
from auditproxy.backends.losses import Losses
from auditproxy.backends.webhook import WatchCall, WebhookBackend, WebhookSender
from auditproxy.backends.webhookcalls import Ended, WebhookCalls
from auditproxy.clients.webhook import WebhookClient, WebhookTarget
from auditproxy.metrics.registry import Metrics
from auditproxy.options import AuditWebhookOptions

if TYPE_CHECKING:
    from auditproxy.app.sinks.spool import OpenSpool


def open_webhook(
    target: WebhookTarget,
    *,
    initial_backoff: int,
    losses: Losses,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    called: Ended | None = None,
) -> WebhookBackend:
    """The backend; ``initial_backoff`` is in nanoseconds, and ``called`` gets each call.

    Nothing is connected to; connections are made by the loop that first delivers.
    """
    client = WebhookClient(target, clock=time.monotonic, sleep=sleep)
    return WebhookBackend(
        client,
        initial_backoff=initial_backoff / SECOND,
        losses=losses,
        sleep=sleep,
        random=random.SystemRandom().random,
        call=_watched(called),
    )


def open_spooled_webhook(
    target: WebhookTarget,
    options: AuditWebhookOptions,
    metrics: Metrics,
    losses: Losses,
    report: Report,
    called: Ended | None = None,
) -> "OpenSpool":
    """The spool in front of the webhook, ``called`` gets each call; raises SpoolError."""
    from auditproxy.app.sinks.spool import open_spool

    client = WebhookClient(target, clock=time.monotonic, sleep=asyncio.sleep)
    return open_spool(
        WebhookSender(client, _watched(called)),
        options,
        metrics,
        losses,
        operatorlog.limited(report, time.monotonic),
        initial_backoff=options.initial_backoff,
    )


def _watched(called: Ended | None) -> WatchCall:
    return WebhookCalls(
        wall_clock=time.time_ns,
        monotonic_clock=time.monotonic_ns,
        report=operatorlog.info,
        ended=called,
    ).call
