"""A log file whose lines are in a chain."""

import errno
from pathlib import Path

import pytest

from auditproxy.audit.chain.checkpoints import Checkpoint, read_checkpoint
from auditproxy.audit.chain.continuing import beginning
from auditproxy.audit.encode import json_line
from auditproxy.backends.chained import ChainedFile, Checkpoints
from auditproxy.backends.rotation import LineTooLongError, RotatingFile
from tests.fakes.backends import event
from tests.fakes.chains import TIME, signing, verified
from tests.fakes.rotating import Clocks, names, rotating


class Rig:
    """A chained log in a folder, and what was told of its checkpoints."""

    def __init__(self, folder: Path, *, size: int = 0, has_key: bool = True) -> None:
        self.folder = folder
        self.clocks = Clocks()
        self.told: list[str] = []
        self.anchored: list[bytes] = []
        self.file = rotating(folder / "audit.log", self.clocks, size=size)
        self.file.ensure()
        self.beside: RotatingFile = rotating(folder / "audit.log.checkpoints", self.clocks)
        checkpoints = Checkpoints(
            self.beside, signing(), 0, lambda: TIME, self.told.append, self.anchored.append
        )
        self.chained = ChainedFile(
            self.file, beginning(b"", None, "a" * 16), checkpoints if has_key else None
        )

    def write(self, count: int, text: str = "a") -> None:
        """Write events, a second apart."""
        for _ in range(count):
            self.clocks.pass_by(1)
            self.chained.write(json_line(event(text)))

    def files(self) -> list[list[bytes]]:
        """The lines of each file of the log, in order."""
        found = [name for name in names(self.folder) if name.endswith(".log")]
        return [(self.folder / name).read_bytes().splitlines(keepends=True) for name in found]

    def signed(self) -> list[Checkpoint]:
        """The checkpoints beside it."""
        path = self.folder / "audit.log.checkpoints"
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        return [read_checkpoint(line).checkpoint for line in lines]


def test_lines_and_checkpoints(tmp_path: Path) -> None:
    """A log of several files verifies; what was signed is where it should be."""
    rig = Rig(tmp_path, size=1500)
    rig.write(3)
    rig.chained.checkpoint()
    rig.chained.checkpoint()
    rig.write(4)
    rig.chained.close()
    assert [(each.reason, each.number) for each in rig.signed()] == [
        ("ChainBegan", 0),
        ("Rotated", 2),
        ("Interval", 3),
        ("Rotated", 4),
        ("Rotated", 6),
        ("Shutdown", 7),
    ]
    assert [each.sequence for each in rig.signed()] == [1, 2, 3, 4, 5, 6]
    assert rig.told == [""] * 6
    checkpoints = (tmp_path / "audit.log.checkpoints").read_bytes().splitlines(keepends=True)
    assert checkpoints == rig.anchored
    found = verified(rig.files(), checkpoints, whole=True)
    assert (found.findings, found.notes, found.covered[0].unsigned) == ((), (), 0)


def test_without_a_key(tmp_path: Path) -> None:
    """The chain alone."""
    rig = Rig(tmp_path, has_key=False)
    rig.write(3)
    rig.chained.checkpoint()
    rig.chained.close()
    assert names(tmp_path) == ["audit.log"]
    assert verified(rig.files()).findings == ()


def test_a_lost_line_has_no_place(tmp_path: Path) -> None:
    """The next line continues the last one that is there."""
    rig = Rig(tmp_path, size=1500)
    rig.write(1)
    with pytest.raises(LineTooLongError) as caught:
        rig.write(1, "b" * 1200)
    assert caught.value.maximum == 1500 - 320
    # A line that fits with all that is added to it.
    rig.write(1, "b" * (caught.value.maximum - len(json_line(event("")))))
    rig.write(1)
    rig.chained.close()
    assert [len(lines) for lines in rig.files()] == [1, 1, 1]
    assert [f.kind for f in verified(rig.files()).findings] == []


def test_moved_away_by_others(tmp_path: Path) -> None:
    """Another program's rotation ends a file as ours does; a reopening alone does not."""
    rig = Rig(tmp_path)
    rig.write(2)
    rig.chained.reopen()
    rig.write(1)
    (tmp_path / "audit.log").rename(tmp_path / "audit-1.log")
    rig.chained.reopen()
    rig.write(2)
    rig.chained.close()
    ends = [each.number for each in rig.signed() if each.reason == "Rotated"]
    assert ends == [3]
    assert verified(rig.files()).findings == ()


def test_a_checkpoint_that_cannot_be_written(tmp_path: Path) -> None:
    """No event waits for it; it is told, and made when it can be."""
    rig = Rig(tmp_path)
    rig.write(1)
    rig.beside.close()
    path = tmp_path / "audit.log.checkpoints"
    path.unlink()
    path.mkdir()
    rig.chained.checkpoint()
    rig.write(1)
    rig.chained.checkpoint()
    assert rig.told == ["", "is a directory", "is a directory"]
    path.rmdir()
    rig.chained.checkpoint()
    assert [(each.sequence, each.number) for each in rig.signed()] == [(2, 2)]


def test_the_file_is_asked(tmp_path: Path) -> None:
    """Faults and probes are the file's own."""
    rig = Rig(tmp_path)
    assert (rig.chained.take_fault(), rig.chained.probe(), rig.chained.probe(may_open=False)) == (
        "",
        "",
        "",
    )
    rig.chained.close()
    (tmp_path / "audit.log").unlink()
    (tmp_path / "audit.log").mkdir()
    assert rig.chained.probe() == "is a directory"
    with pytest.raises(OSError) as caught:
        rig.write(1)
    assert caught.value.errno == errno.EISDIR
