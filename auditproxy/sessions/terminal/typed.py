"""What is typed of one line, and where it begins on the screen.

What was typed is only compared with the screen, so that the answer of a program is not taken for a
line that it did not echo; it is in no value that leaves this room, and in no repr.
"""

from typing import NamedTuple

from auditproxy.sessions.terminal.keys import Key, Press

TYPED_LIMIT = 4096
SILENCE = 1.0
"""Seconds of typing without any output after which nothing that follows is taken for its echo."""
_TYPING = frozenset({Press.TEXT, Press.BACKSPACE, Press.KILL})
_COMPLETING = (b"\t", b"\x04")
"""Keys for which editors list choices below the line."""
MOST_CUTS = 8
"""Places in one line at which it may have been entered by the key that ends input."""


class Anchor(NamedTuple):
    """Where a line begins: a row by its absolute number, a column, and the cells beside it."""

    row: int
    column: int
    prompt: str = ""
    right: str = ""


class TypedKeys:
    """What was typed of a line, and when; what the screen has of it is judged in entries.py."""

    __slots__ = (
        "_ended",
        "_ever",
        "_keys",
        "_plain_size",
        "_pushed_at",
        "_pushes",
        "_reported",
        "_resumed",
        "_sent",
        "_typed",
        "accepts",
        "ahead",
        "anchor",
        "begun",
        "claimed",
        "completes",
        "continued",
        "cuts",
        "echoed",
        "editor",
        "entered",
        "flags",
        "handed",
        "interrupted",
        "known",
        "last_row",
        "outputs",
        "partial",
        "plain",
        "prompted",
        "pushed",
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
        self.completes = True
        """No key was pressed but characters of one row, and those that complete them."""
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
        self.pushed = False
        """^D was pressed without an editor: a program may have it, as if it were entered."""
        self.handed = False
        """It was entered so."""
        self.cuts: list[int] = []
        """How much was typed when ^D came twice."""
        self._ended = False
        """^D came twice: what is shown may be of several lines."""
        self._pushes = 0
        """How often ^D was the last key."""
        self._pushed_at = (begun, outputs)
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
        self._ever = False
        """Characters were typed, of which keys may have taken none away."""
        self._plain_size = 0

    def press(self, key: Key) -> None:
        """Take a key other than Enter."""
        if key.press is Press.PARTIAL:
            return
        self._pushes = 0
        if self.pushed and key.press in (Press.BACKSPACE, Press.KILL):
            # The kernel has nothing more of what a program has.
            self.change()
        if key.press is not Press.TEXT:
            self._keep_sent(key.text)
        if key.press is Press.REPORT:
            self._reported = True
            return
        completes = self.completes and b"\n" not in key.text
        completes &= key.press in _TYPING or key.text in _COMPLETING
        self._keys |= key.press is not Press.TEXT or bool(key.text)
        if key.press is Press.TEXT:
            self._ever |= bool(key.text)
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
        self.completes = completes

    def push(self, key: Key, now: float, outputs: int) -> bool:
        """Take ^D where no editor reads; whether it came twice, which ends a line like Enter.

        The kernel gives a program what is typed, and echoes nothing. The second has nothing to
        give, which is the end of the input for whoever reads a line.
        """
        if self.plain and not self._typed:
            self.press(key)
            return False
        self._keys = self.pushed = True
        self._pushes += 1
        self._pushed_at = (now, outputs)
        if self._pushes != 2:
            return False
        self._ended = True
        if self.plain and len(self.cuts) < MOST_CUTS:
            self.cuts.append(len(self._typed))
        return True

    def hand_over(self) -> None:
        """^D entered it."""
        self.pushed, self.handed = False, True
        self.enter(*self._pushed_at, editor=False)

    def edit(self) -> None:
        """What the line is only the screen shows from now on."""
        self._plain_size = len(self._typed) if self.plain else self._plain_size
        self.plain = False

    def change(self) -> None:
        """Keys that are not known may have changed it."""
        self.known = self.completes = False
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

    def enter(self, now: float, outputs: int, *, editor: bool) -> None:
        """Enter was pressed."""
        self.silent = bool(self._typed) and outputs == self.outputs and now - self.begun >= SILENCE
        if self._ended and not self.plain and not editor:
            self.flag("prompt?")
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
        self.completes = False

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
        typed = bool(self._typed) or self.is_unseen
        return typed or not self.plain or self._reported or self.uncertain

    @property
    def is_unseen(self) -> bool:
        """Whether characters were typed that were never shown.

        Nothing shows then that keys took them away: a program may mind none of these.
        """
        return (self._ever or bool(self._typed)) and not self.echoed

    @property
    def lines(self) -> list[bytes]:
        """What was typed, by the newlines of a paste and keys that some take for Enter."""
        return bytes(self._typed).split(b"\n")

    def keep_first_line(self) -> None:
        """What was typed in it ends with its first newline."""
        del self._typed[len(self.lines[0]) :]

    def flag(self, *flags: str) -> None:
        """Add flags once."""
        self.flags.extend(flag for flag in flags if flag not in self.flags)
