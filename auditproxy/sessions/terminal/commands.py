"""The lines that a user enters on a terminal, by following what the terminal shows.

A line begins where the cursor is at its first key. It ends when its editor says so (bracketed
paste goes off), or at the first line feed after Enter. Its text is what the screen has between:
with what history and completion made of it, and without what was typed without echo.
"""

from collections.abc import Iterator

from auditproxy.apis.session import Carried, Channel, Outcome, Resized, StreamEvent, Unreadable
from auditproxy.sessions.terminal.entries import TypedLine
from auditproxy.sessions.terminal.following import LineFollower
from auditproxy.sessions.terminal.marks import Flood, Found, Mark, MarkReader
from auditproxy.sessions.terminal.reported import TerminalCommand


class CommandFollower(LineFollower):
    """Follows one session with a terminal; not for use by two threads at a time.

    ``take`` never raises for what a session carries, takes time in proportion to its bytes, and
    depends on nothing but its arguments. ``redact`` is applied to each line before it is given.
    """

    def take(self, now: float, event: StreamEvent, *, skips: bool = False) -> list[TerminalCommand]:
        """Take an event of the session; return the lines that it completes.

        ``now`` is in seconds of any clock that does not go back. With ``skips`` output is not read
        by a screen, as if it were too much: lines that are being entered are ``gap``.
        """
        for _ in self.steps(now, event, skips=skips):
            pass
        return self._found.take()

    def found(self) -> list[TerminalCommand]:
        """The lines that were completed since they were last asked for."""
        return self._found.take()

    def steps(self, now: float, event: StreamEvent, *, skips: bool = False) -> Iterator[None]:
        """Do what ``take`` does, and leave the caller a turn after each key or piece of output.

        Nothing else may be asked of this in between but ``found``.
        """
        self._places.clock(now)
        self._now, self._skips = now, skips
        match event:
            case Carried(channel=Channel.STDIN):
                for key in self._keys.read(event.data, now):
                    self._unseen.press(key.press)
                    if not self._alternate:
                        self._press(now, key)
                    elif self._aside is not None:
                        self._aside.change()
                    yield
            case Carried(channel=Channel.STDOUT):
                for piece in self._marks.read(event.data, now):
                    if isinstance(piece, Found):
                        self._mark(piece)
                    elif isinstance(piece, Flood):
                        self._flood(piece)
                    elif not self._alternate:
                        self._output(piece)
                    yield
            case Resized():
                if self._places.resize(event.columns, event.rows):
                    for entry in self._lines():
                        entry.partial = True
            case Unreadable(from_client=True):
                self._lose_keys()
            case Outcome():
                self._finish()
            case _:
                pass

    def end(self, now: float) -> list[TerminalCommand]:
        """The session has ended; return what is left."""
        self._finish()
        return self._found.take()

    def _finish(self) -> None:
        self._found.release()
        self._split()
        while self._pending:
            self._pending.give_up("unfinished")
        self._settle_pushed(self._row(), "unfinished")
        self._reset()

    def miss(self, now: float, *, keys: bool) -> list[TerminalCommand]:
        """Output is missing here, and ``keys`` says whether input is; return what is lost by it.

        Of lines that were entered, and of one that may have been, only that is known; nothing of
        what the terminal shows.
        """
        self._now = now
        self._found.release()
        while self._pending:
            self._pending.give_up("gap")
        entry = self._entry
        if keys and entry is None:
            entry = TypedLine(None, now, self._outputs)
        self._reset()
        self._places.void()
        self._marks, self._editor, self._alternate, self._ahead = MarkReader(), False, False, ""
        self._keys.brackets_pastes(False)
        self._unseen.forget()
        if entry is not None:
            entry.flag("gap")
            entry.anchor = None
        if keys and entry is not None:
            self._found.give(entry.hidden())
            # What is left of it, or the next, is typed from here on.
            entry = None
            self._earlier.miss()
        self._entry = entry
        return self._found.take()

    def _lose_keys(self) -> None:
        """Keys are not read from here on: the terminal alone says that lines were entered."""
        entry = self._entry or TypedLine(None, self._now, self._outputs)
        self._entry = self._aside = None
        self._keys.leave_paste()
        self._earlier.miss()
        self._unseen.lose_keys(entry)

    # Marks.

    def _mark(self, found: Found) -> None:
        mark = found.mark
        if mark in (Mark.ALTERNATE_ON, Mark.ALTERNATE_OFF):
            self._swap(mark is Mark.ALTERNATE_ON)
        elif mark is Mark.RESET:
            self._swap(False)
            self._keys.brackets_pastes(False)
            self._keys.follows_mouse = False
        elif mark is Mark.QUESTION:
            self._keys.asked(self._now)
        elif mark in (Mark.MOUSE_ON, Mark.MOUSE_OFF):
            self._keys.follows_mouse = mark is Mark.MOUSE_ON
        elif mark is Mark.EDITOR_OFF:
            self._editor_ends()
        elif mark is Mark.EDITOR_ON:
            self._keys.brackets_pastes(True)
            self._unseen.begin(self._now, alternate=self._alternate)
            if not self._alternate:
                self._prompt()
                self._editor = True
        elif self._alternate:
            return
        elif mark is Mark.DONE:
            self._found.done(found.exit_code)
        else:
            self._found.marks = True
            self._found.claims |= found.claims
            self._semantic(found)

    def _editor_ends(self) -> None:
        """An editor has a line, or leaves."""
        if self._keys.in_paste and self._entry is not None:
            self._entry.flag("unfinished")
        self._keys.brackets_pastes(False)
        if self._alternate:
            if self._unseen.end_alternate(self._now):
                self._editor, self._aside = False, None
            return
        reads, self._editor = self._editor, False
        before = self._found.count
        is_known = self._accept()
        if reads and not is_known and self._found.count == before:
            self._unseen.end(self._now)

    def _swap(self, alternate: bool) -> None:
        """A program shows the other screen, or the one that is shown."""
        if alternate is self._alternate:
            return
        self._alternate = alternate
        self._found.release()
        while self._pending:
            self._pending.give_up()
        if alternate:
            self._settle_pushed(self._row(), "prompt?")
        entry, self._entry = self._entry, None
        if not alternate:
            self._entry, self._aside = self._aside, None
        elif entry is not None and self._editor:
            # An editor that still has it shows it again.
            self._aside = entry
        elif entry is not None and entry.has_keys:
            # What reads on the other screen may have it, or what comes after that.
            self._earlier.drop()
        self._marked = None
        self._keys.leave_paste()

    def _flood(self, flood: Flood) -> None:
        """There are more marks than are read: only what they leave is known."""
        is_read = self._editor and not self._alternate
        self._skip(flood.rest)
        if is_read and flood.editor is not None:
            self._unseen.flood(self._now)
        if flood.alternate is not None:
            self._swap(flood.alternate)
        if flood.editor is not None:
            self._keys.brackets_pastes(flood.editor)
            if not self._alternate:
                self._editor = flood.editor

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
        self._settle_pushed(self._row(), "prompt?")
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

    def _row(self) -> int:
        """The cursor's row, as far as output was read."""
        self._places.catch_up()
        return self._places.screen.row

    def _accept(self) -> bool:
        """An editor has a line; whether it is known that nothing was entered."""
        entry = self._pending.first if self._pending else self._entry or self._earlier.stopped
        if entry is None:
            return False
        known = self._places.catch_up()
        last = self._places.end()
        if known and entry.anchor is None and self._pending.find_ahead(self._places.row(last)):
            return False
        text = self._places.text(entry, last) if known else ""
        if entry.restart(text):
            return False
        if entry is self._earlier.stopped:
            is_stopped = entry.is_stopped(text, self._earlier.shown)
            if is_stopped is not False:
                self._unseen.stop(text)
            if is_stopped:
                return True
            if is_stopped is None:
                entry.flag("prompt?")
            self._earlier.confirm()
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
        return False
