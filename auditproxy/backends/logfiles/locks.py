"""Locks of files: one process of ours writes to each."""

import fcntl


def lock(descriptor: int) -> bool:
    """Lock a file for as long as it is open; false when another process has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # A file system without locks: the operator must keep processes apart.
        return True
    return True
