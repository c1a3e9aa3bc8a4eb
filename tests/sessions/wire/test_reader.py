"""Adding what a channel carries."""

from auditproxy.apis.session import Carried, Channel, StreamEvent
from auditproxy.sessions.wire.reader import carry


def test_nothing_is_no_event() -> None:
    """An empty message is none."""
    events: list[StreamEvent] = []
    carry(events, Channel.STDOUT, b"")
    carry(events, Channel.STDOUT, b"a")
    assert events == [Carried(Channel.STDOUT, b"a")]
