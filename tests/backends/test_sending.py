"""Senders that have faults of their own."""

from collections.abc import Sequence

import pytest

from auditproxy.backends.sending import SendError, send_safely


class Sender:
    """Keeps lines, or raises what it is given."""

    name = "webhook"

    def __init__(self, fault: Exception | None = None) -> None:
        self.fault = fault
        self.lines: list[bytes] = []

    async def send(self, events: Sequence[bytes]) -> None:
        """Keep lines, or fail."""
        if self.fault is not None:
            raise self.fault
        self.lines += events

    async def close(self) -> None:
        """Nothing is open."""


async def test_sent() -> None:
    """As they are."""
    sender = Sender()
    await send_safely(sender, [b"a", b"b"])
    assert sender.lines == [b"a", b"b"]


async def test_what_a_sender_says() -> None:
    """Its own error goes on as it is."""
    fault = SendError("rejected", is_poison=True)
    with pytest.raises(SendError) as caught:
        await send_safely(Sender(fault), [b"a"])
    assert caught.value is fault


async def test_a_fault_of_the_sender() -> None:
    """It passes, as an outage does, and is named without its text."""
    with pytest.raises(SendError) as caught:
        await send_safely(Sender(ValueError("secret")), [b"a"])
    assert (caught.value.reason, caught.value.is_poison) == ("crash", False)
    assert str(caught.value) == "sending crashed: ValueError"
