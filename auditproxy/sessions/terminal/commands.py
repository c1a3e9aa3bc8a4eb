"""The lines that a user enters on a terminal, by following what the terminal shows.

A line begins where the cursor is at its first key. It ends when its editor says so (bracketed
paste goes off), or at the first line feed after Enter. Its text is what the screen has between:
with what history and completion made of it, and without what was typed without echo.
"""

from collections.abc import Callable

from auditproxy.apis.session import Carried, Channel, Outcome, Resized, StreamEvent
from auditproxy.sessions.terminal.earlier import Earlier
from auditproxy.sessions.terminal.entries import Anchor, TypedLine
from auditproxy.sessions.terminal.found import FoundLines
from auditproxy.sessions.terminal.keys import Key, KeyReader, Press
from auditproxy.sessions.terminal.marks import Found, Mark, MarkReader
from auditproxy.sessions.terminal.places import Places
from auditproxy.sessions.terminal.reported import TerminalCommand
from auditproxy.sessions.terminal.screen import COLUMNS, ROWS
from auditproxy.sessions.terminal.texts import INTERRUPTS, squeezed
from auditproxy.sessions.terminal.unseen import UnseenLines
from auditproxy.sessions.terminal.waiting import WaitingLines


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
        self._earlier = Earlier(self._places)
        self._now = 0.0
        self._entry: TypedLine | None = None
        self._outputs = 0
        self._skips = False
        self._editor = False
        self._alternate = False
        self._ahead = ""
        self._marked: Anchor | None = None
        self._found = FoundLines(redact)
        self._pending = WaitingLines(self._found, self._places)
        self._unseen = UnseenLines(self._places, self._found, self._pending)

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
                    self._unseen.press(key.press, alternate=self._alternate)
                    if not self._alternate:
                        self._press(now, key)
            case Carried(channel=Channel.STDOUT):
                for piece in self._marks.read(event.data):
                    if isinstance(piece, Found):
                        self._mark(piece)
                    elif not self._alternate:
                        self._output(piece)
            case Resized():
                if self._places.resize(event.columns, event.rows):
                    for entry in self._lines():
                        entry.partial = True
            case Outcome():
                return self.end(now)
            case _:
                pass
        return self._found.take()

    def end(self, now: float) -> list[TerminalCommand]:
        """The session has ended; return what is left."""
        self._found.release()
        self._split()
        while self._pending:
            self._pending.give_up("unfinished")
        self._reset()
        return self._found.take()

    def _reset(self) -> None:
        self._entry = None
        self._pending.clear()
        self._marked = None
        self._earlier.clear()
        self._keys.leave_paste()
        self._places.forget()

    # Keys.

    def _press(self, now: float, key: Key) -> None:
        if key.press in (Press.REPORT, Press.PARTIAL):
            if self._entry is not None:
                self._entry.press(key)
            else:
                self._earlier.report(key.text, placed=not self._pending)
            return
        self._found.release()
        if key.press is Press.INTERRUPT:
            if self._entry is not None:
                self._earlier.stop(self._entry)
            self._entry = None
            for pending in self._pending:
                pending.interrupted = True
            return
        if key.press is Press.END and self._entry is None:
            return
        if self._entry is None:
            self._begin(now)
        entry = self._entry
        assert entry is not None, "begun above"
        if key.press is not Press.ENTER:
            entry.press(key)
            return
        if not self._pending:
            self._earlier.place(entry)
        entry.enter(now, self._outputs, editor=self._editor)
        self._entry = None
        self._pending.add(entry)

    def _begin(self, now: float) -> None:
        """The first key of a line."""
        self._pending.settle(now, self._outputs, editor=self._editor)
        self._entry = self._pending.continued(
            self._outputs, editor=self._editor
        ) or self._earlier.resume(pending=bool(self._pending))
        if self._entry is not None:
            return
        entry = self._entry = TypedLine(None, now, self._outputs)
        marked, self._marked = self._marked, None
        ahead, self._ahead = self._ahead, ""
        if self._places.lost:
            marked = None
        if not self._pending and not self._skips and self._places.catch_up():
            if marked is not None:
                entry.flag("client-claimed")
            entry.anchor = marked or self._places.here(ahead)
            entry.ahead = ahead
            if ahead and squeezed(self._places.at_anchor(entry.anchor)) == squeezed(ahead):
                entry.was_ahead(ahead)
            elif ahead:
                entry.uncertain = True
        elif not self._pending:
            entry.flag("gap")
        self._earlier.settle(entry, marked=marked is not None)

    # Output.

    def _output(self, output: bytes) -> None:
        self._outputs += 1
        self._unseen.output(output)
        if not self._matters():
            self._keep(output)
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
                self._keep(output)
                return
        entry = self._entry
        if entry is not None and not entry.echoed and entry.has_keys:
            entry.echoed = self._places.is_echo(entry)

    def _matters(self) -> bool:
        return self._entry is not None or bool(self._pending)

    def _keep(self, output: bytes) -> None:
        self._places.keep(output)
        if self._places.lost:
            self._earlier.lose()

    def _skip(self, output: bytes) -> None:
        self._places.skip(output)
        self._earlier.lose()
        for entry in self._lines():
            entry.flag("gap")
            entry.anchor = None

    def _lines(self) -> tuple[TypedLine, ...]:
        """Those that wait, and the one that is being typed."""
        return (*self._pending, *((self._entry,) if self._entry else ()))

    def _line_feed(self) -> bool:
        """A line feed comes: whether it finishes a line."""
        finished = False
        self._split()
        row = self._places.screen.row
        for entry in self._pending:
            entry.last_row = row if entry.last_row is None else entry.last_row
        while self._pending and not (self._editor or self._pending.first.editor):
            entry = self._pending.first
            if entry.anchor is None:
                if not self._pending.find_ahead(self._places.row(row)):
                    break
                return True
            text = self._places.text(entry, row)
            if self._places.wraps(entry, text) or entry.restart(text):
                break
            self._pending.split(text)
            self._pending.pop()
            command = entry.judge(text)
            self._found.give(command)
            finished = True
            if command is None or command.line is not None:
                break
        return finished

    def _split(self) -> None:
        """A line feed comes before Enter: it is the answer to a key that a program took for it.

        In a paste that has no end, that is a newline; otherwise the key of an editor without marks.
        """
        entry = self._entry
        if entry is None or len(entry.lines) < 2 or not (self._keys.in_paste or entry.accepts):
            return
        if self._keys.in_paste:
            self._editor = False
            self._keys.brackets_pastes(False)
            entry.flag("unfinished")
        rest = entry.lines[1:]
        entry.keep_first_line()
        for line in rest:
            self._press(self._now, Key(Press.ENTER))
            if line:
                self._press(self._now, Key(Press.TEXT, line))

    # Marks.

    def _mark(self, found: Found) -> None:
        mark = found.mark
        if mark in (Mark.ALTERNATE_ON, Mark.ALTERNATE_OFF):
            self._reset()
            self._unseen.swap()
            self._alternate = mark is Mark.ALTERNATE_ON
        elif mark is Mark.QUESTION:
            self._keys.asked(self._now)
        elif mark in (Mark.MOUSE_ON, Mark.MOUSE_OFF):
            self._keys.follows_mouse = mark is Mark.MOUSE_ON
        elif mark is Mark.EDITOR_OFF:
            reads, self._editor = self._editor, False
            if self._keys.in_paste and self._entry is not None:
                self._entry.flag("unfinished")
            self._keys.brackets_pastes(False)
            before = self._found.count
            self._accept()
            unknown = reads and self._found.count == before
            self._unseen.end(self._now, unknown=unknown, alternate=self._alternate)
        elif mark is Mark.EDITOR_ON:
            self._keys.brackets_pastes(True)
            self._unseen.begin(self._now)
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
            self._pending.first.claimed = found.text
        else:
            self._found.claim(found.text)

    def _prompt(self) -> None:
        """A prompt is about to be shown: what was entered before has had its answer."""
        while self._pending and self._pending.first.anchor is not None:
            if self._pending.first.editor:
                break
            self._pending.give_up()
        self._found.release()
        self._marked = None
        self._earlier.confirm()
        if self._pending:
            # Typing continues behind lines that wait too.
            return
        entry = self._entry
        here = self._places.screen.row
        if entry is None or (not entry.plain and entry.anchor and entry.anchor.row == here):
            # zsh shows its prompt first: keys that edit may have come between.
            return
        self._ahead = entry.typed if entry.plain else ""
        if not entry.plain:
            self._earlier.drop()
        self._entry = None

    def _accept(self) -> None:
        """An editor has a line."""
        entry = self._pending.first if self._pending else self._entry or self._earlier.stopped
        if entry is None:
            return
        known = self._places.catch_up()
        last = self._places.end()
        if known and entry.anchor is None and self._pending.find_ahead(self._places.row(last)):
            return
        text = self._places.text(entry, last) if known else ""
        if entry.restart(text):
            return
        if entry is self._earlier.stopped and text.endswith(INTERRUPTS):
            return
        if self._pending:
            self._pending.split(text)
            self._pending.pop()
        else:
            self._entry = None
        if known:
            self._found.give(entry.judge(text))
        else:
            entry.flag("gap")
            self._found.give(entry.hidden())
