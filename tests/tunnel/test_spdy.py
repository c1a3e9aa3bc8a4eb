"""SPDY frames, written by a client of the test and cut anywhere."""

import contextlib
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.tunnel.spdy import (
    DICTIONARY,
    GOAWAY,
    HEADERS,
    PING,
    RST_STREAM,
    SYN_REPLY,
    Frame,
    Pinged,
    SpdyError,
    SpdyServer,
    StreamData,
    StreamOpened,
    StreamReset,
    WentAway,
)
from tests.fakes.spdy import Client


def conversation() -> tuple[bytes, list[Frame]]:
    """Bytes of a client, and what they say."""
    client = Client()
    raw = b"".join(
        (
            client.open(1, {"Streamtype": "error"}, finished=True),
            client.open(3, {"streamtype": "stdin", "port": "80"}),
            client.control(HEADERS, struct.pack(">I", 3) + client.block({"a": "b"})),
            struct.pack(">II", 3, 5) + b"hello",
            struct.pack(">II", 3, 1 << 24),
            client.control(PING, struct.pack(">I", 7)),
            client.control(RST_STREAM, struct.pack(">II", 3, 1)),
            client.control(4, b"\0\0\0\0"),
            client.control(GOAWAY, struct.pack(">II", 0, 0)),
        )
    )
    return raw, [
        StreamOpened(1, {"streamtype": "error"}, True),
        StreamOpened(3, {"streamtype": "stdin", "port": "80"}, False),
        StreamData(3, b"hello", False),
        StreamData(3, b"", True),
        Pinged(7),
        StreamReset(3),
        WentAway(),
    ]


def test_dictionary() -> None:
    """The draft names the dictionary by its Adler-32."""
    assert zlib.adler32(DICTIONARY) == 0xE3C6A7C2


@pytest.mark.parametrize("size", [1, 2, 7, 8, 9, 1000])
def test_cut_anywhere(size: int) -> None:
    """However the bytes come, they are the same frames."""
    raw, expected = conversation()
    server = SpdyServer()
    frames: list[Frame] = []
    for start in range(0, len(raw), size):
        frames += server.feed(raw[start : start + size])
    assert frames == expected


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


@given(st.binary(max_size=60))
def test_garbage(raw: bytes) -> None:
    """Whatever comes is frames, nothing yet, or a SpdyError."""
    with contextlib.suppress(SpdyError):
        SpdyServer().feed(raw)


def test_wrong_version() -> None:
    """Another version is not read on."""
    with pytest.raises(SpdyError):
        SpdyServer().feed(struct.pack(">HHI", 0x8002, PING, 4) + b"\0\0\0\1")
