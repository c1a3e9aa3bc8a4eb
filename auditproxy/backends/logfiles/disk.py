"""Disk: has the disk hold what was written, and not only the kernel."""

import os
from pathlib import Path


class Disk:
    """The file systems of this machine."""

    def sync(self, descriptor: int) -> None:
        """Return once the disk has what was written to a file; raises OSError.

        The kernel reports a failure once: what was written since the last success may be gone, and
        a second call on the same descriptor would succeed without it.
        """
        os.fdatasync(descriptor)

    def sync_folder(self, folder: Path) -> None:
        """Return once the disk has the names of a folder's files; raises OSError."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
