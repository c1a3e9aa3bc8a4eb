"""What is in a tar stream: names and sizes of its members, read without their content.

Reads ustar, GNU long names and sparse files, and pax headers, as the bytes come. Any input is
taken: at the first block that is not a header, the reader keeps the reason and reads nothing more.

Format: POSIX.1-2017 pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format".
"""

from dataclasses import dataclass

BLOCK = 512
LONGEST_NAME = 4096
"""Bytes of a name; what is over is cut."""
MOST_NAMES = 10_000
"""Members that are named; others are counted."""
_LONGEST_EXTENSION = 64 * 1024
_LARGEST = 1 << 62

_KINDS = {
    b"0": "file",
    b"\0": "file",
    b"7": "file",
    b"S": "file",
    b"1": "hardlink",
    b"2": "symlink",
    b"5": "directory",
}
_WITHOUT_CONTENT = b"123456"


@dataclass(frozen=True, slots=True)
class TarMember:
    """One member; ``kind`` is file, directory, symlink, hardlink or other, ``size`` bytes."""

    name: str
    size: int
    kind: str


class TarReader:
    """Reads a stream; ``skipped`` bytes are missing at its start, as after a retry.

    ``files`` and ``bytes`` count members and their content, named or not; ``unread`` counts bytes
    after a loss.
    """

    def __init__(self, skipped: int = 0) -> None:
        self.files = 0
        self.bytes = 0
        self.unread = 0
        self.fault = ""
        """Why the rest cannot be read; "" while it can."""
        self._block = bytearray()
        self._skip = -skipped % BLOCK
        self._seeking = skipped > 0
        self._extension = b""
        self._content = bytearray()
        self._content_left = 0
        self._after = 0
        self._more_sparse = False
        self._name: bytes | None = None
        self._size: int | None = None
        self._ended = 0
        self._lost = False

    @property
    def unnamed(self) -> int:
        """Members that were counted and not named."""
        return max(0, self.files - MOST_NAMES)

    def feed(self, data: bytes) -> tuple[list[TarMember], bytes]:
        """Members that begin in ``data``, and what of the bytes belongs to no tar stream."""
        members: list[TarMember] = []
        if self._lost:
            self.unread += len(data)
            return members, b""
        view = memoryview(data)
        position = 0
        while position < len(data):
            if self.fault:
                return members, data[position:]
            if self._skip:
                step = min(self._skip, len(data) - position)
                self._skip -= step
                position += step
            elif self._content_left:
                step = min(self._content_left, len(data) - position)
                room = _LONGEST_EXTENSION - len(self._content)
                self._content += view[position : position + min(step, max(0, room))]
                self._content_left -= step
                position += step
                if not self._content_left:
                    self._extended()
            else:
                step = min(BLOCK - len(self._block), len(data) - position)
                self._block += view[position : position + step]
                position += step
                if len(self._block) == BLOCK:
                    block = bytes(self._block)
                    self._block.clear()
                    rest = self._read(block, members)
                    if rest:
                        return members, rest + data[position:]
        return members, b""

    def lost(self) -> None:
        """An unknown number of bytes is missing here.

        Content may look like a header from here on: the rest is counted, and is neither read nor
        returned. What was found not to be a tar stream is still returned.
        """
        if self.fault:
            return
        self.fault = "bytes of it are missing, and what follows is not read"
        self._lost = True
        self.unread += len(self._block) + len(self._content)
        self._block.clear()
        self._content.clear()

    def end(self) -> bytes:
        """The stream ended: what of a last block belongs to no tar stream."""
        rest = bytes(self._block)
        self._block.clear()
        in_member = self._skip or self._content_left
        if not self.fault and self._seeking and self.unread:
            self.fault = "no header of it came"
        if not self.fault and (in_member or rest.strip(b"\0")):
            self.fault = "it ends inside of a member"
        return rest if rest.strip(b"\0") and not in_member else b""

    # --- one block ----------------------------------------------------------------

    def _read(self, block: bytes, members: list[TarMember]) -> bytes:
        """Read a header; returns a block that is not one."""
        if self._more_sparse:
            self._more_sparse = block[504:505] == b"\1"
            if not self._more_sparse:
                self._skip = self._after
            return b""
        if not block.strip(b"\0"):
            self._ended += not self._seeking
            return b""
        if self._ended >= 2:
            return self._stop(block, "data follows its end")
        if not _is_header(block):
            if not self._seeking:
                return self._stop(block, "a block is not a tar header")
            self.unread += len(block)
            return b""
        self._seeking = False
        self._ended = 0
        size = _number(block[124:136])
        if size is None:
            return self._stop(block, "a size is not a number")
        kind = block[156:157]
        if kind in (b"L", b"K", b"x", b"g"):
            self._extension = kind
            self._content = bytearray()
            self._content_left = size
            self._after = -size % BLOCK
            if not size:
                self._extended()
            return b""
        self._member(block, kind, size, members)
        return b""

    def _member(self, block: bytes, kind: bytes, size: int, members: list[TarMember]) -> None:
        if self._size is not None:
            size = self._size
        content = 0 if kind in _WITHOUT_CONTENT and kind else size
        name = self._name
        if name is None:
            name = block[:100].split(b"\0")[0]
            prefix = block[345:500].split(b"\0")[0] if block[257:263] == b"ustar\0" else b""
            name = prefix + b"/" + name if prefix else name
        self._name = self._size = None
        self._more_sparse = kind == b"S" and block[482:483] == b"\1"
        # The content of a sparse file follows blocks that say where it belongs.
        self._after = content + -content % BLOCK
        self._skip = 0 if self._more_sparse else self._after
        self.files += 1
        self.bytes += content
        if self.files <= MOST_NAMES:
            text = name[:LONGEST_NAME].decode("utf-8", "replace")
            members.append(TarMember(text, content, _KINDS.get(kind, "other")))

    def _extended(self) -> None:
        """An extension header is read: what it says is meant for the next member."""
        content, self._content = bytes(self._content), bytearray()
        self._skip = self._after
        if self._extension == b"L":
            self._name = content.split(b"\0")[0]
        elif self._extension == b"x":
            records = _pax_records(content)
            name = records.get(b"GNU.sparse.name", records.get(b"path"))
            if name is not None:
                self._name = name
            size = records.get(b"size", b"")
            if size.isdigit() and len(size) < 19:
                self._size = int(size)

    def _stop(self, block: bytes, fault: str) -> bytes:
        self.fault = fault
        return block


def _is_header(block: bytes) -> bool:
    """Whether the checksum is right; some writers sum signed bytes."""
    told = _number(block[148:156])
    if told is None:
        return False
    rest = block[:148] + b" " * 8 + block[156:]
    unsigned = sum(rest)
    return told in (unsigned, unsigned - 256 * sum(byte > 127 for byte in rest))


def _number(field: bytes) -> int | None:
    """An octal number, or GNU's base 256; None where it is neither, or too large."""
    if field[0] & 0x80:
        value = int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
        return value if value < _LARGEST else None
    digits = field.split(b"\0")[0].strip(b" ")
    try:
        return int(digits, 8) if digits.isdigit() else (0 if not digits else None)
    except ValueError:
        return None


def _pax_records(content: bytes) -> dict[bytes, bytes]:
    """The records of a pax header; stops at the first that is not one."""
    records: dict[bytes, bytes] = {}
    position = 0
    while position < len(content):
        digits, space, _ = content[position : position + 20].partition(b" ")
        if not space or not digits.isdigit():
            break
        length = int(digits)
        record = content[position : position + length]
        key, equals, value = record[len(digits) + 1 :].partition(b"=")
        if length <= len(digits) + 1 or not equals:
            break
        records[key] = value.removesuffix(b"\n")
        position += length
    return records
