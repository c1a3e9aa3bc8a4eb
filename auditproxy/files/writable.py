"""Whether a file could be written, found out without making it."""

import errno
import os
import stat
import tempfile
from pathlib import Path


def fault_of_writing(path: Path) -> str:
    """Why ``path`` cannot be appended to or made, folders included; "" when it can.

    Nothing is left behind: a file that exists is opened and closed, for one that does not
    a nameless file is made in the nearest folder that exists.
    """
    try:
        if path.exists():
            _open(path)
        else:
            # mkdir(parents=True) begins at the first ancestor that is there.
            folder = next(each for each in path.absolute().parents if os.path.lexists(each))
            with tempfile.TemporaryFile(dir=folder):
                pass
    except OSError as error:
        return (error.strerror or type(error).__name__).lower()
    return ""


def _open(path: Path) -> None:
    if stat.S_ISDIR(path.stat().st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    # O_NONBLOCK: a FIFO that nobody reads is an error, not a wait without end.
    os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK))
