"""Lines for operators at the start and at the end, and the exit code that follows from them."""

from auditproxy.app import operatorlog
from auditproxy.app.authentication.authenticators import describe_authentication
from auditproxy.app.wanted import described
from auditproxy.files.files import Files
from auditproxy.metrics.registry import Metrics
from auditproxy.options import Options
from auditproxy.options.backends import describe_backends
from auditproxy.options.workers import shown_for_workers
from auditproxy.sockets.listener import shown_address

UNDELIVERED = 3
"""The exit code of a process that lost audit events."""


def tell_start(options: Options, files: Files) -> None:
    """Log warnings and facts that follow from options and files, a line each."""
    for warning in files.warnings:
        operatorlog.warn(warning)
    for line in (describe_authentication(options, files), *described(options, files)):
        operatorlog.info(line)
    for note in (*files.notes, *(files.certificate.notes if files.certificate else ())):
        operatorlog.info(note)


def tell_serving(options: Options, port: int, note: str = "") -> None:
    """Say that clients are served, and then what is worth a note about how many."""
    operatorlog.info(serving_line(options, port))
    if note:
        operatorlog.info(note)


def serving_line(options: Options, port: int) -> str:
    """The line that says where clients are served, by how many, and where events go."""
    count = options.serving.workers
    workers = f"with {count} workers, " if count > 1 else ""
    return (
        f"serving on {shown_address(options.serving.bind_address, port)}, {workers}"
        f"audit events go to {describe_backends(shown_for_workers(options))}"
    )


def tell_end(metrics: Metrics) -> int:
    """Say whether every event was delivered; the exit code, UNDELIVERED when not."""
    lost = metrics.audit.undelivered()
    if not lost:
        waiting = metrics.audit.spools.waiting
        spooled = f", or waits in a spool for the next start: {waiting}" if waiting else ""
        operatorlog.info(f"stopped; every audit event was delivered{spooled}")
        return 0
    causes = ", ".join(f"{count} of {plugin}: {reason}" for (plugin, reason), count in lost.items())
    operatorlog.warn(f"stopped; audit events were not delivered: {causes}")
    return UNDELIVERED
