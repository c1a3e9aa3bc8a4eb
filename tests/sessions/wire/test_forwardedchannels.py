"""port-forward over WebSocket channels."""

import base64
import struct

from auditproxy.apis.session import PortCarried, PortClosed, PortOpened, Unreadable
from auditproxy.sessions.wire.base64messages import MAXIMUM_ENCODED
from auditproxy.sessions.wire.forwardedchannels import ForwardedChannelReader
from auditproxy.sessions.wire.frames import BINARY, CLOSE, TEXT, frame
from tests.fakes.websocket import masked


def head(index: int, port: int) -> bytes:
    """The two messages with which the server begins a port."""
    data = struct.pack("<H", port)
    return b"".join(frame(BINARY, bytes((2 * index + one,)) + data) for one in (0, 1))


def test_ports() -> None:
    """A port is what the server says; its first two bytes are not content."""
    reader = ForwardedChannelReader(base64=False)
    assert reader.from_server(head(0, 23460) + head(1, 80)) == [
        PortOpened(0, 23460),
        PortOpened(1, 80),
    ]
    assert reader.from_client(masked(BINARY, b"\2abc") + masked(BINARY, b"\1abc")) == [
        PortCarried(1, True, 3)
    ]
    assert reader.from_server(frame(BINARY, b"\0answer") + frame(BINARY, b"\0")) == [
        PortCarried(0, False, 6)
    ]
    assert reader.from_server(frame(BINARY, b"\3refused")) == [PortClosed(1, "refused")]
    assert reader.from_client(masked(BINARY, b"\2abc")) == []
    assert reader.from_server(frame(CLOSE, b"\x03\xe8")) == []
    assert reader.end() == [PortClosed(0)]


def test_cut() -> None:
    """The port in two messages, and with content behind it; data and an error before it."""
    reader = ForwardedChannelReader(base64=False)
    assert reader.from_client(masked(BINARY, b"\0early")) == []
    assert reader.from_server(frame(BINARY, b"\0\x50")) == []
    assert reader.from_server(frame(BINARY, b"\1\x50\0failed")) == []
    assert reader.from_server(frame(BINARY, b"\0\0ab")) == [
        PortOpened(0, 80),
        PortCarried(0, True, 5),
        PortClosed(0, "failed"),
    ]
    assert reader.end() == []


def test_base64() -> None:
    """Sizes are those of the content."""
    reader = ForwardedChannelReader(base64=True)
    port = base64.b64encode(struct.pack("<H", 80))
    assert reader.from_server(frame(TEXT, b"0" + port) + frame(TEXT, b"1" + port)) == [
        PortOpened(0, 80)
    ]
    assert reader.from_client(masked(TEXT, b"0YWJj")) == [PortCarried(0, True, 3)]
    assert reader.from_server(frame(TEXT, b"0YQ==")) == [PortCarried(0, False, 1)]
    (event,) = reader.from_client(masked(TEXT, b"0" + b"A" * (MAXIMUM_ENCODED + 1)))
    assert isinstance(event, Unreadable)


def test_lost() -> None:
    """What the receivers do not take ends its direction."""
    reader = ForwardedChannelReader(base64=False)
    reader.from_server(head(0, 80))
    (client,) = reader.from_client(frame(BINARY, b"\0a"))
    (server,) = reader.from_server(masked(BINARY, b"\0a"))
    assert isinstance(client, Unreadable)
    assert isinstance(server, Unreadable)
    assert reader.from_client(masked(BINARY, b"\0a")) == []
    assert reader.from_server(frame(BINARY, b"\0a")) == []
    assert reader.end() == [PortClosed(0)]


def test_what_waits_of_a_client_that_is_lost() -> None:
    """After Unreadable nothing of its direction is reported, not even what came before."""
    reader = ForwardedChannelReader(base64=False)
    reader.from_client(masked(BINARY, b"\0early") + frame(BINARY, b"\0a"))
    assert reader.from_server(head(0, 80)) == [PortOpened(0, 80)]
