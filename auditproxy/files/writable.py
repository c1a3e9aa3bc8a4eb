"""Whether files could be written and folders used, found out without leaving anything behind."""

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

_TRIAL = ".auditproxy-check-"
"""What a file is called that is made to see whether one can be; a recording has no dot."""


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
        return _why(error)
    return ""


def fault_of_folder(path: Path) -> str:
    """Why a folder that exists cannot be listed, or no file made, renamed and removed in it.

    "" when all of it can be. Leaves nothing behind.
    """
    return fault_of_listing(path) or fault_of_renaming(path)


def fault_of_listing(path: Path) -> str:
    """Why what is in a folder cannot be found; "" when it can."""
    try:
        os.scandir(path).close()
    except OSError as error:
        return _why(error)
    return ""


def fault_of_renaming(path: Path) -> str:
    """Why no file can be made, renamed and removed in a folder; "" when one can."""
    try:
        with _trial(path) as made:
            os.rename(made, f"{made}.renamed")
    except OSError as error:
        return _why(error)
    return ""


def fault_of_opening(path: Path) -> str:
    """Why a regular file that is there cannot be read and written; "" when it can, or is not there.

    A link at its end is a fault.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return _why(error)
    os.close(descriptor)
    return ""


@contextlib.contextmanager
def _trial(folder: Path) -> Iterator[str]:
    """A new, empty file in ``folder``, removed under its name and the one that it is given."""
    descriptor, made = tempfile.mkstemp(prefix=_TRIAL, dir=folder)
    os.close(descriptor)
    try:
        yield made
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(made)
        raise
    os.unlink(f"{made}.renamed")


def _why(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()


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
