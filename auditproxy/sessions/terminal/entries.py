"""A line being entered: what was typed, where it began on the screen, and what of it is shown.

What a command's text says comes from the screen. What was typed is only compared with it, so that
the answer of a program is not taken for a line that it did not echo; it is in no value that
leaves this room, and in no repr.
"""

from typing import NamedTuple

from auditproxy.sessions.terminal.keys import Key, Press
from auditproxy.sessions.terminal.reported import TEXT_LIMIT, TerminalCommand, fitting, flagged
from auditproxy.sessions.terminal.texts import (
    INTERRUPTS,
    as_shown,
    could_show,
    is_within,
    printable,
    squeezed,
)

TYPED_LIMIT = 4096
SILENCE = 1.0
"""Seconds of typing without any output after which nothing that follows is taken for its echo."""
_STARS = frozenset("*•●")


class Anchor(NamedTuple):
    """Where a line begins: a row by its absolute number, a column, and the cells beside it."""

    row: int
    column: int
    prompt: str = ""
    right: str = ""


class TypedLine:
    """A line that is being typed, or has been entered and waits for what the terminal shows."""

    __slots__ = (
        "_keys",
        "_plain_size",
        "_reported",
        "_resumed",
        "_sent",
        "_typed",
        "accepts",
        "ahead",
        "anchor",
        "begun",
        "claimed",
        "continued",
        "echoed",
        "editor",
        "entered",
        "flags",
        "interrupted",
        "known",
        "last_row",
        "outputs",
        "partial",
        "plain",
        "prompted",
        "silent",
        "uncertain",
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
        self.known = True
        """No key was pressed but characters, and those that take characters away."""
        self.echoed = False
        """The screen showed some of it before Enter."""
        self.silent = False
        """There was no output at all while it was typed, for a second and more."""
        self.editor = False
        """A line editor was reading at Enter."""
        self.partial = False
        """The terminal was too narrow to show all of it, or became narrower meanwhile."""
        self.prompted = False
        """It was found behind a prompt that was shown again, or is known."""
        self.ahead = ""
        """What was typed before the prompt and may still be shown again."""
        self.interrupted = False
        self.continued = 0
        """The hash of what was reported of it when Enter only began another row."""
        self.claimed: str | None = None
        self.accepts = False
        """A key was pressed that some editors take for Enter: it is a newline of what was typed."""
        self.uncertain = False
        """Something may be entered with it that is before its place: never nothing."""
        self.flags: list[str] = []
        self._keys = False
        """A key was pressed before Enter."""
        self._resumed: int | None = None
        """How much was typed before an interrupt that nothing confirmed."""
        self._sent = bytearray()
        """What was sent, as far as keys are not text only."""
        self._reported = False
        """Some of it terminals send by themselves."""
        self._typed = bytearray()
        self._plain_size = 0

    def press(self, key: Key) -> None:
        """Take a key other than Enter."""
        if key.press is Press.PARTIAL:
            return
        if key.press is not Press.TEXT:
            self._keep_sent(key.text)
        if key.press is Press.REPORT:
            self._reported = True
            return
        self._keys |= key.press is not Press.TEXT or bool(key.text)
        if key.press is Press.TEXT:
            self._typed += key.text[: TYPED_LIMIT - len(self._typed)]
            self.plain &= len(self._typed) < TYPED_LIMIT
            if self._sent:
                self._sent += key.text[: TYPED_LIMIT - len(self._sent)]
        elif key.press is Press.ACCEPT:
            self.change()
            self.accepts = True
            self._typed += b"\n"
        elif key.press is Press.BACKSPACE:
            while self._typed and self._typed.pop() & 0xC0 == 0x80:
                pass
        elif key.press is Press.KILL:
            self._typed.clear()
        else:
            self.change()

    def edit(self) -> None:
        """What the line is only the screen shows from now on."""
        self._plain_size = len(self._typed) if self.plain else self._plain_size
        self.plain = False

    def change(self) -> None:
        """Keys that are not known may have changed it."""
        self.known = False
        self.edit()

    def sent(self, reports: bytes) -> None:
        """Terminals send this by themselves: a program may still take it for keys."""
        self._reported |= bool(reports)
        self._keep_sent(reports)

    def _keep_sent(self, sent: bytes) -> None:
        self._sent = self._sent or self._typed[:]
        self._sent += sent[: TYPED_LIMIT - len(self._sent)]

    def resume(self) -> None:
        """An interrupt has not ended the line, as far as the screen shows."""
        self.edit()
        self._resumed = len(self._typed)

    def restart(self, text: str) -> bool:
        """Whether the interrupt did end it, by its text; it is then what was typed afterwards."""
        if self._resumed is None or not text.endswith(INTERRUPTS):
            return False
        rest = self._typed[self._resumed :].rstrip()
        if text.endswith(rest.decode("utf-8", "replace")) if rest else not self._reported:
            return False
        self._typed, self._resumed = rest, None
        self.anchor, self.last_row, self.echoed = None, None, False
        self.plain = True
        return True

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
        return len(self._typed) + len(self._sent)

    @property
    def has_keys(self) -> bool:
        """Whether there was something before Enter that may show something."""
        return bool(self._typed) or not self.plain or self._reported or self.uncertain

    @property
    def lines(self) -> list[bytes]:
        """What was typed, by the newlines of a paste and keys that some take for Enter."""
        return bytes(self._typed).split(b"\n")

    def keep_first_line(self) -> None:
        """What was typed in it ends with its first newline."""
        del self._typed[len(self.lines[0]) :]

    def behind(self, typed: bytes) -> "TypedLine":
        """A line that was entered with this one, and is shown after it."""
        other = TypedLine(None, self.begun, self.outputs)
        other._typed += typed
        other.enter(self.entered, self.outputs, editor=self.editor)
        return other

    def flag(self, *flags: str) -> None:
        """Add flags once."""
        self.flags.extend(flag for flag in flags if flag not in self.flags)

    def begins(self, text: str) -> bool:
        """Whether a text at the anchor can be the echo of what was typed."""
        typed, shown = squeezed(self.typed), squeezed(text)
        return bool(shown) and (
            not self.plain or typed.startswith(shown) or shown.startswith(typed)
        )

    def has_more(self, text: str) -> bool:
        """Whether more was typed than a text shows."""
        return not is_within(squeezed(self.typed), squeezed(text))

    def ends(self, text: str) -> bool:
        """Whether a row ends with what was typed, as a word of its own."""
        typed = self.typed
        if not self.plain or not typed.strip() or not text.endswith(typed):
            return False
        return not text[: -len(typed)][-1:].isalnum()

    def judge(self, text: str) -> TerminalCommand | None:
        """The command, by the screen's text from where it began; None: nothing was entered."""
        command = self._judge(text)
        if command is None:
            if self.uncertain:
                return self.hidden("prompt?")
            is_lost = self.has_keys and (self.partial or "cut" in self.flags)
            return self.hidden() if is_lost else None
        if command.line is not None and not self._is_whole(text):
            return flagged(command, "cut")
        return command

    def _is_whole(self, text: str) -> bool:
        """Whether a text has all that was typed, as far as that is known."""
        typed, shown = squeezed(self.typed), squeezed(text)
        if self.uncertain and shown not in (typed, squeezed(self.ahead) + typed):
            return False
        if not self.known:
            return not self.partial
        if self.continued:
            typed = squeezed(self.typed.rpartition("\n")[2])
        # Before a prompt that is shown again another program may have had what was typed.
        return is_within(typed, shown) or (self.prompted and typed.endswith(shown))

    def _judge(self, text: str) -> TerminalCommand | None:
        if self.interrupted and (not text or text.endswith(INTERRUPTS)):
            if not self.has_keys or not text:
                return None
            self.flag("prompt?")
            if self.plain and text[:-2].rstrip() == self.typed:
                # The interrupt came after Enter, perhaps too late.
                return self.command(text[:-2])
            if self.has_more(text):
                return self.hidden()
        if self.claimed is not None:
            self.flag("client-claimed")
            return self.command(self.claimed)
        if _STARS.issuperset(text.strip()) and text:
            return self.hidden("no-echo")
        if not self.plain:
            return self._judge_edited(text)
        if self._reported and text and squeezed(text) != squeezed(self.typed):
            return self._judge_sent(text)
        return self._judge_plain(text)

    def _judge_sent(self, text: str) -> TerminalCommand | None:
        """A program took for keys what terminals send by themselves, or shows something else."""
        if not self.silent and could_show(bytes(self._sent), text):
            return self.command(text)
        return self._judge_edited(text)

    def _judge_plain(self, text: str) -> TerminalCommand | None:
        typed, shown = squeezed(self.typed), squeezed(text)
        if shown and self.ahead and shown == squeezed(self.ahead) + typed:
            return self.command(text)
        if self.uncertain and shown and shown != typed and not self.silent:
            self.flag("prompt?")
            return self.command(text)
        if not typed:
            return self._judge_edited(text) if shown and self._keys else None
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
            if is_within(typed, shown):
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
        """Whether a text has what was typed: at its start up to the first key that edits.

        Or it is all that was sent, as the kernel shows it.
        """
        if self._sent and squeezed(text) == squeezed(as_shown(bytes(self._sent))):
            return True
        shown = squeezed(text)
        start = squeezed(self._typed[: self._plain_size].decode("utf-8", "replace"))
        return bool(start) and shown.startswith(start) and is_within(squeezed(self.typed), shown)

    def hidden(self, *flags: str) -> TerminalCommand:
        """The command without its text."""
        flags = tuple(dict.fromkeys(("hidden", *flags, *self.flags)))
        return TerminalCommand(line=None, flags=flags, entered=self.entered)

    def command(self, text: str) -> TerminalCommand | None:
        """The command with a text, without what would not be text in a log."""
        shown, text = text, printable(text[:TEXT_LIMIT])
        if not text.strip():
            return self.hidden("no-echo") if shown.strip() else None
        if (short := fitting(text)) != text or len(shown) > TEXT_LIMIT:
            self.flag("cut")
        return TerminalCommand(line=short, flags=tuple(self.flags), entered=self.entered)
