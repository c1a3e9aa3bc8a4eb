"""Flags: the command line as pflag reads it, the library behind kube-apiserver's flags.

    --name=value    --name value    --name        (booleans; --name=false turns one off)
    -v=2            -v 2            -v2           (shorthands)
    --list=a,b      --list c                      (lists: commas, repeated)

Underscores in names are read as dashes, the last value of a repeated flag is used, and
abbreviations are not accepted. Unlike pflag, and unlike argparse, which guesses at negative
numbers, ``parse`` returns every fault, in pflag's words with a hint where one helps.
"""

import contextlib
import ipaddress
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from auditproxy.apis.gotext import go_quote
from auditproxy.flags.meant import meant, unknown_flag
from auditproxy.serializer.duration import format_duration, parse_duration
from auditproxy.serializer.errors import GoDurationError

_INTEGER = re.compile(
    r"[+-]?(?:0[xX](?:_?[0-9a-fA-F])+|0[oO]?(?:_?[0-7])+|0[bB](?:_?[01])+|0|[1-9](?:_?[0-9])*)"
)
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_BYTES = re.compile(r"([0-9]{1,15})(?:([KMG])(?:i|iB))?")
_BYTE_UNITS = {None: 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of value: its name in help, how it is read from text and how a default is shown.

    ``parse`` raises ValueError whose text says what is wrong.
    """

    name: str
    parse: Callable[[str], Any]
    show: Callable[[Any], str]


def parse_bool(text: str) -> bool:
    """Go's strconv.ParseBool."""
    if text in ("1", "t", "T", "TRUE", "true", "True"):
        return True
    if text in ("0", "f", "F", "FALSE", "false", "False"):
        return False
    raise ValueError("not true or false")


def parse_int(text: str) -> int:
    """Go's strconv.ParseInt with base 0 and 64 bits: ``10``, ``0x1f``, ``1_000``."""
    if not _INTEGER.fullmatch(text) or len(text) > 200:
        raise ValueError("not a whole number")
    digits = text.lstrip("+-")
    # Go still reads a leading zero as octal; Python refuses it.
    old_octal = len(digits) > 1 and digits[0] == "0" and digits[1] in "01234567_"
    value = int(digits, 8 if old_octal else 0)
    if text[0] == "-":
        value = -value
    if not -(1 << 63) <= value < 1 << 63:
        raise ValueError("out of the range of 64 bits")
    return value


def parse_float(text: str) -> float:
    """Go's strconv.ParseFloat with 32 bits, without its hexadecimal spellings and infinities."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not _FLOAT.fullmatch(text) or not math.isfinite(value):
        raise ValueError("not a number")
    return value


def parse_bytes(text: str) -> int:
    """A number of bytes: ``4096``, ``512KiB``, ``8MiB``, ``1GiB``, or with Ki, Mi and Gi."""
    match = _BYTES.fullmatch(text)
    if match is None:
        raise ValueError("not a number of bytes; give one such as 4096 or 8MiB")
    return int(match[1]) * _BYTE_UNITS[match[2]]


def format_bytes(number: int) -> str:
    """The shortest exact spelling that parse_bytes reads back."""
    for unit in ("G", "M", "K"):
        if number and number % _BYTE_UNITS[unit] == 0:
            return f"{number // _BYTE_UNITS[unit]}{unit}iB"
    return str(number)


def parse_length(text: str) -> int:
    """A duration in nanoseconds, as Go reads it."""
    try:
        return parse_duration(text)
    except GoDurationError:
        raise ValueError(
            "not a duration; give a number with its unit, such as 300ms, 1m30s or 1h"
        ) from None


def parse_ip(text: str) -> str:
    """An IPv4 or IPv6 address."""
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        raise ValueError("not an IP address; give one such as 127.0.0.1 or ::") from None


def parse_list(text: str) -> tuple[str, ...]:
    """One comma separated list; a value with a comma needs double quotes."""
    if not text:
        return ()
    import csv

    try:
        rows = list(csv.reader([text], strict=True))
    except csv.Error as error:
        raise ValueError(f"not a comma-separated list: {error}") from None
    return tuple(rows[0]) if rows else ()


STRING = Kind("string", lambda text: text, go_quote)
BOOL = Kind("", parse_bool, lambda value: "true" if value else "false")
INT = Kind("int", parse_int, str)
FLOAT = Kind("float", parse_float, lambda value: f"{value:g}")
DURATION = Kind("duration", parse_length, format_duration)
IP = Kind("ip", parse_ip, str)
BYTES = Kind("bytes", parse_bytes, format_bytes)
LIST = Kind("strings", parse_list, lambda value: f"[{','.join(value)}]")


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag; ``usage`` is a sentence without the default, ``section`` its heading in help."""

    name: str
    kind: Kind
    default: Any
    usage: str
    section: str = ""
    shorthand: str = ""
    alias: str = ""
    """A deprecated name that means the same."""
    choices: tuple[str, ...] = ()
    """All values that are valid, for completion; the command checks them. Empty: any value."""

    @property
    def spelling(self) -> str:
        """The flag as errors name it, ``--name`` or ``-v, --v``."""
        return f"-{self.shorthand}, --{self.name}" if self.shorthand else f"--{self.name}"

    @property
    def shown_default(self) -> str:
        """The default as help and documentation show it."""
        return self.kind.show(self.default)


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a command line says: values that were given by flag name, the rest, every fault."""

    values: Mapping[str, Any]
    arguments: tuple[str, ...]
    faults: tuple[str, ...]
    wants_help: bool
    warnings: tuple[str, ...] = ()
    """What works, but will not for ever or is probably not meant so."""
    assumed: tuple[str, ...] = ()
    """The flags that were perhaps meant by unknown ones, whose values they have here."""
    is_unclear: bool = False
    """Whether a flag was meant of which it is not known which, or with which value: what seems to
    be missing may be there."""
    help_topic: str = ""
    """What help is wanted about, as in ``--help=audit``; empty without a topic."""


HELP = Flag(
    "help",
    BOOL,
    False,
    "Print this help and exit. --help=all shows every flag, --help=WORD the flags whose names "
    "contain it.",
    shorthand="h",
)


def parse(words: Sequence[str], flags: Sequence[Flag]) -> Parsed:
    """Read a command line; never raises and never stops at a fault."""
    return _Parser(words, flags).run()


@dataclass(slots=True)
class _Parser:
    words: Sequence[str]
    flags: Sequence[Flag]
    position: int = 0
    values: dict[str, Any] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    is_unclear: bool = False

    def run(self) -> Parsed:
        by_name = {flag.name: flag for flag in (*self.flags, HELP)}
        by_name |= {flag.alias: flag for flag in self.flags if flag.alias}
        by_letter = {flag.shorthand: flag for flag in by_name.values() if flag.shorthand}
        while self.position < len(self.words):
            word = self.words[self.position]
            self.position += 1
            if word == "--":
                self.arguments += self.words[self.position :]
                break
            if word.startswith("--"):
                self._long(word, by_name)
            elif word.startswith("-") and word != "-":
                self._short(word, by_letter)
            else:
                self.arguments.append(word)
        wanted = self.values.pop("help", False)
        return Parsed(
            self.values,
            tuple(self.arguments),
            tuple(self.faults),
            bool(wanted),
            tuple(self.warnings),
            tuple(self.assumed),
            self.is_unclear,
            wanted if isinstance(wanted, str) else "",
        )

    def _long(self, word: str, by_name: Mapping[str, Flag]) -> None:
        written, equals, text = word[2:].partition("=")
        if not written or written.startswith("-"):
            self._unclear(f"bad flag syntax: {word}; a flag is --name=value")
            return
        name = written.replace("_", "-")
        flag = by_name.get(name)
        if flag is None:
            self._unknown(name, text if equals else None, by_name)
            return
        if name == flag.alias:
            self.warnings.append(f"Flag --{name} has been deprecated, use --{flag.name} instead")
        self._take(flag, text if equals else None, word)

    def _unknown(self, name: str, text: str | None, by_name: Mapping[str, Flag]) -> None:
        """A fault; the one flag that was meant gets the value, so that nothing seems missing."""
        hints = meant(name, tuple(by_name))
        flag = by_name[hints[0]] if len(hints) == 1 else None
        if text is None and flag is not None and flag.kind is BOOL:
            text = "true"
        elif text is None:
            text = self._skip_value()
        fault = unknown_flag(name, hints)
        if flag is None or flag.name == HELP.name or text is None:
            self._unclear(fault)
            return
        self.faults.append(fault)
        if flag.name not in self.values:
            # A value that it cannot have is for another flag.
            with contextlib.suppress(ValueError):
                self.values[flag.name] = flag.kind.parse(text)
                self.assumed.append(flag.name)

    def _unclear(self, fault: str) -> None:
        self.faults.append(fault)
        self.is_unclear = True

    def _short(self, word: str, by_letter: Mapping[str, Flag]) -> None:
        letters = word[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            flag = by_letter.get(letter)
            if flag is None:
                if not letters:
                    self._skip_value()
                # A single dash before a long name is the usual slip.
                fix = f"long names have two dashes, as -{word}"
                fix = fix if len(word) > 3 else "--help=all lists all flags"
                self._unclear(f"unknown shorthand flag: {letter!r} in {word}; {fix}")
                return
            if letters.startswith("=") and len(letters) > 1:
                self._take(flag, letters[1:], word)
                return
            if flag.kind is BOOL:
                self.values[flag.name] = True
                continue
            self._take(flag, letters or None, word, letter)
            return

    def _take(self, flag: Flag, text: str | None, word: str, letter: str = "") -> None:
        if text is None and flag.kind is BOOL:
            self.values[flag.name] = True
            return
        if text is None:
            if self.position == len(self.words):
                place = f"{letter!r} in {word}" if letter else f"--{flag.name}"
                fix = f"give it as --{flag.name}=VALUE"
                self._unclear(f"flag needs an argument: {place}; {fix}")
                return
            text = self.words[self.position]
            self.position += 1
        try:
            value = flag.kind.parse(text)
        except ValueError as error:
            if flag.name == "help" and text:
                self.values["help"] = text
                return
            self.faults.append(
                f"invalid argument {go_quote(text)} for {go_quote(flag.spelling)} flag: {error}"
            )
            return
        if flag.kind is LIST:
            value = (*self.values.get(flag.name, ()), *value)
        elif flag.name in self.values:
            self.warnings.append(f"{flag.spelling} is given twice, and the last one counts")
        self.values[flag.name] = value

    def _skip_value(self) -> str | None:
        """Skip the probable value of an unknown flag, so that it does not cause a second fault."""
        if self.position < len(self.words) and not self.words[self.position].startswith("-"):
            self.position += 1
            return self.words[self.position - 1]
        return None
