"""What came before the first key of a line, and may still be in the line.

Bytes that terminals send by themselves are not keys, but a program may take them for keys; and an
interrupt ends a line only if the program minds it. The screen shows which it was, when the next
key comes: whether the cursor is still in the same line, behind more than it had.
"""

from auditproxy.sessions.terminal.entries import TypedLine
from auditproxy.sessions.terminal.places import Places
from auditproxy.sessions.terminal.texts import could_show, squeezed
from auditproxy.sessions.terminal.typed import TYPED_LIMIT, Anchor


class Earlier:
    """What one session sent since the last line, other than keys of the next."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._stopped: TypedLine | None = None
        self._stop: Anchor | None = None
        """Where the cursor was at the interrupt."""
        self.shown: str | None = None
        """What the screen had of the line then; None: it is not known."""
        self._any = False
        self._anchor: Anchor | None = None
        self._sent = bytearray()
        self._gap = False
        """Keys were not read."""

    def clear(self) -> None:
        """Nothing of it matters any more."""
        self._stopped, self._stop, self._any, self._anchor = None, None, False, None
        self._gap = False
        self._sent.clear()

    def lose(self) -> None:
        """Places from before are void."""
        self._anchor = self._stop = None
        if self._stopped is not None:
            self._stopped.anchor = None

    def report(self, sent: bytes, *, placed: bool) -> None:
        """Terminals send this by themselves. ``placed``: it would be shown at the cursor."""
        if not self._any:
            self._any = True
            self._anchor = self._places.here() if placed and self._places.catch_up() else None
        self._sent += sent[: TYPED_LIMIT - len(self._sent)]

    def drop(self) -> None:
        """Keys came before a prompt; what they are in its line is not known."""
        self._any, self._anchor = True, None

    def miss(self) -> None:
        """Keys were not read: what is typed next may be the rest of a line."""
        self.drop()
        self._gap = True

    def stop(self, entry: TypedLine) -> None:
        """An interrupt was typed into a line."""
        self._stopped = entry
        known = self._places.catch_up()
        self._stop = self._places.cursor() if known else None
        self.shown = self._places.at_anchor(entry.anchor) if known and entry.anchor else None

    @property
    def stopped(self) -> TypedLine | None:
        """The line into which an interrupt was typed, while nothing says that it was one."""
        return self._stopped

    def confirm(self) -> None:
        """The program begins a new line: the interrupt was one."""
        self._stopped = None

    def resume(self, *, pending: bool) -> TypedLine | None:
        """The interrupted line, if the next key is one of it."""
        entry, self._stopped = self._stopped, None
        if entry is None:
            return None
        anchor = entry.anchor
        if pending or anchor is None or self._places.lost or not self._places.catch_up():
            self.drop()
        elif self._places.is_same_line(anchor):
            entry.resume()
            if self._any:
                entry.sent(bytes(self._sent))
                self.clear()
            return entry
        elif not self._has_ended(entry):
            self.drop()
        return None

    def _has_ended(self, entry: TypedLine) -> bool:
        """Whether the screen shows that the interrupt was one, and not the line itself."""
        is_known = entry.known and "^" not in entry.typed
        return is_known and self._stop is not None and self._places.has_stop(self._stop)

    def begin(
        self, entry: TypedLine, ahead: str, marked: Anchor | None, *, placed: bool, is_read: bool
    ) -> None:
        """A line begins: behind a mark, what was typed ahead of its prompt, or at the cursor.

        ``placed``: it would be shown at the cursor; ``is_read``: a screen may read output now.
        """
        if self._places.lost:
            marked = None
        if placed and is_read and self._places.catch_up():
            if marked is not None:
                entry.flag("client-claimed")
            entry.anchor = marked or self._places.here(ahead)
            entry.ahead = ahead
            if ahead and squeezed(self._places.at_anchor(entry.anchor)) == squeezed(ahead):
                entry.was_ahead(ahead)
            elif ahead:
                entry.uncertain = True
        elif placed:
            entry.flag("gap")
        self.settle(entry, marked=marked is not None)

    def settle(self, entry: TypedLine, *, marked: bool) -> None:
        """A line begins: what of this is in it. ``marked``: its place is from a mark."""
        found, anchor, sent = self._any, self._anchor, bytes(self._sent)
        if self._gap:
            entry.flag("gap")
        self.clear()
        if not found:
            return
        entry.sent(sent)
        if entry.anchor is None:
            entry.uncertain = True
        elif marked:
            if self._places.at_anchor(entry.anchor).strip():
                _shown_before(entry, entry.anchor)
        else:
            shown = None if anchor is None else self._places.between(anchor)
            if anchor is None or shown is None:
                self._settle_by_prompt(entry)
            elif shown.strip():
                if could_show(sent, shown):
                    _shown_before(entry, anchor)
                elif anchor.prompt.strip():
                    entry.flag("prompt?")
                    _shown_before(entry, anchor)
                else:
                    self._settle_by_prompt(entry)

    def place(self, entry: TypedLine) -> None:
        """A line is entered: one whose keys came before its place is behind the prompt."""
        if entry.anchor is None and not entry.plain and not self._places.lost:
            start = self._places.after_prompt() if self._places.catch_up() else None
            if start is not None and self._places.at_anchor(start).strip():
                _shown_before(entry, start)

    def _settle_by_prompt(self, entry: TypedLine) -> None:
        """Without a place: what is behind the last prompt, if it is shown again, or comes still."""
        start = self._places.after_prompt()
        if start is not None and (self._places.between(start) or "").strip():
            _shown_before(entry, start)
        else:
            entry.uncertain = True


def _shown_before(entry: TypedLine, anchor: Anchor) -> None:
    entry.anchor = anchor
    entry.edit()
    entry.completes = False
    entry.echoed = True
