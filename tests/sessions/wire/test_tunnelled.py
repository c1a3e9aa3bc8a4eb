"""SPDY within WebSocket messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.session import PortCarried, PortOpened, StreamEvent, Unreadable
from auditproxy.sessions.wire.forwarded import ForwardReader
from auditproxy.sessions.wire.frames import BINARY, CLOSE, CONTINUATION, PING, TEXT, frame
from auditproxy.sessions.wire.tunnelled import TunnelReader
from tests.fakes.spdy import Client
from tests.fakes.websocket import masked


def sent() -> bytes:
    """What a client sends through one connection, as SPDY."""
    client = Client()
    return (
        client.open(1, {"streamtype": "error", "port": "80", "requestid": "0"})
        + client.open(3, {"streamtype": "data", "port": "80", "requestid": "0"})
        + client.data(3, b"x" * 300)
    )


@given(st.lists(st.integers(0, 500), max_size=6), st.integers(1, 400))
def test_messages_are_not_aligned(cuts: list[int], size: int) -> None:
    """SPDY frames and messages have nothing to do with each other; fragments join."""
    raw, start, messages = sent(), 0, b""
    for cut in (*sorted(cuts), len(raw)):
        piece = raw[start:cut]
        messages += masked(BINARY, piece[:2], final=False) + masked(PING, b"p")
        messages += masked(CONTINUATION, piece[2:]) + masked(BINARY, b"")
        start = max(start, min(cut, len(raw)))
    reader = TunnelReader(ForwardReader())
    for start in range(0, len(messages), size):
        assert reader.from_client(messages[start : start + size]) == []
    server = Client()
    assert reader.from_server(frame(BINARY, server.reply(1)) + frame(BINARY, server.reply(3))) == [
        PortOpened(0, 80),
        PortCarried(0, True, 300),
    ]


def test_the_close() -> None:
    """Nothing is read behind a close frame."""
    reader = TunnelReader(ForwardReader())
    assert reader.from_client(masked(CLOSE, b"\x03\xe8") + masked(BINARY, b"\xff" * 8)) == []
    assert reader.from_client(masked(BINARY, b"\xff" * 8)) == []
    assert reader.from_server(frame(CLOSE, b"\x03\xe8") + frame(BINARY, b"\xff" * 8)) == []
    assert reader.from_server(frame(BINARY, b"\xff" * 8)) == []
    assert reader.end() == []


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (frame(BINARY, b"a"), "a frame is not masked"),
        (masked(TEXT, b"a"), "a message is not binary"),
        (masked(3, b"a"), "a message is not binary"),
        (bytes((0xC2,)) + masked(BINARY, b"a")[1:], "a frame has reserved bits"),
        (masked(BINARY, b"\xff" * 8), "a control frame of unknown type"),
    ],
)
def test_lost_of_the_client(raw: bytes, reason: str) -> None:
    """What gorilla does not read ends the direction."""
    reader = TunnelReader(ForwardReader())
    assert reader.from_client(raw + masked(BINARY, b"a")) == [Unreadable(True, reason)]
    assert reader.from_client(masked(BINARY, sent())) == []


def test_lost_of_the_server() -> None:
    """The server's frames have no mask."""
    reader = TunnelReader(ForwardReader())
    expected: list[StreamEvent] = [Unreadable(False, "a frame of the server is masked")]
    assert reader.from_server(masked(BINARY, b"a")) == expected
    assert reader.from_server(frame(BINARY, b"\xff" * 8)) == []


def test_what_waits_of_a_client_that_is_lost() -> None:
    """After Unreadable nothing of its direction is reported, not even what came before."""
    reader, server = TunnelReader(ForwardReader()), Client()
    reader.from_client(masked(BINARY, sent()))
    assert reader.from_client(masked(TEXT, b"a")) == [Unreadable(True, "a message is not binary")]
    assert reader.from_server(frame(BINARY, server.reply(1) + server.reply(3))) == [
        PortOpened(0, 80)
    ]
