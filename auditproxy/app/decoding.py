"""Decoding: from options to the queue of bodies, and the processes that decode the large ones."""

from collections.abc import Callable

from auditproxy.apis.units import MEBIBYTE
from auditproxy.app.cores import cores
from auditproxy.capture.copies import CaptureLimits
from auditproxy.capture.decoding import DecodeQueue
from auditproxy.capture.process import DecodeProcess
from auditproxy.options import AuditOptions

MOST_MEMORY = 512 * MEBIBYTE
"""Bytes that a process may hold besides its bodies: a million values of an answer, and itself."""
MOST_TIMES = 8
"""How often it may hold its bodies: as they came, in pieces, as JSON, with secrets marked."""


def open_decoding(
    audit: AuditOptions, captures: CaptureLimits, report: Callable[[str], None]
) -> DecodeQueue:
    """The queue of bodies; its processes start when there is work for them."""
    limits = audit.capture_request_limit + audit.capture_response_limit
    memory = MOST_MEMORY + MOST_TIMES * limits
    return DecodeQueue(
        # A quarter of all space: one user's bodies cannot crowd out the copies of all others.
        (captures.memory + captures.files) // 4,
        processes=[
            DecodeProcess(memory, report=report)
            for _ in range(processes(audit.decode_processes, cores()))
        ],
        report=report,
    )


def processes(wanted: int, cores: float) -> int:
    """How many processes decode; by cores for a negative number: there must be one for them."""
    return wanted if wanted >= 0 else int(cores >= 2)
