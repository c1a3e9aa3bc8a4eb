"""Command: one subcommand of ``auditproxy``, for its dispatch, its help and its completion."""

import re
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field, replace

from auditproxy.apis.gotext import go_quote
from auditproxy.flags.pflag import Flag, Parsed

_PREFIX = re.compile(r"([a-z]+(?:, [a-z]+)*): ")


@dataclass(frozen=True, slots=True)
class Command:
    """One subcommand; ``run`` takes its parsed command line and returns the exit code.

    ``examples`` are pairs of a comment and a command line. ``common`` names the flags that help
    shows first, () shows all. ``words`` are the values of its first argument, () takes none.
    ``operand`` is what help calls the arguments behind it, "" where there are none; shells offer
    files for them; ``operands`` has what it is of words that take others. ``meanings`` has a
    sentence for each word.

    A flag whose usage begins with words and a colon, ``show, play: ...``, is one of these alone.
    """

    name: str
    summary: str
    flags: tuple[Flag, ...]
    run: Callable[[Parsed], int]
    examples: tuple[tuple[str, str], ...]
    common: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    operand: str = ""
    meanings: Mapping[str, str] = field(default_factory=dict)
    operands: Mapping[str, str] = field(default_factory=dict)

    def of_word(self, word: str) -> "Command":
        """What belongs to one of the words: its flags, without that prefix, and its examples."""
        called = re.compile(rf"\bauditproxy {self.name} {word}\b")
        examples = tuple(each for each in self.examples if called.search(each[1]))
        return replace(
            self,
            name=f"{self.name} {word}",
            summary=self.meanings.get(word, self.summary),
            flags=tuple(self._flags_of(word)),
            examples=examples or self.examples,
            words=(),
            operand=self.operands.get(word, self.operand),
        )

    def misplaced(self, word: str, given: Container[str]) -> Iterator[str]:
        """A fault for each flag that is given, and that belongs to other words alone."""
        for flag in self.flags:
            owners, _ = self._owners(flag)
            if flag.name in given and owners and word not in owners:
                called = " and ".join(f"auditproxy {self.name} {owner}" for owner in owners)
                yield f"--{flag.name} is a flag of {called}"

    def _flags_of(self, word: str) -> Iterator[Flag]:
        for flag in self.flags:
            owners, usage = self._owners(flag)
            if not owners:
                yield flag
            elif word in owners:
                yield replace(flag, usage=usage[:1].upper() + usage[1:])

    def _owners(self, flag: Flag) -> tuple[tuple[str, ...], str]:
        """The words that a flag's usage begins with, () where it belongs to all; and the rest."""
        prefix = _PREFIX.match(flag.usage)
        named = tuple(prefix[1].split(", ")) if prefix is not None else ()
        if prefix is None or not set(named) <= set(self.words):
            return (), flag.usage
        return named, flag.usage[prefix.end() :]


def unwanted_arguments(command: Command, arguments: tuple[str, ...]) -> str:
    """kube-apiserver's words, with a hint at the usual cause."""
    shown = " ".join(go_quote(argument) for argument in arguments)
    fault = f"auditproxy {command.name} does not take any arguments, got [{shown}]"
    if any(argument.lower() in ("true", "false") for argument in arguments):
        fault += "; a boolean flag's value follows an equals sign, such as --anonymous-auth=false"
    return fault
