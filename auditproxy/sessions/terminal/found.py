"""The lines that were found: redacted, and held while a program may still claim what they were."""

from collections.abc import Callable

from msgspec.structs import replace

from auditproxy.sessions.terminal.reported import TerminalCommand, claimed, exited, flagged


class FoundLines:
    """Lines of one session on their way out."""

    def __init__(self, redact: Callable[[str], str] | None = None) -> None:
        self.marks = False
        """The program marks its lines: an exit code may follow."""
        self.claims = False
        """Its marks are followed by what each line was."""
        self._redact = redact
        self._held: TerminalCommand | None = None
        self._last: TerminalCommand | None = None
        self._found: list[TerminalCommand] = []
        self.has_gap = False
        """Keys are missing: every line has the flag ``gap``."""
        self.count = 0
        """Lines that were given."""

    def give(self, command: TerminalCommand | None) -> None:
        """A line is complete; it goes out at once, or when nothing can be claimed of it."""
        if command is None:
            return
        self.release()
        self.count += 1
        self._held = flagged(command, "gap") if self.has_gap else command
        if not self.claims:
            self.release()

    def release(self) -> None:
        """Nothing more is claimed of the last line."""
        command, self._held = self._held, None
        if command is None:
            return
        if command.line is not None and self._redact is not None:
            command = replace(command, line=self._redact(command.line))
        self._found.append(command)
        self._last = command if self.marks else None

    def claim(self, text: str) -> None:
        """A program says what the last line was."""
        if self._held is not None:
            self._held = claimed(self._held, text)

    def done(self, exit_code: int | None) -> None:
        """A program says how the last line ended: once, and only of a line that was found."""
        self.release()
        last, self._last = self._last, None
        if last is not None and exit_code is not None:
            self._found.append(exited(last, exit_code))

    def take(self) -> list[TerminalCommand]:
        """What has gone out since the last time."""
        found, self._found = self._found, []
        return found
