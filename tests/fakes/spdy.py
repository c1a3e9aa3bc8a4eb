"""A client of SPDY, which writes its frames."""

import struct
import zlib

from auditproxy.tunnel.spdy import DICTIONARY, SYN_STREAM


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
        return self.control(SYN_STREAM, payload, 1 if finished else 0)
