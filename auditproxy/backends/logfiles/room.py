"""Whether a large line would find room on a disk, found out without writing to the file."""

import errno
import os
import tempfile
from pathlib import Path

LARGE = 64 * 1024
"""Bytes that there must be room for."""


def fault_of_room(descriptor: int, folder: Path) -> str:
    """Why nothing could be written to an open file that is listed in ``folder``; "" when nothing
    speaks against it.

    A nameless file of LARGE bytes is written to the folder, which also finds quotas. Where that
    says nothing of the file, because another file system is mounted at it or read-only around
    it, the file's own file system is asked.
    """
    try:
        if os.fstat(descriptor).st_dev != folder.stat().st_dev:
            return _fault_of_file_system(descriptor)
        try:
            with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
                file.write(bytes(LARGE))
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            return _fault_of_file_system(descriptor)
    except OSError as error:
        return (error.strerror or type(error).__name__).lower()
    return ""


def _fault_of_file_system(descriptor: int) -> str:
    facts = os.fstatvfs(descriptor)
    if facts.f_flag & os.ST_RDONLY:
        return os.strerror(errno.EROFS).lower()
    # Some file systems do not say how large they are.
    if facts.f_blocks and facts.f_bavail * facts.f_frsize < LARGE:
        return os.strerror(errno.ENOSPC).lower()
    return ""
