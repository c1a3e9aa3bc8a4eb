"""Which files are one log, and in which order: the oldest first, the one in use last."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from errno import ENOENT
from pathlib import Path

from auditproxy.apis.faults import Unusable, why_unread
from auditproxy.backends.durable.checkpoints import CHECKPOINTS
from auditproxy.backends.logfiles.oldfiles import (
    COMPRESSED,
    log_of,
    moment_of,
    rotated_files,
    without_doubles,
)
from auditproxy.reading.trail.workers import missing


@dataclass(frozen=True, slots=True)
class CollectedLog:
    """A log's files in their order, and those of its checkpoints."""

    name: str
    files: tuple[str, ...]
    checkpoints: tuple[str, ...]
    is_live: bool
    """Whether they are all of the log: the end of what the proxy has written is among them."""
    doubles: tuple[tuple[int, str], ...] = ()
    """Archives of files that are there too, each with the place of its file."""

    @property
    def is_there(self) -> bool:
        """Whether the file that the proxy writes to is among them; it has no name in the moment
        in which it was renamed and is not made again.
        """
        return str(Path(self.name)) in self.files


def check_paths(paths: Iterable[str]) -> None:
    """Raise Unusable for folders and for files that are not there; it names those of workers."""
    faults = []
    for path in paths:
        if path == "-":
            continue
        if os.path.isdir(path):
            example = os.path.join(path, "*.log*")
            faults.append(
                f"{path} is a folder, and files are verified; run auditproxy verify {example}"
            )
        elif not os.path.exists(path) and (fault := missing(path)):
            faults.append(fault)
        elif _is_nowhere(path):
            absent = why_unread(FileNotFoundError(ENOENT, os.strerror(ENOENT)))
            faults.append(f"{path} cannot be read: {absent}")
    if faults:
        raise Unusable(*faults)


def _is_nowhere(path: str) -> bool:
    """Whether nothing is there to read; checkpoints are read with their log, and may be missing."""
    if os.path.lexists(path) or path.endswith(CHECKPOINTS):
        return False
    return Path(path).parent.is_dir() and not _is_moved(path)


def collect(paths: Iterable[str]) -> list[CollectedLog]:
    """The logs that the paths name, in their order.

    A rotated file stands for itself; every other file for all of its log. Raises Unusable.
    """
    logs: dict[str, set[Path]] = {}
    live: set[str] = set()
    for path in paths:
        log = _log_name(path)
        if log.endswith(CHECKPOINTS):
            # It is read with its log; a pattern such as audit.log* means both.
            continue
        found = logs.setdefault(log, set())
        if not _is_moved(path):
            found.add(Path(path))
        if log == path:
            live.add(log)
        if log == path != "-":
            found.update(path for _, path in _rotated(Path(path)))
    if not logs:
        raise Unusable("these files have checkpoints; name the log that they are of")
    return [_collected(log, files, is_live=log in live) for log, files in logs.items()]


def _is_moved(path: str) -> bool:
    """Whether a log is not there, and files that were rotated from it are."""
    if path == "-" or os.path.exists(path) or log_of(Path(path).name):
        return False
    return Path(path).parent.is_dir() and bool(_rotated(Path(path)))


def _log_name(path: str) -> str:
    """The path of the log that a file is of: its own, or that of a rotated file's log."""
    name = log_of(Path(path).name)
    return str(Path(path).with_name(name)) if name else path


def _collected(log: str, files: set[Path], *, is_live: bool) -> CollectedLog:
    name = Path(log).name

    def key(path: Path) -> tuple[bool, str]:
        moment = moment_of(path.name, name)
        return (moment is None, "" if moment is None else moment.isoformat())

    ordered = without_doubles(sorted(files, key=key))
    places = {f"{path}{COMPRESSED}": place for place, path in enumerate(ordered)}
    doubles = sorted((places[str(path)], str(path)) for path in files if str(path) in places)
    return CollectedLog(
        log,
        tuple(map(str, ordered)),
        () if log == "-" else _checkpoints(Path(f"{log}{CHECKPOINTS}")),
        is_live,
        tuple(doubles),
    )


def _checkpoints(path: Path) -> tuple[str, ...]:
    """The files of a log's checkpoints that are there, the oldest first."""
    if not path.parent.is_dir():
        return ()
    older = [older for _, older in reversed(_rotated(path))]
    return tuple(map(str, without_doubles([*older, *([path] if path.exists() else [])])))


def _rotated(path: Path) -> list[tuple[object, Path]]:
    try:
        return list(rotated_files(path))
    except OSError as error:
        raise Unusable(f"{path.parent} cannot be read: {why_unread(error)}") from None
