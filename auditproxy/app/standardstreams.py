"""The output of commands: one line for any error, and nothing when the reader is gone."""

import os
import sys
from typing import Any, Protocol


class Output(Protocol):
    """Where text is written: standard output or error."""

    def write(self, text: str, /) -> Any:
        """Write a text."""
        ...

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        ...


def nobody_reads() -> None:
    """The reader of standard output has gone away, as ``head`` does: say nothing more there."""
    # Python would flush again at exit and complain.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write_all(descriptor: int, text: bytes) -> None:
    """Write all of a text, as slowly as it is read; raises OSError."""
    rest = memoryview(text)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def refusal(error: OSError) -> str:
    """What the system refused, with the file where it names one."""
    why = error.strerror or str(error) or type(error).__name__
    return f"{error.filename} cannot be used: {why}" if error.filename else why


def counted(count: int, noun: str) -> str:
    """A number of things: ``1 rule``, ``2 rules``, ``3 bodies``, ``3 lines of sessions``."""
    first, of, rest = noun.partition(" of ")
    if count != 1:
        # "day" keeps its y.
        has_ies = first.endswith("y") and first[-2:-1] not in "aeiou"
        first = f"{first[:-1]}ies" if has_ies else f"{first}s"
    return f"{count} {first}{of}{rest}"


def one_line(text: str) -> str:
    """The text without line breaks, terminal sequences and characters that cannot be written."""
    return printable(" ".join(text.split()))


def printable(text: str) -> str:
    """The text with its spaces, and what cannot be printed as escapes."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
