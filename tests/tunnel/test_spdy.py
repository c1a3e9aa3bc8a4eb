"""The server's side of SPDY: what it writes is what a client reads."""

import struct
import zlib

import pytest

from auditproxy.sessions.wire.headerblocks import DICTIONARY
from auditproxy.sessions.wire.spdy import SYN_REPLY, Pinged, StreamData, StreamOpened
from auditproxy.tunnel.spdy import SpdyError, SpdyServer
from tests.fakes.spdy import Client


def test_reading() -> None:
    """The frames of a client."""
    client, server = Client(), SpdyServer()
    raw = client.open(1, {"streamtype": "stdin"}) + struct.pack(">II", 1, 5) + b"hello"
    assert server.feed(raw) == [
        StreamOpened(1, {"streamtype": "stdin"}, False),
        StreamData(1, b"hello", False),
    ]
    assert server.feed(client.control(6, struct.pack(">I", 7))) == [Pinged(7)]


def test_writing() -> None:
    """What the server writes is what a client reads."""
    server = SpdyServer()
    reply = server.write_reply(5)
    assert struct.unpack(">HH", reply[:4]) == (0x8003, SYN_REPLY)
    assert struct.unpack(">I", reply[8:12])[0] == 5
    unpacker = zlib.decompressobj(zdict=DICTIONARY)
    assert unpacker.decompress(reply[12:]) == b"\0\0\0\0"
    assert unpacker.decompress(server.write_reply(7)[12:]) == b"\0\0\0\0"
    assert server.write_data(5, b"ab") == struct.pack(">II", 5, 2) + b"ab"
    assert server.write_data(5, b"", finished=True) == struct.pack(">II", 5, 1 << 24)
    assert server.write_ping(9)[-4:] == struct.pack(">I", 9)


def test_garbage() -> None:
    """What is not SPDY cannot be read on."""
    with pytest.raises(SpdyError):
        SpdyServer().feed(b"\xff" * 8)
