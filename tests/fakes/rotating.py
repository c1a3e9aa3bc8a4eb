"""A rotating file, and clocks for it that a test moves."""

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from auditproxy.backends.logfiles.rotation import RotatingFile

_File = TypeVar("_File", bound=RotatingFile)

START = datetime.datetime(2026, 11, 23, 13, 16, 39, 368_000, tzinfo=datetime.UTC)


class Clocks:
    """A wall clock and a monotonic one that a test moves."""

    def __init__(self) -> None:
        self.now = START
        self.monotonic = 0.0
        self.reopened: list[str] = []

    def pass_by(self, seconds: float) -> None:
        """Let time pass on both."""
        self.now += datetime.timedelta(seconds=seconds)
        self.monotonic += seconds


def rotating(path: Path, clocks: Clocks, **limits: Any) -> RotatingFile:
    """A file with some limits, which are those of ``rotating_as``."""
    return rotating_as(RotatingFile, path, clocks, **limits)


def rotating_as(
    make: Callable[..., _File],
    path: Path,
    clocks: Clocks,
    *,
    size: int = 0,
    backups: int = 0,
    age: int = 0,
    compress: bool = False,
    in_background: Callable[[Callable[[], None]], None] = lambda work: work(),
) -> _File:
    """A file of some kind, with limits."""
    return make(
        path,
        maximum_size=size,
        maximum_backups=backups,
        maximum_age=age,
        compress=compress,
        now=lambda: clocks.now,
        monotonic=lambda: clocks.monotonic,
        in_background=in_background,
        on_reopened=clocks.reopened.append,
    )


def names(folder: Path) -> list[str]:
    """What is in the folder, sorted."""
    return sorted(entry.name for entry in folder.iterdir())
