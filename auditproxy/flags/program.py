"""The program's name: ``auditproxy``, or ``kubectl audit`` where kubectl runs it as a plugin.

kubectl runs ``kubectl-audit`` for ``kubectl audit ...``, and from 1.26 on
``kubectl_complete-audit`` with the words up to the one that is completed. That prints what it may
be, one a line with a description behind a tab, and at last a colon and the number of a
ShellCompDirective of cobra.
"""

import re
from collections.abc import Iterator, Sequence

from auditproxy.apis.gotext import go_quote
from auditproxy.flags.command import Command
from auditproxy.flags.completion import names_of
from auditproxy.flags.help import first_sentence
from auditproxy.flags.meant import closest
from auditproxy.flags.pflag import BOOL

AUDITPROXY = "auditproxy"
PLUGIN = "kubectl audit"
_FILES = ":0"
"""The shell completes a path."""
_NO_FILES = ":4"


def named(text: str, program: str, commands: Sequence[Command]) -> str:
    """A text for users with the name of the program in its command lines."""
    if program == AUDITPROXY:
        return text
    names = "|".join((*(re.escape(command.name) for command in commands), "COMMAND"))
    text = text.replace(f'for "{AUDITPROXY}"', f'for "{program}"')
    return re.sub(rf"\b{AUDITPROXY} (?=(?:{names})\b)", f"{program} ", text)


def unknown_command(name: str, known: Sequence[str]) -> str:
    """What is wrong with a command that is not known."""
    if name.startswith("-"):
        return f"{go_quote(name)} comes before the command; try {AUDITPROXY} serve {name}"
    hint = closest(name, known)
    fix = f"did you mean {hint}?" if hint else f"give one of {', '.join(known)}"
    return f'unknown command {go_quote(name)} for "{AUDITPROXY}"; {fix}'


def completed(words: Sequence[str], commands: Sequence[Command]) -> Iterator[str]:
    """The lines that kubectl's completion reads; the last of the words is the one to complete."""
    *before, current = words or ("",)
    offered: list[tuple[str, str]] = []
    ending = _NO_FILES
    command = next((one for one in commands if before and one.name == before[0]), None)
    if not before:
        offered = [(one.name, first_sentence(one.summary)) for one in commands]
    elif command is not None:
        takes = {f"--{flag.name}" for flag in command.flags if flag.kind is not BOOL}
        choices = {name: flag.choices for flag in command.flags for name in names_of(flag)}
        flag, equals, _ = current.partition("=")
        if chosen := choices.get(before[-1]):
            offered = [(value, "") for value in chosen]
        elif equals and choices.get(flag):
            offered = [(f"{flag}={value}", "") for value in choices[flag]]
        elif current.startswith("-") and not equals:
            offered = [(f"--{flag.name}", first_sentence(flag.usage)) for flag in command.flags]
        elif len(before) == 1 and command.words:
            offered = [(word, command.meanings.get(word, "")) for word in command.words]
        elif command.operand or before[-1] in takes:
            ending = _FILES
    for value, meaning in offered:
        if value.startswith(current):
            yield f"{value}\t{' '.join(meaning.split())}".rstrip()
    yield ending
