"""How many processes decode, and what they may hold."""

import pytest

from auditproxy.app.decoding import open_decoding, processes
from auditproxy.capture.copies import CaptureLimits
from auditproxy.options import AuditOptions

MEBIBYTE = 1 << 20


@pytest.mark.parametrize(
    ("wanted", "cores", "expected"),
    [(-1, 1, 0), (-1, 1.9, 0), (-1, 2, 1), (-1, 64, 1), (0, 64, 0), (1, 0.5, 1), (3, 2, 3)],
)
def test_number(wanted: int, cores: float, expected: int) -> None:
    """One where there is a core for it, unless the operator says how many."""
    assert processes(wanted, cores) == expected


async def test_bounds() -> None:
    """Memory grows with the largest bodies; nothing is started before there is work."""
    audit = AuditOptions(
        decode_processes=2,
        capture_request_limit=MEBIBYTE,
        capture_response_limit=9 * MEBIBYTE,
    )
    queue = open_decoding(audit, CaptureLimits(400, 1600), lambda text: None)
    assert queue.owner_bytes == 500
    assert [each._memory for each in queue._processes] == [592 * MEBIBYTE] * 2
    assert [each.pid for each in queue._processes] == [0, 0]
    queue.close()
