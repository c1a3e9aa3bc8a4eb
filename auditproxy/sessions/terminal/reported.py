"""A line as it is reported: the value that leaves this room."""

import msgspec
from msgspec.structs import replace

from auditproxy.sessions.terminal.texts import printable

TEXT_LIMIT = 4096
"""Bytes of a command's text."""
TERMINAL = "terminal?"
"""The flag of a line on a terminal of which the request says nothing."""


class TerminalCommand(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A line that was entered on a terminal, as it stood there when Enter was pressed.

    ``entered`` is the time of Enter in the caller's clock. ``line`` is None where it must not or
    cannot be shown. Flags:

        hidden          typed without echo: a password, most likely
        no-echo         beside hidden: something else is where its echo would be
        prompt?         the line may begin with a prompt, or be mixed with other output; beside
                        hidden: something may have been entered, and it is not known where
        continued       the editor has not accepted it when the next key came: a line of several
        client-claimed  text, exit code or place are as a program's marks claim (OSC 133, 633)
        exited          follows the value of the same line, with its exit code
        gap             output was skipped, as it was too much; the line may be incomplete
        alternate       beside hidden: entered on the alternate screen, which is not read
        cut             only the first 4 KiB are given, or the screen does not show all of it
        terminal?       the request says nothing of a terminal, and the streams show one
        unfinished      the session ended before the terminal showed what became of it, or the
                        line has a paste that had no end
    """

    line: str | None
    flags: tuple[str, ...] = ()
    exit_code: int | None = None
    entered: float = 0.0


def claimed(command: TerminalCommand, text: str) -> TerminalCommand:
    """A command with the text that a program claims for it."""
    return replace(
        command, line=fitting(printable(text)), flags=_with(command.flags, "client-claimed")
    )


def exited(command: TerminalCommand, exit_code: int) -> TerminalCommand:
    """The value that follows a command's, with the exit code that a program claims."""
    flags = _with(command.flags, "client-claimed", "exited")
    return replace(command, flags=flags, exit_code=exit_code)


def flagged(command: TerminalCommand, *flags: str) -> TerminalCommand:
    """A command with more flags."""
    return replace(command, flags=_with(command.flags, *flags))


def _with(flags: tuple[str, ...], *more: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*flags, *more)))


def fitting(text: str) -> str:
    """The beginning of a text, as far as a command may have it."""
    encoded = text.encode("utf-8", "replace")
    return encoded[:TEXT_LIMIT].decode("utf-8", "ignore") if len(encoded) > TEXT_LIMIT else text
