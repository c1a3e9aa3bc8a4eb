"""The log backend: what it writes, counts and tells."""

import datetime
import errno
import itertools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditproxy.apis.audit import Event
from auditproxy.audit.encode import PartsEncoder, json_line, json_parts
from auditproxy.backends.log import LineWriter, LogBackend, StandardOutput, describe, drop_reason
from auditproxy.backends.logfiles.rotation import LineTooLongError, RotatingFile, ShortWriteError
from auditproxy.backends.losses import Losses
from auditproxy.metrics.registry import Metrics
from tests.fakes.backends import event


def log_backend(
    writer: Any,
    metrics: Metrics,
    report: Callable[[str], None],
    encode: PartsEncoder = json_parts,
) -> LogBackend:
    """A backend whose losses are told at once."""
    losses = Losses("log", metrics, report, itertools.count(step=60.0).__next__)
    return LogBackend(writer, encode=encode, losses=losses, report=report)


class Lines:
    """A writer that keeps lines, or fails with what it is given."""

    def __init__(self, *failures: Exception | None) -> None:
        self.lines: list[bytes] = []
        self.closed = False
        self.fault = ""
        self._failures = list(failures)

    def write(self, *parts: bytes) -> None:
        """Keep a line, or fail."""
        failure = self._failures.pop(0) if self._failures else None
        if failure is not None:
            raise failure
        self.lines.append(b"".join(parts))

    def take_fault(self) -> str:
        """What it was given to tell, once."""
        fault, self.fault = self.fault, ""
        return fault

    def probe(self) -> str:
        """Nothing speaks against a line."""
        return ""

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True


def backend(writer: LineWriter) -> tuple[LogBackend, Metrics, list[str]]:
    """A backend, its metrics and what it told."""
    metrics = Metrics()
    told: list[str] = []
    return (
        log_backend(writer, metrics, told.append),
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
    assert value(metrics, "auditproxy_audit_events_written_total", plugin="log") == 2
    assert told == []
    await log.shutdown(0)
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
        (LineTooLongError(9, 8), "too-large", "--audit-log-maxsize"),
    ],
)
def test_failures(failure: Exception, reason: str, text: str) -> None:
    """A lost event is counted with its reason and told; the next one is written all the same."""
    writer = Lines(failure)
    log, metrics, told = backend(writer)
    assert log.process_events((event("a"), event("b"))) is False
    assert writer.lines == [json_line(event("b"))]
    assert value(metrics, "auditproxy_audit_events_dropped_total", plugin="log", reason=reason) == 1
    assert value(metrics, "apiserver_audit_error_total", plugin="log") == 1
    assert value(metrics, "auditproxy_audit_events_written_total", plugin="log") == 1
    assert told[0].startswith("lost 1 audit event (audit plugin 'log'): ")
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
    log = log_backend(StandardOutput(descriptor), metrics, told.append)
    try:
        assert log.process_events((event(),)) is False
    finally:
        os.close(descriptor)
    assert (
        value(metrics, "auditproxy_audit_events_dropped_total", plugin="log", reason="disk-full")
        == 1
    )
    assert Path("/dev/full").exists()


def test_fault_without_loss() -> None:
    """What a writer has to tell is told although the event was written."""
    writer = Lines()
    log, metrics, told = backend(writer)
    writer.fault = "a.log cannot be rotated"
    assert log.process_events((event("a"), event("b"))) is True
    assert told == ["audit plugin 'log': a.log cannot be rotated"]
    assert value(metrics, "auditproxy_audit_events_written_total", plugin="log") == 2
    assert value(metrics, "apiserver_audit_error_total", plugin="log") == 0


@pytest.mark.parametrize("failure", [ValueError("canary"), TypeError("canary"), MemoryError()])
def test_encoder_fails(failure: Exception) -> None:
    """R18: an event that cannot be encoded is counted and told without its content; others go on."""
    writer = Lines()
    metrics = Metrics()
    told: list[str] = []

    def encode(one: Event) -> tuple[bytes, ...]:
        if one.audit_id == "bad":
            raise failure
        return json_parts(one)

    log = log_backend(writer, metrics, told.append, encode)
    assert log.process_events((event("bad"), event("b"))) is False
    assert writer.lines == [json_line(event("b"))]
    assert (
        value(metrics, "auditproxy_audit_events_dropped_total", plugin="log", reason="encode-error")
        == 1
    )
    assert told == [
        f"lost 1 audit event (audit plugin 'log'): encoding failed: {type(failure).__name__}; "
        "report it as a fault of the proxy"
    ]


def test_reader_of_standard_output_gone() -> None:
    """A closed pipe is a loss with a reason of its own, and no signal ends the process."""
    reading, writing = os.pipe()
    os.close(reading)
    metrics = Metrics()
    log = log_backend(StandardOutput(writing), metrics, lambda text: None)
    assert log.process_events((event(),)) is False
    os.close(writing)
    assert (
        value(metrics, "auditproxy_audit_events_dropped_total", plugin="log", reason="broken-pipe")
        == 1
    )


def test_too_large_with_its_bodies(tmp_path: Path) -> None:
    """A line over the file's size goes without bodies, marked and told; kube-apiserver loses it."""
    writer = RotatingFile(
        tmp_path / "log",
        maximum_size=1000,
        maximum_backups=0,
        maximum_age=0,
        compress=False,
        now=lambda: datetime.datetime.now(datetime.UTC),
        monotonic=lambda: 0.0,
        in_background=lambda work: None,
        on_reopened=lambda reason: None,
    )
    log, metrics, told = backend(writer)
    body = b'{"a":"' + b"x" * 2000 + b'"}'
    assert log.process_events((event("a", level="RequestResponse", body=body),)) is True
    log.close()
    written = json.loads((tmp_path / "log").read_bytes())
    assert written["annotations"] == {"audit.k8s.io/truncated": "true"}
    assert "requestObject" not in written
    assert value(metrics, "auditproxy_audit_events_written_total", plugin="log") == 1
    assert told == [
        "audit plugin 'log': an event larger than --audit-log-maxsize was written without its "
        "bodies"
    ]


def test_accounting(tmp_path: Path) -> None:
    """R16: generated is written plus dropped, over every kind of loss."""
    metrics = Metrics()
    failures: list[Exception | None] = [
        None,
        OSError(errno.ENOSPC, "No space left on device"),
        LineTooLongError(9, 8),
        ShortWriteError("x"),
        None,
        OSError(errno.EIO, "Input/output error"),
        BrokenPipeError(errno.EPIPE, "Broken pipe"),
    ]
    log = log_backend(Lines(*failures), metrics, lambda text: None)
    for _ in range(10):
        metrics.audit.event()
        log.process_events((event(),))
    dropped = sum(
        value(metrics, "auditproxy_audit_events_dropped_total", plugin="log", reason=reason)
        for reason in ("disk-full", "too-large", "write-error", "broken-pipe", "encode-error")
    )
    written = value(metrics, "auditproxy_audit_events_written_total", plugin="log")
    assert (written, dropped) == (5, 5)
    assert value(metrics, "auditproxy_audit_events_generated_total") == written + dropped
    assert value(metrics, "apiserver_audit_error_total", plugin="log") == dropped


async def test_a_fault_at_the_end_is_told() -> None:
    """A network file system says only at the close that it has lost lines."""

    class Losing(Lines):
        def close(self) -> None:
            """Fail as a file does."""
            super().close()
            self.fault = "closing /a: input/output error"

    log, _, told = backend(Losing())
    await log.shutdown(1.0)
    assert told == ["audit plugin 'log': closing /a: input/output error"]
