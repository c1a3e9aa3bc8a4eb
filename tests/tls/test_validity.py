"""Whether a certificate is in its period."""

import datetime

from cryptography.hazmat.primitives.serialization import Encoding

from auditproxy.tls.validity import period_fault
from tests.fakes.authority import EPOCH, HOUR, Authority

SECOND = datetime.timedelta(seconds=1)


def test_period() -> None:
    """Both ends are inside; of a chain the first certificate counts."""
    root = Authority("root", not_before=EPOCH - HOUR, not_after=EPOCH)
    leaf = root.leaf("server", not_before=EPOCH, not_after=EPOCH + HOUR)
    chain = leaf.public_bytes(Encoding.PEM) + root.pem
    assert period_fault(chain, EPOCH - SECOND) == "is not valid before 2026-01-01T00:00:00Z"
    assert period_fault(chain, EPOCH) == ""
    assert period_fault(chain, EPOCH + HOUR) == ""
    assert period_fault(chain, EPOCH + HOUR + SECOND) == "expired at 2026-01-01T01:00:00Z"


def test_what_is_no_certificate() -> None:
    """Others report it."""
    assert period_fault(b"", EPOCH) == ""
    assert period_fault(b"nothing", EPOCH) == ""
