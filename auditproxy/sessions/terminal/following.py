"""What is typed and shown on a terminal, line by line, without the marks of its programs.

Keys begin and enter lines; output is what the screen makes of them. Lines that are complete are
given to FoundLines. What marks say of all this is in commands.py.
"""

from collections.abc import Callable

from auditproxy.sessions.terminal.earlier import Earlier
from auditproxy.sessions.terminal.entries import TypedLine
from auditproxy.sessions.terminal.found import FoundLines
from auditproxy.sessions.terminal.keys import Key, KeyReader, Press
from auditproxy.sessions.terminal.marks import MarkReader
from auditproxy.sessions.terminal.places import Places
from auditproxy.sessions.terminal.screen import COLUMNS, ROWS
from auditproxy.sessions.terminal.typed import Anchor
from auditproxy.sessions.terminal.unseen import UnseenLines
from auditproxy.sessions.terminal.waiting import WaitingLines


class LineFollower:
    """The state of one session's terminal, and what keys and output do to it."""

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
        self._aside: TypedLine | None = None
        """The line of an editor that was reading when the alternate screen came."""
        self._ahead = ""
        self._marked: Anchor | None = None
        self._found = FoundLines(redact)
        self._pending = WaitingLines(self._found, self._places)
        self._unseen = UnseenLines(self._places, self._found, self._pending)

    def _reset(self) -> None:
        self._entry = self._aside = None
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
            if self._entry is None and self._ahead:
                self._begin(now)
            entry, self._entry = self._entry, None
            if entry is not None and entry.pushed:
                # A program may have had it before.
                entry.hand_over()
                self._pending.add(entry)
            elif entry is not None:
                self._earlier.stop(entry)
            for pending in self._pending:
                pending.interrupted = True
            return
        if key.press is Press.END and self._entry is None:
            return
        if self._entry is None:
            self._begin(now)
        entry = self._entry
        assert entry is not None, "begun above"
        if key.press is Press.END and not self._editor:
            if entry.push(key, now, self._outputs) and self._pending and entry.plain:
                self._entry = None
                entry.hand_over()
                self._pending.add(entry)
            return
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
        self._earlier.begin(entry, ahead, marked, placed=not self._pending, is_read=not self._skips)

    # Output.

    def _output(self, output: bytes) -> None:
        self._outputs += 1
        self._unseen.output(output)
        if b"\n" in output and not self._editor:
            self._unseen.feed_line(self._now)
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
        if entry is not None and entry.pushed and entry.anchor and not self._pending:
            text = self._places.at_anchor(entry.anchor)
            if not self._editor and entry.was_taken(text):
                self._take_over(entry, text)

    def _take_over(self, entry: TypedLine, text: str) -> None:
        """A program has what was typed before ^D."""
        self._entry = None
        entry.hand_over()
        self._found.give(entry.judge(text))

    def _settle_pushed(self, row: int, *flags: str) -> bool:
        """A row is complete, or the screen is another program's; whether its line was entered.

        Where it is not known that ^D has entered it, it is reported as it stands, and continues.
        """
        entry = self._entry
        if entry is None or not entry.pushed or self._editor or self._pending:
            return False
        is_known = not self._places.lost
        text = self._places.text(entry, row) if is_known else ""
        if is_known and not flags:
            if self._places.wraps(entry, text):
                return False
            if entry.has_all(text):
                self._take_over(entry, text)
                return True
        before = list(entry.flags)
        entry.flag(*(flags or ("prompt?",)))
        self._found.give((entry.judge(text) if is_known else None) or entry.hidden())
        entry.flags = before
        entry.pushed = False
        return False

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
        typed = (entry for entry in (self._entry, self._aside) if entry is not None)
        return (*self._pending, *typed)

    def _line_feed(self) -> bool:
        """A line feed comes: whether it finishes a line."""
        finished = False
        self._split()
        row = self._places.screen.row
        if self._settle_pushed(row):
            return True
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
            for part in entry.parts(command):
                self._found.give(part)
            if command is not None and command.line is not None:
                self._pending.shown_before(command.line)
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
