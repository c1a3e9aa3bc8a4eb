"""What operators are told at the start and at the end."""

from pathlib import Path

import pytest

from auditproxy.app import operatorlog
from auditproxy.app.announcing import UNDELIVERED, serving_line, tell_end, tell_start
from auditproxy.app.proxy import check
from auditproxy.metrics.registry import Metrics
from tests.fakes.options import options
from tests.fakes.proxy import POLICY, TOKENS, write_files


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every line for operators."""
    lines: list[str] = []
    for name in ("info", "warn"):
        monkeypatch.setattr(operatorlog, name, lines.append)
    return lines


def test_start(tmp_path: Path, said: list[str]) -> None:
    """Who is recognised, and what the files say, a line each."""
    given = options(**write_files(1, tmp_path, policy=POLICY, tokens=TOKENS))
    tell_start(given, check(given))
    assert any(line.startswith("clients are recognised by static tokens") for line in said)
    assert any("the upstream is kubeconfig" in line for line in said)


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, "serving on 127.0.0.1:1, audit events go to /a.log (blocking)"),
        (
            4,
            "serving on 127.0.0.1:1, with 4 workers, audit events go to /a-worker1.log to "
            "a-worker4.log (blocking)",
        ),
    ],
)
def test_serving_line(count: int, expected: str) -> None:
    """Where, by how many, and where events go."""
    assert serving_line(options(workers=count, audit_log_path="/a.log"), 1) == expected


def test_end(said: list[str]) -> None:
    """Whether every event was delivered, with the exit code."""
    metrics = Metrics()
    assert tell_end(metrics) == 0
    metrics.audit.dropped("disk-full", "log", "log", 2)
    assert tell_end(metrics) == UNDELIVERED
    assert said == [
        "stopped; every audit event was delivered",
        "stopped; audit events were not delivered: 2 of log: disk-full",
    ]


def test_end_with_a_spool(said: list[str]) -> None:
    """What waits on the disk is no loss, and not delivered."""
    metrics = Metrics()
    waiting = [0]
    spool = metrics.audit.spools.of("webhook")
    spool.spool(1, waits=lambda: waiting[0], size=lambda: 0, age=lambda: 0.0)
    assert tell_end(metrics) == 0
    waiting[0] = 2
    assert tell_end(metrics) == 0
    delivered = "stopped; every audit event was delivered"
    assert said == [delivered, f"{delivered}, or waits in a spool for the next start: 2"]
