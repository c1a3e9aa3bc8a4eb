"""A disk that keeps beside a folder what it has promised of it, and what a loss of power leaves.

    folder/<pattern>        what the kernel shows: all that was written
    platter/files/<inode>   the content of a file when it was last synced
    platter/names           which name led to which inode when the folder was last synced

What is promised is changed by adding to a file or by replacing it in one step, so that a kill in
the middle of it leaves the promise before or the one after.
"""

import json
import os
import random
import threading
from collections.abc import Collection, Iterable
from functools import partial
from pathlib import Path

from auditproxy.backends.logfiles.disk import Disk

LOGS = "audit*.log"
CHAINED_LOGS = "audit*.log*"
"""With the files of checkpoints."""
SPOOL = "*"

OUTCOMES = ("killed", "tail lost", "tail torn", "names lost")
"""What is left: everything that was written; what was synced; that and some bytes behind it; what
was synced under the names that were."""
SPOOL_OUTCOMES = (*OUTCOMES, "names torn", "pages torn")
"""And what was synced under names of which some are old and some new; what was synced, with pages
behind it that have zeros in place of what was written."""

_PAGE = 4096
_SLOWNESS = 0.004
"""Seconds that a sync takes at least, so that many kills fall between a write and its sync."""


class Platter(Disk):
    """The disk of one process: what it syncs of the files in ``folder`` it keeps in ``platter``.

    The names of these files match ``pattern``. All that is in the folder at first is promised.
    ``lies`` are what it says to have synced, and has not: ``files``, ``logs`` (those files alone that
    are no checkpoints) or ``names``. Threads share it.
    """

    def __init__(
        self, folder: Path, platter: Path, pattern: str = LOGS, *, lies: Collection[str] = ()
    ) -> None:
        self._folder = folder.resolve()
        self._platter = platter
        self._pattern = pattern
        self._lies = lies
        self._kept: dict[int, bytes] = {}
        self._held: dict[int, int] = {}
        self._lock = threading.Lock()
        self._never = threading.Event()
        # Those of Disk may be replaced by ours (``be_every_disk``).
        self._sync = partial(Disk.sync, self)
        self._sync_folder = partial(Disk.sync_folder, self)
        (platter / "files").mkdir(parents=True)
        folder.mkdir(exist_ok=True)
        for path in folder.glob(pattern):
            descriptor = os.open(path, os.O_RDONLY)
            self._keep(descriptor, path.read_bytes())
            os.close(descriptor)
        self._keep_names()

    def be_every_disk(self) -> None:
        """Have all disks of this process be this one."""
        for name in ("sync", "sync_folder"):
            setattr(Disk, name, getattr(self, name))

    def sync(self, descriptor: int) -> None:
        """Sync a file, and keep its content."""
        is_log = os.readlink(_opened(descriptor)).endswith(".log")
        if "files" not in self._lies and not (is_log and "logs" in self._lies):
            # What another thread adds meanwhile is not promised.
            with self._lock:
                content = _opened(descriptor).read_bytes()
                self._never.wait(_SLOWNESS)
                self._sync(descriptor)
                self._keep(descriptor, content)

    def sync_folder(self, folder: Path) -> None:
        """Sync a folder, and keep its names if it is that of the files."""
        if "names" not in self._lies:
            self._sync_folder(folder)
            if folder.resolve() == self._folder:
                with self._lock:
                    self._keep_names()

    def _keep(self, descriptor: int, content: bytes) -> None:
        inode = os.fstat(descriptor).st_ino
        if inode not in self._held:
            # As long as it is open, no other file gets its number. It shares no lock with the other.
            self._held[inode] = os.open(_opened(descriptor), os.O_RDONLY | os.O_CLOEXEC)
        known = self._kept.get(inode)
        path = self._platter / "files" / str(inode)
        if known is not None and content.startswith(known):
            with path.open("ab") as file:
                file.write(content[len(known) :])
        else:
            _replace(path, content)
        self._kept[inode] = content

    def _keep_names(self) -> None:
        names = {path.name: path.stat().st_ino for path in self._folder.glob(self._pattern)}
        _replace(self._platter / "names", json.dumps(names).encode())


def _opened(descriptor: int) -> Path:
    return Path(f"/proc/self/fd/{descriptor}")


def _replace(path: Path, content: bytes) -> None:
    beside = path.with_suffix(".new")
    beside.write_bytes(content)
    beside.replace(path)


def survived(
    folder: Path, platter: Path, outcome: str, chance: random.Random, pattern: str = LOGS
) -> dict[str, bytes]:
    """The files, by name, that are left of a folder; ``outcome`` is one of SPOOL_OUTCOMES."""
    shown = {path.name: path for path in folder.glob(pattern)}
    if outcome == "killed":
        return {name: path.read_bytes() for name, path in shown.items()}
    inodes = {name: path.stat().st_ino for name, path in shown.items()}
    if outcome in ("names lost", "names torn"):
        names = json.loads((platter / "names").read_bytes())
        if outcome == "names torn":
            names = _torn_names(names, inodes, chance)
        return {name: _promised(platter, inode) for name, inode in names.items()}
    left = {}
    for name, path in shown.items():
        promised, written = _promised(platter, inodes[name]), path.read_bytes()
        if outcome != "tail lost" and written.startswith(promised):
            kept = chance.randint(len(promised), len(written))
            tail = written[len(promised) : kept]
            promised += _torn_pages(tail, chance) if outcome == "pages torn" else tail
        left[name] = promised
    return left


def _torn_names(
    names: dict[str, int], shown: dict[str, int], chance: random.Random
) -> dict[str, int]:
    """Of each name that is new or leads elsewhere by chance the old or the new state; of those that
    are gone some, in their order, which is that in which they were removed.
    """
    gone = sorted(names.keys() - shown.keys())
    left = {name: names[name] for name in gone[chance.randint(0, len(gone)) :]}
    for name, inode in shown.items():
        if name in names and (names[name] == inode or chance.random() < 0.5):
            left[name] = names[name]
        elif name in names or chance.random() < 0.5:
            left[name] = inode
    return left


def _torn_pages(content: bytes, chance: random.Random) -> bytes:
    """Content of which some pages never came to the disk."""
    pages = (content[start : start + _PAGE] for start in range(0, len(content), _PAGE))
    return b"".join(page if chance.random() < 0.5 else bytes(len(page)) for page in pages)


def _promised(platter: Path, inode: int) -> bytes:
    path = platter / "files" / str(inode)
    return path.read_bytes() if path.exists() else b""


def in_order(names: Iterable[str]) -> list[str]:
    """Names of log files, the oldest first: the names of rotated ones have their time."""
    return sorted(names, key=lambda name: (name == "audit.log", name))


def put_back(folder: Path, files: dict[str, bytes], pattern: str = LOGS) -> None:
    """Have a folder contain these files and no others of the pattern."""
    for path in folder.glob(pattern):
        path.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)
