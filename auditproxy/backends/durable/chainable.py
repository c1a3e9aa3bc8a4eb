"""ChainableFile: a rotating file whose end can be repaired, and read beside the writing.

A DurableFile repairs itself when it is opened, and syncs itself.
"""

import errno
import os

from auditproxy.backends.logfiles.rotation import RotatingFile
from auditproxy.backends.logfiles.tails import whole_length


class ChainableFile(RotatingFile):
    """A RotatingFile with what a chain needs of it."""

    def repair(self) -> int:
        """Cut off what a crash of the machine has left of a line, once it is open; its bytes.

        Raises OSError.
        """
        whole = whole_length(self.path, self._size) if self._torn else self._size
        torn = self._size - whole
        if torn:
            os.ftruncate(self._descriptor, whole)
        self._size, self._torn = whole, False
        return torn

    def reader(self) -> int:
        """A descriptor that reads the file to which the last line went; raises OSError.

        It is the caller's to close, and an open file of its own: no lock is shared with it.
        """
        descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        facts = os.fstat(descriptor)
        if (facts.st_dev, facts.st_ino) != self._identity:
            os.close(descriptor)
            raise FileNotFoundError(errno.ENOENT, "it is not at its path", str(self.path))
        return descriptor
