"""Help: examples first, then the flags; those of ``serve`` in groups, on demand.

auditproxy serve --help         examples, common flags, and the list of groups
auditproxy serve --help=audit   one group, or the flags whose names contain a word
auditproxy serve --help=all     every flag
"""

import shutil
import textwrap
from collections.abc import Mapping, Sequence

from auditproxy.apis.gotext import go_quote
from auditproxy.flags.command import Command
from auditproxy.flags.meant import closest
from auditproxy.flags.pflag import Flag
from auditproxy.flags.settings import (
    ALERTS,
    AUDITING,
    AUTHENTICATION,
    EGRESS,
    HEALTH,
    MISC,
    SERVING,
    SESSIONS,
    TRACING,
    UPSTREAM,
)

WIDTH = 80
_USAGE_INDENT = " " * 16
_NARROWEST = 40
ALL = "all"
GROUPS = {
    "serving": (SERVING, "address, certificate, connections, timeouts, shutdown"),
    "upstream": (UPSTREAM, "the kube-apiserver, and how the user is passed to it"),
    "authentication": (AUTHENTICATION, "client certificates, tokens, OIDC, front proxies"),
    "audit": (AUDITING, "policy, redaction, log file, webhook"),
    "sessions": (SESSIONS, "what users do inside exec, attach and port-forward"),
    "alerts": (ALERTS, "rules that alert, and where alerts are sent"),
    "egress": (EGRESS, "the proxy through which the audit webhook is reached"),
    "tracing": (TRACING, "spans of requests for a collector"),
    "health": (HEALTH, "/livez, /readyz and /metrics"),
    "misc": (MISC, "log lines, configuration file, checking"),
}
"""Names for ``--help=``, each with its heading and what it is about."""


def overview(commands: Sequence[Command]) -> str:
    """Help of ``auditproxy`` itself: every command with a sentence."""
    lines = [
        "auditproxy is an authenticating reverse proxy in front of kube-apiserver that",
        "writes kube-apiserver's own audit trail.",
        "",
        "Usage:",
        "  auditproxy COMMAND [flags]",
        "",
        "Try it:",
        "  auditproxy demo",
        "",
        "Commands:",
    ]
    for command in commands:
        lines += textwrap.wrap(
            first_sentence(command.summary),
            width=WIDTH,
            initial_indent=f"  {command.name:<12}",
            subsequent_indent=" " * 14,
            break_on_hyphens=False,
        )
    lines += ["", "auditproxy COMMAND --help shows examples and flags of a command.", ""]
    return "\n".join(lines)


def first_sentence(text: str) -> str:
    """The first sentence without its full stop."""
    return text.partition(". ")[0].rstrip(".")


def command_help(command: Command, topic: str = "", word: str = "") -> str:
    """Help of one command; ``topic`` is a group, ``all`` or a part of flags' names.

    ``word`` is one of the command's, "" for help of all of them. Raises ValueError for a topic that
    nothing belongs to; its text is the fault.
    """
    words, command = command.words, command.of_word(word) if word else command
    if topic and topic != ALL:
        return help_text(_of_topic(command, topic))
    usage = f"  auditproxy {command.name} "
    usage += " ".join(filter(None, ("|".join(command.words), command.operand, "[flags]")))
    text = f"{textwrap.fill(command.summary, width=WIDTH, break_on_hyphens=False)}\n"
    text += f"\nUsage:\n{usage}\n\nExamples:\n"
    for comment, line in command.examples:
        text += f"\n  # {comment}\n  {line}\n"
    if not command.common or topic == ALL:
        text += f"\n{help_text(command.flags)}"
        if words and not word:
            called = f"auditproxy {command.name} {words[0]} --help"
            text += f"\n{called} shows what belongs to {words[0]} alone.\n"
        return text
    by_name = {flag.name: flag for flag in command.flags}
    common = [_without_section(by_name[name]) for name in command.common]
    text += f"\n{help_text(common).replace('Flags:', 'Common flags:', 1)}\n"
    return text + _groups(command.name, command.flags)


def _of_topic(command: Command, topic: str) -> list[Flag]:
    heading = GROUPS.get(topic, ("", ""))[0]
    chosen = [flag for flag in command.flags if heading and flag.section == heading]
    word = topic.removeprefix("--").replace("_", "-").lower()
    chosen = chosen or [flag for flag in command.flags if word and word in flag.name]
    if not chosen:
        if command.words:
            raise ValueError(
                f"{go_quote(topic)} is neither a word nor a flag of auditproxy {command.name}; its "
                f"words are {', '.join(command.words)}, see auditproxy {command.name} --help"
            )
        known = (*(GROUPS if command.common else ()), ALL)
        hint = closest(topic, known)
        fix = f"did you mean {hint}?" if hint else f"give one of {', '.join(known)}, or a flag"
        raise ValueError(f"no flag of auditproxy {command.name} matches {go_quote(topic)}; {fix}")
    return chosen


def _groups(name: str, flags: Sequence[Flag]) -> str:
    """The list of groups, each with how many flags it has."""
    count: Mapping[str, int] = {
        group: sum(flag.section == heading for flag in flags)
        for group, (heading, _) in GROUPS.items()
    }
    lines = ["More flags:", ""]
    for group, (_, about) in GROUPS.items():
        flags_of = "flag: " if count[group] == 1 else "flags:"
        lines.append(f"  --help={group:<15} {count[group]:>2} {flags_of} {about}")
    lines += [
        f"  --help={ALL:<15} every flag",
        "  --help=WORD            the flags whose names contain it, as in --help=oidc",
        "",
        f"docs/flags.md documents all flags of auditproxy {name}, and the configuration file.",
        "",
    ]
    return "\n".join(lines)


def _without_section(flag: Flag) -> Flag:
    return Flag(
        flag.name, flag.kind, flag.default, flag.usage, "", flag.shorthand, flag.alias, flag.choices
    )


def help_text(flags: Sequence[Flag], width: int | None = None) -> str:
    """The flags in their sections, each with its default, folded to ``width`` columns.

    ``width`` None is the terminal's. Names are never folded, so that they can be searched for.
    """
    columns = max(_NARROWEST, width or shutil.get_terminal_size().columns)
    lines: list[str] = []
    section = None
    for flag in flags:
        if flag.section != section:
            section = flag.section
            lines += ["", f"{section}:" if section else "Flags:", ""]
        letter = f"-{flag.shorthand}, " if flag.shorthand else " " * 4
        lines.append(f"  {letter}--{flag.name} {flag.kind.name}".rstrip())
        lines += _folded(flag.usage, flag, columns)
        if flag.alias:
            lines.append(f"      --{flag.alias} {flag.kind.name}")
            lines += _folded(f"DEPRECATED: use --{flag.name} instead.", flag, columns)
    return "\n".join(lines[1:]) + "\n"


def _folded(usage: str, flag: Flag, columns: int) -> list[str]:
    """What a flag means and its default, in lines of at most ``columns``."""
    # A no-break space keeps a default in one piece.
    default = f"(default {flag.shown_default})".replace(" ", "\u00a0")
    folded = textwrap.wrap(
        f"{usage} {default}",
        width=columns,
        initial_indent=_USAGE_INDENT,
        subsequent_indent=_USAGE_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace("\u00a0", " ") for line in folded]
