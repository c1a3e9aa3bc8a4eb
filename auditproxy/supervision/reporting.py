"""Reporting: the lines of one session on their way to the session log, within its budget."""

from collections.abc import Callable

from auditproxy.apis.session import FoldedLines, Session, SessionEvent, SessionEventType
from auditproxy.sessions.linebudget import FOLDED_FLAGS, Folding, LineBudget
from auditproxy.sessions.lines import SessionLines


class Reporting:
    """Reports what happens in one session; used by one thread at a time."""

    def __init__(self, session: Session, emit: Callable[[SessionEvent], None]) -> None:
        self._lines = SessionLines(session)
        self._emit = emit
        self._budget = LineBudget()
        self._foldings: dict[SessionEventType, Folding] = {}

    def line(self, kind: SessionEventType, moment: int, **members: object) -> None:
        """Report what happens once, or a few times, in a session."""
        self._emit(self._lines.line(kind, moment, **members))

    def offer(
        self, kind: SessionEventType, moment: int, text: str | None, **members: object
    ) -> bool | FoldedLines:
        """Report what may happen without end; ``text`` is what it says.

        Returns True where it was reported, False where it was only counted, and what was
        reported where that stands for many.
        """
        size = self._lines.size + len(text or "")
        if self._budget.takes(moment, size, has_text=bool(text)):
            self.line(kind, moment, **members)
            return True
        folding = self._foldings.get(kind)
        if folding is None:
            folding = self._foldings[kind] = Folding()
        folding.add(text or "")
        folded = folding.due(moment)
        if folded is None:
            return False
        self._say(kind, moment, folded)
        return folded

    def end(self, moment: int) -> dict[SessionEventType, FoldedLines]:
        """Say what was counted and not said; return it."""
        found = {kind: rest for kind, one in self._foldings.items() if (rest := one.rest())}
        for kind, folded in found.items():
            self._say(kind, moment, folded)
        return found

    def _say(self, kind: SessionEventType, moment: int, folded: FoldedLines) -> None:
        self.line(kind, moment, flags=FOLDED_FLAGS, folded=folded)
