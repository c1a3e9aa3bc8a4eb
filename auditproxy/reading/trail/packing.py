"""Packed files: gzip and Zstandard as streams of bytes, recognized by their first bytes.

Memory is bounded whatever is in them. What unpacks to far more bytes than a log can is read up to
a bound, and so is what is damaged.
"""

import gzip
import io
import zlib
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from auditproxy.apis.faults import Unusable, missing_extra
from auditproxy.reading.trail.regular import opened

if TYPE_CHECKING:
    import zstandard

EXTRA = "explore"
SUFFIXES = (".gz", ".zst", ".zstd")
MOST_TIMES = 2000
"""Bytes of a Zstandard file for each of its own; gzip has no more than half of that."""
MOST_UNASKED = 1 << 30
"""Bytes that any such file may have, however short it is."""
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_PIECE = 1024
"""Bytes that are unpacked at once; what they unpack to is some ten thousand times as much."""
_LARGEST_WINDOW = 128 * 1024 * 1024


class TooMuchError(EOFError):
    """A packed file unpacks to more bytes than a log can."""


DAMAGES = (EOFError, zlib.error, gzip.BadGzipFile)
"""What reading raises where a packed file ends too early or has other bytes in it."""


def is_packed(path: str) -> bool:
    """Whether a file begins as gzip or Zstandard does; raises OSError."""
    with opened(path) as file:
        return _is_packed(file.read(len(_ZSTD)))


def unpacked(file: BinaryIO) -> BinaryIO:
    """The file, or what is packed in it; in a packed file perhaps another one.

    Raises Unusable for Zstandard without the extra.
    """
    begin = file.read(len(_ZSTD))
    file.seek(0)
    if begin == _ZSTD:
        return _zstandard(file)
    if not begin.startswith(_GZIP):
        return file
    # Some exports are packed twice.
    inner = gzip.GzipFile(fileobj=file)
    try:
        is_twice = inner.read(2) == _GZIP
    except DAMAGES:
        is_twice = False
    file.seek(0)
    outer = gzip.GzipFile(fileobj=file)
    return cast("BinaryIO", gzip.GzipFile(fileobj=outer, mode="rb") if is_twice else outer)


def _is_packed(begin: bytes) -> bool:
    return begin.startswith(_GZIP) or begin == _ZSTD


def _zstandard(file: BinaryIO) -> BinaryIO:
    try:
        import zstandard
    except ModuleNotFoundError:
        name = getattr(file, "name", "a log")
        raise Unusable(
            f"{name} is packed with Zstandard, which needs {missing_extra(EXTRA)}"
        ) from None
    frames = _Frames(file, zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW))
    return cast("BinaryIO", io.BufferedReader(frames, 1 << 16))


class _Frames(io.RawIOBase):
    """What the frames of a Zstandard file unpack to."""

    def __init__(self, file: BinaryIO, unpacker: "zstandard.ZstdDecompressor") -> None:
        super().__init__()
        self._file = file
        self._unpacker = unpacker
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._packed = b""
        self._ready = memoryview(b"")
        self._taken = 0
        self._given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fill the buffer as far as possible; raises one of DAMAGES."""
        while not self._ready:
            if not self._unpack():
                return 0
        view = memoryview(buffer)
        count = min(len(view), len(self._ready))
        view[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def _unpack(self) -> bool:
        """Unpack the next piece; False at the end of the file."""
        import zstandard

        piece = self._packed or self._file.read(_PIECE)
        self._packed = b""
        if not piece:
            if self._frame is not None:
                raise EOFError
            return False
        self._taken += len(piece)
        self._frame = self._frame or self._unpacker.decompressobj()
        try:
            self._ready = memoryview(self._frame.decompress(piece))
        except zstandard.ZstdError as error:
            raise EOFError from error
        if self._frame.eof:
            self._packed = self._frame.unused_data
            self._taken -= len(self._packed)
            self._frame = None
        self._given += len(self._ready)
        if self._given > max(MOST_UNASKED, MOST_TIMES * self._taken):
            raise TooMuchError
        return True
