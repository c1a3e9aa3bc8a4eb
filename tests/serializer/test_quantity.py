"""Quantities: what kube-apiserver 1.36 made of them, then properties."""

import math
import re
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from auditproxy.serializer.quantity import MILLI, NANO, QuantityError, canonical_quantity
from tests.fakes.cpu import fastest

SUFFIXES: dict[str, int | Fraction] = {
    "": 1,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "P": 10**15,
    "E": 10**18,
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    **{name: 1024**power for power, name in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)},
}


def value(text: str) -> Fraction:
    """The number that a quantity stands for."""
    found = re.fullmatch(r"([+-]?[0-9]*\.?[0-9]*)(.*)", text)
    assert found is not None
    number = Fraction(found[1]) if re.search("[0-9]", found[1]) else Fraction(0)
    if found[2] in SUFFIXES:
        return number * SUFFIXES[found[2]]
    return number * Fraction(10) ** int(found[2][1:])


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("1.5Gi", "1536Mi"), ("1024Mi", "1Gi"), ("0.1", "100m"), ("1000", "1k"),
        ("0", "0"), ("000", "0"), ("-0.0", "0"), ("1024", "1024"), ("2048Ki", "2Mi"),
        ("1Gi", "1Gi"), ("8Gi", "8Gi"), ("1025Mi", "1025Mi"), ("1000m", "1"), ("1.0", "1"),
        ("+5", "+5"), ("05", "05"), ("5.", "5."), (".5", "500m"), ("1.500", "1.500"),
        (" 5 ", "5"), ("0.0", "0"), (".", "0"), ("-", "0"), ("m", "0"),
        ("1e3", "1e3"), ("100e1", "1e3"), ("1E3", "1E3"), ("1e-9", "1e-9"), ("1e4", "10e3"),
        ("1E", "1E"), ("0.5Ki", "512"), ("1023.5Ki", "1048064"), ("-1.5Gi", "-1536Mi"),
        ("0.001Ki", "1024m"), ("0.0000000001", "1n"), ("1.0000000001", "1000000001n"),
        ("12345678901234567890", "12345678901234567890"), ("16Ei", "9223372036854775807"),
        ("9223372036854775807", "9223372036854775807"), ("1000E", "1"),
        ("-10.5611597143Gi", "-11339958895187800884n"),
    ],
)  # fmt: skip
def test_rows(text: str, canonical: str) -> None:
    """A10: no fraction, the largest suffix that fits, rounded up; some keep their spelling."""
    assert canonical_quantity(text) == canonical


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("016n", "1m"), ("+8303883685957489068n", "8303883685958m"), ("1536.8n", "1m"),
        ("-10.5611597143Gi", "-11339958895188m"), ("800000e-10", "1e-3"), ("-880812u", "-881m"),
        ("8.682808141k", "8682809m"), ("38790093432428344.285761396341m", "38790093432428345m"),
        ("102500000.51406Ki", "104960000526398m"), ("0.1", "100m"), ("1.500", "1.500"),
        ("+2048.9665991734e-1", "204897e-3"), ("0", "0"),
    ],
)  # fmt: skip
def test_thousandths(text: str, canonical: str) -> None:
    """A10: in the core group's ResourceLists nothing below a thousandth is kept."""
    assert canonical_quantity(text, MILLI) == canonical


@pytest.mark.parametrize(
    "text",
    ["", " ", "a", "1x", "1 Gi", "1e", "1e2k", "1kk", "0x10", "1.2.3", "--1", "1e1000", "1,5",
     "1" * 101, "\u0661", "1Ki1", "Infinity", "1e+", "1+", "1\\u0047i"],
)  # fmt: skip
def test_none(text: str) -> None:
    """A10: what is no quantity, or has more digits than any, is an error."""
    with pytest.raises(QuantityError):
        canonical_quantity(text)


@pytest.mark.parametrize("end", ["x", "-x", ".x", "e-x"])
def test_long_text_is_not_read(end: str) -> None:
    """B1: a text that is longer than any quantity costs no more than a short one does."""

    def read(text: str) -> None:
        for _ in range(20):
            with pytest.raises(QuantityError):
                canonical_quantity(text)

    short = fastest(lambda: read("0" * 20 + end))
    longest = "0" * (100 - len(end)) + end
    # Twenty times as much for five times the length: backtracking would take a hundred.
    assert fastest(lambda: read(longest)) < 20 * short
    assert fastest(lambda: read("0" * 800 + end)) < 20 * short


QUANTITIES = st.builds(
    lambda sign, whole, part, suffix: sign + whole + part + suffix,
    st.sampled_from(["", "", "-", "+"]),
    st.text("0123456789", max_size=21) | st.sampled_from(["1", "1024", "1000", "8", "1048576"]),
    st.just("") | st.text("0123456789", max_size=12).map(lambda digits: f".{digits}"),
    st.sampled_from([*SUFFIXES, "e3", "E2", "e-3", "e+5", "e0", "e-10", "e-1"]),
)


@given(QUANTITIES, st.sampled_from([NANO, MILLI]))
def test_properties(text: str, smallest: int) -> None:
    """A10: reading it again changes nothing, and the number is the same, or the next above it."""
    assume(text)
    canonical = canonical_quantity(text, smallest)
    assert canonical_quantity(canonical, smallest) == canonical
    meant, written = value(text), value(canonical)
    unit = Fraction(10) ** smallest
    if text.endswith("i") and abs(meant) > (1 << 63) - 1:
        meant = Fraction(math.copysign(1, meant)) * ((1 << 63) - 1)
    if abs(meant) < 10**20:
        assert abs(written) == math.ceil(abs(meant) / unit) * unit
        assert written * meant >= 0


@given(st.text(alphabet="0123456789+-.eEinumkKMGTPx ", max_size=12))
def test_any_text(text: str) -> None:
    """A10: whatever comes is a quantity or a QuantityError."""
    try:
        canonical = canonical_quantity(text)
    except QuantityError:
        return
    assert canonical_quantity(canonical) == canonical
