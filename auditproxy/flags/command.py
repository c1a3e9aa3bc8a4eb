"""Command: one subcommand of ``auditproxy``, for its dispatch, its help and its completion."""

from collections.abc import Callable
from dataclasses import dataclass

from auditproxy.flags.pflag import Flag, Parsed


@dataclass(frozen=True, slots=True)
class Command:
    """One subcommand; ``run`` takes its parsed command line and returns the exit code.

    ``examples`` are pairs of a comment and a command line. ``common`` names the flags that help
    shows first, () shows all. ``words`` are the values of its first argument, () takes none.
    ``operand`` is what help calls the arguments behind it, "" where there are none; shells offer
    files for them.
    """

    name: str
    summary: str
    flags: tuple[Flag, ...]
    run: Callable[[Parsed], int]
    examples: tuple[tuple[str, str], ...]
    common: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    operand: str = ""
