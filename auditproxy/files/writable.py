"""Whether a file could be written, found out without making it."""

import errno
import os
import stat
import tempfile
from pathlib import Path


def fault_of_writing(path: Path) -> str:
    """Why ``path`` cannot be appended to or made, folders included; "" when it can.

    Nothing is left behind: a regular file that exists is opened and closed, for one that does
    not exist a nameless file is made in the nearest folder that does. Of a FIFO or a device only
    the permissions are checked.
    """
    try:
        if path.exists():
            _look_at(path)
        else:
            # mkdir(parents=True) begins at the first ancestor that is there.
            folder = next(each for each in path.absolute().parents if os.path.lexists(each))
            with tempfile.TemporaryFile(dir=folder):
                pass
    except OSError as error:
        return (error.strerror or type(error).__name__).lower()
    return ""


def fault_of_folder(path: Path) -> str:
    """Why a folder that exists cannot be listed, or no file made in it; "" when both can be.

    Leaves nothing behind.
    """
    try:
        os.scandir(path).close()
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        return (error.strerror or type(error).__name__).lower()
    return ""


def _look_at(path: Path) -> None:
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if stat.S_ISREG(mode):
        # O_NONBLOCK: what took the file's place meanwhile is an error, not a wait without end.
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK))
    elif not os.access(path, os.W_OK):
        # Not opened: the reader of a FIFO leaves when its writer does.
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
