"""What was sent on standard input without a terminal: its size and digest, never its content."""

import hashlib

from auditproxy.sessions.castnotes import InputNote


class SentInput:
    """The input of one session, piece after piece.

    ``due`` gives a note with the first piece and each time that the size has doubled: a recording
    whose proxy is killed says what was sent at least, in some forty lines at most.
    """

    def __init__(self) -> None:
        self.size = 0
        self._digest = hashlib.sha256()
        self._has_gap = False
        self._next = 1

    @property
    def sha256(self) -> str:
        """In hexadecimal; "" without input and where a piece of it is missing.

        Of a part alone it would be the digest of nothing that was sent.
        """
        return "" if self._has_gap or not self.size else self._digest.hexdigest()

    @property
    def has_gap(self) -> bool:
        """Whether a piece may be missing."""
        return self._has_gap

    def take(self, data: bytes) -> None:
        """A piece was sent."""
        self.size += len(data)
        self._digest.update(data)

    def lost(self) -> None:
        """A piece may be missing here."""
        self._has_gap = True

    def due(self) -> InputNote | None:
        """What a recording should say now; None as a rule."""
        if self.size < self._next:
            return None
        self._next = 2 * self.size
        return InputNote(bytes=self.size, sha256=self.sha256)
