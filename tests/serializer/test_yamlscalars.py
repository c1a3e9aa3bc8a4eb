"""YAML's scalars by go-yaml's rules."""

import pytest

from auditproxy.serializer.yaml import load_strict


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("yes", True),
        ("Y", True),
        ("on", True),
        ("TRUE", True),
        ("no", False),
        ("n", False),
        ("Off", False),
        ("yEs", "yEs"),
        ("'yes'", "yes"),
        ("~", None),
        ("", None),
        ("Null", None),
        ("'null'", "null"),
        ("12", 12),
        ("+12", 12),
        ("-12", -12),
        ("017", 15),
        ("0o17", 15),
        ("08", 8.0),
        ("0x1F", 31),
        ("-0x1f", -31),
        ("0b101", 5),
        ("1_000", 1000),
        ("9223372036854775808", 9223372036854775808),
        ("18446744073709551615", 18446744073709551615),
        ("18446744073709551616", 18446744073709551616.0),
        ("-9223372036854775808", -9223372036854775808),
        ("-9223372036854775809", -9223372036854775809.0),
        ("+9223372036854775808", 9223372036854775808.0),
        ("1.5", 1.5),
        ("1.", 1.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1_0.5", 10.5),
        (".5_0", ".5_0"),
        ("1e400", "1e400"),
        ("0x", "0x"),
        ("1:30", "1:30"),
        ("190:20:30.15", "190:20:30.15"),
        ("2026-11-23", "2026-11-23"),
        ("2026-11-23T13:06:31Z", "2026-11-23T13:06:31Z"),
        ("-x", "-x"),
        ("...x", "...x"),
        ("<<", "<<"),
        ("=", "="),
        ("1.2.3.4", "1.2.3.4"),
        ("!!str 12", "12"),
        ("!!int '12'", 12),
        ("!!float 3", 3.0),
        ("!!bool yes", True),
        ("!!null ''", None),
        ("!!timestamp 2026-11-23", "2026-11-23"),
        ("!!binary aGk=", "hi"),
        ("!custom 12", "12"),
        ("! 12", "12"),
        ('"\\u00e9\\x41"', "éA"),
        ("|\n  two\n  lines\n", "two\nlines\n"),
    ],
)
def test_scalars(scalar: str, value: object) -> None:
    """What a scalar is, by its tag, its quotes and its looks."""
    loaded, strict_errors = load_strict(f"key: {scalar}")
    assert loaded == {"key": value}
    assert type(loaded["key"]) is type(value)
    assert strict_errors == ()
