"""WebSocket frames of one direction (RFC 6455, section 5.2): their boundaries, and their masks.

Frames are found, not judged: which of them end a session is for the reader of the protocol, since
kube-apiserver's two WebSocket libraries differ in it.
"""

import struct

from auditproxy.sessions.wire.budget import SMALL, FrameBudget

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
CONTROL = 8
"""Opcodes from here on are those of control frames."""

FINAL = MASKED = 0x80
RESERVED = 0x70

_SHORT_HEAD, _LONGEST_HEAD = 6, 14
_SHORTEST = 3
"""Bytes of a frame that is not masked and not empty."""
_NOT_SHORT = 126
"""Sizes from here on are in more bytes."""

_SIZE = (1 << 63) - 1
"""The bits of a 64-bit length that count: golang.org/x/net drops the highest."""


class Frame:
    """A frame as its head describes it: the ``first`` byte, the ``size`` of the payload, the mask.

    ``mask`` is empty if the payload is not masked. ``left`` is the number of bytes of the payload
    that have not come yet.
    """

    __slots__ = ("first", "left", "mask", "opcode", "size")

    def __init__(self, first: int, size: int, mask: bytes) -> None:
        self.first = first
        self.opcode = first & 0x0F
        self.size = self.left = size
        self.mask = mask

    @property
    def final(self) -> bool:
        """Whether no fragment of the message follows."""
        return self.first >= FINAL

    @property
    def reserved(self) -> int:
        """The reserved bits."""
        return self.first & RESERVED


class Frames:
    """Finds the frame boundaries of one direction, no matter how its bytes are cut.

    ``overrun``: there were more frames than ``budget`` has, and no more are found.
    """

    __slots__ = ("_budget", "_frame", "_head", "closed", "in_message", "overrun")

    def __init__(self, budget: FrameBudget | None = None) -> None:
        self._budget = FrameBudget() if budget is None else budget
        self._head = b""
        self._frame: Frame | None = None
        self.in_message = False
        self.closed = False
        self.overrun = False

    @property
    def budget(self) -> FrameBudget:
        """What is left for these frames and what is made of them."""
        return self._budget

    @property
    def between(self) -> bool:
        """Whether the next byte starts a frame."""
        return self._frame is None and not self._head and not self.overrun

    def short(self, data: bytes) -> int:
        """Where the payload starts in ``data`` if that is one short frame of data, and whole.

        0 if it is something else, or more is known of what comes: ``follow`` reads it then, and
        would have read the same here.
        """
        size = len(data)
        if self._frame is not None or self._head or self.overrun or size < _SHORTEST:
            return 0
        first, second = data[0], data[1]
        start = _SHORT_HEAD if second >= MASKED else 2
        payload = second & 0x7F
        if not 0 < payload < _NOT_SHORT or payload != size - start or first & 0x0F >= CONTROL:
            return 0
        allowed = self._budget.refill() + payload - SMALL
        if allowed < self._budget.least:
            return 0
        self._budget.left = allowed
        self.in_message = first < FINAL
        return start

    def follow(self, data: bytes) -> list[tuple[Frame, int, int]]:
        """Return, for each frame, where in ``data`` this part of its payload starts and ends.

        The first part of a frame comes with its head and may be empty. ``left`` is 0 when the
        part is the last one.
        """
        parts: list[tuple[Frame, int, int]] = []
        if self.overrun:
            return parts
        at, end = 0, len(data)
        budget = self._budget
        allowed, least = budget.refill(), budget.least
        frame, held = self._frame, self._head
        while at < end:
            if frame is None:
                # Most heads are short, and whole: they are read in place.
                size = data[at + 1] & 0x7F if not held and at + _SHORT_HEAD <= end else _NOT_SHORT
                if size < _NOT_SHORT:
                    first, mask = data[at], b""
                    if data[at + 1] >= MASKED:
                        mask = data[at + 2 : at + 6]
                        at += 4
                    at += 2
                else:
                    head = held + data[at : at + _LONGEST_HEAD - len(held)]
                    length = _head_length(head)
                    if len(head) < length:
                        held = head
                        break
                    at += length - len(held)
                    held = b""
                    first, size, mask = _described(head)
                allowed += size - SMALL
                if allowed < least:
                    self.overrun = True
                    break
                if size > SMALL:
                    allowed = min(allowed, budget.full)
                frame = Frame(first, size, mask)
                opcode = frame.opcode
                if opcode < CONTROL:
                    self.in_message = first < FINAL
                elif opcode == CLOSE:
                    self.closed = True
            left = frame.left
            if left <= end - at:
                frame.left = 0
                parts.append((frame, at, at + left))
                at += left
                frame = None
            else:
                frame.left = left - (end - at)
                parts.append((frame, at, end))
                at = end
        budget.left = allowed
        self._frame, self._head = frame, held
        return parts


def _described(head: bytes) -> tuple[int, int, bytes]:
    """Return the first byte, the size and the mask that a head gives; it may be longer."""
    second = head[1]
    size, at = second & 0x7F, 2
    if size == 126:
        (size,) = struct.unpack_from(">H", head, 2)
        at = 4
    elif size == 127:
        size = struct.unpack_from(">Q", head, 2)[0] & _SIZE
        at = 10
    return head[0], size, head[at : at + 4] if second & MASKED else b""


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
    if size == 1:
        return bytes((masked[0] ^ mask[offset & 3],))
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
