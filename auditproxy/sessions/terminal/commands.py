"""The lines that a user enters on a terminal, by following what the terminal shows.

A line begins where the cursor is at its first key. It ends when its editor says so (bracketed
paste goes off), or at the first line feed after Enter. Its text is what the screen has between:
with what history and completion made of it, and without what was typed without echo.
"""

from collections import deque
from collections.abc import Callable

from auditproxy.apis.session import Carried, Channel, Outcome, Resized, StreamEvent
from auditproxy.sessions.terminal.entries import Anchor, TerminalCommand, TypedLine
from auditproxy.sessions.terminal.found import FoundLines
from auditproxy.sessions.terminal.keys import Key, KeyReader, Press
from auditproxy.sessions.terminal.marks import Found, Mark, MarkReader
from auditproxy.sessions.terminal.places import Places
from auditproxy.sessions.terminal.screen import COLUMNS, ROWS

PATIENCE = 2.0
"""Seconds after which a line that was typed ahead and is not shown gives way to the next key."""
MOST_PENDING, PENDING_LIMIT = 16, 16 * 1024
"""Lines that wait for what the terminal shows of them, and bytes that were typed in them."""


class CommandFollower:
    """Follows one session with a terminal; not for use by two threads at a time.

    ``take`` never raises for what a session carries, takes time in proportion to its bytes, and
    depends on nothing but its arguments. ``redact`` is applied to each line before it is given.
    """

    def __init__(
        self,
        columns: int = COLUMNS,
        rows: int = ROWS,
        *,
        redact: Callable[[str], str] | None = None,
    ) -> None:
        self._keys = KeyReader()
        self._marks = MarkReader()
        self._places = Places(columns, rows)
        self._entry: TypedLine | None = None
        self._pending: deque[TypedLine] = deque()
        self._outputs = 0
        self._now = 0.0
        self._skips = False
        self._editor = False
        self._alternate = False
        self._ahead = ""
        self._answered = False
        """A terminal's answer came since the last prompt or line."""
        self._marked: Anchor | None = None
        self._found = FoundLines(redact)

    def take(self, now: float, event: StreamEvent, *, skips: bool = False) -> list[TerminalCommand]:
        """Take an event of the session; return the lines that it completes.

        ``now`` is in seconds of any clock that does not go back. With ``skips`` output is not read
        by a screen, as if it were too much: lines that are being entered are ``gap``.
        """
        self._places.clock(now)
        self._now, self._skips = now, skips
        match event:
            case Carried(channel=Channel.STDIN):
                for key in self._keys.read(event.data, now):
                    if not self._alternate:
                        self._press(now, key)
            case Carried(channel=Channel.STDOUT):
                for piece in self._marks.read(event.data):
                    if isinstance(piece, Found):
                        self._mark(piece)
                    elif not self._alternate:
                        self._output(piece)
            case Resized():
                self._places.resize(event.columns, event.rows)
            case Outcome():
                return self.end(now)
            case _:
                pass
        return self._found.take()

    def end(self, now: float) -> list[TerminalCommand]:
        """The session has ended; return what is left."""
        self._found.release()
        for entry in self._pending:
            entry.flag("unfinished")
            if entry.typed and not entry.interrupted:
                self._found.give(entry.hidden())
        open_paste = self._entry
        if open_paste is not None and not open_paste.continued and "\n" in open_paste.typed:
            open_paste.flag("unfinished")
            self._found.give(open_paste.hidden())
        self._reset()
        return self._found.take()

    def _reset(self) -> None:
        self._entry = None
        self._pending.clear()
        self._marked = None
        self._places.forget()

    # Keys.

    def _press(self, now: float, key: Key) -> None:
        self._found.release()
        if key.press is Press.INTERRUPT:
            self._entry = None
            for pending in self._pending:
                pending.interrupted = True
            return
        if self._entry is None and key.press in (Press.END, Press.ANSWER):
            self._answered |= key.press is Press.ANSWER
            return
        if self._entry is None:
            self._begin(now)
        entry = self._entry
        assert entry is not None, "begun above"
        entry.answered |= self._answered
        self._answered = False
        if key.press is not Press.ENTER:
            entry.press(key)
            return
        entry.enter(now, self._outputs, editor=self._editor)
        self._pending.append(entry)
        self._entry = None
        while (
            len(self._pending) > MOST_PENDING
            or sum(pending.size for pending in self._pending) > PENDING_LIMIT
        ):
            oldest = self._pending.popleft()
            oldest.flag("gap")
            self._found.give(oldest.hidden())

    def _begin(self, now: float) -> None:
        """The first key of a line."""
        while self._pending and self._settled(now, self._pending[0]):
            self._pending.popleft()
        if self._entry is not None:
            return
        entry = self._entry = TypedLine(None, now, self._outputs)
        marked, self._marked = self._marked, None
        ahead, self._ahead = self._ahead, ""
        if self._pending:
            return
        if self._places.lost:
            marked = None
        if self._skips or not self._places.catch_up():
            entry.flag("gap")
            return
        if marked is not None:
            entry.flag("client-claimed")
        entry.anchor = marked or self._places.here(ahead)
        entry.ahead = ahead
        if ahead and self._places.at_anchor(entry.anchor) == ahead:
            entry.was_ahead(ahead)

    def _settled(self, now: float, entry: TypedLine) -> bool:
        """The next key has come: whether a line that was not finished is done with."""
        if self._outputs == entry.outputs:
            return False
        if entry.interrupted:
            return True
        if entry.anchor is None or self._places.lost:
            waits = entry.editor and not self._editor
            if waits or (now - entry.entered < PATIENCE and not self._places.lost):
                return False
        elif entry.editor and self._editor:
            if entry.last_row is not None:
                self._continue(entry, entry.last_row)
                return True
            return False
        elif entry.editor or entry.echoed or (entry.plain and self._is_echoing(entry)):
            return False
        if entry.typed:
            self._found.give(entry.hidden())
        return True

    def _continue(self, entry: TypedLine, last: int) -> None:
        """An editor took Enter as one of its line: report the line, and keep it."""
        before = list(entry.flags)
        text = self._places.text(entry, last)
        if text != entry.continued:
            entry.continued = text
            entry.flag("continued")
            self._found.give(entry.judge(text))
        entry.flags = before
        entry.reopen()
        self._entry = entry

    def _is_echoing(self, entry: TypedLine) -> bool:
        return entry.anchor is not None and entry.begins(self._places.at_anchor(entry.anchor))

    # Output.

    def _output(self, output: bytes) -> None:
        self._outputs += 1
        if not self._matters():
            self._places.keep(output)
            return
        is_read = not (self._skips or self._places.lost) and self._places.catch_up()
        if not is_read or not self._places.spend(output):
            self._skip(output)
            return
        while output:
            screen = self._places.screen
            for end in screen.feed(output):
                self._places.line_feed()
                if self._line_feed():
                    screen.line_feed()
                    output = output[end:]
                    break
            else:
                break
            if not self._matters():
                self._places.keep(output)
                return
        entry = self._entry
        if entry is not None and not entry.echoed and entry.has_keys:
            entry.echoed = self._is_echoing(entry)

    def _matters(self) -> bool:
        return self._entry is not None or bool(self._pending)

    def _skip(self, output: bytes) -> None:
        self._places.skip(output)
        for entry in (*self._pending, *((self._entry,) if self._entry else ())):
            entry.flag("gap")
            entry.anchor = None

    def _line_feed(self) -> bool:
        """A line feed comes: whether it finishes a line."""
        finished = False
        row = self._places.screen.row
        for entry in self._pending:
            entry.last_row = row if entry.last_row is None else entry.last_row
        while self._pending and not (self._editor or self._pending[0].editor):
            entry = self._pending[0]
            if entry.anchor is None:
                if not self._find_ahead(self._places.row(row)):
                    break
                return True
            text = self._places.text(entry, row)
            if self._wraps(entry, text):
                self._places.screen.rows.wrap(row - self._places.screen.rows.top)
                break
            self._pending.popleft()
            command = entry.judge(text)
            self._found.give(command)
            finished = True
            if command is None or command.line is not None:
                break
        return finished

    def _wraps(self, entry: TypedLine, text: str) -> bool:
        """Whether an editor begins another row itself, as busybox does, with more to be shown."""
        full = self._places.is_full(self._places.screen.row)
        typed, shown = "".join(entry.typed.split()), "".join(text.split())
        return full and entry.plain and typed != shown and typed.startswith(shown)

    def _find_ahead(self, text: str) -> bool:
        """Finish the first line that was typed ahead and is what a row ends with."""
        for index, entry in enumerate(self._pending):
            if entry.anchor is None and entry.ends(text):
                for _ in range(index):
                    self._found.give(self._pending.popleft().hidden())
                self._pending.popleft()
                self._found.give(entry.command(entry.typed))
                return True
        return False

    # Marks.

    def _mark(self, found: Found) -> None:
        mark = found.mark
        if mark in (Mark.ALTERNATE_ON, Mark.ALTERNATE_OFF):
            self._reset()
            self._alternate = mark is Mark.ALTERNATE_ON
        elif mark is Mark.QUESTION:
            self._keys.asked(self._now)
        elif mark in (Mark.MOUSE_ON, Mark.MOUSE_OFF):
            self._keys.follows_mouse = mark is Mark.MOUSE_ON
        elif mark is Mark.EDITOR_OFF:
            self._editor = False
            self._keys.brackets_pastes(False)
            self._accept()
        elif mark is Mark.EDITOR_ON:
            self._keys.brackets_pastes(True)
            if not self._alternate:
                self._editor = True
                self._prompt()
        elif self._alternate:
            return
        elif mark is Mark.DONE:
            self._found.done(found.exit_code)
        else:
            self._found.marks = True
            self._found.claims |= found.claims
            self._semantic(found)

    def _semantic(self, found: Found) -> None:
        if found.mark is Mark.PROMPT:
            self._prompt()
        elif found.mark is Mark.COMMAND:
            self._marked = self._places.here() if self._places.catch_up() else None
        elif found.mark is Mark.OUTPUT:
            self._accept()
            self._found.release()
        elif self._pending:
            self._pending[0].claimed = found.text
        else:
            self._found.claim(found.text)

    def _prompt(self) -> None:
        """A prompt is about to be shown: what was entered before has had its answer."""
        while self._pending and self._pending[0].anchor is not None and not self._pending[0].editor:
            answered = self._pending.popleft()
            if answered.typed and not answered.interrupted:
                self._found.give(answered.hidden())
        self._found.release()
        self._marked = None
        self._answered = False
        entry = self._entry
        if entry is None or (not entry.plain and self._is_here(entry)):
            # zsh shows its prompt first: keys that edit may have come between.
            return
        self._ahead = entry.typed if entry.plain else ""
        self._entry = None

    def _is_here(self, entry: TypedLine) -> bool:
        return entry.anchor is not None and entry.anchor.row == self._places.screen.row

    def _accept(self) -> None:
        """An editor has a line."""
        entry = self._pending[0] if self._pending else self._entry
        if entry is None:
            return
        known = self._places.catch_up()
        last = self._places.end()
        if known and entry.anchor is None and self._find_ahead(self._places.row(last)):
            return
        if self._pending:
            self._pending.popleft()
        else:
            self._entry = None
        if known:
            self._found.give(entry.judge(self._places.text(entry, last)))
        else:
            entry.flag("gap")
            self._found.give(entry.hidden())
