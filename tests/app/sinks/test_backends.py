"""Which backend the options describe (apiserver server/options/audit_test.go)."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from auditproxy.app.logs.logbackend import LogFileError
from auditproxy.app.sinks.backends import open_backends
from auditproxy.app.sinks.webhook import open_webhook
from auditproxy.backends import sinkstate
from auditproxy.clients.webhook import WebhookTarget, request_url
from auditproxy.metrics.registry import Metrics
from auditproxy.options import Options
from tests.fakes.backends import Recorder, Told, event, events, value
from tests.fakes.options import options
from tests.fakes.waiting import pause
from tests.fakes.webhook import Receiver

WRITTEN = "auditproxy_audit_events_written_total"
ROWS: list[tuple[dict[str, Any], bool, str]] = [
    ({}, False, "ignoreErrors<log>"),
    ({"audit_log_path": "LOG"}, False, "ignoreErrors<log>"),
    ({"audit_log_path": "LOG", "audit_log_mode": "blocking-strict"}, False, "log"),
    ({"audit_log_path": "LOG", "audit_log_mode": "batch"}, False, "buffered<log>"),
    ({"audit_log_path": "LOG", "audit_log_mode": "durable"}, False, "durable<log>"),
    (
        {
            "audit_log_path": "LOG",
            "audit_log_mode": "durable",
            "audit_log_truncate_enabled": True,
        },
        True,
        "union[truncate<durable<log>>,buffered<webhook>]",
    ),
    ({"audit_log_path": "LOG", "audit_log_maxsize": 0}, False, "ignoreErrors<log>"),
    ({"audit_log_path": "sub/folder/LOG"}, False, "ignoreErrors<log>"),
    ({}, True, "buffered<webhook>"),
    ({"audit_webhook_mode": "blocking"}, True, "ignoreErrors<webhook>"),
    ({"audit_webhook_mode": "blocking-strict"}, True, "webhook"),
    ({"audit_log_path": "LOG"}, True, "union[ignoreErrors<log>,buffered<webhook>]"),
    (
        {"audit_log_path": "LOG", "audit_log_mode": "batch", "audit_webhook_mode": "blocking"},
        True,
        "union[buffered<log>,ignoreErrors<webhook>]",
    ),
    ({"audit_webhook_truncate_enabled": True}, True, "truncate<buffered<webhook>>"),
    (
        {"audit_log_path": "LOG", "audit_log_truncate_enabled": True},
        True,
        "union[truncate<ignoreErrors<log>>,buffered<webhook>]",
    ),
]


def given(flags: dict[str, Any], folder: Path) -> Options:
    """Options whose log is in a folder."""
    path = (
        {"audit_log_path": str(folder / flags["audit_log_path"])}
        if "audit_log_path" in flags
        else {}
    )
    return options(**{**flags, **path})


@pytest.mark.parametrize(("flags", "webhook", "name"), ROWS)
async def test_names(flags: dict[str, Any], webhook: bool, name: str, tmp_path: Path) -> None:
    """Composed and named as kube-apiserver does, log first; parent folders are made."""
    recorder = Recorder() if webhook else None
    sink = open_backends(given(flags, tmp_path), Metrics(), lambda text: None, recorder)
    assert str(sink.backend) == name
    await sink.backend.shutdown(5.0)
    assert recorder is None or recorder.is_shut


@pytest.mark.parametrize("mode", ["batch", "blocking", "blocking-strict"])
async def test_both_get_every_event(mode: str, tmp_path: Path) -> None:
    """R16: generated = written + buffered + dropped, for each backend."""
    path = tmp_path / "audit.log"
    recorder, metrics = Recorder(), Metrics()
    chosen = options(audit_log_path=str(path), audit_log_mode=mode, audit_webhook_mode=mode)
    sink = open_backends(chosen, metrics, lambda text: None, recorder)
    outcome = sink.backend.process_events(events(50))
    assert (outcome if isinstance(outcome, bool) else await outcome) is True
    await sink.backend.shutdown(10.0)
    assert path.read_bytes().count(b"\n") == 50
    assert sum(map(len, recorder.batches)) == 50
    assert value(metrics, "auditproxy_audit_events_written_total", plugin="log") == 50
    for plugin in ("log", "webhook"):
        assert value(metrics, "auditproxy_audit_buffer_events", plugin=plugin) == 0


async def test_durable(tmp_path: Path) -> None:
    """R16: it takes lines where nothing else takes events, and its waiting events are counted."""
    path = tmp_path / "audit.log"
    metrics = Metrics()
    chosen = options(audit_log_path=str(path), audit_log_mode="durable")
    sink = open_backends(chosen, metrics, lambda text: None)
    assert sink.is_durable
    assert sink.take_line is not None
    outcome = sink.take_line(b"line\n", is_intent=True)
    assert value(metrics, "auditproxy_audit_buffer_events", plugin="log") == 1
    assert value(metrics, "auditproxy_audit_buffer_capacity", plugin="log") == 10_000
    assert isinstance(outcome, asyncio.Future)
    assert await outcome
    assert path.read_bytes() == b"line\n"
    assert value(metrics, "auditproxy_audit_buffer_events", plugin="log") == 0
    path.rename(tmp_path / "moved.log")
    sink.reopen()
    (state,) = sink.states
    assert state.check() is True
    assert state.describe() == ("audit-log: accepting events",)
    await sink.backend.shutdown(5.0)
    assert value(metrics, "auditproxy_audit_log_reopened_total", reason="signal") == 1


@pytest.mark.parametrize(
    "more", [{"audit_log_format": "legacy"}, {"audit_log_truncate_enabled": True}]
)
async def test_durable_that_needs_events(more: dict[str, Any], tmp_path: Path) -> None:
    """A line is not enough for another format, or where it may have to be cut."""
    path = str(tmp_path / "audit.log")
    chosen = options(audit_log_path=path, audit_log_mode="durable", **more)
    sink = open_backends(chosen, Metrics(), lambda text: None)
    assert sink.take_line is None
    outcome = sink.backend.process_events(events(2))
    assert not isinstance(outcome, bool)
    assert await outcome
    await sink.backend.shutdown(5.0)


async def test_reopen_in_batch_mode(tmp_path: Path) -> None:
    """T255: after a rename and SIGHUP the next events are in a new file, none is lost."""
    path = tmp_path / "audit.log"
    chosen = options(audit_log_path=str(path), audit_log_mode="batch")
    sink = open_backends(chosen, Metrics(), lambda text: None)
    sink.backend.process_events(events(3))
    path.rename(tmp_path / "moved.log")
    sink.reopen()
    sink.backend.process_events(events(4))
    await sink.backend.shutdown(10.0)
    lines = [
        (tmp_path / name).read_bytes().count(b"\n") if (tmp_path / name).exists() else 0
        for name in ("moved.log", "audit.log")
    ]
    assert sum(lines) == 7


def test_a_probe_ends_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """B7: once the log file failed and no request comes, it is the file that is probed."""
    monkeypatch.setattr(sinkstate, "RETRY", 0.0)
    monkeypatch.setattr(sinkstate, "PROBE_INTERVAL", 0.0)
    folder = tmp_path / "logs"
    path = folder / "audit.log"
    chosen = options(audit_log_path=str(path), audit_log_mode="blocking-strict")
    sink = open_backends(chosen, Metrics(), lambda text: None)
    (state,) = sink.states
    sink.reopen()
    path.unlink()
    folder.rmdir()
    folder.touch()
    assert sink.backend.process_events(events(1)) is False
    assert state.check() == "file exists"
    folder.unlink()
    assert state.check() is True
    assert not state.is_well()


def test_file_that_cannot_be_made(tmp_path: Path) -> None:
    """Start ends with the flag and the path."""
    (tmp_path / "file").write_text("x")
    chosen = options(audit_log_path=str(tmp_path / "file" / "audit.log"))
    with pytest.raises(LogFileError, match="--audit-log-path .* cannot be written: .*; name"):
        open_backends(chosen, Metrics(), lambda text: None)


class NoCredential:
    """Sends no Authorization."""

    async def authorization(self) -> bytes | None:
        """No header."""
        return None

    def invalidate(self) -> None:
        """Nothing is kept."""


async def test_metrics_of_what_is_there(tmp_path: Path) -> None:
    """A webhook's count of events begins with the webhook, and is not there without one."""
    target = WebhookTarget(request_url("http://127.0.0.1:1"), NoCredential())
    for webhook, expected in ((None, {"log"}), (target, {"log", "webhook"})):
        metrics = Metrics()
        sink = open_backends(
            given({"audit_log_path": "LOG"}, tmp_path), metrics, print, target=webhook
        )
        shown = {
            plugin
            for plugin in ("log", "webhook")
            if metrics.registry.get_sample_value(WRITTEN, {"plugin": plugin}) == 0
        }
        assert shown == expected
        await sink.backend.shutdown(10.0)


async def test_slow_webhook(capsys: pytest.CaptureFixture[str]) -> None:
    """A slow call is a line for operators, in kube-apiserver's words; a fast one is none."""
    async with Receiver() as receiver:
        target = WebhookTarget(request_url(receiver.url), NoCredential())
        webhook = open_webhook(target, initial_backoff=1, losses=Told("webhook").losses)
        receiver.gate = asyncio.Event()

        async def later() -> None:
            await receiver.until_received(1)
            await pause(0.1)
            assert receiver.gate is not None
            receiver.gate.set()

        await asyncio.gather(webhook.deliver((event(),)), later())
        await webhook.shutdown()
    said = capsys.readouterr().err
    assert ': "Call Audit Events webhook" name:webhook,event-count:1 (' in said
    assert said.count("Trace[") == 2
