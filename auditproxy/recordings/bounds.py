"""The bound of one recording: what notes of commands may take of it, and its words."""

from auditproxy.apis.units import MEBIBYTE
from auditproxy.sessions.castnotes import CommandNote
from auditproxy.sessions.linebudget import FOLDED_FLAGS

NOTES_LIMIT = 8
"""The part of the bound that notes of commands may take: what a client makes up cuts nothing."""


class NotesShare:
    """Counts notes of commands; ``maximum`` is the bound of the recording, 0 for none."""

    def __init__(self, maximum: int) -> None:
        self._left = maximum // NOTES_LIMIT if maximum else None
        self._left_out = 0

    def admits(self, note: CommandNote) -> bool:
        """Whether there is room; a note without is counted."""
        if self._left is None or self._left > 0:
            return True
        self._left_out += note.folded or 1
        return False

    def took(self, size: int) -> None:
        """A note has taken so many bytes."""
        if self._left is not None:
            self._left -= size

    def rest(self) -> list[CommandNote]:
        """What stands for the notes that had no room, at the end."""
        count, self._left_out = self._left_out, 0
        return [CommandNote(flags=FOLDED_FLAGS, folded=count)] if count else []


TOO_LARGE = "its recording reached the largest size that one may have"
"""Why a recording is cut; in_words of the size follows."""


def in_words(size: int) -> str:
    """A bound for operators."""
    return f"{size // MEBIBYTE} MiB" if size % MEBIBYTE == 0 else f"{size} bytes"
