"""Finished recordings on their way to the disk and to their names, many at once.

One fsync waits for the disk, and many at the same time wait hardly longer than one: the file
system commits them together. So files that end together are given here, and ``settle`` does for
all of them, in this order: content on the disk, names, and the folder once.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from auditproxy.recordings.appending import AppendedFile, reason_of, sync_folder

MOST = 1024
"""Files that wait; each has a descriptor."""
THREADS = 16
"""Files that are given to the disk at the same time."""


class Settling:
    """The files of one folder that are whole and have no name yet; used by one thread at a time.

    ``named`` hears of each file that got its name, ``failed`` of the path and the reason of each
    that did not: it stays where it is, for the next start to find.
    """

    def __init__(self, named: Callable[[Path], None], failed: Callable[[Path, str], None]) -> None:
        self._named = named
        self._failed = failed
        self._waiting: list[tuple[AppendedFile, Path, Callable[[str], None]]] = []

    def add(self, file: AppendedFile, target: Path, unsettled: Callable[[str], None]) -> None:
        """Nothing more is written to ``file``, which is to be at ``target`` in the same folder.

        ``unsettled`` hears the reason when this one fails, as ``failed`` does.
        """
        self._waiting.append((file, target, unsettled))
        if len(self._waiting) == MOST:
            self.settle()

    def settle(self) -> None:
        """Give names to all; returns when they are on the disk. Raises nothing."""
        waiting, self._waiting = self._waiting, []
        faults = _synced([file for file, _, _ in waiting])
        named = []
        for number, (file, target, unsettled) in enumerate(waiting):
            fault = faults.get(number, "")
            try:
                if not fault:
                    file.rename(target)
            except OSError as error:
                fault = reason_of(error)
            file.close()
            if fault:
                self._failed(file.path, fault)
                unsettled(fault)
            else:
                named.append(target)
        for folder in {target.parent for target in named}:
            try:
                sync_folder(folder)
            except OSError as error:
                self._failed(folder, reason_of(error))
        for target in named:
            self._named(target)


def _synced(files: Sequence[AppendedFile]) -> dict[int, str]:
    """Have the content of files on the disk; why it is not, by the place of the file."""
    left = deque(enumerate(files))
    faults: dict[int, str] = {}

    def work() -> None:
        while True:
            try:
                number, file = left.popleft()
            except IndexError:
                return
            try:
                file.sync()
            except OSError as error:
                faults[number] = reason_of(error)

    # Not of a pool: a disk that does not answer must not hold up the end of the process.
    threads = []
    try:
        for _ in range(min(THREADS, len(files)) - 1):
            thread = threading.Thread(target=work, name="sync-recordings", daemon=True)
            thread.start()
            threads.append(thread)
    except RuntimeError:
        # No more threads are to be had: this one does what is left.
        pass
    work()
    for thread in threads:
        thread.join()
    return faults
