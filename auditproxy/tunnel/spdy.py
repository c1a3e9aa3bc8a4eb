"""SPDY/3.1 as kubectl uses it for exec, attach and port-forward: the server side, without I/O.

``feed`` takes bytes and returns frames; the ``write_*`` methods return bytes to send. Flow
control is not implemented, like in Kubernetes' own library
(draft-mbelshe-httpbis-spdy-00, github.com/moby/spdystream).
"""

import struct
import zlib

from auditproxy.sessions.wire.headerblocks import DICTIONARY
from auditproxy.sessions.wire.spdy import (
    FIN,
    PING,
    SYN_REPLY,
    VERSION,
    SpdyFrame,
    SpdyFrames,
    SyncLost,
)


class SpdyError(ValueError):
    """The bytes are not valid SPDY/3.1; the connection cannot be read further."""


class SpdyServer:
    """One connection; header blocks share one compression state per direction."""

    def __init__(self) -> None:
        self._frames = SpdyFrames()
        self._packer = zlib.compressobj(zdict=DICTIONARY)

    def feed(self, data: bytes) -> list[SpdyFrame]:
        """Return the frames of these bytes, data as it comes; raises SpdyError."""
        frames = self._frames.feed(data)
        if frames and isinstance(frames[-1], SyncLost):
            raise SpdyError(frames[-1].reason)
        return frames

    def write_reply(self, stream: int) -> bytes:
        """Encode the acceptance of a stream."""
        block = struct.pack(">I", 0)
        packed = self._packer.compress(block) + self._packer.flush(zlib.Z_SYNC_FLUSH)
        return _control_frame(SYN_REPLY, struct.pack(">I", stream) + packed)

    def write_data(self, stream: int, data: bytes, *, finished: bool = False) -> bytes:
        """Encode bytes on a stream."""
        return struct.pack(">II", stream, (FIN if finished else 0) << 24 | len(data)) + data

    def write_ping(self, number: int) -> bytes:
        """Encode the answer to a ping."""
        return _control_frame(PING, struct.pack(">I", number))


def _control_frame(kind: int, payload: bytes) -> bytes:
    return struct.pack(">HHI", 0x8000 | VERSION, kind, len(payload)) + payload
