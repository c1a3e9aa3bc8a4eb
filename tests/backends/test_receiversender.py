"""A receiver as a sender: names of events, and faults in the sender's words."""

from collections.abc import Sequence

import pytest

from auditproxy.audit.encode import json_line
from auditproxy.backends.receiversender import ReceiverSender
from auditproxy.backends.sending import SendError
from auditproxy.clients.receivers.receiver import EventRecord, ReceiverError
from tests.fakes.backends import event


class KeptRecords:
    """A receiver that keeps records, or refuses them."""

    def __init__(self, error: ReceiverError | None = None) -> None:
        self.records: list[EventRecord] = []
        self.error = error
        self.is_closed = False

    async def publish(self, records: Sequence[EventRecord]) -> None:
        """Keep records."""
        if self.error is not None:
            raise self.error
        self.records += records

    def replace(self, target: object) -> None:
        """There is one target."""

    async def close(self) -> None:
        """Remember it."""
        self.is_closed = True


async def test_records() -> None:
    """Each line with the name of its event."""
    receiver = KeptRecords()
    sender = ReceiverSender("nats", receiver)
    lines = [json_line(event(each)).rstrip() for each in "ab"]
    await sender.send(lines)
    await sender.close()
    assert [each.line for each in receiver.records] == lines
    assert [each.name.audit_id for each in receiver.records] == ["a", "b"]
    assert receiver.is_closed
    assert sender.name == "nats"


async def test_faults() -> None:
    """Nothing of a fault is lost on the way."""
    error = ReceiverError("too-large", "it is too large", is_poison=True, retry_after=3.0)
    with pytest.raises(SendError, match="it is too large") as raised:
        await ReceiverSender("nats", KeptRecords(error)).send([b"{}"])
    found = raised.value
    assert (found.reason, found.is_poison, found.retry_after) == ("too-large", True, 3.0)
