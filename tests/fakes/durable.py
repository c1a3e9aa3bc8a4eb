"""A durable file over a disk that a test breaks, and the log backend on it."""

import errno
import os
import threading
from pathlib import Path

from auditproxy.audit.encode import json_parts
from auditproxy.backends.durable.backend import MAXIMUM_BYTES, MAXIMUM_LINES, DurableLog
from auditproxy.backends.durable.durablefile import DurableFile
from auditproxy.backends.logfiles.disk import Disk
from tests.fakes.backends import Told
from tests.fakes.rotating import Clocks


class FaultyDisk(Disk):
    """A disk that forgets what it did not sync, as after a loss of power.

    ``faults`` are raised by the next syncs of files, ``folder_faults`` by those of folders; None
    lets one succeed. While ``gate`` is clear, a sync of a file waits.
    """

    def __init__(self, *faults: int | None) -> None:
        self.faults = list(faults)
        self.folder_faults: list[int | None] = []
        self.synced: dict[int, bytes] = {}
        self.syncs = 0
        self.did: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.arrived = threading.Event()

    def sync(self, descriptor: int) -> None:
        """Keep what is in the file now, or fail."""
        self.arrived.set()
        self.gate.wait(30)
        self.syncs += 1
        self.did.append("file")
        _fail(self.faults)
        super().sync(descriptor)
        inode = os.fstat(descriptor).st_ino
        self.synced[inode] = Path(f"/proc/self/fd/{descriptor}").read_bytes()

    def sync_folder(self, folder: Path) -> None:
        """Keep the names, or fail."""
        self.did.append("folder")
        _fail(self.folder_faults)
        super().sync_folder(folder)

    def survived(self, path: Path) -> bytes:
        """What of a file is on the disk for certain."""
        return self.synced.get(path.stat().st_ino, b"")


def _fail(faults: list[int | None]) -> None:
    if faults and (number := faults.pop(0)) is not None:
        raise OSError(number, os.strerror(number))


EIO = errno.EIO


def durable_file(path: Path, disk: Disk, clocks: Clocks | None = None, **more: int) -> DurableFile:
    """A file with some limits, open."""
    clocks = clocks or Clocks()
    file = DurableFile(
        path,
        disk=disk,
        maximum_size=more.get("size", 0),
        maximum_backups=0,
        maximum_age=0,
        compress=False,
        now=lambda: clocks.now,
        monotonic=lambda: clocks.monotonic,
        in_background=lambda work: work(),
        on_reopened=clocks.reopened.append,
    )
    file.ensure()
    return file


def durable_log(
    path: Path,
    disk: Disk,
    told: Told | None = None,
    *,
    size: int = 0,
    maximum_lines: int = MAXIMUM_LINES,
    maximum_bytes: int = MAXIMUM_BYTES,
) -> DurableLog:
    """The log backend on such a file."""
    told = told or Told()
    file = durable_file(path, disk, size=size)
    return DurableLog(
        file,
        encode=json_parts,
        losses=told.losses,
        report=told.lines.append,
        maximum_lines=maximum_lines,
        maximum_bytes=maximum_bytes,
    )
