"""Sources: which files a command line names, and in which order they were written.

A folder stands for the files in it, but for checkpoints beside logs. Rotated files belong to the
file that they were rotated from: they have its origin, and come before it in the order of the times
in their names.

    audit-2026-11-23T13-16-39.368.log.gz  audit-2026-11-24T00-00-00.000.log  audit.log
"""

import glob
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from auditproxy.apis.faults import Unusable
from auditproxy.reading.trail.archives import is_archive, members_of
from auditproxy.reading.trail.buckets import is_bucket, objects_of
from auditproxy.reading.trail.packing import SUFFIXES
from auditproxy.reading.trail.workers import missing

STANDARD_INPUT = "-"
MOST_FILES = 20_000
_ROTATED = re.compile(r"-(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?)(?=\.|$)", re.ASCII)
_CHECKPOINTS = ".checkpoints"
"""Ends the names of files of checkpoints, rotated ones too: backends/durable/checkpoints.py."""
_NUMBERED = re.compile(r"\.(\d{1,4})$", re.ASCII)
_REMOTE = ("gs://", "gcs://", "http://", "https://", "az://", "abfss://")
_NEWEST = "~"
"""Sorts behind every time."""


class TrailFile(msgspec.Struct, frozen=True):
    """One file; files of one origin are parts of one trail, in the order of ``place``."""

    path: str
    origin: str
    place: str = _NEWEST
    is_rotated: bool = False
    """Whether nothing is written to it any more."""
    length: int | None = None
    """Bytes that are read of it; None is all of it."""


def files_of(arguments: Sequence[str], spool: str) -> list[TrailFile]:
    """The files of arguments, in order, each once; raises Unusable for what is not there.

    Standard input is copied into ``spool``, a folder, because a trail is read more than once.
    """
    found: dict[str, TrailFile] = {}
    for argument in arguments:
        for file in _files(argument, spool, MOST_FILES - len(found)):
            if len(found) >= MOST_FILES:
                raise Unusable(f"more than {MOST_FILES} files; name fewer, or a smaller folder")
            if is_archive(file.path):
                for member, called in members_of(file.path, spool, MOST_FILES - len(found)):
                    named = trail_file(called)
                    found[member] = msgspec.structs.replace(named, path=member)
                continue
            found.setdefault(os.path.realpath(file.path), file)
    return sorted(found.values(), key=lambda file: (file.origin, file.place))


def trail_file(path: str) -> TrailFile:
    """A file with its origin and its place, by its name."""
    folder, name = os.path.split(path)
    bare = name
    for suffix in SUFFIXES:
        bare = bare.removesuffix(suffix)
    rotated = _ROTATED.search(bare)
    if rotated is not None:
        stem = bare[: rotated.start()] + bare[rotated.end() :]
        return TrailFile(path, os.path.join(folder, stem), rotated[1], is_rotated=True)
    numbered = _NUMBERED.search(bare)
    if numbered is not None:
        # logrotate: audit.log.1 is newer than audit.log.2, and older than audit.log.
        place = f"{9999 - int(numbered[1]):04d}"
        origin = os.path.join(folder, bare[: numbered.start()])
        return TrailFile(path, origin, place, is_rotated=True)
    return TrailFile(path, os.path.join(folder, bare))


def _files(argument: str, spool: str, most: int) -> Iterator[TrailFile]:
    if argument == STANDARD_INPUT:
        yield TrailFile(_spooled(spool), STANDARD_INPUT)
    elif is_bucket(argument) and not os.path.exists(argument):
        for path, called in objects_of(argument, spool, most, _is_left_out):
            yield msgspec.structs.replace(trail_file(called), path=path)
    else:
        yield from map(trail_file, _paths(argument))


def _paths(argument: str) -> Iterator[str]:
    if os.path.isdir(argument):
        yield from _in_folder(argument)
        return
    if os.path.exists(argument):
        yield argument
        return
    if argument.startswith(_REMOTE):
        raise Unusable(
            f"{argument} is a URL, and logs are read from files and from s3:// alone; copy it "
            "first, or pipe one file to -"
        )
    matching = sorted(glob.glob(argument)) if any(mark in argument for mark in "*?[") else []
    if not matching:
        fix = f"{argument} does not exist; name a log, a folder of logs, or -"
        raise Unusable(missing(argument) or fix)
    for path in matching:
        yield from _in_folder(path) if os.path.isdir(path) else (path,)


def _in_folder(folder: str) -> Iterator[str]:
    """The files in a folder and below it, without hidden ones and those of checkpoints."""
    empty = True
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = os.path.join(where, name)
            if not _is_left_out(name) and os.path.isfile(path):
                empty = False
                yield path
    if empty:
        raise Unusable(f"{folder} has no files; name a log, or a folder that has some")


def _is_left_out(path: str) -> bool:
    """Whether a file of a folder, or an object of a prefix, is hidden or has checkpoints."""
    name = bare = os.path.basename(path)
    for suffix in SUFFIXES:
        bare = bare.removesuffix(suffix)
    return name.startswith(".") or bare.endswith(_CHECKPOINTS)


def _spooled(folder: str) -> str:
    handle, path = tempfile.mkstemp(dir=folder, prefix="stdin-")
    with os.fdopen(handle, "wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file, 1 << 20)
    return str(Path(path))
