"""What a session has carried each way."""

from auditproxy.apis.session import (
    Carried,
    Channel,
    PortCarried,
    PortClosed,
    PortOpened,
    Resized,
    StreamEvent,
)
from auditproxy.sessions.streambytes import StreamBytes


def test_each_way() -> None:
    """Streams and forwarded connections count, and nothing else."""
    events: tuple[StreamEvent, ...] = (
        Resized(80, 24),
        Carried(Channel.STDIN, b"ls"),
        Carried(Channel.STDOUT, b"out"),
        Carried(Channel.STDERR, b"error"),
        PortOpened(0, 80),
        PortCarried(0, True, 10),
        PortCarried(0, False, 100),
        PortClosed(0),
    )
    counted = StreamBytes()
    for event in events:
        counted.take(event)
    assert (counted.sent, counted.received) == (12, 108)
