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
from auditproxy.backends.webhook import WebhookBackend, WebhookSender
from auditproxy.clients.webhook import WebhookClient, WebhookTarget
from auditproxy.metrics.registry import Metrics
from auditproxy.options import AuditWebhookOptions

if TYPE_CHECKING:
    from auditproxy.app.spool import OpenSpool


def open_webhook(
    target: WebhookTarget,
    *,
    initial_backoff: int,
    losses: Losses,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> WebhookBackend:
    """The backend; ``initial_backoff`` is in nanoseconds.

    Nothing is connected to; connections are made by the loop that first delivers.
    """
    client = WebhookClient(target, clock=time.monotonic, sleep=sleep)
    return WebhookBackend(
        client,
        initial_backoff=initial_backoff / SECOND,
        losses=losses,
        sleep=sleep,
        random=random.SystemRandom().random,
    )


def open_spooled_webhook(
    target: WebhookTarget,
    options: AuditWebhookOptions,
    metrics: Metrics,
    losses: Losses,
    report: Report,
) -> "OpenSpool":
    """The spool in front of the webhook; raises SpoolError."""
    from auditproxy.app.spool import open_spool

    client = WebhookClient(target, clock=time.monotonic, sleep=asyncio.sleep)
    return open_spool(
        WebhookSender(client),
        options,
        metrics,
        losses,
        operatorlog.limited(report, time.monotonic),
        initial_backoff=options.initial_backoff,
    )
