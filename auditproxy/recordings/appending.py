"""A file that grows by whole pieces: after kill -9 it ends with the last one that was written.

A piece is written by calls to the kernel and stands whole or not at all: a short write is cut
back. The file is locked for as long as it is open, which is how another process knows that it is
not left over. At the end it gets its name and reaches the disk, in this order: content, then
name. Until then a crash of the machine, not of the process, may lose what the kernel holds.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
from pathlib import Path

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


class AppendedFile:
    """A file at ``path``, written by one thread at a time; made new, 0600, with ``create``.

    ``size`` and ``sha256`` are of what it holds. Every method raises OSError.
    """

    def __init__(self, path: Path, descriptor: int, size: int) -> None:
        self.path = path
        self.size = size
        self._descriptor = descriptor
        self._digest = hashlib.sha256()

    @classmethod
    def create(cls, path: Path) -> "AppendedFile":
        """A new file; refuses one that exists and links."""
        descriptor = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            lock(descriptor)
        except BlockingIOError:
            # Found by a process that looks for what is left over; it will see that it is empty.
            os.close(descriptor)
            raise
        return cls(path, descriptor, 0)

    @property
    def sha256(self) -> str:
        """Of everything that was written, in hexadecimal."""
        return self._digest.hexdigest()

    def append(self, piece: bytes) -> None:
        """Write a piece, whole; raises OSError and leaves no part of it."""
        written = 0
        view = memoryview(piece)
        try:
            while written < len(piece):
                count = os.write(self._descriptor, view[written:])
                if count == 0:
                    raise OSError(errno.EIO, os.strerror(errno.EIO))
                written += count
        except OSError:
            if written:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._descriptor, self.size)
            raise
        self._digest.update(piece)
        self.size += written

    def check(self) -> None:
        """Raise OSError when the file at its path is not this one any more, or not this long."""
        mine = os.fstat(self._descriptor)
        try:
            there = os.lstat(self.path)
        except FileNotFoundError:
            raise _changed("another program removed or moved it") from None
        if (there.st_dev, there.st_ino) != (mine.st_dev, mine.st_ino):
            raise _changed("another program put something else in its place")
        if mine.st_size != self.size:
            raise _changed("another program changed its length")

    def finish(self, target: Path) -> None:
        """Have the content on the disk, then the file at ``target``, and close it."""
        try:
            self.sync()
            self.rename(target)
            sync_folder(target.parent)
        finally:
            self.close()

    def sync(self) -> None:
        """Have the content on the disk."""
        os.fsync(self._descriptor)

    def rename(self, target: Path) -> None:
        """Have the file at ``target``; the name reaches the disk with ``sync_folder``.

        Raises OSError for a file that is not there as it was written, and for a name that is taken.
        """
        self.check()
        refuse_taken(target)
        os.rename(self.path, target)
        self.path = target

    def close(self) -> None:
        """Close it and leave it at its path."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def _changed(what: str) -> OSError:
    return OSError(errno.ESTALE, what)


def refuse_taken(target: Path) -> None:
    """Raise OSError when there is something at ``target``."""
    if os.path.lexists(target):
        raise OSError(errno.EEXIST, f"there is another {target.name} already")


def lock(descriptor: int) -> None:
    """Lock an open file until it is closed; raises BlockingIOError when another process has it.

    File systems without locks pass: there, processes must not share a folder.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL):
            raise


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def reason_of(error: OSError) -> str:
    """Why the system refused, in a few words."""
    reason = error.strerror or type(error).__name__
    return reason[:1].lower() + reason[1:]
