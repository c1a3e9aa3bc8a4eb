"""Makes the log backend of mode ``durable``."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from auditproxy.app.localzone import LocalZone
from auditproxy.app.logs.logbackend import (
    LogFileError,
    OpenChain,
    audit_rotation,
    open_rotating_file,
)
from auditproxy.audit.encode import encoder
from auditproxy.backends.durable.backend import DurableLog
from auditproxy.backends.durable.durablefile import DurableFile
from auditproxy.backends.logfiles.disk import Disk
from auditproxy.backends.losses import Losses
from auditproxy.metrics.registry import Metrics
from auditproxy.options import AuditLogOptions


def fault_of_kind(options: AuditLogOptions) -> str:
    """Why what is at the path has no place in mode ``durable``; "" for a file, or nothing."""
    path = Path(options.path)
    if not path.exists() or path.is_file():
        return ""
    return (
        f"--audit-log-mode durable needs a regular file, and --audit-log-path {path} is none: no "
        "FIFO or device reports when an event is safe; name a file, or choose "
        "--audit-log-mode=blocking-strict"
    )


def open_durable_log(
    options: AuditLogOptions,
    metrics: Metrics,
    losses: Losses,
    report: Callable[[str], None],
    disk: Disk | None = None,
    chain: OpenChain | None = None,
) -> DurableLog:
    """The backend; raises LogFileError when its file cannot be created, or is none.

    ``chain`` gives the lines their places in a chain.
    """
    fault = fault_of_kind(options)
    if fault:
        raise LogFileError(fault)
    file = open_rotating_file(
        "--audit-log-path",
        options.path,
        audit_rotation(options),
        partial(DurableFile, disk=disk or Disk()),
        reopened=metrics.audit.sinks.log_reopened,
        report=report,
    )
    sinks = metrics.audit.sinks
    log = DurableLog(
        file if chain is None else chain.of_durable(file),
        encode=encoder(options.format, LocalZone()),
        losses=losses,
        report=report,
        observe=sinks.committed,
    )
    sinks.buffer(losses.backend, log.room_for_intents, lambda: log.waiting)
    return log
