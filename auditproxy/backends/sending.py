"""Sender: what a remote receiver of events has to be for a spool in front of it.

A spool gives a sender events in their order and keeps them until it returns. What fails in passing
is sent again, without end; what the receiver will never take is looked for and set aside.
"""

from collections.abc import Sequence
from typing import Protocol


class SendError(Exception):
    """The receiver did not acknowledge the events; it may have some or all of them.

    ``reason`` is a word for metrics, lower case with hyphens, out of a small fixed set; ``text`` is
    for operators and holds no secret and nothing of an event.

    ``is_poison`` is whether the receiver refuses what was sent, so that the same again is refused
    again: too large, or not understood. Of several events some may still be taken alone. Anything
    else passes: no answer, a limit, a fault of the receiver, credentials that it does not accept.

    ``retry_after`` is how many seconds the receiver asks to wait, None where it does not say.
    """

    def __init__(
        self,
        reason: str,
        *,
        is_poison: bool = False,
        retry_after: float | None = None,
        text: str = "",
    ) -> None:
        super().__init__(text or reason)
        self.reason = reason
        self.is_poison = is_poison
        self.retry_after = retry_after


class Sender(Protocol):
    """Sends events to one receiver; it is used by one task of one event loop at a time."""

    name: str
    """The sink's name in metrics, flags and texts: ``webhook``, ``nats``."""

    async def send(self, events: Sequence[bytes]) -> None:
        """Send events in their order, each one a line of JSON without its line end.

        Returns when the receiver has acknowledged all of them. Raises SendError, and within a time
        of its own: a receiver that hangs is one that did not answer. The same events may be sent
        again, after a failure or a crash. When cancelled, it ends at once.
        """
        ...

    async def close(self) -> None:
        """Close what is open; nothing is sent after that."""
        ...


async def send_safely(sender: Sender, events: Sequence[bytes]) -> None:
    """Send events; a fault of the sender itself is a SendError as well, which passes."""
    try:
        await sender.send(events)
    except SendError:
        raise
    except Exception as crash:
        # Its text could show an event.
        raise SendError("crash", text=f"sending crashed: {type(crash).__name__}") from None
