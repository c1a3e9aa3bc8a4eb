"""What sends the session log's lines, as options say."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.app.sessions.sessionwebhook import open_session_webhook
from auditproxy.clients.webhook import WebhookTarget, request_url
from auditproxy.metrics.registry import Metrics
from auditproxy.options import SessionOptions
from auditproxy.supervision.sessionspool import SessionSpool
from auditproxy.supervision.sessionwebhook import SessionWebhook
from tests.fakes.sessionspool import session_line
from tests.fakes.webhook import NoCredential, Receiver

PLAIN = SessionOptions(webhook_config_file="w")


def opened(options: SessionOptions, url: str, metrics: Metrics) -> SessionWebhook | SessionSpool:
    """What sends to a URL."""
    target = WebhookTarget(request_url(url), NoCredential())
    return open_session_webhook(target, options, metrics.sessions, lambda text: None)


async def test_without_a_folder(tmp_path: Path) -> None:
    """Lines wait in memory, and no file is made."""
    found = opened(PLAIN, "http://127.0.0.1:1", Metrics())
    assert isinstance(found, SessionWebhook)
    assert os.listdir(tmp_path) == []
    await found.shutdown(1.0)


async def test_with_a_folder(tmp_path: Path) -> None:
    """They go through it, and its bound is known."""
    metrics = Metrics()
    options = replace(
        PLAIN, webhook_spool_dir=str(tmp_path / "spool"), webhook_spool_max_bytes=2**21
    )
    async with Receiver() as receiver:
        found = opened(options, receiver.url, metrics)
        assert isinstance(found, SessionSpool)
        sample = metrics.registry.get_sample_value
        assert sample("auditproxy_session_spool_capacity_bytes") == 2**21
        found.start()
        found.listen(session_line(1))
        await receiver.until_received(1)
        assert sample("auditproxy_session_spool_bytes")
        await found.shutdown(10.0)


async def test_another_process(tmp_path: Path) -> None:
    """A folder that is in use is refused, with the flag."""
    options = replace(PLAIN, webhook_spool_dir=str(tmp_path))
    first = opened(options, "http://127.0.0.1:1", Metrics())
    with pytest.raises(Unusable) as raised:
        opened(options, "http://127.0.0.1:1", Metrics())
    (fault,) = raised.value.faults
    assert fault.startswith(f"--session-webhook-spool-dir {tmp_path} cannot be used: another proc")
    await first.shutdown(1.0)
