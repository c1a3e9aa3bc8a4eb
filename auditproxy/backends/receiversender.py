"""ReceiverSender: a receiver as the sender that backends and spools speak to."""

from collections.abc import Sequence
from typing import Any

from auditproxy.audit.eventid import event_id
from auditproxy.backends.sending import SendError
from auditproxy.clients.receivers.receiver import EventRecord, Receiver, ReceiverError


class ReceiverSender:
    """Gives each event its name, and passes it on; a ``Sender``."""

    def __init__(self, name: str, receiver: Receiver[Any]) -> None:
        self.name = name
        self._receiver = receiver

    async def send(self, events: Sequence[bytes]) -> None:
        """Send events; see ``Sender``."""
        try:
            await self._receiver.publish([EventRecord(event_id(line), line) for line in events])
        except ReceiverError as error:
            raise SendError(
                error.reason,
                is_poison=error.is_poison,
                retry_after=error.retry_after,
                text=str(error),
            ) from None

    async def close(self) -> None:
        """Close the receiver's connections."""
        await self._receiver.close()
