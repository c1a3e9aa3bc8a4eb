"""A line being entered: what was typed, where it began on the screen, and what of it is shown.

What a command's text says comes from the screen. What was typed is only compared with it, so that
the answer of a program is not taken for a line that it did not echo; it is in no value that
leaves this room, and in no repr.
"""

import unicodedata
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from auditproxy.sessions.terminal.keys import Key, Press

TEXT_LIMIT = 4096
"""Bytes of a command's text."""
TYPED_LIMIT = 4096
SILENCE = 1.0
"""Seconds of typing without any output after which nothing that follows is taken for its echo."""
_KEPT_FORMATS = "\u200c\u200d"
_STARS = frozenset("*•●")


class TerminalCommand(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A line that was entered on a terminal, as it stood there when Enter was pressed.

    ``entered`` is the time of Enter in the caller's clock. ``line`` is None where it must not or
    cannot be shown. Flags:

        hidden          typed without echo: a password, most likely
        no-echo         beside hidden: something else is where its echo would be
        prompt?         the line may begin with a prompt, or be mixed with other output
        continued       the editor has not accepted it when the next key came: a line of several
        client-claimed  text, exit code or place are as a program's marks claim (OSC 133, 633)
        exited          follows the value of the same line, with its exit code
        gap             output was skipped, as it was too much; the line may be incomplete
        cut             only the first 4 KiB are given, or its beginning has left the screen
        unfinished      the session ended before the terminal showed what became of it
    """

    line: str | None
    flags: tuple[str, ...] = ()
    exit_code: int | None = None
    entered: float = 0.0


class Anchor(NamedTuple):
    """Where a line begins: a row by its absolute number, a column, and the cells beside it."""

    row: int
    column: int
    prompt: str = ""
    right: str = ""


class TypedLine:
    """A line that is being typed, or has been entered and waits for what the terminal shows."""

    __slots__ = (
        "_plain_size",
        "_typed",
        "ahead",
        "anchor",
        "answered",
        "begun",
        "claimed",
        "continued",
        "echoed",
        "editor",
        "entered",
        "flags",
        "interrupted",
        "last_row",
        "outputs",
        "plain",
        "prompted",
        "silent",
    )

    def __init__(self, anchor: Anchor | None, begun: float, outputs: int) -> None:
        self.anchor = anchor
        self.begun = begun
        self.entered = begun
        self.outputs = outputs
        """Pieces of output that had come, first when typing began, then at Enter."""
        self.last_row: int | None = None
        """The row of the first line feed after Enter."""
        self.plain = True
        """Only characters were typed: what the line must be is known."""
        self.echoed = False
        """The screen showed some of it before Enter."""
        self.silent = False
        """There was no output at all while it was typed, for a second and more."""
        self.editor = False
        """A line editor was reading at Enter."""
        self.prompted = False
        """It was found behind a prompt that was shown again, or is known."""
        self.ahead = ""
        """What was typed before the prompt and may still be shown again."""
        self.interrupted = False
        self.answered = False
        """A terminal's answer came as well: the program may have taken it for the line."""
        self.continued = ""
        """What was reported of it when Enter only began another row."""
        self.claimed: str | None = None
        self.flags: list[str] = []
        self._typed = bytearray()
        self._plain_size = 0

    def press(self, key: Key) -> None:
        """Take a key other than Enter."""
        if key.press is Press.TEXT:
            self._typed += key.text[: TYPED_LIMIT - len(self._typed)]
            self.plain &= len(self._typed) < TYPED_LIMIT
        elif key.press is Press.BACKSPACE:
            while self._typed and self._typed.pop() & 0xC0 == 0x80:
                pass
        elif key.press is Press.KILL:
            self._typed.clear()
        elif key.press is Press.ANSWER:
            self.answered = True
            self.plain = False
        else:
            self._plain_size = len(self._typed) if self.plain else self._plain_size
            self.plain = False

    def enter(self, now: float, outputs: int, *, editor: bool) -> None:
        """Enter was pressed."""
        self.silent = bool(self._typed) and outputs == self.outputs and now - self.begun >= SILENCE
        self.entered, self.outputs, self.editor = now, outputs, editor
        self.last_row = None

    def was_ahead(self, text: str) -> None:
        """An editor shows again what was typed before its prompt."""
        self._typed += text.encode()
        self.ahead = ""
        self.echoed = True

    def reopen(self) -> None:
        """Enter only began another row of the same line."""
        self._typed += b"\n"

    @property
    def typed(self) -> str:
        """What was typed, as far as it is plain."""
        return self._typed.decode("utf-8", "replace").rstrip()

    @property
    def size(self) -> int:
        """Bytes that are kept of what was typed."""
        return len(self._typed)

    @property
    def has_keys(self) -> bool:
        """Whether there was a key before Enter that may show something."""
        return bool(self._typed) or not self.plain

    def flag(self, *flags: str) -> None:
        """Add flags once."""
        self.flags.extend(flag for flag in flags if flag not in self.flags)

    def begins(self, text: str) -> bool:
        """Whether a text at the anchor can be the echo of what was typed."""
        typed, shown = _squeezed(self.typed), _squeezed(text)
        return bool(shown) and (
            not self.plain or typed.startswith(shown) or shown.startswith(typed)
        )

    def ends(self, text: str) -> bool:
        """Whether a row ends with what was typed, as a word of its own."""
        typed = self.typed
        if not self.plain or not typed.strip() or not text.endswith(typed):
            return False
        return not text[: -len(typed)][-1:].isalnum()

    def judge(self, text: str) -> TerminalCommand | None:
        """The command, by the screen's text from where it began; None: nothing was entered."""
        if self.interrupted and (not text or text.endswith(("^C", "^Z", "^\\"))):
            return None
        if self.answered and not self._typed:
            self.flag("prompt?")
            return self.command(text) or self.hidden()
        if self.claimed is not None:
            self.flag("client-claimed")
            return self.command(self.claimed)
        if _STARS.issuperset(text.strip()) and text:
            return self.hidden("no-echo")
        return self._judge_plain(text) if self.plain else self._judge_edited(text)

    def _judge_plain(self, text: str) -> TerminalCommand | None:
        typed, shown = _squeezed(self.typed), _squeezed(text)
        if shown and self.ahead and shown == _squeezed(self.ahead) + typed:
            return self.command(text)
        if not typed:
            return None
        if shown == typed and not self.silent:
            return self.command(text if "\n" not in text or "\n" in self.typed else self.typed)
        if shown and self.prompted and typed.endswith(shown) and not self.silent:
            return self.command(text)
        if shown and (self.echoed or self.editor) and not self.silent:
            if self.editor and not self.echoed:
                return self.command(self.typed) if self.ends(text) else self.hidden("no-echo")
            if shown.endswith(typed):
                return self.command(self.typed)
            if self.editor or typed.endswith(shown):
                return self.command(text)
            if _is_within(typed, shown):
                self.flag("prompt?")
                return self.command(text)
        return self.hidden(*(("no-echo",) if shown else ()))

    def _judge_edited(self, text: str) -> TerminalCommand | None:
        if text and not self.silent and (self.echoed or self.editor or self._is_edited(text)):
            return self.command(text)
        if text:
            return self.hidden("no-echo")
        return self.hidden() if self._typed and not self.echoed else None

    def _is_edited(self, text: str) -> bool:
        """Whether a text has what was typed: at its start up to the first key that edits."""
        shown = _squeezed(text)
        start = _squeezed(self._typed[: self._plain_size].decode("utf-8", "replace"))
        return bool(start) and shown.startswith(start) and _is_within(_squeezed(self.typed), shown)

    def hidden(self, *flags: str) -> TerminalCommand:
        """The command without its text."""
        flags = tuple(dict.fromkeys(("hidden", *flags, *self.flags)))
        return TerminalCommand(line=None, flags=flags, entered=self.entered)

    def command(self, text: str) -> TerminalCommand | None:
        """The command with a text, without what would not be text in a log."""
        text = printable(text)
        if not text.strip():
            return None
        if (short := _fitting(text)) != text:
            self.flag("cut")
        return TerminalCommand(line=short, flags=tuple(self.flags), entered=self.entered)


def claimed(command: TerminalCommand, text: str) -> TerminalCommand:
    """A command with the text that a program claims for it."""
    return replace(
        command, line=_fitting(printable(text)), flags=_with(command.flags, "client-claimed")
    )


def exited(command: TerminalCommand, exit_code: int) -> TerminalCommand:
    """The value that follows a command's, with the exit code that a program claims."""
    flags = _with(command.flags, "client-claimed", "exited")
    return replace(command, flags=flags, exit_code=exit_code)


def _with(flags: tuple[str, ...], *more: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*flags, *more)))


def _fitting(text: str) -> str:
    encoded = text.encode("utf-8", "replace")
    return encoded[:TEXT_LIMIT].decode("utf-8", "ignore") if len(encoded) > TEXT_LIMIT else text


def printable(text: str) -> str:
    """A text without controls and formats, but for newlines and joiners."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character
        for character in text
        if character in "\n\t"
        or character in _KEPT_FORMATS
        or unicodedata.category(character) not in ("Cc", "Cf", "Cs")
    )


def _squeezed(text: str) -> str:
    """A text without blanks: what wraps, tabs and newlines do to it does not matter."""
    return "".join(text.split())


def _is_within(part: str, whole: str) -> bool:
    """Whether all characters of one text occur in another, in order."""
    rest = iter(whole)
    return all(character in rest for character in part)
