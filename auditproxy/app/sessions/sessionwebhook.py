"""Makes what sends the session log's lines, with its spool where there is a folder for one."""

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

from auditproxy.apis.faults import Unusable
from auditproxy.app import operatorlog
from auditproxy.app.operatorlog import Report
from auditproxy.app.sinks.spoolfaults import SESSION_SPOOL, unusable
from auditproxy.clients.webhook import WebhookClient, WebhookTarget
from auditproxy.metrics.sessions import SessionMetrics
from auditproxy.options import SessionOptions
from auditproxy.supervision.sessionwebhook import SessionWebhook

if TYPE_CHECKING:
    from auditproxy.supervision.sessionspool import SessionSpool


def open_session_webhook(
    target: WebhookTarget, sessions: SessionOptions, metrics: SessionMetrics, report: Report
) -> "SessionWebhook | SessionSpool":
    """What sends lines to the target, not started; raises Unusable."""
    client = WebhookClient(target, clock=time.monotonic, sleep=asyncio.sleep)
    folder = sessions.webhook_spool_dir
    if not folder:
        return SessionWebhook(client, metrics=metrics, report=report)
    from auditproxy.supervision.sessionspool import SessionSpool

    spool = SessionSpool(
        client,
        Path(folder),
        maximum_bytes=sessions.webhook_spool_max_bytes,
        full=sessions.webhook_spool_full_policy,
        metrics=metrics,
        report=operatorlog.limited(report, time.monotonic),
    )
    try:
        spool.open()
    except OSError as error:
        why = error.strerror or str(error)
        raise Unusable(unusable(SESSION_SPOOL, folder, why)) from None
    return spool
