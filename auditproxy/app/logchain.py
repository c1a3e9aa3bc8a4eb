"""Opens the chain of the audit log: finds its end, and what signs it.

RotatingFile --repair, last line-->  beginning() --> ChainedFile
LOG.checkpoints --last checkpoint---^
"""

import asyncio
import datetime
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from auditproxy.apis.operatorline import OperatorLine
from auditproxy.apis.units import SECOND
from auditproxy.app.anchoring import WebhookAnchor, to_standard_error
from auditproxy.app.logbackend import LogFileError, Rotation, open_line_file
from auditproxy.app.operatorlog import Report
from auditproxy.audit.backend import Backend
from auditproxy.audit.chain.checkpoints import (
    Checkpoint,
    CheckpointError,
    CheckpointKey,
    read_checkpoint,
)
from auditproxy.audit.chain.continuing import beginning
from auditproxy.backends.chained import CHECKPOINTS, ChainedFile, Checkpoints
from auditproxy.backends.oldfiles import older_files
from auditproxy.backends.rotation import RotatingFile
from auditproxy.backends.tails import last_line
from auditproxy.options.auditchain import AuditChainOptions
from auditproxy.serializer.times import rfc3339

_FLAG = "--audit-log-hash-chain"
_KEY_FLAG = "--audit-log-checkpoint-key-file"


@dataclass(frozen=True, slots=True)
class ChainParts:
    """What a chain is made of beside the log's own file."""

    rotation: Rotation
    key: CheckpointKey | None
    signed: Callable[[str], None]
    """Counts a checkpoint, "ok" or "error"."""
    anchor: Callable[[bytes], None] | None = None


class ChainKeeping:
    """What keeps a chain signed while the proxy runs: checkpoints in time, and their anchor."""

    def __init__(self, options: AuditChainOptions) -> None:
        self._interval = options.checkpoint_interval / SECOND
        self._to_webhook = WebhookAnchor() if options.checkpoint_anchor == "webhook" else None
        self.anchor: Callable[[bytes], None] | None = None
        if self._to_webhook is not None:
            self.anchor = self._to_webhook.take
        elif options.checkpoint_anchor == "stderr":
            self.anchor = to_standard_error

    async def run(self, sign: Callable[[], None], webhook: Backend | None) -> None:
        """Sign what is not signed, in each interval, until cancelled."""
        if self._to_webhook is not None and webhook is not None:
            self._to_webhook.begin(webhook)
        try:
            while True:
                await asyncio.sleep(self._interval)
                sign()
        finally:
            if self._to_webhook is not None:
                self._to_webhook.end()


def open_chain(file: RotatingFile, parts: ChainParts, report: Report) -> ChainedFile:
    """The chain of a log that is open; raises LogFileError.

    A new chain where one was expected, and what a crash has left of a line, are reported.
    """
    path = f"{file.path}"
    if not file.is_regular:
        raise LogFileError(f"{_FLAG} needs a regular file, which --audit-log-path {path} is not")
    try:
        torn = file.repair()
        line = last_line([file.path, *older_files(file.path)])
        checkpoints, last = _open_checkpoints(path, parts, report)
    except (OSError, EOFError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise LogFileError(f"{_FLAG}: the end of {path} cannot be read: {why.lower()}") from None
    begun = beginning(line, last, secrets.token_hex(8))
    if torn:
        text = f"{_FLAG}: {torn} bytes of a torn line were cut off the end of {path}"
        report(OperatorLine(text, flag=_FLAG))
    if begun.message:
        text = f"{_FLAG}: {path} begins a new chain: {begun.message}"
        report(OperatorLine(text, flag=_FLAG))
    return ChainedFile(file, begun, checkpoints)


def _open_checkpoints(
    path: str, parts: ChainParts, report: Report
) -> tuple[Checkpoints | None, Checkpoint | None]:
    """The file of checkpoints and the last one in it; None without a key."""
    if parts.key is None:
        return None, None
    name = f"{path}{CHECKPOINTS}"

    def told(fault: str) -> None:
        parts.signed("error" if fault else "ok")
        if fault:
            text = f"{_KEY_FLAG}: a checkpoint cannot be written to {name}: {fault}"
            report(OperatorLine(text, flag=_KEY_FLAG))

    file = open_line_file(
        _KEY_FLAG, name, parts.rotation, reopened=lambda reason: None, report=report
    )
    assert isinstance(file, RotatingFile)
    file.repair()
    last = _checkpoint_of(last_line([file.path, *older_files(file.path)]))
    sequence = last.sequence if last else 0
    return Checkpoints(file, parts.key, sequence, _now, told, parts.anchor), last


def _checkpoint_of(line: bytes) -> Checkpoint | None:
    try:
        return read_checkpoint(line).checkpoint
    except CheckpointError:
        return None


def _now() -> str:
    return rfc3339(int(datetime.datetime.now(datetime.UTC).timestamp()) * SECOND)
