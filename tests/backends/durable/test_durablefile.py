"""A file whose lines are on the disk when a commit returns, and nowhere when it fails."""

import errno
import itertools
import os
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditproxy.backends.durable.durablefile import LONGEST_WRITE, CommitError, DurableFile, Line
from tests.fakes.durable import EIO, FaultyDisk, durable_file
from tests.fakes.rotating import Clocks, names

LINES = [b"a\n", b"b\n", b"c\n"]


def commit_fails(file: DurableFile, lines: Sequence[Line]) -> CommitError:
    """The error of a commit."""
    with pytest.raises(CommitError) as raised:
        file.commit(lines)
    return raised.value


def everything(path: Path) -> bytes:
    """Every file of a log, oldest first."""
    old = sorted(path.parent.glob(f"{path.stem}-*"))
    return b"".join(each.read_bytes() for each in (*old, path))


def test_a_commit_is_on_the_disk(tmp_path: Path) -> None:
    """One sync for all lines of a commit, after the folder has the file's name."""
    path, disk = tmp_path / "logs" / "audit.log", FaultyDisk()
    file = durable_file(path, disk)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert disk.did == ["folder", "folder"]
    file.commit(LINES)
    assert disk.survived(path) == b"a\nb\nc\n"
    assert disk.syncs == 1
    file.commit([b"d\n"])
    assert disk.survived(path) == b"a\nb\nc\nd\n"


def test_a_line_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written as it is, by itself; lines before and behind it are joined."""
    wrote: list[tuple[bytes, ...]] = []
    write = DurableFile.write

    def watched(file: DurableFile, line: bytes, *more: bytes) -> None:
        wrote.append((line, *more))
        write(file, line, *more)

    monkeypatch.setattr(DurableFile, "write", watched)
    path, disk = tmp_path / "audit.log", FaultyDisk(EIO)
    file = durable_file(path, disk)
    lines: list[Line] = [b"a\n", b"b\n", (b"c", b"d", b"\n"), b"e\n", b"f\n"]
    assert commit_fails(file, lines).committed == 0
    assert path.read_bytes() == b""
    wrote.clear()
    file.commit(lines)
    assert wrote == [(b"a\nb\n",), (b"c", b"d", b"\n"), (b"e\nf\n",)]
    assert disk.survived(path) == path.read_bytes() == b"a\nb\ncd\ne\nf\n"


def test_another_process_wrote_before_a_fault(tmp_path: Path) -> None:
    """T253: What is cut back ends where the promised lines do, and not at a size that was counted."""
    path, disk = tmp_path / "audit.log", FaultyDisk(None, None, EIO)
    file = durable_file(path, disk)
    file.commit([b"first\n"])
    with path.open("ab") as other:
        other.write(b"of another\n")
    file.commit([b"second\n"])
    assert commit_fails(file, LINES).committed == 0
    file.commit(LINES)
    assert path.read_bytes() == b"first\nof another\nsecond\na\nb\nc\n"


def test_another_process_cut_it_before_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T253: T256: A line that continued behind the cut leaves nothing to which another is joined."""
    path, disk = tmp_path / "audit.log", FaultyDisk(None, EIO)
    file = durable_file(path, disk)
    file.commit([b"first\n"])
    write = os.writev

    def behind_a_cut(descriptor: int, parts: Sequence[bytes]) -> int:
        os.truncate(path, 0)
        return write(descriptor, parts)

    with monkeypatch.context() as patch:
        patch.setattr(os, "writev", behind_a_cut)
        assert commit_fails(file, [(b"torn line", b"\n")]).committed == 0
    file.commit(LINES)
    assert path.read_bytes() == b"a\nb\nc\n"


def test_a_sync_fails_once(tmp_path: Path) -> None:
    """T253: the kernel reports it once: what was not synced is cut off, and written anew."""
    path, disk = tmp_path / "audit.log", FaultyDisk(None, EIO)
    file = durable_file(path, disk)
    file.commit([b"first\n"])
    inode = path.stat().st_ino
    os.set_blocking(file._descriptor, False)
    error = commit_fails(file, LINES)
    assert (error.committed, error.fault.errno) == (0, EIO)
    assert path.read_bytes() == b"first\n"
    # Not the same open file, or it would have the same mark.
    assert os.get_blocking(file._descriptor)
    file.commit(LINES)
    assert path.stat().st_ino == inode
    assert path.read_bytes() == disk.survived(path) == b"first\na\nb\nc\n"


def test_a_folder_that_cannot_be_synced(tmp_path: Path) -> None:
    """T253: a line in a file whose name may be gone after a crash is not promised."""
    path, disk = tmp_path / "audit.log", FaultyDisk()
    file = durable_file(path, disk)
    file.reopen()
    disk.folder_faults = [EIO]
    error = commit_fails(file, LINES)
    assert (error.committed, error.fault.errno) == (0, EIO)
    file.commit(LINES)
    assert path.read_bytes() == b"a\nb\nc\n"


def test_write_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """T253: EIO of a write: nothing of the commit is there, and the next one is whole."""
    path = tmp_path / "audit.log"
    file = durable_file(path, FaultyDisk())
    file.commit([b"first\n"])
    write = os.write

    def broken(descriptor: int, data: bytes) -> int:
        monkeypatch.setattr(os, "write", write)
        raise OSError(EIO, "broken")

    monkeypatch.setattr(os, "write", broken)
    assert commit_fails(file, LINES).committed == 0
    file.commit(LINES)
    assert path.read_bytes() == b"first\na\nb\nc\n"


def test_large_commit_fails_in_the_middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """T252: of several writes none stays when a later one fails, unless it was synced."""
    path = tmp_path / "audit.log"
    file = durable_file(path, FaultyDisk())
    lines = [b"x" * (LONGEST_WRITE // 2) + b"\n" for _ in range(5)]
    write, count = os.write, itertools.count()

    def third(descriptor: int, data: bytes) -> int:
        if next(count) == 2:
            raise OSError(errno.ENOSPC, "full")
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", third)
    assert commit_fails(file, lines).committed == 0
    assert path.read_bytes() == b""
    file.commit(lines)
    assert path.read_bytes() == b"".join(lines)


def test_rotation(tmp_path: Path) -> None:
    """The old file is synced before its new name, the folder before the new file's lines count."""
    path, disk, clocks = tmp_path / "audit.log", FaultyDisk(), Clocks()
    file = durable_file(path, disk, clocks, size=8)
    disk.did.clear()
    file.commit([b"1234\n", b"5\n", b"abcdef\n"])
    assert disk.did == ["file", "file", "folder"]
    (old,) = tmp_path.glob("audit-*.log")
    assert disk.survived(old) == b"1234\n5\n"
    assert disk.survived(path) == b"abcdef\n"


def test_rotation_within_a_millisecond(tmp_path: Path) -> None:
    """No file that was promised is replaced, though its name was the same; nor an archive."""
    path, clocks = tmp_path / "audit.log", Clocks()
    file = durable_file(path, FaultyDisk(), clocks, size=4)
    lines = [b"%03d\n" % number for number in range(5)]
    (tmp_path / "audit-2026-11-23T13-16-39.369.log.gz").write_bytes(b"")
    file.commit(lines)
    assert everything(path) == b"".join(lines)
    assert len(names(tmp_path)) == 6
    assert "audit-2026-11-23T13-16-39.369.log" not in names(tmp_path)


def test_a_sync_before_rotation_fails(tmp_path: Path) -> None:
    """T253: T257: a file that could not be synced is not renamed; its lines are written anew."""
    path, disk = tmp_path / "audit.log", FaultyDisk(EIO)
    file = durable_file(path, disk, size=8)
    assert commit_fails(file, [b"1234\n", b"abcdef\n"]).committed == 0
    assert names(tmp_path) == ["audit.log"]
    assert path.read_bytes() == b""
    file.commit([b"1234\n", b"abcdef\n"])
    assert everything(path) == b"1234\nabcdef\n"


def test_a_sync_after_rotation_fails(tmp_path: Path) -> None:
    """T253: lines of the file that was rotated are committed, those behind them are not."""
    path, disk = tmp_path / "audit.log", FaultyDisk(None, EIO)
    file = durable_file(path, disk, size=8)
    assert commit_fails(file, [b"1234\n", b"abcdef\n"]).committed == 1
    file.commit([b"abcdef\n"])
    assert everything(path) == b"1234\nabcdef\n"


def test_rotation_that_cannot_rename(tmp_path: Path) -> None:
    """T257: the file keeps growing, and every line is on the disk."""
    path, disk, clocks = tmp_path / "audit.log", FaultyDisk(), Clocks()
    file = durable_file(path, disk, clocks, size=4)

    def no(source: object, target: object) -> None:
        raise OSError(errno.EBUSY, "busy")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", no)
        file.commit([b"abc\n", b"def\n"])
        file.commit([b"ghi\n"])
    assert "cannot be rotated and keeps growing" in file.take_fault()
    assert disk.survived(path) == b"abc\ndef\nghi\n"


def test_a_crash_within_rotation(tmp_path: Path) -> None:
    """T273: killed between the rename and the new file: the next start makes that, and replaces
    nothing, even in the same millisecond."""
    path, clocks = tmp_path / "audit.log", Clocks()
    file = durable_file(path, FaultyDisk(), clocks, size=4)
    file.commit([b"1\n", b"2\n"])
    path.rename(file._aside())
    file.close()
    again = durable_file(path, FaultyDisk(), clocks, size=4)
    again.commit([b"3\n", b"4\n", b"5\n"])
    assert [(tmp_path / name).read_bytes() for name in names(tmp_path)] == [
        b"1\n2\n",
        b"3\n4\n",
        b"5\n",
    ]


def test_torn_tail(tmp_path: Path) -> None:
    """T272: half a line of a killed process is cut off at the start, and told."""
    path = tmp_path / "audit.log"
    path.write_bytes(b"whole\n" + b"x" * 100_000)
    file = durable_file(path, FaultyDisk())
    assert path.read_bytes() == b"whole\n"
    assert file.take_fault() == f"{path} ended within a line: its 100000 bytes were cut off"
    file.commit([b"next\n"])
    assert path.read_bytes() == b"whole\nnext\n"


def test_torn_tail_alone(tmp_path: Path) -> None:
    """T272: half of the first line is nothing."""
    path = tmp_path / "audit.log"
    path.write_bytes(b"half")
    durable_file(path, FaultyDisk())
    assert path.read_bytes() == b""


def test_deleted_between_two_commits(tmp_path: Path) -> None:
    """T254: no commit returns with its lines in a file that has no name."""
    path, disk, clocks = tmp_path / "audit.log", FaultyDisk(), Clocks()
    file = durable_file(path, disk, clocks)
    file.commit([b"a\n"])
    path.unlink()
    file.commit([b"b\n"])
    assert path.read_bytes() == disk.survived(path) == b"b\n"
    assert clocks.reopened == ["deleted"]


def test_deleted_during_a_commit(tmp_path: Path) -> None:
    """T254: lines that went to a file which was deleted meanwhile are written again."""
    path, clocks = tmp_path / "audit.log", Clocks()

    class Deleting(FaultyDisk):
        left = 1

        def sync(self, descriptor: int) -> None:
            super().sync(descriptor)
            if self.left:
                self.left -= 1
                path.unlink()

    disk = Deleting()
    file = durable_file(path, disk, clocks)
    file.commit(LINES)
    assert path.read_bytes() == disk.survived(path) == b"a\nb\nc\n"
    assert clocks.reopened == ["deleted"]
    disk.left = 100
    error = commit_fails(file, [b"d\n"])
    assert error.committed == 0
    assert "deleted" in str(error.fault.strerror)
    disk.left = 0
    file.commit([b"d\n"])
    assert path.read_bytes() == b"d\n"


def test_renamed_by_another(tmp_path: Path) -> None:
    """T255: logrotate without a signal: what was committed stays where it was moved to."""
    path, clocks = tmp_path / "audit.log", Clocks()
    file = durable_file(path, FaultyDisk(), clocks)
    file.commit([b"a\n"])
    path.rename(tmp_path / "moved")
    file.commit([b"b\n"])
    assert (tmp_path / "moved").read_bytes() == b"a\n"
    assert path.read_bytes() == b"b\n"


def test_truncated_by_another(tmp_path: Path) -> None:
    """T256: copytruncate; a fault behind it cuts nothing of what came since."""
    path, disk = tmp_path / "audit.log", FaultyDisk()
    file = durable_file(path, disk)
    file.commit([b"x" * 50 + b"\n"])
    os.truncate(path, 0)
    file.commit([b"a\n"])
    disk.faults = [EIO]
    assert commit_fails(file, [b"b\n"]).committed == 0
    file.commit([b"c\n"])
    assert path.read_bytes() == b"a\nc\n"


def test_truncated_within_a_line(tmp_path: Path) -> None:
    """T256: found by the next look, without a line; what is committed then is on lines of its own."""
    path, clocks = tmp_path / "audit.log", Clocks()
    file = durable_file(path, FaultyDisk(), clocks)
    file.commit([b"one\n", b"two\n"])
    os.truncate(path, 6)
    assert file.watch() == ""
    assert clocks.reopened == ["truncated"]
    os.truncate(path, 5)
    file.commit([b"three\n", b"four\n"])
    assert path.read_bytes() == b"one\nt\nthree\nfour\n"
    assert clocks.reopened == ["truncated"] * 2
    assert file.watch() == ""
    file.commit([b"five\n"])
    assert path.read_bytes().endswith(b"four\nfive\n")


def test_no_longer_a_file(tmp_path: Path) -> None:
    """T258: what replaces the file is written to only if it can promise as much."""
    path = tmp_path / "audit.log"
    file = durable_file(path, FaultyDisk())
    path.unlink()
    path.symlink_to("/dev/null")
    error = commit_fails(file, LINES)
    assert error.fault.strerror == "not a regular file"
    assert file.watch() == "not a regular file"
    path.unlink()
    assert file.watch() == ""
    file.commit(LINES)
    assert path.read_bytes() == b"a\nb\nc\n"


def test_taken_by_another(tmp_path: Path) -> None:
    """T260: a file that another process has taken meanwhile is left alone."""
    path = tmp_path / "audit.log"
    file = durable_file(path, FaultyDisk())
    file.reopen()
    other = durable_file(path, FaultyDisk())
    assert commit_fails(file, LINES).fault.strerror == "another process writes to it"
    other.close()
    file.commit(LINES)
    assert path.read_bytes() == b"a\nb\nc\n"


def test_watch(tmp_path: Path) -> None:
    """T254: what happens to a file is found without writing to it."""
    folder = tmp_path / "logs"
    path, disk, clocks = folder / "audit.log", FaultyDisk(), Clocks()
    file = durable_file(path, disk, clocks)
    assert file.watch() == ""
    path.unlink()
    assert file.watch() == ""
    assert path.exists()
    assert clocks.reopened == ["deleted"]
    path.unlink()
    folder.rmdir()
    folder.touch()
    assert file.watch() == "file exists"
    folder.unlink()
    assert file.watch() == ""
    path.unlink()
    disk.folder_faults = [EIO]
    assert file.watch() == "input/output error"
    assert file.watch() == ""


FAULTS = st.lists(st.sampled_from([None, None, EIO]), max_size=12)
COMMITS = st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=6), max_size=8)


@settings(max_examples=150, deadline=None)
@given(faults=FAULTS, folder_faults=FAULTS, commits=COMMITS, size=st.sampled_from([0, 40, 64]))
def test_each_line_once_or_told(
    tmp_path_factory: pytest.TempPathFactory,
    faults: list[int | None],
    folder_faults: list[int | None],
    commits: list[list[int]],
    size: int,
) -> None:
    """T253: T269: whatever fails: in the files are the lines that were committed, each once, in order,
    and all of them are on the disk."""
    path = tmp_path_factory.mktemp("log") / "audit.log"
    disk, clocks = FaultyDisk(), Clocks()
    file = durable_file(path, disk, clocks, size=size)
    disk.faults, disk.folder_faults = list(faults), list(folder_faults)
    numbers = itertools.count()
    promised = []
    for lengths in commits:
        lines = [b"%d:%s\n" % (next(numbers), b"x" * length) for length in lengths]
        while lines:
            clocks.pass_by(0.001)
            try:
                file.commit(lines)
            except CommitError as error:
                promised += lines[: error.committed]
                lines = lines[error.committed :]
            else:
                promised += lines
                lines = []
    assert everything(path) == b"".join(promised)
    old = sorted(path.parent.glob("audit-*"))
    assert b"".join(disk.survived(each) for each in (*old, path)) == b"".join(promised)
