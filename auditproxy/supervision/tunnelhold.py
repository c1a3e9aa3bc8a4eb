"""TunnelHold: the two reasons for which a session's tunnel is not read for a while."""

from collections.abc import Callable


class TunnelHold:
    """Holds a tunnel while it is to be paced, or waits for the recorder; it does so on one loop."""

    def __init__(self) -> None:
        self._hold: Callable[[bool], None] | None = None
        self._is_paced = self._waits = self._is_held = False

    def begin(self, hold: Callable[[bool], None]) -> None:
        """The tunnel begins; ``hold`` stops and continues its reading."""
        self._hold = hold

    def pace(self, held: bool) -> None:
        """More was read of it than there is time for, or not any more."""
        self._is_paced = held
        self._keep()

    @property
    def is_paced(self) -> bool:
        """Whether bytes may have passed that are not read yet."""
        return self._is_paced

    def wait(self, waits: bool) -> None:
        """It waits for the recorder, or not any more."""
        self._waits = waits
        self._keep()

    def over(self) -> None:
        """There is no tunnel any more."""
        self._hold = None

    def _keep(self) -> None:
        is_held = self._is_paced or self._waits
        if self._hold is not None and is_held is not self._is_held:
            self._is_held = is_held
            self._hold(is_held)
