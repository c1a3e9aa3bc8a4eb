"""Lines that were entered and wait for what the terminal shows of them."""

from collections import deque
from collections.abc import Callable, Iterator

from auditproxy.sessions.terminal.entries import TypedLine
from auditproxy.sessions.terminal.found import FoundLines
from auditproxy.sessions.terminal.places import Places
from auditproxy.sessions.terminal.texts import squeezed

PATIENCE = 2.0
"""Seconds after which a line that was typed ahead and is not shown gives way to the next key."""
MOST_PENDING, PENDING_LIMIT = 16, 16 * 1024
"""Lines that wait for what the terminal shows of them, and bytes that were typed in them."""


class WaitingLines:
    """In the order in which they were entered. What leaves without a text is given as hidden."""

    def __init__(self, found: FoundLines, places: Places) -> None:
        self._found = found
        self._places = places
        self._lines: deque[TypedLine] = deque()
        self._ahead: deque[tuple[int, int]] = deque(maxlen=MOST_PENDING)
        """The sizes and hashes of lines that were shown before their prompt."""

    def __bool__(self) -> bool:
        return bool(self._lines)

    def __iter__(self) -> Iterator[TypedLine]:
        return iter(self._lines)

    @property
    def first(self) -> TypedLine:
        """The one that was entered first."""
        return self._lines[0]

    def add(self, entry: TypedLine) -> None:
        """A line was entered; the first ones give way if there are too many."""
        self._lines.append(entry)
        while len(self._lines) > MOST_PENDING or sum(e.size for e in self._lines) > PENDING_LIMIT:
            oldest = self._lines.popleft()
            oldest.flag("gap")
            self._found.give(oldest.hidden())

    def pop(self) -> TypedLine:
        """Take the first."""
        return self._lines.popleft()

    def give_up(self, *flags: str) -> None:
        """The terminal does not show the first."""
        entry = self._lines.popleft()
        entry.flag(*flags)
        if entry.has_keys:
            self._found.give(entry.hidden())

    def settle(self, now: float, outputs: int, *, editor: bool) -> None:
        """The next key has come: lines that were not finished are not shown any more."""
        while self._lines and self._is_settled(now, outputs, self._lines[0], editor):
            self.give_up()

    def _is_settled(self, now: float, outputs: int, entry: TypedLine, editor: bool) -> bool:
        if outputs == entry.outputs:
            return False
        if entry.interrupted:
            return True
        if entry.anchor is None or self._places.lost:
            waits = entry.editor and not editor
            return not waits and (now - entry.entered >= PATIENCE or self._places.lost)
        return not (entry.editor or entry.echoed or (entry.plain and self._places.is_echo(entry)))

    def continued(self, outputs: int, *, editor: bool) -> TypedLine | None:
        """The next key has come: the first, if an editor took Enter as one of its line.

        It is reported, and continues.
        """
        entry = self._lines[0] if self._lines else None
        if entry is None or entry.anchor is None or entry.last_row is None or self._places.lost:
            return None
        if not (entry.editor and editor and outputs != entry.outputs):
            return None
        before = list(entry.flags)
        text = self._places.text(entry, entry.last_row)
        if hash(text) != entry.continued:
            entry.continued = hash(text)
            entry.flag("continued")
            self._found.give(entry.judge(text))
        entry.flags = before
        entry.reopen()
        return self._lines.popleft()

    def clear(self) -> None:
        """None of them matters any more."""
        self._lines.clear()

    def find_ahead(self, text: str) -> bool:
        """Finish the first line that was typed ahead and is what a row ends with."""
        for index, entry in enumerate(self._lines):
            if entry.anchor is None and entry.ends(text):
                for _ in range(index):
                    self._found.give(self._lines.popleft().hidden())
                self._lines.popleft()
                self._found.give(entry.command(entry.typed))
                self.shown_before(entry.typed)
                return True
        return False

    def shown_before(self, text: str) -> None:
        """A line was found while no editor was reading: the next one may show it again."""
        shown = squeezed(text)
        self._ahead.append((len(shown), hash(shown)))

    def was_ahead(self, text: str, is_prompt: Callable[[str], bool | None] | None = None) -> bool:
        """Whether a line is shown again that was found before its prompt; each is once.

        ``is_prompt`` says whether a text in front of it is one.
        """
        for known in self._ahead:
            left, cut = known[0], len(text)
            while left and cut:
                cut -= 1
                left -= not text[cut].isspace()
            before, shown = text[:cut], squeezed(text[cut:])
            if known == (len(shown), hash(shown)) and (
                not before.strip() or (is_prompt is not None and is_prompt(before))
            ):
                self._ahead.remove(known)
                return True
        return False

    def split(self, text: str) -> None:
        """An editor took another key than Enter for it, if the first line's row ends before it."""
        entry = self._lines[0]
        rest = [line for line in entry.lines[1:] if line.strip()]
        if not entry.accepts or not rest or text.endswith(rest[-1].decode("utf-8", "replace")):
            return
        entry.keep_first_line()
        if len(rest) > MOST_PENDING:
            entry.flag("gap")
        for place, line in enumerate(rest[:MOST_PENDING], 1):
            self._lines.insert(place, entry.behind(line))
