"""Archives: the logs in a tar file, packed or not, as files of their own.

Members are copied one by one into a folder of ours, under names of ours: no path, link, device or
mode of an archive has an effect.
"""

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from auditproxy.apis.faults import Unusable, why_unread
from auditproxy.reading.trail.packing import DAMAGES, unpacked
from auditproxy.reading.trail.regular import NotRegularError, opened

MOST_BYTES = 20 << 30
"""Bytes of the files of one archive together."""
_MAGIC = slice(257, 262)
_USTAR = b"ustar"
_PIECE = 1 << 20
_DAMAGED = b"\x1f\x8b"
"""The content of the file that stands for the rest of a damaged archive: it is read as damaged."""


def is_archive(path: str) -> bool:
    """Whether a file, or what is packed in it, begins as tar does; raises OSError and Unusable.

    This is asked first of every log that is named: what is not a regular file is refused here.
    """
    try:
        file = opened(path)
    except NotRegularError as error:
        raise Unusable(f"{path} cannot be read: {why_unread(error)}") from None
    with file:
        try:
            return unpacked(file).read(_MAGIC.stop)[_MAGIC] == _USTAR
        except DAMAGES:
            return False


def members_of(path: str, folder: str, most: int) -> Iterator[tuple[str, str]]:
    """Where each file of an archive is now, and what it is called in it. Raises OSError.

    ``folder`` gets the files. Raises Unusable for more than ``most``, or too many bytes.
    """
    own = os.path.join(folder, f"archive-{len(os.listdir(folder))}")
    os.mkdir(own)
    left = MOST_BYTES
    with opened(path) as file:
        try:
            with tarfile.open(fileobj=_stream(file), mode="r:") as archive:
                for number, member in enumerate(_files_in(archive)):
                    left -= member.size
                    if number >= most or left < 0:
                        raise Unusable(f"{path} has too many files, or too many bytes, to be read")
                    yield _copied(archive, member, own, number), f"{path}/{_named(member)}"
        except (tarfile.TarError, *DAMAGES):
            rest = os.path.join(own, "rest")
            Path(rest).write_bytes(_DAMAGED)
            yield rest, f"{path}/"


def _stream(file: BinaryIO) -> BinaryIO:
    return cast("BinaryIO", _Forwards(unpacked(file)))


def _files_in(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    while (member := archive.next()) is not None:
        # A sparse file has few bytes in the archive and any number outside of it.
        if member.isfile() and not member.issparse() and not _named(member).startswith("."):
            yield member
        # What was read is not kept: an archive may have any number of members.
        archive.members = []  # type: ignore[attr-defined]


def _copied(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: str, number: int) -> str:
    where = os.path.join(folder, str(number))
    os.mkdir(where)
    path = os.path.join(where, os.path.basename(_named(member)) or "log")
    source = archive.extractfile(member)
    assert source is not None
    with open(path, "wb") as out:
        while piece := source.read(_PIECE):
            out.write(piece)
    return path


def _named(member: tarfile.TarInfo) -> str:
    """The path of a member without what leads out of the archive."""
    parts = [part for part in member.name.split("/") if part not in ("", ".", "..")]
    return "/".join(parts).replace("\0", "")[-200:]


class _Forwards:
    """A stream that tarfile can read: it never goes back, and reads no more than a piece at once.

    tarfile reads names and headers whole, however long an archive says that they are.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._position = 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        if not 0 <= size <= _PIECE:
            raise tarfile.ReadError
        data = self._stream.read(size)
        self._position += len(data)
        return data

    def tell(self) -> int:
        """How many bytes were read."""
        return self._position

    def seek(self, position: int) -> int:
        """Read on to a position."""
        if position < self._position:
            raise tarfile.ReadError
        while self._position < position:
            if not self.read(min(_PIECE, position - self._position)):
                break
        return self._position
