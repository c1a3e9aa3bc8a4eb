"""A log file whose lines are in a chain."""

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from auditproxy.audit.chain.checkpoints import Checkpoint, read_checkpoint
from auditproxy.audit.chain.continuing import beginning
from auditproxy.audit.chain.links import read_link
from auditproxy.audit.encode import json_line
from auditproxy.backends.durable.chainable import ChainableFile
from auditproxy.backends.durable.chained import ChainedDurableFile, ChainedFile
from auditproxy.backends.durable.checkpoints import MISSING, Checkpoints, Signing
from auditproxy.backends.durable.durablefile import CommitError, DurableFile
from auditproxy.backends.logfiles.rotation import LineTooLongError
from tests.fakes.backends import event
from tests.fakes.chains import TIME, signing, verified
from tests.fakes.durable import EIO, FaultyDisk, durable_file
from tests.fakes.rotating import Clocks, names, rotating_as
from tests.fakes.waiting import until


@contextmanager
def no_descriptors() -> Iterator[None]:
    """Nothing more can be opened."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Rig:
    """A chained log in a folder, and what was told of its checkpoints."""

    def __init__(self, folder: Path, *, size: int = 0, has_key: bool = True) -> None:
        self.folder = folder
        self.clocks = Clocks()
        self.told: list[str] = []
        self.anchored: list[bytes] = []
        self.disk = FaultyDisk()
        self.file = rotating_as(ChainableFile, folder / "audit.log", self.clocks, size=size)
        self.file.ensure()
        self.beside_disk = FaultyDisk()
        self.beside: DurableFile = durable_file(folder / "audit.log.checkpoints", self.beside_disk)
        begun = beginning(b"", None, "a" * 16)
        checkpoints = Checkpoints(
            self.beside, signing(), 0, lambda: TIME, self.told.append, self.anchored.append
        )
        self.signing = Signing(checkpoints, begun, self.disk) if has_key else None
        self.chained = ChainedFile(self.file, begun.end, self.signing)

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
    # Here it was made by the test.
    assert (tmp_path / "audit.log.checkpoints").read_bytes() == b""
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


async def test_a_checkpoint_that_cannot_be_written(tmp_path: Path) -> None:
    """No event waits for it; it is told, and made when it can be."""
    rig = Rig(tmp_path)
    rig.write(1)
    rig.beside.close()
    path = tmp_path / "audit.log.checkpoints"
    path.unlink()
    path.mkdir()
    rig.chained.checkpoint()
    rig.write(1)
    await until(lambda: len(rig.told) == 2, "the fault is told")
    rig.chained.checkpoint()
    await until(lambda: len(rig.told) == 3, "the fault is told again")
    assert rig.told == ["", "is a directory", "is a directory"]
    path.rmdir()
    rig.chained.checkpoint()
    rig.chained.close()
    assert [(each.sequence, each.number) for each in rig.signed()] == [(2, 2), (3, 2)]


def test_what_is_signed_was_synced_before(tmp_path: Path) -> None:
    """Each checkpoint's line is in what the disk has when the checkpoint is made."""
    rig = Rig(tmp_path, size=1500)
    seen = []

    def note(fault: str) -> None:
        on_disk = b"".join(rig.disk.synced.values())
        newest = rig.anchored[-1] if rig.anchored else b""
        seen.append(newest and read_checkpoint(newest).checkpoint.digest.encode() in on_disk)

    assert rig.signing is not None
    rig.signing._checkpoints.report = note
    rig.write(7)
    rig.chained.close()
    # The anchor gets a checkpoint after it was told of: each is seen with the next one.
    assert [each.number for each in rig.signed()] == [0, 2, 4, 6, 7]
    assert len(seen) == 4
    assert all(seen[1:])
    assert rig.disk.syncs == 5


async def test_a_log_that_cannot_be_synced(tmp_path: Path) -> None:
    """Nothing is signed then; what is signed later says which lines may be lost."""
    rig = Rig(tmp_path)
    rig.write(2)
    rig.chained.checkpoint()
    await until(lambda: len(rig.told) == 2, "the lines are signed")
    rig.write(3)
    rig.disk.faults = [EIO]
    rig.chained.checkpoint()
    await until(lambda: len(rig.told) == 3, "the fault is told")
    rig.write(1)
    rig.chained.close()
    assert rig.told == ["", "", "the log is not on the disk: input/output error", ""]
    assert [(each.number, each.message) for each in rig.signed()] == [
        (0, ""),
        (2, ""),
        (6, "lines 3 to 5 may be lost: the disk said input/output error"),
    ]


def test_a_log_that_is_not_at_its_path(tmp_path: Path) -> None:
    """What cannot be opened cannot be synced: nothing is signed of it."""
    rig = Rig(tmp_path)
    (tmp_path / "audit.log").rename(tmp_path / "audit-1.log")
    (tmp_path / "audit.log").write_bytes(b"")
    rig.chained.reopen()
    rig.write(1)
    (tmp_path / "audit.log").unlink()
    os.close(rig.chained._reader)
    rig.chained._reader = -2
    rig.chained.close()
    assert rig.told == ["", "the log cannot be opened for it"]
    assert [each.number for each in rig.signed()] == [0]


def test_a_disk_that_does_not_answer(tmp_path: Path) -> None:
    """No line waits for it; what waits for it has a bound, beyond which it is told."""
    rig = Rig(tmp_path)
    rig.disk.gate.clear()
    for _ in range(18):
        rig.write(1)
        rig.chained.checkpoint()
    assert rig.told == ["", "too many wait for the disk", "too many wait for the disk"]
    rig.disk.gate.set()
    rig.chained.close()
    assert [each.number for each in rig.signed()] == [0, *range(1, 17), 18]
    assert verified(rig.files(), rig.anchored, whole=True).findings == ()


def after_each_removal(rig: Rig) -> list[str]:
    """What is found where the oldest files were removed for their age, one after the other."""
    files = rig.files()
    found = [verified(files[order:], rig.anchored) for order in range(len(files))]
    return [finding.text for verdict in found for finding in verdict.findings]


@pytest.mark.parametrize("is_of_log", [True, False])
async def test_the_end_of_a_file_is_kept_until_it_is_signed(
    is_of_log: bool, tmp_path: Path
) -> None:
    """A disk fault of the log or of the checkpoints: it comes before the next checkpoint."""
    rig = Rig(tmp_path, size=1500)
    (rig.disk if is_of_log else rig.beside_disk).faults = [EIO, EIO]
    rig.write(3)
    await until(lambda: len(rig.told) == 2, "the fault is told")
    rig.write(2)
    await until(lambda: len(rig.told) == 3, "the fault is told again")
    rig.chained.checkpoint()
    rig.chained.checkpoint()
    await until(lambda: len(rig.anchored) == 4, "they are signed")
    rig.chained.close()
    assert [(each.reason, each.number) for each in rig.signed()] == [
        ("ChainBegan", 0),
        ("Rotated", 2),
        ("Rotated", 4),
        ("Interval", 5),
        ("Shutdown", 5),
    ]
    lost = "lines 1 to 2 may be lost: the disk said input/output error"
    assert [each.message for each in rig.signed()] == ["", lost if is_of_log else "", "", "", ""]
    assert after_each_removal(rig) == []


async def test_the_beginning_is_kept_until_it_is_signed(tmp_path: Path) -> None:
    """Without it no checkpoint of the chain would be of use."""
    begun = beginning(b"", None, "a" * 16)
    told: list[str] = []
    beside = durable_file(tmp_path / "audit.log.checkpoints", FaultyDisk(EIO))
    checkpoints = Checkpoints(beside, signing(), 0, lambda: TIME, told.append)
    disk = FaultyDisk()
    chained = ChainedDurableFile(
        durable_file(tmp_path / "audit.log", disk), begun.end, Signing(checkpoints, begun, disk)
    )
    assert told == ["input/output error"]
    chained.checkpoint()
    await until(lambda: len(told) == 2, "the beginning is signed")
    chained.close()
    lines = (tmp_path / "audit.log.checkpoints").read_bytes().splitlines(keepends=True)
    # What was asked for in time says no more than the beginning, which came with it.
    assert [read_checkpoint(line).checkpoint.reason for line in lines] == [
        "ChainBegan",
        "Shutdown",
    ]


async def test_ends_of_files_while_the_disk_does_not_answer(tmp_path: Path) -> None:
    """They have room of their own, and are signed in the order of their lines."""
    rig = Rig(tmp_path, size=1500)
    rig.disk.gate.clear()
    for _ in range(40):
        rig.write(1)
        rig.chained.checkpoint()
    rig.disk.gate.set()
    signing_ = rig.signing
    assert signing_ is not None
    await until(lambda: not signing_._waiting, "what waited is signed")
    rig.write(1)
    rig.chained.checkpoint()
    await until(lambda: not signing_._waiting, "what came too late is signed")
    rig.chained.close()
    numbers = [each.number for each in rig.signed()]
    assert numbers == sorted(numbers)
    ends = [each.number for each in rig.signed() if each.reason == "Rotated"]
    assert ends == list(range(2, 42, 2))
    assert set(rig.told) == {"", "too many wait for the disk"}
    assert after_each_removal(rig) == []


def test_more_ends_of_files_than_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those beyond the bound are told of, and no descriptor stays with them."""
    monkeypatch.setattr("auditproxy.backends.durable.checkpoints.MAXIMUM_ENDS", 3)
    rig = Rig(tmp_path, size=1500)
    rig.disk.gate.clear()
    before = len(os.listdir("/proc/self/fd"))
    rig.write(2 * 16 + 1)
    held = len(os.listdir("/proc/self/fd")) - before
    rig.write(2 * 5)
    assert len(os.listdir("/proc/self/fd")) - before <= held + 3
    assert rig.told == ["", "too many wait for the disk", "too many wait for the disk"]
    rig.disk.faults = [EIO] * 30
    rig.disk.gate.set()
    rig.chained.close()
    # The disk failed at each of them: the first ones were kept, and none could be signed.
    assert rig.signed()[1:] == []
    assert len(os.listdir("/proc/self/fd")) < before


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


# --- in mode durable ---------------------------------------------------------------


class DurableRig:
    """The same over a DurableFile."""

    def __init__(self, folder: Path, *faults: int | None, size: int = 0) -> None:
        self.folder = folder
        self.told: list[str] = []
        self.disk = FaultyDisk(*faults)
        self.file = durable_file(folder / "audit.log", self.disk, size=size)
        beside = durable_file(folder / "audit.log.checkpoints", FaultyDisk())
        checkpoints = Checkpoints(beside, signing(), 0, lambda: TIME, self.told.append)
        begun = beginning(b"", None, "a" * 16)
        self.chained = ChainedDurableFile(
            self.file, begun.end, Signing(checkpoints, begun, self.disk)
        )

    def commit(self, count: int, text: str = "a") -> None:
        """Commit events."""
        self.chained.commit([json_line(event(f"{text}{number}")) for number in range(count)])

    def fails(self, count: int) -> int:
        """Commit events that cannot be; how many were."""
        with pytest.raises(CommitError) as caught:
            self.commit(count, "lost")
        return caught.value.committed

    def close(self) -> tuple[list[str], list[int], list[tuple[str, int]]]:
        """What verification finds, the numbers of the lines, and what was signed."""
        self.chained.close()
        found = [name for name in names(self.folder) if name.endswith(".log")]
        files = [(self.folder / name).read_bytes().splitlines(keepends=True) for name in found]
        path = self.folder / "audit.log.checkpoints"
        lines = path.read_bytes().splitlines(keepends=True)
        links = [read_link(line) for file in files for line in file]
        signed = [read_checkpoint(line).checkpoint for line in lines]
        verdict = verified(files, lines, whole=True)
        return (
            [f"{finding.place} {finding.text}" for finding in verdict.findings],
            [link.number if link else 0 for link in links],
            [(each.reason, each.number) for each in signed],
        )


def test_a_commit_that_failed_gives_its_numbers_back(tmp_path: Path) -> None:
    """The next lines continue behind the last one that the disk has."""
    rig = DurableRig(tmp_path, None, EIO)
    rig.commit(2)
    assert rig.fails(3) == 0
    rig.chained.checkpoint()
    rig.commit(2, "b")
    assert rig.close() == (
        [],
        [1, 2, 3, 4],
        [("ChainBegan", 0), ("Interval", 2), ("Shutdown", 4)],
    )
    assert b"lost" not in (tmp_path / "audit.log").read_bytes()


def test_a_line_in_parts(tmp_path: Path) -> None:
    """A large event's line has its place as any other."""
    rig = DurableRig(tmp_path)
    whole = json_line(event("large"))
    rig.chained.commit([json_line(event("a")), (whole[:40], whole[40:80], whole[80:])])
    rig.commit(1, "b")
    assert rig.close() == ([], [1, 2, 3], [("ChainBegan", 0), ("Shutdown", 3)])


def test_a_part_of_a_commit(tmp_path: Path) -> None:
    """Lines that were settled by a rotation keep their places; the others give theirs back."""
    rig = DurableRig(tmp_path, None, EIO, size=2000)
    assert rig.fails(5) == 3
    rig.commit(4, "b")
    faults, numbers, signed = rig.close()
    assert (faults, numbers) == ([], [1, 2, 3, 4, 5, 6, 7])
    assert ("Rotated", 3) in signed


def test_rotation_in_the_middle_of_a_commit(tmp_path: Path) -> None:
    """The last line of each file is signed as such."""
    rig = DurableRig(tmp_path, size=2000)
    rig.commit(8)
    rig.commit(1)
    assert rig.close() == (
        [],
        [*range(1, 10)],
        [("ChainBegan", 0), ("Rotated", 3), ("Rotated", 6), ("Shutdown", 9)],
    )


def test_a_file_that_was_deleted(tmp_path: Path) -> None:
    """What was promised of it is missing, and found; what was not is written again."""
    rig = DurableRig(tmp_path)
    rig.commit(2)
    (tmp_path / "audit.log").unlink()
    rig.commit(2, "b")
    faults, numbers, _ = rig.close()
    assert (faults, numbers) == (
        [f"file0:1 missing before it: lines 1 to 2 of chain {'a' * 16}"],
        [3, 4],
    )


def test_the_longest_line(tmp_path: Path) -> None:
    """It has room for its place; the durable file is asked for the rest."""
    rig = DurableRig(tmp_path, size=2000)
    assert rig.chained.longest_line == 2000 - 320
    assert DurableRig(tmp_path / "other").chained.longest_line == 0
    assert (rig.chained.watch(), rig.chained.take_fault()) == ("", "")
    rig.chained.reopen()
    rig.commit(1)
    assert rig.close()[:2] == ([], [1])


def test_no_descriptor_is_left(tmp_path: Path) -> None:
    """A process that has used up its descriptors signs later, and loses no line by it."""
    rig = Rig(tmp_path)
    for disk in (rig.disk, rig.beside_disk):
        # That of the test opens the file to see what it has.
        vars(disk)["sync"] = os.fdatasync
    rig.write(1)
    with no_descriptors():
        rig.chained.checkpoint()
        rig.write(1)
        rig.chained.close()
    assert rig.told == ["", "the log cannot be opened for it", ""]
    assert [(each.reason, each.number) for each in rig.signed()] == [
        ("ChainBegan", 0),
        ("Shutdown", 2),
    ]
    assert rig.chained._reader == MISSING
    assert verified(rig.files(), rig.anchored, whole=True).findings == ()


async def test_a_log_that_cannot_be_synced_twice(tmp_path: Path) -> None:
    """What is signed then says of all lines since the last checkpoint that they may be lost."""
    rig = Rig(tmp_path)
    rig.disk.faults = [None, EIO, EIO]
    for count, said in ((1, 2), (2, 3), (3, 4)):
        rig.write(count)
        rig.chained.checkpoint()
        await until(lambda said=said: len(rig.told) == said, "the checkpoint is made, or not")  # type: ignore[misc]
    rig.write(1)
    rig.chained.close()
    assert [(each.number, each.message) for each in rig.signed()] == [
        (0, ""),
        (1, ""),
        (7, "lines 2 to 6 may be lost: the disk said input/output error"),
    ]
