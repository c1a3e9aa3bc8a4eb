"""Opens the chain of the audit log: finds its end, and what signs it.

RotatingFile --repair, last line-->  beginning() --> ChainedFile
LOG.checkpoints --last checkpoint---^   unsigned_ends() --^
"""

import asyncio
import datetime
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from auditproxy.apis.operatorline import OperatorLine
from auditproxy.apis.units import SECOND
from auditproxy.app.logs.anchoring import WebhookAnchor, to_standard_error
from auditproxy.app.logs.fileends import stored_end, unsigned_ends
from auditproxy.app.logs.logbackend import LogFileError, Rotation, open_rotating_file
from auditproxy.app.operatorlog import Report
from auditproxy.audit.backend import Backend
from auditproxy.audit.chain.checkpoints import (
    Checkpoint,
    CheckpointError,
    CheckpointKey,
    read_checkpoint,
)
from auditproxy.audit.chain.continuing import beginning
from auditproxy.audit.chain.links import ChainEnd
from auditproxy.backends.durable.chainable import ChainableFile
from auditproxy.backends.durable.chained import ChainedDurableFile, ChainedFile
from auditproxy.backends.durable.checkpoints import CHECKPOINTS, Checkpoints, Signing
from auditproxy.backends.durable.durablefile import DurableFile
from auditproxy.backends.logfiles.disk import Disk
from auditproxy.backends.logfiles.oldfiles import older_files
from auditproxy.backends.logfiles.rotation import RotatingFile
from auditproxy.backends.logfiles.tails import last_line
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
    broke: Callable[[], None] = lambda: None
    """Counts a chain that could not be continued."""
    disk: Disk = field(default_factory=Disk)


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


class ChainOpening:
    """An OpenChain: opens the chain of a log whose file is open; a worker has one of its own.

    A new chain where one was expected, and what a crash has left of a line, are reported.
    """

    file: type[RotatingFile] = ChainableFile

    def __init__(self, parts: ChainParts, report: Report) -> None:
        self._parts = parts
        self._report = report

    def of(self, file: object) -> ChainedFile:
        """The chain of a log; raises LogFileError."""
        # Standard output was refused with the settings.
        assert isinstance(file, ChainableFile)
        if not file.is_regular:
            text = f"needs a regular file, which --audit-log-path {file.path} is not"
            raise LogFileError(f"{_FLAG} {text}")
        try:
            torn = file.repair()
        except OSError as error:
            raise _unreadable(file.path, error) from None
        if torn:
            self._tell(f"{torn} bytes of a torn line were cut off the end of {file.path}")
        end, signing = self._begin(file.path)
        return ChainedFile(file, end, signing)

    def of_durable(self, file: DurableFile) -> ChainedDurableFile:
        """The chain of a log in mode ``durable``, which is repaired; raises LogFileError."""
        end, signing = self._begin(file.path)
        return ChainedDurableFile(file, end, signing)

    def _begin(self, path: Path) -> tuple[ChainEnd, Signing | None]:
        disk = self._parts.disk
        try:
            line = stored_end(path, disk)
            checkpoints, last = _open_checkpoints(path, self._parts, self._report)
            begun = beginning(line, last, secrets.token_hex(8))
            ended = unsigned_ends(path, begun.end, last, disk) if checkpoints else []
        except (OSError, EOFError) as error:
            raise _unreadable(path, error) from None
        if begun.is_broken:
            self._parts.broke()
        if begun.message:
            self._tell(f"{path} begins a new chain: {begun.message}")
        if checkpoints is None:
            return begun.end, None
        return begun.end, Signing(checkpoints, begun, disk, ended=ended)

    def _tell(self, text: str) -> None:
        self._report(OperatorLine(f"{_FLAG}: {text}", flag=_FLAG))


def _unreadable(path: Path, error: Exception) -> LogFileError:
    why = getattr(error, "strerror", None) or str(error)
    return LogFileError(f"{_FLAG}: the end of {path} cannot be read: {why.lower()}")


def _open_checkpoints(
    path: Path, parts: ChainParts, report: Report
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

    file = open_rotating_file(
        _KEY_FLAG,
        name,
        parts.rotation,
        partial(DurableFile, disk=parts.disk),
        reopened=lambda reason: None,
        report=report,
    )
    last = _checkpoint_of(last_line([file.path, *older_files(file.path)]))
    sequence = last.sequence if last else 0
    made = Checkpoints(
        file,
        parts.key,
        sequence,
        _now,
        told,
        parts.anchor,
        log=path.name,
        instance=os.uname().nodename,
    )
    return made, last


def _checkpoint_of(line: bytes) -> Checkpoint | None:
    try:
        return read_checkpoint(line).checkpoint
    except CheckpointError:
        return None


def _now() -> str:
    return rfc3339(int(datetime.datetime.now(datetime.UTC).timestamp()) * SECOND)
