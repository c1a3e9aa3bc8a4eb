"""When a session is ended by rule, or because the proxy stops, and what its terminal reads before.

after       its maximum duration            notice, then the end
when_idle   its idle timeout                notice, then the end, unless something passes
stopping    the proxy waits for it          notices alone: who waits for all sessions ends them
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

NOTICE = 60.0
"""Seconds before the end at which the client is warned; half of the time if that is less."""

AGAIN = 1.0
"""Seconds after which a notice of a stop is tried again that came in the middle of a frame."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Ways to end a tunnel, or to say something in it; of the server's exchange."""

    end: Callable[[str], None]
    """End it, with a reason for the client and the event."""
    write: Callable[[bytes], None]
    """Send bytes to the client, between two of the upstream's frames."""


class SessionEnds:
    """The timers of one session; ``say`` returns whether its terminal shows the text.

    ``say`` returns False where a text cannot be shown now, or at all.
    """

    def __init__(self, say: Callable[[str], bool], end: Callable[[str], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._say = say
        self._end = end
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._is_stopping = False

    def cancel(self) -> None:
        """The session is over."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def after(self, seconds: float, reason: str) -> None:
        """End in so many seconds, and say so before."""
        warned = min(NOTICE, seconds / 2)

        def warn() -> None:
            self._say(f"auditproxy: this session ends in {warned:.0f} s, when {reason}")
            self._timers["longest"] = self._loop.call_later(warned, self._end, reason)

        self._timers["longest"] = self._loop.call_later(seconds - warned, warn)

    def when_idle(
        self, seconds: float, active: Callable[[], float], *, warned: bool = False
    ) -> None:
        """End when no byte has passed for so long, and say so before.

        ``active`` is when the last one did, by the loop's clock.
        """
        idle = self._loop.time() - active()
        notice = min(NOTICE, seconds / 2)
        if idle >= seconds:
            self._end(f"nothing was sent for {seconds:.0f} s")
            return
        if idle < seconds - notice:
            wait, warns = seconds - notice - idle, False
        else:
            wait, warns = seconds - idle, True
            if not warned:
                self._say(f"auditproxy: this session ends in {wait:.0f} s unless something is sent")
        self._timers["idle"] = self._loop.call_later(
            wait, lambda: self.when_idle(seconds, active, warned=warns)
        )

    def stopping(self, seconds: float) -> None:
        """Say that the proxy restarts and waits so long: now, and once more before the end."""
        if not self._is_stopping:
            self._is_stopping = True
            self._tell_stop(self._loop.time() + seconds)

    def _tell_stop(self, until: float) -> None:
        left = until - self._loop.time()
        seconds = f"{max(left, 0):.0f} s"
        is_said = self._say(
            f"auditproxy: this session ends in {seconds} at the latest, as the proxy restarts"
        )
        # Where there is no terminal this comes to nothing, once a second until the end.
        wait = left - NOTICE if is_said else AGAIN
        if wait > 0 and left > AGAIN:
            self._timers["stop"] = self._loop.call_later(wait, self._tell_stop, until)
