"""A folder of a user whose permissions are checked: root, who may do everything, is nobody in it."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_NOBODY = 65534


@contextlib.contextmanager
def unprivileged() -> Iterator[Path]:
    """An empty folder, owned by the user that this process is in the block.

    What the block calls should be imported before it.
    """
    folder = Path(tempfile.mkdtemp(prefix="unprivileged-"))
    privileged = os.geteuid() == 0
    if privileged:
        os.chown(folder, _NOBODY, _NOBODY)
        # The real one too, by which access(2) goes.
        os.setresuid(_NOBODY, _NOBODY, 0)
    try:
        yield folder
    finally:
        if privileged:
            os.setresuid(0, 0, 0)
        for path, _, _ in os.walk(folder):
            os.chmod(path, 0o700)
        shutil.rmtree(folder)


def folder_with(parent: Path, mode: int) -> Path:
    """A new folder of this mode."""
    folder = parent / f"{mode:04o}"
    folder.mkdir()
    folder.chmod(mode)
    return folder
