"""Port numbers, as strconv.ParseUint with 16 bits reads them, and not 0."""

import pytest

from auditproxy.sessions.wire.ports import port_number


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("1", 1), ("65535", 65535), ("0080", 80), ("0" * 5000 + "80", 80),
        ("0", None), ("", None), ("65536", None), ("99999999999", None), ("-1", None), ("+1", None),
        ("1_0", None), ("8 0", None), ("٣", None), ("²", None), ("http", None), ("0x50", None),
    ],
)  # fmt: skip
def test_ports(text: str, port: int | None) -> None:
    """Decimal digits alone."""
    assert port_number(text) == port
