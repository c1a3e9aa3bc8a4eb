"""Flow: back-pressure from one wire to the other, applied by its readers and writers."""

from typing import Protocol


class Flow(Protocol):
    """Stops and starts reading one answer; without effect once the answer has ended."""

    def pause(self) -> None:
        """Read no more from the upstream."""

    def resume(self) -> None:
        """Continue reading."""
