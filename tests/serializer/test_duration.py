"""Go's durations: rows of time.ParseDuration and Duration.String, then properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.units import SECOND
from auditproxy.serializer.duration import (
    HOUR,
    MICROSECOND,
    MILLISECOND,
    MINUTE,
    format_duration,
    parse_duration,
)
from auditproxy.serializer.errors import GoDurationError

LARGEST = (1 << 63) - 1


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("+0", 0),
        ("-0", 0),
        ("5s", 5 * SECOND),
        ("30s", 30 * SECOND),
        ("1478s", 1478 * SECOND),
        ("-5s", -5 * SECOND),
        ("+5s", 5 * SECOND),
        ("5.0s", 5 * SECOND),
        ("5.6s", 5 * SECOND + 600 * MILLISECOND),
        ("5.s", 5 * SECOND),
        (".5s", 500 * MILLISECOND),
        ("1.0040s", SECOND + 4 * MILLISECOND),
        ("100.00100s", 100 * SECOND + MILLISECOND),
        ("10ns", 10),
        ("11us", 11 * MICROSECOND),
        ("12\u00b5s", 12 * MICROSECOND),
        ("12\u03bcs", 12 * MICROSECOND),
        ("13ms", 13 * MILLISECOND),
        ("15m", 15 * MINUTE),
        ("16h", 16 * HOUR),
        ("3h30m", 3 * HOUR + 30 * MINUTE),
        ("10.5s4m", 4 * MINUTE + 10 * SECOND + 500 * MILLISECOND),
        ("-2m3.4s", -(2 * MINUTE + 3 * SECOND + 400 * MILLISECOND)),
        ("39h9m14.425s", 39 * HOUR + 9 * MINUTE + 14 * SECOND + 425 * MILLISECOND),
        ("52763797000ns", 52763797000),
        ("0.3333333333333333333h", 20 * MINUTE),
        ("9007199254740993ns", (1 << 53) + 1),
        ("9223372036854775807ns", LARGEST),
        ("-9223372036854775808ns", -LARGEST - 1),
        ("0.100000000000000000000h", 6 * MINUTE),
        ("0.830103483285477580700h", 49 * MINUTE + 48 * SECOND + 372539827),
        ("0000000000000000000000000000001s", SECOND),
        (f"0.{'0' * 500}1s", 0),
    ],
)
def test_parse_duration(text: str, nanoseconds: int) -> None:
    """What Go reads is read, to the nanosecond."""
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'time: invalid duration ""'),
        ("+", 'time: invalid duration "+"'),
        ("-", 'time: invalid duration "-"'),
        ("s", 'time: invalid duration "s"'),
        (".", 'time: invalid duration "."'),
        ("-.", 'time: invalid duration "-."'),
        (".s", 'time: invalid duration ".s"'),
        ("+.s", 'time: invalid duration "+.s"'),
        ("3", 'time: missing unit in duration "3"'),
        ("10", 'time: missing unit in duration "10"'),
        ("1h1", 'time: missing unit in duration "1h1"'),
        ("10x", 'time: unknown unit "x" in duration "10x"'),
        ("1e3s", 'time: unknown unit "e" in duration "1e3s"'),
        ("1s ", 'time: unknown unit "s " in duration "1s "'),
        (" 1s", 'time: invalid duration " 1s"'),
        ("1d", 'time: unknown unit "d" in duration "1d"'),
        ("\u0661s", r'time: invalid duration "\xd9\xa1s"'),
        ("3000000h", 'time: invalid duration "3000000h"'),
        ("9223372036854775808ns", 'time: invalid duration "9223372036854775808ns"'),
        ("9223372036854775.808us", 'time: invalid duration "9223372036854775.808us"'),
        ("-9223372036854775809ns", 'time: invalid duration "-9223372036854775809ns"'),
        ("9" * 5000 + "s", f'time: invalid duration "{"9" * 5000}s"'),
        (
            '1"\\\x01\x7f\u00e9',
            r'time: unknown unit "\"\\\x01DEL\xc3\xa9" in duration "1\"\\\x01DEL\xc3\xa9"'.replace(
                "DEL", "\x7f"
            ),
        ),
        ("1\udcff", r'time: unknown unit "\xff" in duration "1\xff"'),
    ],
)
def test_parse_duration_error(text: str, message: str) -> None:
    """Errors have Go's text to the letter."""
    with pytest.raises(GoDurationError) as raised:
        parse_duration(text)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (999, "999ns"),
        (1100, "1.1\u00b5s"),
        (71517, "71.517\u00b5s"),
        (94430, "94.43\u00b5s"),
        (2_200_000, "2.2ms"),
        (500_000_001, "500.000001ms"),
        (500_640_603, "500.640603ms"),
        (1_260_842_863, "1.260842863s"),
        (3_300_000_000, "3.3s"),
        (MINUTE, "1m0s"),
        (4 * MINUTE + 5 * SECOND + MILLISECOND, "4m5.001s"),
        (HOUR + MINUTE + SECOND, "1h1m1s"),
        (5 * HOUR + 6 * MINUTE + 7 * SECOND + 1, "5h6m7.000000001s"),
        (-MINUTE, "-1m0s"),
        (LARGEST, "2562047h47m16.854775807s"),
        (-LARGEST - 1, "-2562047h47m16.854775808s"),
    ],
)
def test_format_duration(nanoseconds: int, text: str) -> None:
    """Durations are spelled as Duration.String does."""
    assert format_duration(nanoseconds) == text


@given(st.integers(-LARGEST - 1, LARGEST))
def test_format_then_parse(nanoseconds: int) -> None:
    """What is written is read as the same duration, fractions within a float's error."""
    assert abs(parse_duration(format_duration(nanoseconds)) - nanoseconds) <= 1


@given(st.text(alphabet="0123456789.-+hmsnuµ x\udc80\ud800", max_size=30))
def test_parse_duration_never_fails_otherwise(text: str) -> None:
    """Any text is a duration of 64 bits or a GoDurationError."""
    message = ""
    nanoseconds = 0
    try:
        nanoseconds = parse_duration(text)
    except GoDurationError as error:
        message = str(error)
    assert -LARGEST - 1 <= nanoseconds <= LARGEST
    assert message.isascii()
    assert message == "" or message.startswith("time: ")
