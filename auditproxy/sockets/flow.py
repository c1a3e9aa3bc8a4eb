"""Flow: back-pressure from one wire to the other."""

from typing import Protocol


class Flow(Protocol):
    """Pauses and resumes reading one answer; has no effect after the answer has ended."""

    def pause(self) -> None:
        """Stop reading from the upstream."""

    def resume(self) -> None:
        """Resume reading."""

    def linger(self) -> None:
        """Give back what only a busy connection needs: the rest may be long in coming."""
