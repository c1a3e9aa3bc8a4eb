"""Losses: exact counts, and a line at most once a minute for each cause."""

import re

import pytest

from auditproxy.apis.operatorline import fields_of
from auditproxy.backends.losses import MOST_CAUSES, TO_DO
from auditproxy.flags.serve import FLAGS
from tests.fakes.backends import Told, dropped, value


def test_counted_and_told() -> None:
    """Every loss is counted at once; the first of a cause is told at once."""
    told = Told("webhook")
    told.losses.lost(3, plugin="buffered", reason="buffer-full", text="audit buffer queue blocked")
    assert dropped(told.metrics, "buffer-full", "webhook") == 3
    assert value(told.metrics, "apiserver_audit_error_total", plugin="buffered") == 3
    assert told.lines == [
        "lost 3 audit events (audit plugin 'buffered'): audit buffer queue blocked; "
        "raise --audit-webhook-batch-buffer-size, or make its receiver faster"
    ]
    assert fields_of(told.lines[0]) == {
        "plugin": "buffered",
        "count": 3,
        "reason": "buffer-full",
    }


def test_once_a_minute() -> None:
    """The next line says how many there were since; other causes are told by themselves."""
    told = Told()
    for count in (1, 2, 4):
        told.losses.lost(count, plugin="log", reason="disk-full", text="no space")
    told.losses.lost(1, plugin="log", reason="write-error", text="broken")
    assert [line.partition(";")[0] for line in told.lines] == [
        "lost 1 audit event (audit plugin 'log'): no space",
        "lost 1 audit event (audit plugin 'log'): broken",
    ]
    told.now = 61.0
    told.losses.lost(8, plugin="log", reason="disk-full", text="no space")
    assert told.lines[2].startswith("lost 14 audit events (audit plugin 'log'): no space; ")
    assert dropped(told.metrics, "disk-full") == 15


def test_rest() -> None:
    """At the end nothing is left untold."""
    told = Told()
    for _ in range(3):
        told.losses.lost(1, plugin="log", reason="disk-full", text="no space")
    told.losses.tell_rest()
    told.losses.tell_rest()
    assert [line.partition(" (")[0] for line in told.lines] == [
        "lost 1 audit event",
        "lost 2 audit events",
    ]


@pytest.mark.parametrize(
    ("backend", "reason", "fix"),
    [
        ("log", "disk-full", "make room on its disk"),
        ("log", "bad-file", "correct what the line says; the next event is tried again"),
        ("kafka", "buffer-full", "raise --audit-kafka-batch-buffer-size, or"),
        ("kafka", "timeout", "make its receiver take events; with --audit-kafka-spool-dir they"),
    ],
)
def test_what_to_do(backend: str, reason: str, fix: str) -> None:
    """One line says what was lost, why, and what to do; the flag is that of the backend."""
    told = Told(backend)
    told.losses.lost(2, plugin=backend, reason=reason, text="why")
    (line,) = told.lines
    assert line.startswith(f"lost 2 audit events (audit plugin '{backend}'): why; {fix}")


def test_flags_that_lines_name() -> None:
    """Each is one of the command."""
    names = {flag.name for flag in FLAGS}
    for backend in ("webhook", "nats", "kafka", "otlp"):
        told = Told(backend)
        for reason in (*TO_DO, "timeout"):
            told.losses.lost(1, plugin=backend, reason=reason, text="why")
        found = {name for line in told.lines for name in re.findall(r"--([a-z-]+)", line)}
        assert found
        assert found <= names


def test_the_first_failed_attempt() -> None:
    """It is said at once, and no sooner than a minute later again, whatever comes between."""
    told = Told("webhook")
    said = "audit plugin 'webhook': it is away; events wait in memory and are tried again"
    for _ in range(3):
        told.losses.failing("unreachable", "it is away")
        told.losses.failing("unreachable", "it is away")
        told.losses.delivered()
    assert told.lines == [said]
    told.losses.failing("unreachable")
    told.losses.delivered()
    told.now = 61.0
    told.losses.failing("unreachable", "it is away")
    assert told.lines == [said, said]


def test_causes_are_bounded() -> None:
    """A receiver whose answers all differ takes no memory without end, and no count is lost."""
    told = Told("otlp")
    for count in (1, 5):
        told.losses.lost(count, plugin="otlp", reason="rejected", text="first")
    for number in range(5_000):
        told.losses.lost(1, plugin="otlp", reason="rejected", text=f"error {number}")
    assert len(told.losses._told) == len(told.losses._untold) == MOST_CAUSES
    told.losses.tell_rest()
    counts = [int(fields_of(line)["count"]) for line in told.lines if "first" in line]
    assert counts == [1, 5]
    assert sum(int(fields_of(line)["count"]) for line in told.lines) == 5_006
