"""Whether recordings can be begun: as it was at the last session, or when their folder was read."""

from collections.abc import Callable


class RecordingState:
    """Remembers why no recording can be begun, and reports when that changes.

    ``find_fault`` says why, "" where one can be begun; it blocks on files. ``check`` and ``found``
    run on one thread, ``describe`` on any, and never blocks.
    """

    def __init__(self, find_fault: Callable[[], str], report: Callable[[str], None]) -> None:
        self._find_fault = find_fault
        self._report = report
        # The settings are checked for it before the start, and warned of.
        self._fault = find_fault()

    def check(self) -> None:
        """Read the folder again."""
        self.found(self._find_fault())

    def found(self, fault: str) -> None:
        """A recording could be begun, or not: why."""
        before, self._fault = self._fault, fault
        if fault and fault != before:
            self._report(f"sessions cannot be recorded: {fault}")
        elif before and not fault:
            self._report("sessions can be recorded again")

    def describe(self) -> tuple[str, ...]:
        """The line of /readyz?verbose; without the path, which is not for all clients."""
        if self._fault:
            return (f"session recordings: none can be begun: {self._fault}",)
        return ("session recordings: can be begun",)
