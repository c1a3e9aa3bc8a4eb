"""Durations as Go reads and writes them, ``1h15m30.918s`` (ParseDuration, Duration.String).

A duration is a number of nanoseconds, as an int of 64 bits with a sign.
"""

from auditproxy.apis.units import SECOND
from auditproxy.serializer.errors import GoDurationError

NANOSECOND = 1
MICROSECOND = 1_000
MILLISECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

_UNITS = {
    "ns": NANOSECOND,
    "us": MICROSECOND,
    "\u00b5s": MICROSECOND,
    "\u03bcs": MICROSECOND,
    "ms": MILLISECOND,
    "s": SECOND,
    "m": MINUTE,
    "h": HOUR,
}
_DIGITS = frozenset("0123456789")
_LIMIT = 1 << 63
"""The largest magnitude; without a minus sign it is one too many."""
_MAXIMUM_DIGITS = 19
"""Significant digits that a number of this magnitude may have."""


def parse_duration(text: str) -> int:
    """Nanoseconds of a duration such as ``300ms``, ``-1.5h`` or ``2h45m``; ``0`` needs no unit.

    Raises GoDurationError with Go's exact text. Lone surrogates U+DC80..U+DCFF
    in ``text`` stand for one byte each.
    """
    rest = text
    negative = rest.startswith("-")
    if rest[:1] in ("-", "+"):
        rest = rest[1:]
    if rest == "0":
        return 0
    if not rest:
        raise _invalid(text)
    total = 0
    position = 0
    while position < len(rest):
        value, position = _quantity(text, rest, position)
        total += value
        if total > _LIMIT:
            raise _invalid(text)
    if negative:
        return -total
    if total == _LIMIT:
        raise _invalid(text)
    return total


def _quantity(text: str, rest: str, start: int) -> tuple[int, int]:
    """Read one ``number unit`` pair at ``start``: its nanoseconds and where the next one begins."""
    point = end = _digits_end(rest, start)
    fraction = ""
    if rest[point : point + 1] == ".":
        end = _digits_end(rest, point + 1)
        fraction = rest[point + 1 : end]
    digits = rest[start:point]
    if not digits and not fraction:
        raise _invalid(text)
    significant = digits.lstrip("0")
    # Counted before int(), which refuses very long texts with an error of its own.
    if len(significant) > _MAXIMUM_DIGITS or int(significant or "0") > _LIMIT:
        raise _invalid(text)
    unit_end = end
    while unit_end < len(rest) and rest[unit_end] not in _DIGITS and rest[unit_end] != ".":
        unit_end += 1
    name = rest[end:unit_end]
    if not name:
        raise GoDurationError(f"time: missing unit in duration {_quote(text)}")
    unit = _UNITS.get(name)
    if unit is None:
        raise GoDurationError(f"time: unknown unit {_quote(name)} in duration {_quote(text)}")
    value = int(significant or "0") * unit + _fraction(fraction, unit)
    if value > _LIMIT:
        raise _invalid(text)
    return value, unit_end


def _fraction(digits: str, unit: int) -> int:
    """Nanoseconds of the digits behind the point, in floating point as Go computes them."""
    value = 0
    scale = 1.0
    for digit in digits:
        longer = value * 10 + ord(digit) - ord("0")
        # Go ignores the digits that would overflow its accumulator.
        if value > (_LIMIT - 1) // 10 or longer > _LIMIT:
            break
        value = longer
        scale *= 10
    return int(float(value) * (float(unit) / scale)) if value else 0


def _digits_end(text: str, start: int) -> int:
    """Where the run of ASCII digits that begins at ``start`` ends."""
    end = start
    while end < len(text) and text[end] in _DIGITS:
        end += 1
    return end


def _invalid(text: str) -> GoDurationError:
    """Go's general error."""
    return GoDurationError(f"time: invalid duration {_quote(text)}")


def _quote(text: str) -> str:
    """Quote as package time does: backslashes for quotes, ``\\xNN`` for bytes outside ASCII."""
    out = ['"']
    for byte in b"".join(map(_bytes, text)):
        if byte < 0x20 or byte >= 0x80:
            out.append(f"\\x{byte:02x}")
        elif byte in b'"\\':
            out.append("\\" + chr(byte))
        else:
            out.append(chr(byte))
    out.append('"')
    return "".join(out)


def _bytes(char: str) -> bytes:
    """The bytes of one character; a lone surrogate U+DC80..U+DCFF is the byte it stands for."""
    if "\udc80" <= char <= "\udcff":
        return bytes([ord(char) - 0xDC00])
    return char.encode("utf-8", "surrogatepass")


def format_duration(nanoseconds: int) -> str:
    """The duration as Go's Duration.String spells it: ``1h1m1s``, ``71.517µs``, ``0s``."""
    if nanoseconds == 0:
        return "0s"
    sign = "-" if nanoseconds < 0 else ""
    value = abs(nanoseconds)
    if value < MICROSECOND:
        return f"{sign}{value}ns"
    if value < MILLISECOND:
        return f"{sign}{_decimal(value, MICROSECOND)}\u00b5s"
    if value < SECOND:
        return f"{sign}{_decimal(value, MILLISECOND)}ms"
    minutes, rest = divmod(value, MINUTE)
    hours, minutes = divmod(minutes, 60)
    seconds = _decimal(rest, SECOND)
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}s"
    if minutes:
        return f"{sign}{minutes}m{seconds}s"
    return f"{sign}{seconds}s"


def _decimal(value: int, unit: int) -> str:
    """Write ``value / unit`` without trailing zeros."""
    whole, rest = divmod(value, unit)
    if not rest:
        return str(whole)
    width = len(str(unit)) - 1
    return f"{whole}.{rest:0{width}d}".rstrip("0")
