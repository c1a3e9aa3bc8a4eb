"""Starts on a log with a chain, in this process, and what they leave in its folder."""

from pathlib import Path

from auditproxy.app.sinks.backends import AuditSink, open_backends
from auditproxy.audit.chain.checkpoints import read_checkpoint
from auditproxy.metrics.registry import Metrics
from auditproxy.options import Options
from tests.fakes.backends import Recorder, events
from tests.fakes.chains import signing
from tests.fakes.options import options


class Started:
    """Backends as a start opens them on one log."""

    def __init__(self, folder: Path, **flags: object) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.metrics = Metrics()
        given = {"hash_chain": True, "checkpoint_key_file": "/k", **flags}
        self.options: Options = options(audit_log_path=str(folder / "audit.log"), **given)
        key = signing() if self.options.audit_chain.checkpoint_key_file else None
        self.webhook = Recorder()
        has_webhook = bool(self.options.audit_webhook.config_file)
        self.sink: AuditSink = open_backends(
            self.options,
            self.metrics,
            self.said.append,
            self.webhook if has_webhook else None,
            checkpoint_key=key,
        )

    async def write(self, count: int) -> None:
        """Write events."""
        outcome = self.sink.backend.process_events(events(count))
        assert (outcome if isinstance(outcome, bool) else await outcome) is True

    async def close(self) -> None:
        """End in order."""
        await self.sink.backend.shutdown(10.0)


def lines_of(folder: Path, suffix: str) -> list[list[bytes]]:
    """The lines of each file whose name ends so, the oldest first."""
    found = sorted(path for path in folder.iterdir() if path.name.endswith(suffix))
    return [path.read_bytes().splitlines(keepends=True) for path in found]


def reasons(folder: Path) -> list[tuple[str, int]]:
    """What was signed, and why."""
    read = [read_checkpoint(line) for file in lines_of(folder, ".checkpoints") for line in file]
    return [(each.checkpoint.reason, each.checkpoint.number) for each in read]
