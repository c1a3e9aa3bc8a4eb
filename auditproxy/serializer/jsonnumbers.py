"""Numbers that Go's JSON decoder refuses for any value: those that no float64 holds.

kube-apiserver answers 400 to them where it reads them, skips them in members that a type does
not have, and records none of them but in a patch. Readers of the log refuse the whole line:
Python takes no integer of more than 4300 digits, Go none beyond a float64.
"""

import math
import re

from auditproxy.serializer.errors import JSONError

DIGITS = 308
"""Digits of an integer that always fits into a float64; the largest has one more."""

_STEP, _IN_A_ROW = 31, b"0" * 9
"""Of more than DIGITS bytes in a row at least nine are at multiples of 31."""
_ALIKE = bytes(0x30 if byte in b"0123456789" else 0x20 for byte in range(256))
_STRING_OR_NUMBER = re.compile(rb'"(?:[^"\\]++|\\.)*+"|(-?[0-9]++[-+.eE0-9]*+)', re.DOTALL)


def check_numbers(raw: bytes) -> None:
    """Raise JSONError for a number of more than DIGITS digits that is out of range.

    Does not check that it is JSON. Linear; reads only every 31st byte unless many
    digits stand together, be it in a string.
    """
    if len(raw) <= DIGITS or _IN_A_ROW not in raw[::_STEP].translate(_ALIKE):
        return
    for found in _STRING_OR_NUMBER.finditer(raw):
        if found[1] and len(found[1]) > DIGITS and _is_infinite(found[1]):
            raise JSONError("a number is out of range")


def _is_infinite(number: bytes) -> bool:
    """Whether a number is beyond float64; what is not a number is another check's matter."""
    try:
        return math.isinf(float(number))
    except ValueError:
        return False
