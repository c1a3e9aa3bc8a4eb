"""SPDY/3.1 as kubectl speaks it to exec, attach and port-forward: the server's side, without I/O.

Bytes go into ``feed`` and frames come out; the ``write_*`` methods give bytes to
send. Flow control is not part of it: Kubernetes' own library has none either
(draft-mbelshe-httpbis-spdy-00, github.com/moby/spdystream).
"""

import struct
import zlib
from dataclasses import dataclass

VERSION = 3
SYN_STREAM, SYN_REPLY, RST_STREAM, SETTINGS, PING, GOAWAY, HEADERS, WINDOW_UPDATE = (
    1, 2, 3, 4, 6, 7, 8, 9,
)  # fmt: skip
FIN = 1
MAXIMUM_FRAME = 1 << 24

_LISTED = """
options head post put delete trace accept accept-charset accept-encoding accept-language
accept-ranges age allow authorization cache-control connection content-base content-encoding
content-language content-length content-location content-md5 content-range content-type date etag
expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since
last-modified location max-forwards pragma proxy-authenticate proxy-authorization range referer
retry-after server te trailer transfer-encoding upgrade user-agent vary via warning
www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie keep-alive origin
"""
_TAIL = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request"
    "401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented"
    "503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 "
    "Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,"
    "application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age="
    "gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
_WORDS = [word.replace("_", " ").encode() for word in _LISTED.split()]
DICTIONARY = b"".join(struct.pack(">I", len(word)) + word for word in _WORDS) + _TAIL.encode()
"""What header blocks are compressed against; the draft gives its Adler-32 as e3c6a7c2."""


class SpdyError(ValueError):
    """The bytes are not valid SPDY, so reading stops."""


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """The client opened a stream; header names are in lower case."""

    stream: int
    headers: dict[str, str]
    finished: bool


@dataclass(frozen=True, slots=True)
class StreamData:
    """Bytes on a stream; ``finished`` says that the client sends no more there."""

    stream: int
    data: bytes
    finished: bool


@dataclass(frozen=True, slots=True)
class StreamReset:
    """The client gave a stream up."""

    stream: int


@dataclass(frozen=True, slots=True)
class Pinged:
    """The client wants this number back."""

    number: int


@dataclass(frozen=True, slots=True)
class WentAway:
    """The client opens no more streams."""


Frame = StreamOpened | StreamData | StreamReset | Pinged | WentAway


class SpdyServer:
    """One connection; header blocks share a compression state in each direction."""

    def __init__(self) -> None:
        self._buffer = b""
        self._unpacker = zlib.decompressobj(zdict=DICTIONARY)
        self._packer = zlib.compressobj(zdict=DICTIONARY)

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete now; raises SpdyError."""
        self._buffer += data
        frames: list[Frame] = []
        while len(self._buffer) >= 8:
            first, second = struct.unpack(">II", self._buffer[:8])
            length = second & 0xFFFFFF
            if len(self._buffer) < 8 + length:
                break
            payload = self._buffer[8 : 8 + length]
            self._buffer = self._buffer[8 + length :]
            flags = second >> 24
            if not first >> 31:
                frames.append(StreamData(first, payload, bool(flags & FIN)))
                continue
            if first >> 16 & 0x7FFF != VERSION:
                raise SpdyError("not SPDY/3.1")
            try:
                frame = self._control(first & 0xFFFF, flags, payload)
            except (struct.error, zlib.error, UnicodeDecodeError) as error:
                raise SpdyError("a malformed control frame") from error
            if frame is not None:
                frames.append(frame)
        return frames

    def _control(self, kind: int, flags: int, payload: bytes) -> Frame | None:
        if kind == SYN_STREAM:
            stream = struct.unpack(">I", payload[:4])[0] & 0x7FFFFFFF
            return StreamOpened(stream, self._headers(payload[10:]), bool(flags & FIN))
        if kind == HEADERS:
            # Unpacked although unused: the compression state runs through every block.
            self._headers(payload[4:])
        elif kind == RST_STREAM:
            return StreamReset(struct.unpack(">I", payload[:4])[0] & 0x7FFFFFFF)
        elif kind == PING:
            return Pinged(struct.unpack(">I", payload[:4])[0])
        elif kind == GOAWAY:
            return WentAway()
        return None

    def _headers(self, packed: bytes) -> dict[str, str]:
        block = self._unpacker.decompress(packed, MAXIMUM_FRAME)
        (count,) = struct.unpack(">I", block[:4])
        position = 4
        texts = []
        for _ in range(2 * count):
            (size,) = struct.unpack(">I", block[position : position + 4])
            texts.append(block[position + 4 : position + 4 + size].decode())
            position += 4 + size
        return {name.lower(): value for name, value in zip(texts[::2], texts[1::2], strict=True)}

    def write_reply(self, stream: int) -> bytes:
        """Accept a stream."""
        block = struct.pack(">I", 0)
        packed = self._packer.compress(block) + self._packer.flush(zlib.Z_SYNC_FLUSH)
        return _control_frame(SYN_REPLY, struct.pack(">I", stream) + packed)

    def write_data(self, stream: int, data: bytes, *, finished: bool = False) -> bytes:
        """Bytes on a stream."""
        return struct.pack(">II", stream, (FIN if finished else 0) << 24 | len(data)) + data

    def write_ping(self, number: int) -> bytes:
        """Give a ping back."""
        return _control_frame(PING, struct.pack(">I", number))


def _control_frame(kind: int, payload: bytes) -> bytes:
    return struct.pack(">HHI", 0x8000 | VERSION, kind, len(payload)) + payload
