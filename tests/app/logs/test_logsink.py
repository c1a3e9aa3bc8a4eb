"""app/logs/logsink.py: which log takes lines in place of events, and which is durable."""

from pathlib import Path
from typing import Any

import pytest

from auditproxy.app.logs.logsink import chain_of, log_sink
from auditproxy.options.backends import AuditLogOptions
from tests.fakes.backends import Told
from tests.fakes.options import options


@pytest.mark.parametrize(
    ("more", "name", "lines"),
    [
        ({}, "ignoreErrors<log>", True),
        ({"mode": "blocking-strict"}, "log", False),
        ({"mode": "batch"}, "buffered<log>", False),
        ({"mode": "durable"}, "durable<log>", True),
        ({"format": "legacy"}, "ignoreErrors<log>", False),
        ({"truncate_enabled": True}, "truncate<ignoreErrors<log>>", False),
    ],
)
async def test_modes(tmp_path: Path, more: dict[str, Any], name: str, lines: bool) -> None:
    """Lines are taken by a log that writes each event at once, whole, as JSON."""
    told = Told()
    settings = AuditLogOptions(path=str(tmp_path / "audit.log"), **more)
    sink = log_sink(settings, told.metrics, told.losses, told.lines.append, None)
    (backend,) = sink.backends
    assert str(backend) == name
    assert (sink.take_line is not None) is lines
    assert sink.is_durable is (settings.mode == "durable")
    sink.start()
    await backend.shutdown(1.0)


def test_no_chain() -> None:
    """Without the flag nothing is chained, and nothing signed."""
    told = Told()
    assert chain_of(options(), told.metrics, told.lines.append, None) == (None, None)
