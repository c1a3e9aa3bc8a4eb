"""A line being entered, judged by what the screen shows where it began.

What a command's text says comes from the screen; what was typed is only compared with it.
"""

from msgspec.structs import replace

from auditproxy.sessions.terminal.reported import TEXT_LIMIT, TerminalCommand, fitting, flagged
from auditproxy.sessions.terminal.texts import (
    ENDS,
    INTERRUPTS,
    as_shown,
    could_show,
    is_within,
    printable,
    squeezed,
)
from auditproxy.sessions.terminal.typed import TypedKeys

_STARS = frozenset("*•●")


class TypedLine(TypedKeys):
    """A line that is being typed, or has been entered and waits for what the terminal shows."""

    __slots__ = ()

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

    def is_stopped(self, text: str, before: str | None) -> bool | None:
        """Whether an interrupt ended it, by its text; None if the text does not say.

        ``before`` is what the screen had of it when that came: its echo must be there in addition.
        """
        if not text.endswith(INTERRUPTS):
            return False
        shown = squeezed(text)
        if self.plain and self.known:
            return shown != squeezed(self.typed)
        if before and before.endswith(INTERRUPTS):
            return shown != squeezed(before)
        return True if before else None

    def has_all(self, text: str) -> bool:
        """Whether a text begins with all that was typed, as far as that is plain."""
        return self.plain and squeezed(text).startswith(squeezed(self.typed))

    def was_taken(self, text: str) -> bool:
        """Whether more is shown than was typed, so that a program has it already.

        Some programs have the kernel show the key that gave it to them.
        """
        more = squeezed(text)[len(squeezed(self.typed)) :]
        return self.has_all(text) and bool(more.replace(ENDS, ""))

    def parts(self, command: TerminalCommand | None) -> list[TerminalCommand]:
        """The line, behind those that it was if ^D, pressed twice, entered what was before it."""
        if command is None:
            return []
        typed, cuts = bytes(self._typed), [cut for cut in self.cuts if cut < len(self._typed)]
        if not cuts or command.line is None or squeezed(command.line) != squeezed(self.typed):
            return [command]
        bounds = zip([0, *cuts], [*cuts, len(typed)], strict=True)
        texts = (typed[start:end].decode("utf-8", "replace").strip() for start, end in bounds)
        command = flagged(command, "prompt?")
        return [*(replace(command, line=printable(text)) for text in texts if text), command]

    def behind(self, typed: bytes) -> "TypedLine":
        """A line that was entered with this one, and is shown after it."""
        other = TypedLine(None, self.begun, self.outputs)
        other._typed += typed
        other.enter(self.entered, self.outputs, editor=self.editor)
        return other

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
            if shown and self._keys:
                return self._judge_edited(text)
            return self.hidden() if self.is_unseen else None
        if shown == typed and not self.silent:
            return self.command(text if "\n" not in text or "\n" in self.typed else self.typed)
        if self.handed and self.has_all(text) and not self.silent:
            return self.command(self.typed)
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
        return self.hidden() if self.is_unseen else None

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
