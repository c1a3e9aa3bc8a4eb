"""Quantities in the spelling that kube-apiserver gives them (apimachinery api/resource).

A quantity is a number with a suffix: decimal (``100m``, ``1k``), binary (``1Gi``)
or with an exponent (``1e3``). Reading and writing it makes it canonical:
no fraction, the largest suffix that fits, rounded up. Some quantities that are not
canonical keep their spelling, because Go keeps it.
"""

import re

from auditproxy.serializer.errors import SerializationError

DIGITS_LIMIT = 100
"""Digits and size of an exponent of the quantities that are read; real ones have few."""

_QUANTITY = re.compile(
    r"(?P<sign>[+-]?)0*+(?P<whole>[0-9]*+)(?:\.(?P<part>[0-9]*+))?"
    r"(?P<suffix>(?:[eEinumkKMGTP]++[+-]?[0-9]*+)?)",
    re.ASCII,
)
"""Matches without backtracking: no character can belong to two neighbours."""
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL_SUFFIX = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY_SUFFIX = {exponent: suffix for suffix, exponent in _BINARY.items()}
_EXPONENT = re.compile("[eE]([+-]?[0-9]+)", re.ASCII)
NANO = -9
MILLI = -3
_LARGEST = (1 << 63) - 1
_FAST_DIGITS = 18
"""Digits of a number that Go reads without arithmetic of any size."""

_DECIMAL_SI, _DECIMAL_EXPONENT, _BINARY_SI = range(3)


class QuantityError(SerializationError):
    """Not a quantity, or one outside any sensible range."""


def canonical_quantity(text: str, smallest: int = NANO) -> str:
    """A quantity as kube-apiserver writes it after reading it; raises QuantityError.

    ``smallest`` is the exponent of ten to a multiple of which it is rounded up, in
    size: NANO, or MILLI where a default of kube-apiserver does that.
    """
    text = text.strip()
    found = _QUANTITY.fullmatch(text) if 0 < len(text) <= DIGITS_LIMIT else None
    if found is None:
        raise QuantityError("not a quantity")
    whole, part, suffix = found["whole"], found["part"] or "", found["suffix"]
    exponent, form = _interpret(suffix)
    number = (whole or "0") + part
    if form == _BINARY_SI:
        fast = not part and _FAST_DIGITS - 4 - len(whole or "0") - exponent * 3 // 10 >= 0
        value, scale = int(number) << exponent, -len(part)
        fast = fast and value <= _LARGEST
        kept = int(number) & 7 != 0
    else:
        value, scale = int(number), exponent - len(part)
        fast = len(number) <= _FAST_DIGITS and scale >= NANO
        kept = scale % 3 == 0 and not number.endswith("000") and number[0] != "0"
    if text == "0" or (fast and kept and scale >= smallest):
        return text
    if not fast and value:
        value, scale = _rounded(value, scale, NANO)
        if form == _BINARY_SI:
            unit = 10**-scale
            value = min(value, _LARGEST * unit)
            if value < unit:
                form = _DECIMAL_SI
    if not value:
        return "0"
    value, scale = _rounded(value, scale, smallest)
    return ("-" if found["sign"] == "-" else "") + _written(value, scale, form)


def _rounded(value: int, scale: int, smallest: int) -> tuple[int, int]:
    """The number with no digits behind the smallest exponent, rounded up."""
    if scale >= smallest:
        return value, scale
    return -(-value // 10 ** (smallest - scale)), smallest


def _interpret(suffix: str) -> tuple[int, int]:
    """The exponent that a suffix stands for, of ten or of two, and its form."""
    if suffix in _DECIMAL:
        return _DECIMAL[suffix], _DECIMAL_SI
    if suffix in _BINARY:
        return _BINARY[suffix], _BINARY_SI
    found = _EXPONENT.fullmatch(suffix)
    if found is None or abs(int(found[1])) > DIGITS_LIMIT:
        raise QuantityError("not a quantity")
    return int(found[1]), _DECIMAL_EXPONENT


def _written(value: int, scale: int, form: int) -> str:
    """``value * 10**scale``, which is more than zero."""
    if form == _BINARY_SI:
        unit = 10 ** max(-scale, 0)
        exact, rest = divmod(value, unit)
        # A fraction would be lost, and below 1024 there is no binary suffix.
        if not rest and exact >= 1024:
            times = 0
            while exact % 1024 == 0:
                exact, times = exact // 1024, times + 10
            return f"{exact}{_BINARY_SUFFIX.get(times, '')}"
        form = _DECIMAL_SI
    while value % 10 == 0:
        value, scale = value // 10, scale + 1
    value, scale = value * 10 ** (scale % 3), scale - scale % 3
    if form == _DECIMAL_EXPONENT:
        return f"{value}e{scale}" if scale else str(value)
    # Beyond the largest suffix Go writes none.
    return f"{value}{_DECIMAL_SUFFIX.get(scale, '')}"
