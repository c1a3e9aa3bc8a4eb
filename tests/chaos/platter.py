"""A disk that keeps beside a log folder what it has promised of it, and what a loss of power leaves.

    folder/audit*.log       what the kernel shows: all that was written
    platter/files/<inode>   the content of a file when it was last synced
    platter/names           which name led to which inode when the folder was last synced

What is promised is changed by adding to a file or by replacing it in one step, so that a kill in
the middle of it leaves the promise before or the one after.
"""

import json
import os
import random
from collections.abc import Collection, Iterable
from pathlib import Path

from auditproxy.backends.logfiles.disk import Disk

LOGS = "audit*.log"

OUTCOMES = ("killed", "tail lost", "tail torn", "names lost")
"""What is left: everything that was written; what was synced; that and some bytes behind it; what
was synced under the names that were."""


class Platter(Disk):
    """The disk of one process: what it syncs of the log files in ``folder`` it keeps in ``platter``.

    All that is in the folder at first is promised. ``lies`` are what it says to have synced, and
    has not: ``files`` or ``names``. No file may be removed while the process runs.
    """

    def __init__(self, folder: Path, platter: Path, *, lies: Collection[str] = ()) -> None:
        self._folder = folder.resolve()
        self._platter = platter
        self._lies = lies
        self._kept: dict[int, bytes] = {}
        (platter / "files").mkdir(parents=True)
        for path in folder.glob(LOGS):
            self._keep(path.stat().st_ino, path.read_bytes())
        self._keep_names()

    def sync(self, descriptor: int) -> None:
        """Sync a file, and keep its content."""
        if "files" not in self._lies:
            super().sync(descriptor)
            content = Path(f"/proc/self/fd/{descriptor}").read_bytes()
            self._keep(os.fstat(descriptor).st_ino, content)

    def sync_folder(self, folder: Path) -> None:
        """Sync a folder, and keep its names if it is that of the logs."""
        if "names" not in self._lies:
            super().sync_folder(folder)
            if folder.resolve() == self._folder:
                self._keep_names()

    def _keep(self, inode: int, content: bytes) -> None:
        known = self._kept.get(inode)
        path = self._platter / "files" / str(inode)
        if known is not None and content.startswith(known):
            with path.open("ab") as file:
                file.write(content[len(known) :])
        else:
            _replace(path, content)
        self._kept[inode] = content

    def _keep_names(self) -> None:
        names = {path.name: path.stat().st_ino for path in self._folder.glob(LOGS)}
        _replace(self._platter / "names", json.dumps(names).encode())


def _replace(path: Path, content: bytes) -> None:
    beside = path.with_suffix(".new")
    beside.write_bytes(content)
    beside.replace(path)


def survived(folder: Path, platter: Path, outcome: str, chance: random.Random) -> dict[str, bytes]:
    """The log files, by name, that are left of a folder; ``outcome`` is one of OUTCOMES."""
    shown = {path.name: path for path in folder.glob(LOGS)}
    if outcome == "killed":
        return {name: path.read_bytes() for name, path in shown.items()}
    if outcome == "names lost":
        names = json.loads((platter / "names").read_bytes())
        return {name: _promised(platter, inode) for name, inode in names.items()}
    left = {}
    for name, path in shown.items():
        promised, written = _promised(platter, path.stat().st_ino), path.read_bytes()
        if outcome == "tail torn" and written.startswith(promised):
            promised = written[: chance.randint(len(promised), len(written))]
        left[name] = promised
    return left


def _promised(platter: Path, inode: int) -> bytes:
    path = platter / "files" / str(inode)
    return path.read_bytes() if path.exists() else b""


def in_order(names: Iterable[str]) -> list[str]:
    """Names of log files, the oldest first: the names of rotated ones have their time."""
    return sorted(names, key=lambda name: (name == "audit.log", name))


def put_back(folder: Path, files: dict[str, bytes]) -> None:
    """Have a folder contain these log files and no others."""
    for path in folder.glob(LOGS):
        path.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)
