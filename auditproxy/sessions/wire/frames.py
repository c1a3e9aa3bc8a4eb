"""WebSocket frames of one direction (RFC 6455, section 5.2): their boundaries, and their masks.

Frames are found, not judged: which of them end a session is for the reader of the protocol, since
kube-apiserver's two WebSocket libraries differ in it.
"""

import struct

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
CONTROL = 8
"""Opcodes from here on are those of control frames."""

FINAL = MASKED = 0x80
RESERVED = 0x70

_LONGEST_HEAD = 14
_SIZE = (1 << 63) - 1
"""The bits of a 64-bit length that count: golang.org/x/net drops the highest."""


class Frame:
    """A frame as its head describes it; ``head`` may be longer.

    ``mask`` is empty if the payload is not masked. ``left`` is the number of bytes of the payload
    that have not come yet.
    """

    __slots__ = ("final", "left", "mask", "opcode", "reserved", "size")

    def __init__(self, head: bytes) -> None:
        first, second = head[0], head[1]
        self.opcode = first & 0x0F
        self.final = first >= FINAL
        self.reserved = first & RESERVED
        size, at = second & 0x7F, 2
        if size == 126:
            (size,) = struct.unpack_from(">H", head, 2)
            at = 4
        elif size == 127:
            size = struct.unpack_from(">Q", head, 2)[0] & _SIZE
            at = 10
        self.size: int = size
        self.left: int = size
        self.mask = head[at : at + 4] if second & MASKED else b""


class Frames:
    """Finds the frame boundaries of one direction, no matter how its bytes are cut."""

    __slots__ = ("_frame", "_head", "closed", "in_message")

    def __init__(self) -> None:
        self._head = b""
        self._frame: Frame | None = None
        self.in_message = False
        self.closed = False

    @property
    def between(self) -> bool:
        """Whether the next byte starts a frame."""
        return self._frame is None and not self._head

    def follow(self, data: bytes) -> list[tuple[Frame, int, int]]:
        """Return, for each frame, where in ``data`` this part of its payload starts and ends.

        The first part of a frame comes with its head and may be empty. ``left`` is 0 when the
        part is the last one.
        """
        parts: list[tuple[Frame, int, int]] = []
        at, end = 0, len(data)
        frame = self._frame
        while at < end:
            if frame is None:
                held = self._head
                head = held + data[at : at + _LONGEST_HEAD - len(held)]
                length = _head_length(head)
                if len(head) < length:
                    self._head = head
                    break
                at += length - len(held)
                self._head = b""
                frame = self._begin(head)
            start, at = at, min(at + frame.left, end)
            frame.left -= at - start
            parts.append((frame, start, at))
            if not frame.left:
                frame = None
        self._frame = frame
        return parts

    def _begin(self, head: bytes) -> Frame:
        frame = Frame(head)
        if frame.opcode == CLOSE:
            self.closed = True
        if frame.opcode < CONTROL:
            self.in_message = not frame.final
        return frame


def _head_length(head: bytes) -> int:
    """Return the length of a frame head that starts like this."""
    if len(head) < 2:
        return 2
    short = head[1] & 0x7F
    extended = 0 if short < 126 else 2 if short == 126 else 8
    return 2 + extended + (4 if head[1] & MASKED else 0)


def unmask(masked: bytes, mask: bytes, offset: int = 0) -> bytes:
    """Apply or remove a mask; ``offset`` is where in the payload the bytes stand.

    Takes about 2 ns a byte: every fourth byte by a table, or short ones as one number.
    """
    size = len(masked)
    if offset & 3:
        mask = mask[offset & 3 :] + mask[: offset & 3]
    if size > _LONG:
        whole = bytearray(size)
        for place in range(4):
            whole[place::4] = masked[place::4].translate(_TABLES[mask[place]])
        return bytes(whole)
    return _xor(masked, mask)


def _xor(masked: bytes, mask: bytes) -> bytes:
    size = len(masked)
    whole = (mask * (size // 4 + 1))[:size]
    number = int.from_bytes(masked, "little") ^ int.from_bytes(whole, "little")
    return number.to_bytes(size, "little")


_LONG = 2048
"""Bytes above which the tables are faster than one number."""

_TABLES = tuple(_xor(bytes(range(256)), bytes((byte,)) * 4) for byte in range(256))


def frame(opcode: int, payload: bytes) -> bytes:
    """Encode a server frame: unfragmented and unmasked."""
    size = len(payload)
    if size < 126:
        head = struct.pack(">BB", FINAL | opcode, size)
    elif size < 1 << 16:
        head = struct.pack(">BBH", FINAL | opcode, 126, size)
    else:
        head = struct.pack(">BBQ", FINAL | opcode, 127, size)
    return head + payload
