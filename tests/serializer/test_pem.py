"""Blocks of PEM texts."""

import pytest

from auditproxy.serializer.pem import blocks, certificates, is_cut_off

ONE = b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----"
TWO = b"-----BEGIN CERTIFICATE-----\nAQ==\n-----END CERTIFICATE-----"
KEY = b"-----BEGIN EC PRIVATE KEY-----\nAA==\n-----END EC PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("pem", "found", "cut_off"),
    [
        (b"", (), False),
        (b"# nothing", (), False),
        (ONE, (ONE,), False),
        (b"# \xff\r\n" + ONE + b"\n# \xc3\xa9\n" + TWO + b"\n", (ONE, TWO), False),
        (ONE + TWO, (ONE, TWO), False),
        (KEY + ONE + KEY, (ONE,), False),
        (ONE + TWO[:-1], (ONE,), True),
        (ONE[:-1], (), True),
        (b"-----END CERTIFICATE-----" + ONE, (ONE,), False),
    ],
)
def test_certificates(pem: bytes, found: tuple[bytes, ...], cut_off: bool) -> None:
    """Whole certificates in their order; whether one more begins."""
    assert certificates(pem) == found
    assert is_cut_off(pem) is cut_off


@pytest.mark.parametrize(
    ("pem", "kinds"),
    [
        (b"", []),
        (b"x" + KEY + b"y" + ONE, [b"EC PRIVATE KEY", b"CERTIFICATE"]),
        # A block without an end hides none behind it.
        (b"-----BEGIN A-----" + KEY, [b"EC PRIVATE KEY"]),
        (b"-----BEGIN A-----BEGIN B-----\n-----END B-----", [b"B"]),
        (b"-----BEGIN A-----END B-----", []),
        (b"-----BEGIN a-----END a-----", []),
    ],
)
def test_blocks(pem: bytes, kinds: list[bytes]) -> None:
    """Every whole block, its lines from the first to the last dash."""
    found = list(blocks(pem))
    assert [kind for kind, _ in found] == kinds
    for kind, block in found:
        assert block.startswith(b"-----BEGIN " + kind + b"-----")
        assert block.endswith(b"-----END " + kind + b"-----")
        assert block in pem
