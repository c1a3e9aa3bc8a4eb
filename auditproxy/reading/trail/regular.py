"""Regular files: logs are read from these alone. Others can keep a reader waiting for ever."""

import errno
import os
import stat
from typing import BinaryIO


class NotRegularError(OSError):
    """A FIFO, a socket, a folder or a device in the place of a log."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.EINVAL, "it is not a regular file; pipe what it gives to -", path)


def opened(path: str) -> BinaryIO:
    """A file to read; raises OSError, NotRegularError for what is not a regular one.

    Links are followed. The opening itself waits for nothing: a FIFO may have no writer.
    """
    return open(path, "rb", opener=_descriptor)


def _descriptor(path: str, flags: int) -> int:
    try:
        descriptor = os.open(path, flags | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENODEV):
            # A socket, or a device without a driver.
            raise NotRegularError(path) from None
        raise
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise NotRegularError(path)
