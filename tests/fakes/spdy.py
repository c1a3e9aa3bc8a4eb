"""A client of SPDY, which writes its frames."""

import struct
import zlib

from auditproxy.sessions.wire.headerblocks import DICTIONARY
from auditproxy.sessions.wire.spdy import FIN, RST_STREAM, SYN_REPLY, SYN_STREAM


class Client:
    """Writes frames as a client does."""

    def __init__(self) -> None:
        self._packer = zlib.compressobj(zdict=DICTIONARY)

    def control(self, kind: int, payload: bytes, flags: int = 0) -> bytes:
        """A control frame."""
        return struct.pack(">HHI", 0x8003, kind, flags << 24 | len(payload)) + payload

    def block(self, headers: dict[str, str]) -> bytes:
        """A packed header block."""
        raw = struct.pack(">I", len(headers))
        for name, value in headers.items():
            for text in (name, value):
                raw += struct.pack(">I", len(text)) + text.encode()
        return self._packer.compress(raw) + self._packer.flush(zlib.Z_SYNC_FLUSH)

    def open(self, stream: int, headers: dict[str, str], *, finished: bool = False) -> bytes:
        """SYN_STREAM."""
        payload = struct.pack(">IIH", stream, 0, 0) + self.block(headers)
        return self.control(SYN_STREAM, payload, FIN if finished else 0)

    def reply(self, stream: int, *, finished: bool = False) -> bytes:
        """SYN_REPLY, as the other side sends it."""
        payload = struct.pack(">I", stream) + self.block({})
        return self.control(SYN_REPLY, payload, FIN if finished else 0)

    def data(self, stream: int, data: bytes, *, finished: bool = False) -> bytes:
        """DATA."""
        return struct.pack(">II", stream, (FIN if finished else 0) << 24 | len(data)) + data

    def reset(self, stream: int) -> bytes:
        """RST_STREAM, as a cancelled one."""
        return self.control(RST_STREAM, struct.pack(">II", stream, 5))
