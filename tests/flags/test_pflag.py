"""Flags: the command line is read as pflag reads it, and every fault is found."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.flags.help import help_text
from auditproxy.flags.pflag import (
    BOOL,
    BYTES,
    DURATION,
    FLOAT,
    INT,
    IP,
    LIST,
    STRING,
    Flag,
    format_bytes,
    parse,
    parse_bool,
    parse_bytes,
    parse_float,
    parse_int,
    parse_ip,
    parse_list,
)

FLAGS = (
    Flag("audit-log-path", STRING, "", "Where.", "Auditing flags"),
    Flag("audit-log-maxage", INT, 366, "How old.", "Auditing flags"),
    Flag("anonymous-auth", BOOL, True, "Who.", "Authentication flags"),
    Flag("request-timeout", DURATION, 60_000_000_000, "How long.", "Authentication flags"),
    Flag("bind-address", IP, "0.0.0.0", "Which.", "Authentication flags"),
    Flag("limit", BYTES, 3 << 20, "How much.", "Authentication flags"),
    Flag("host", LIST, ("localhost",), "Whom.", "Misc flags"),
    Flag("v", INT, 0, "How loud.", "Misc flags", shorthand="v"),
    Flag("quiet", BOOL, False, "How quiet.", "Misc flags", shorthand="q"),
)


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (["--audit-log-path=-"], {"audit-log-path": "-"}),
        (["--audit-log-path", "-"], {"audit-log-path": "-"}),
        (["--audit-log-path", "--anonymous-auth"], {"audit-log-path": "--anonymous-auth"}),
        (["--audit-log-path="], {"audit-log-path": ""}),
        (["--audit-log-path=a=b"], {"audit-log-path": "a=b"}),
        (["--audit_log_path", "x"], {"audit-log-path": "x"}),
        (["--audit-log-path=a", "--audit-log-path=b"], {"audit-log-path": "b"}),
        (["--audit-log-maxage", "-1"], {"audit-log-maxage": -1}),
        (["--audit-log-maxage=0x10"], {"audit-log-maxage": 16}),
        (["--anonymous-auth"], {"anonymous-auth": True}),
        (["--anonymous-auth=false"], {"anonymous-auth": False}),
        (["--anonymous-auth=T"], {"anonymous-auth": True}),
        (["--request-timeout=1h15m"], {"request-timeout": 4_500_000_000_000}),
        (["--bind-address", "::1"], {"bind-address": "::1"}),
        (["--limit=8MiB"], {"limit": 8 << 20}),
        (["--host=a,b", "--host", "c"], {"host": ("a", "b", "c")}),
        (['--host="a,b",c'], {"host": ("a,b", "c")}),
        (["-v=4"], {"v": 4}),
        (["-v", "4"], {"v": 4}),
        (["-v4"], {"v": 4}),
        (["--v=4"], {"v": 4}),
        (["-qv4"], {"quiet": True, "v": 4}),
        (["-q=false"], {"quiet": False}),
        ([], {}),
    ],
)
def test_values(words: list[str], values: dict[str, object]) -> None:
    """The forms of pflag; only what was given is a value."""
    parsed = parse(words, FLAGS)
    assert parsed.faults == ()
    assert parsed.arguments == ()
    assert parsed.values == values


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["--foo"], "unknown flag: --foo; --help=all lists all flags"),
        (["--foo", "bar"], "unknown flag: --foo; --help=all lists all flags"),
        (
            ["--audit"],
            "unknown flag: --audit; did you mean --audit-log-path or --audit-log-maxage?",
        ),
        (["--hlp"], "unknown flag: --hlp; did you mean --help?"),
        (
            ["--audit-log-path"],
            "flag needs an argument: --audit-log-path; give it as --audit-log-path=VALUE",
        ),
        (["-v"], "flag needs an argument: 'v' in -v; give it as --v=VALUE"),
        (["--=x"], "bad flag syntax: --=x; a flag is --name=value"),
        (["---x"], "bad flag syntax: ---x; a flag is --name=value"),
        (["-x"], "unknown shorthand flag: 'x' in -x; --help=all lists all flags"),
        (
            ["-audit-log-path=x"],
            "unknown shorthand flag: 'a' in -audit-log-path=x; "
            "long names have two dashes, as --audit-log-path=x",
        ),
        (
            ["--anonymous-auth=maybe"],
            'invalid argument "maybe" for "--anonymous-auth" flag: not true or false',
        ),
        (
            ["--audit-log-maxage=many"],
            'invalid argument "many" for "--audit-log-maxage" flag: not a whole number',
        ),
        (
            ["-vx"],
            'invalid argument "x" for "-v, --v" flag: not a whole number',
        ),
        (
            ["--request-timeout=60"],
            'invalid argument "60" for "--request-timeout" flag: '
            "not a duration; give a number with its unit, such as 300ms, 1m30s or 1h",
        ),
        (
            ["--bind-address=localhost"],
            'invalid argument "localhost" for "--bind-address" flag: '
            "not an IP address; give one such as 127.0.0.1 or ::",
        ),
        (
            ["--limit=8MB"],
            'invalid argument "8MB" for "--limit" flag: '
            "not a number of bytes; give one such as 4096 or 8MiB",
        ),
    ],
)
def test_faults(words: list[str], fault: str) -> None:
    """pflag's words; the value of an unknown flag is not a second fault."""
    parsed = parse(words, FLAGS)
    assert parsed.faults == (fault,)
    assert parsed.arguments == ()
    assert parsed.values == {}


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (["--audit-log-pth=x"], {"audit-log-path": "x"}),
        (["--audit-log-pat", "x"], {"audit-log-path": "x"}),
        (["--Audit-Log-Path=x"], {"audit-log-path": "x"}),
        (["--path=x"], {"audit-log-path": "x"}),
        (["--audit-log-path=y", "--audit-log-pth=x"], {"audit-log-path": "y"}),
        (["--hosts=a,b"], {"host": ("a", "b")}),
        (["--anonymus-auth"], {"anonymous-auth": True}),
        (["--anonymus-auth=false"], {"anonymous-auth": False}),
        (["--audit-log-maxages=soon"], {}),
    ],
)
def test_the_flag_that_was_meant(words: list[str], values: dict[str, object]) -> None:
    """It is suggested and has the value, so that nothing seems to be missing; still a fault."""
    parsed = parse(words, FLAGS)
    (fault,) = parsed.faults
    assert fault.startswith("unknown flag: --")
    assert fault.endswith("?")
    assert parsed.values == values
    assert not parsed.is_unclear
    assert parsed.arguments == ()


@pytest.mark.parametrize("word", ["--foo", "---x", "-x", "--audit-log-path", "--audit=1", "--hlp"])
def test_unclear(word: str) -> None:
    """Where it is not known which flag was meant, or with which value."""
    assert parse([word], FLAGS).is_unclear
    assert not parse([word], FLAGS).wants_help


def test_every_fault_at_once() -> None:
    """A fault does not hide the next one, nor the values beside it."""
    parsed = parse(["--foo", "--audit-log-maxage=x", "--audit-log-path=p", "stray", "-z"], FLAGS)
    assert len(parsed.faults) == 3
    assert parsed.values == {"audit-log-path": "p"}
    assert parsed.arguments == ("stray",)


def test_two_dashes_end_the_flags() -> None:
    """What follows is an argument, whatever it looks like."""
    parsed = parse(["-", "--", "--foo"], FLAGS)
    assert parsed.arguments == ("-", "--foo")
    assert parsed.faults == ()


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["--foo", "-qh"], ["--help=true"]])
def test_help_is_always_known(words: list[str]) -> None:
    """Help is given beside faults, too."""
    assert parse(words, FLAGS).wants_help


def test_help_as_a_value_is_no_call_for_help() -> None:
    """A flag takes the next word, whatever it looks like."""
    assert not parse(["--audit-log-path", "--help"], FLAGS).wants_help


@given(st.lists(st.text()))
def test_any_command_line_is_read(words: list[str]) -> None:
    """No words of a caller make the parser raise."""
    parse(words, FLAGS)


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_integers_read_back(number: int) -> None:
    """Decimal and hexadecimal spellings."""
    assert parse_int(str(number)) == number
    assert parse_int(hex(number)) == number


@pytest.mark.parametrize(
    ("text", "number"), [("010", 8), ("0o10", 8), ("0b11", 3), ("1_000", 1000), ("+7", 7)]
)
def test_integers_as_go_writes_them(text: str, number: int) -> None:
    """Base 0 of strconv.ParseInt."""
    assert parse_int(text) == number


@pytest.mark.parametrize("text", ["", "1__0", "_1", "1_", "08", "0x", " 1", "1.0", "\u0661", "1e3"])
def test_no_integers(text: str) -> None:
    """What Go refuses, also where Python would not."""
    with pytest.raises(ValueError, match="not a whole number"):
        parse_int(text)


@pytest.mark.parametrize("text", ["9223372036854775808", "-9223372036854775809", "9" * 100])
def test_integers_out_of_range(text: str) -> None:
    """64 bits, as in Go."""
    with pytest.raises(ValueError, match="out of the range of 64 bits"):
        parse_int(text)


@given(st.text())
def test_values_are_read_or_refused(text: str) -> None:
    """Every kind reads any text or raises ValueError."""
    for reader in (parse_bool, parse_int, parse_bytes, parse_ip, parse_list, DURATION.parse):
        with contextlib.suppress(ValueError):
            reader(text)


@given(st.integers(0, 1 << 49))
def test_bytes_read_back(number: int) -> None:
    """The shown default can be given."""
    assert parse_bytes(format_bytes(number)) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("4096", 4096), ("512KiB", 524288), ("3MiB", 3145728), ("1Gi", 1 << 30)],
)
def test_bytes(text: str, number: int) -> None:
    """Plain numbers and binary units."""
    assert parse_bytes(text) == number


@pytest.mark.parametrize("text", ["", "-1", "8MB", "1.5MiB", "MiB", "8 MiB", "1K i"])
def test_no_bytes(text: str) -> None:
    """Decimal units are not guessed at."""
    with pytest.raises(ValueError, match="not a number of bytes"):
        parse_bytes(text)


def test_help_has_sections_and_defaults() -> None:
    """Grouped as kube-apiserver's help is, a default at every flag."""
    assert help_text(FLAGS[:3], width=60) == (
        "Auditing flags:\n"
        "\n"
        "      --audit-log-path string\n"
        '                Where. (default "")\n'
        "      --audit-log-maxage int\n"
        "                How old. (default 366)\n"
        "\n"
        "Authentication flags:\n"
        "\n"
        "      --anonymous-auth\n"
        "                Who. (default true)\n"
    )


@given(st.integers(40, 200))
def test_help_keeps_to_the_width(width: int) -> None:
    """No usage line is longer than the terminal, and no default is torn apart."""
    flags = (Flag("some-flag", LIST, ("a", "b"), "word " * 40, "S", shorthand="s"),)
    text = help_text(flags, width=width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert "(default [a,b])" in text
    assert "  -s, --some-flag strings\n" in text


@pytest.mark.parametrize(
    ("text", "value"),
    [("10", 10.0), ("0.5", 0.5), (".5", 0.5), ("1e3", 1000.0), ("-1", -1.0), ("+2.", 2.0)],
)
def test_floats(text: str, value: float) -> None:
    """As Go's ParseFloat reads them."""
    assert parse_float(text) == value
    assert FLOAT.parse(FLOAT.show(value)) == value


@pytest.mark.parametrize("text", ["", "x", "1,5", "1e999", "nan", "inf", " 1", "1_0", "\u0661"])
def test_no_floats(text: str) -> None:
    """C9: what is no finite number is refused, in words of ours."""
    with pytest.raises(ValueError, match="^not a number$"):
        parse_float(text)


def test_deprecated_names() -> None:
    """They mean the same, the last one counts, and a warning says which name to use."""
    flags = (Flag("new", INT, 1, "What it is.", alias="old"),)
    parsed = parse(["--new=2", "--old", "3"], flags)
    assert (parsed.values, parsed.faults) == ({"new": 3}, ())
    assert parsed.warnings == (
        "Flag --old has been deprecated, use --new instead",
        "--new is given twice, and the last one counts",
    )
    assert parse(["--new=2"], flags).warnings == ()
    assert parse(["--old=2", "--new=4"], flags).values == {"new": 4}
    assert "--old int\n                DEPRECATED: use --new instead." in help_text(flags)
