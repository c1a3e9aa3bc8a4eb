"""The log backend: what it writes, counts and tells."""

import errno
import os
from pathlib import Path

import pytest

from auditproxy.apis.audit import API_VERSION, Event
from auditproxy.apis.user import UserInfo
from auditproxy.audit.encode import json_line
from auditproxy.audit.metrics import Metrics
from auditproxy.backends.log import LogBackend, StandardOutput, describe, drop_reason
from auditproxy.backends.rotation import LineTooLongError, ShortWriteError


def event(audit_id: str = "a") -> Event:
    """A small event."""
    return Event(
        kind="Event",
        api_version=API_VERSION,
        level="Metadata",
        audit_id=audit_id,
        stage="ResponseComplete",
        request_uri="/",
        verb="get",
        user=UserInfo(username="u"),
        request_received_timestamp="2026-11-23T13:06:31.814986Z",
        stage_timestamp="2026-11-23T13:06:31.814986Z",
    )


class Lines:
    """A writer that keeps lines, or fails with what it is given."""

    def __init__(self, *failures: Exception | None) -> None:
        self.lines: list[bytes] = []
        self.closed = False
        self._failures = list(failures)

    def write(self, line: bytes) -> None:
        """Keep a line, or fail."""
        failure = self._failures.pop(0) if self._failures else None
        if failure is not None:
            raise failure
        self.lines.append(line)

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True


def backend(writer: Lines) -> tuple[LogBackend, Metrics, list[str]]:
    """A backend, its metrics and what it told."""
    metrics = Metrics()
    told: list[str] = []
    return (
        LogBackend(writer, encode=json_line, metrics=metrics, report=told.append),
        metrics,
        told,
    )


def value(metrics: Metrics, name: str, **labels: str) -> float:
    """A metric's value."""
    return metrics.registry.get_sample_value(name, labels) or 0.0


async def test_writes_lines() -> None:
    """One event, one line, one write; shutdown closes the file."""
    writer = Lines()
    log, metrics, told = backend(writer)
    assert log.process_events((event("a"), event("b"))) is True
    assert writer.lines == [json_line(event("a")), json_line(event("b"))]
    assert value(metrics, "auditproxy_audit_events_written_total") == 2
    assert told == []
    await log.shutdown()
    assert writer.closed
    assert str(log) == "log"


@pytest.mark.parametrize(
    ("failure", "reason", "text"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "disk-full", "no space left on device"),
        (OSError(errno.EFBIG, "File too large"), "disk-full", "file too large"),
        (ShortWriteError("short"), "disk-full", "no space left on device"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), "broken-pipe", "broken pipe"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "write-error", "/x"),
        (LineTooLongError("write length 9"), "too-large", "--audit-log-maxsize"),
    ],
)
def test_failures(failure: Exception, reason: str, text: str) -> None:
    """A lost event is counted with its reason and told; the next one is written all the same."""
    writer = Lines(failure)
    log, metrics, told = backend(writer)
    assert log.process_events((event("a"), event("b"))) is False
    assert writer.lines == [json_line(event("b"))]
    assert value(metrics, "auditproxy_audit_events_dropped_total", reason=reason) == 1
    assert value(metrics, "apiserver_audit_error_total", plugin="log") == 1
    assert value(metrics, "auditproxy_audit_events_written_total") == 1
    assert told[0].startswith("Error in audit plugin 'log' affecting 1 audit events: ")
    assert text in told[0]
    assert drop_reason(failure) == reason
    assert text in describe(failure)


def test_standard_output() -> None:
    """Lines go to the descriptor whole and in order, whatever a pipe takes at once."""
    reading, writing = os.pipe()
    output = StandardOutput(writing)
    line = b"x" * 1000 + b"\n"
    for _ in range(20):
        output.write(line)
    output.close()
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert pipe.read() == line * 20


def test_dev_full() -> None:
    """A device without space loses the event with the right reason."""
    descriptor = os.open("/dev/full", os.O_WRONLY)
    metrics = Metrics()
    told: list[str] = []
    log = LogBackend(
        StandardOutput(descriptor), encode=json_line, metrics=metrics, report=told.append
    )
    try:
        assert log.process_events((event(),)) is False
    finally:
        os.close(descriptor)
    assert value(metrics, "auditproxy_audit_events_dropped_total", reason="disk-full") == 1
    assert Path("/dev/full").exists()
