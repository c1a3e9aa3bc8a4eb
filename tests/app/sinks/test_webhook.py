"""The webhook backend as options make it, with a spool in front of it and without."""

from pathlib import Path

from auditproxy.app.sinks.webhook import open_spooled_webhook, open_webhook
from auditproxy.backends.losses import Losses
from auditproxy.clients.webhook import WebhookTarget, request_url
from auditproxy.metrics.registry import Metrics
from auditproxy.options import AuditWebhookOptions
from tests.fakes.webhook import NoCredential

TARGET = WebhookTarget(request_url("http://127.0.0.1:1"), NoCredential())


async def test_names(tmp_path: Path) -> None:
    """Nothing is connected to; both are named as they are composed."""
    metrics = Metrics()
    losses = Losses("webhook", metrics, lambda text: None, lambda: 0.0)
    plain = open_webhook(TARGET, initial_backoff=0, losses=losses)
    assert str(plain) == "webhook"
    await plain.shutdown()
    options = AuditWebhookOptions(spool_dir=str(tmp_path))
    spooled = open_spooled_webhook(TARGET, options, metrics, losses, lambda text: None)
    assert str(spooled.backend) == "spool<webhook>"
    await spooled.backend.shutdown(1.0)
