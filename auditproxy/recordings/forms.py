"""Lines of a recording as they go to its file: plain, or in some encrypted form."""

from typing import Protocol

from auditproxy.recordings.names import PLAIN


class RecordingForm(Protocol):
    """The form of one file; ``suffix`` is that of its name."""

    suffix: str

    def piece(self, lines: bytes, seconds: str) -> bytes:
        """The next piece of the file; ``seconds`` is the time of its last line."""

    def ending(self) -> bytes:
        """What a finished file ends with."""

    def resumed(self, count: int) -> "RecordingForm":
        """The form for what follows ``count`` pieces of a file that was left over."""


class PlainForm:
    """Lines as they are."""

    suffix = PLAIN

    def piece(self, lines: bytes, seconds: str) -> bytes:
        """The lines."""
        return lines

    def ending(self) -> bytes:
        """Nothing."""
        return b""

    def resumed(self, count: int) -> "PlainForm":
        """The same."""
        return self
