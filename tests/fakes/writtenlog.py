"""A log of 100,000 lines in five files, one of them compressed, and what is done to its files."""

import gzip
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from auditproxy.audit.encode import json_line
from tests.fakes.backends import event
from tests.fakes.chains import ChainedLog, key_of
from tests.fakes.tampering import Files, foreign

LENGTH, FILES = 20_000, 5
NAMES = [f"audit-2026-11-23T13-16-3{number}.368.log" for number in range(FILES - 1)] + ["audit.log"]
NAMES[1] += ".gz"


@dataclass
class Written:
    """A log in a folder, of which a test changes what it likes."""

    folder: Path
    files: Files
    checkpoints: list[bytes]

    def write(self, *orders: int) -> None:
        """Write these files, or all."""
        for order in orders or range(FILES):
            content = b"".join(self.files[order])
            packed = NAMES[order].endswith(".gz")
            (self.folder / NAMES[order]).write_bytes(
                gzip.compress(content, 1) if packed else content
            )
        (self.folder / "audit.log.checkpoints").write_bytes(b"".join(self.checkpoints))


def made(seed: int = 1) -> ChainedLog:
    """A log of five files; two checkpoints for each."""
    log, line = ChainedLog(seed=seed), json_line(event())
    log.sign("ChainBegan")
    for number in range(FILES * LENGTH):
        if number and number % LENGTH == 0:
            log.rotate()
        chained, log.end = log.end.chained(line)
        log.files[-1].append(chained)
        if (number + 1) % LENGTH == LENGTH // 2:
            log.sign("Interval")
    return log


def write_public_key(folder: Path) -> None:
    """Write ``key.pub``, the public half of the key that signs."""
    public = key_of(1).public_key()
    (folder / "key.pub").write_bytes(
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )


def exchange(log: Written) -> None:
    """Two files have each other's name."""
    log.files[0], log.files[2] = log.files[2], log.files[0]


def cut_head(log: Written) -> None:
    """The first lines are gone."""
    del log.files[0][:100]


def cut_tail(log: Written) -> None:
    """The last lines are gone, and some that were signed."""
    del log.files[4][9_000:]


def empty(log: Written) -> None:
    """The newest file is empty."""
    log.files[4].clear()


def another_key(log: Written) -> None:
    """Everything is signed again with another key."""
    log.checkpoints = made(seed=2).checkpoints


def made_again(log: Written) -> None:
    """Another log, consistent in itself."""
    end, again = made(seed=2), foreign().replace(b'"get"', b'"put"')
    end.end, end.files = type(end.end)("a" * 16, 0, "0" * 64), [[] for _ in range(FILES)]
    for number in range(FILES * LENGTH):
        chained, end.end = end.end.chained(again)
        end.files[number // LENGTH].append(chained)
    log.files = end.files


TO_FILES: tuple[tuple[Callable[[Written], None], tuple[str, int, str]], ...] = (
    (exchange, (NAMES[0], 1, "reordered")),
    (cut_head, (NAMES[0], 1, "removed")),
    (cut_tail, ("audit.log", 9_000, "removed")),
    (empty, (NAMES[3], 20_000, "removed")),
    (another_key, ("audit.log.checkpoints", 1, "unsigned")),
    (made_again, (NAMES[0], 10_000, "rewritten")),
)
"""What is done to whole files, to the head, the tail and the key: file, line and kind."""


def first(said: dict[str, Any]) -> tuple[str, int, str]:
    """File, line and kind of the first finding."""
    finding = said["findings"][0]
    return Path(finding["file"]).name, finding["line"], finding["kind"]


class Terminal(io.StringIO):
    """What progress is shown on."""

    def isatty(self) -> bool:
        return True
