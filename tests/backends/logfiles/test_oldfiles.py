"""Rotated files: which are kept, removed and compressed, and one thread at a time for it."""

import datetime
import errno
import gzip
import os
import stat
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.backends.logfiles.oldfiles import OldFiles, compress_file, log_of, older_files
from auditproxy.backends.logfiles.rotation import RotatingFile
from tests.fakes.durable import FaultyDisk
from tests.fakes.rotating import START, Clocks, names, rotating


@pytest.fixture
def clocks() -> Clocks:
    """Clocks that stand still."""
    return Clocks()


def old_files(
    path: Path,
    *,
    backups: int = 0,
    age: int = 0,
    compress: bool = False,
    now: Callable[[], datetime.datetime] = lambda: START,
    in_background: Callable[[Callable[[], None]], None] = lambda work: work(),
) -> OldFiles:
    """Old files with some limits."""
    return OldFiles(
        path,
        maximum_backups=backups,
        maximum_age=age,
        compress=compress,
        now=now,
        in_background=in_background,
    )


def rotate_times(file: RotatingFile, clocks: Clocks, times: int, seconds: float) -> None:
    """Fill so many files, some time apart."""
    for _ in range(times):
        clocks.pass_by(seconds)
        file.write(b"123\n")


def test_a_clock_that_is_set_back(tmp_path: Path, clocks: Clocks) -> None:
    """Names in order are files in order, also for the next process, and the newest ones are kept."""
    for number in range(6):
        if number == 2:
            clocks.now -= datetime.timedelta(hours=3)
        file = rotating(tmp_path / "a.log", clocks, size=2, backups=3)
        clocks.pass_by(1)
        file.write(b"%d\n" % number)
    kept = [path.read_bytes() for path in reversed(older_files(tmp_path / "a.log"))]
    assert kept == [b"2\n", b"3\n", b"4\n"]


def test_a_name_of_a_clock_that_was_wrong(tmp_path: Path) -> None:
    """One of another year does not become the year of what follows."""
    old = old_files(tmp_path / "a.log")
    (tmp_path / "a-2099-11-23T13-16-39.368.log").touch()
    assert old.next_name().name == "a-2026-11-23T13-16-39.368.log"
    (tmp_path / "a-2026-11-23T13-16-39.999.log").touch()
    assert old.next_name().name == "a-2026-11-23T13-16-40.000.log"
    assert old.next_name(3).name == "a-2026-11-23T13-16-40.003.log"
    assert old_files(tmp_path / "absent" / "a.log").next_name().name.startswith("a-2026-11-23T13")


def test_maximum_backups(tmp_path: Path, clocks: Clocks) -> None:
    """The newest so many are kept; a packed file and its plain sibling count once."""
    file = rotating(tmp_path / "a.log", clocks, size=4, backups=2)
    rotate_times(file, clocks, 6, 1)
    kept = [name for name in names(tmp_path) if name != "a.log"]
    assert kept == ["a-2026-11-23T13-16-44.368.log", "a-2026-11-23T13-16-45.368.log"]
    (tmp_path / (kept[1] + ".gz")).touch()
    old_files(tmp_path / "a.log", backups=2).mill()
    assert len(names(tmp_path)) == 4


def test_maximum_age(tmp_path: Path, clocks: Clocks) -> None:
    """Files whose name is older than so many days are removed."""
    file = rotating(tmp_path / "a.log", clocks, size=4, age=1)
    rotate_times(file, clocks, 5, 12 * 3600)
    stamps = [name for name in names(tmp_path) if name != "a.log"]
    assert len(stamps) == 3


def test_foreign_files_stay(tmp_path: Path, clocks: Clocks) -> None:
    """Only files named as ours are ever removed."""
    for name in ("a-notes.log", "a-2026-11-23.log", "b-2026-11-23T13-16-39.368.log", "a.log.old"):
        (tmp_path / name).touch()
    (tmp_path / "a-2020-11-23T13-16-39.368.log").mkdir()
    file = rotating(tmp_path / "a.log", clocks, size=4, backups=1, age=1)
    rotate_times(file, clocks, 4, 1)
    assert len(names(tmp_path)) == 7


def test_compress(tmp_path: Path, clocks: Clocks) -> None:
    """Rotated files are packed with their content, mode and name; the plain ones are gone."""
    file = rotating(tmp_path / "a.log", clocks, size=4, compress=True)
    file.write(b"111\n")
    file.write(b"222\n")
    packed = tmp_path / "a-2026-11-23T13-16-39.368.log.gz"
    assert names(tmp_path) == [packed.name, "a.log"]
    assert gzip.decompress(packed.read_bytes()) == b"111\n"
    assert stat.S_IMODE(packed.stat().st_mode) == 0o600


def test_compress_error_leaves_the_file(tmp_path: Path) -> None:
    """A file that cannot be packed stays, and no half-made archive does."""
    path = tmp_path / "a.log"
    path.write_bytes(b"x")
    (tmp_path / "a.log.gz").mkdir()
    with pytest.raises(IsADirectoryError):
        compress_file(path)
    assert path.read_bytes() == b"x"


@pytest.mark.parametrize("kind", ["fifo", "link"])
def test_names_that_are_no_files(tmp_path: Path, kind: str) -> None:
    """A FIFO or a link at a rotated name, or at that of its archive, holds up nobody, is not read or
    written through, and stays; the other files are packed."""
    first, second, third = (tmp_path / f"a-2026-11-23T13-16-3{n}.000.log" for n in (1, 2, 3))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"not a log")
    for path in (first, Path(f"{second}.gz")):
        if kind == "fifo":
            os.mkfifo(path)
        else:
            path.symlink_to(elsewhere)
    second.write_bytes(b"2\n")
    third.write_bytes(b"3\n")
    old_files(tmp_path / "a.log", compress=True).mill()
    assert names(tmp_path) == sorted(
        [first.name, second.name, f"{second.name}.gz", f"{third.name}.gz", "elsewhere"]
    )
    assert gzip.decompress(Path(f"{third}.gz").read_bytes()) == b"3\n"
    assert (second.read_bytes(), elsewhere.read_bytes()) == (b"2\n", b"not a log")


def test_compress_is_safe(tmp_path: Path) -> None:
    """The disk has the archive and its name before the file goes; where it has not, the file stays."""

    class Watched(FaultyDisk):
        def sync_folder(self, folder: Path) -> None:
            super().sync_folder(folder)
            assert names(folder) == ["a.log", "a.log.gz"]

    path, disk = tmp_path / "a.log", Watched()
    for faults in (disk.faults, disk.folder_faults):
        faults.append(errno.EIO)
        path.write_bytes(b"content")
        with pytest.raises(OSError, match="Input/output error"):
            compress_file(path, disk)
        assert names(tmp_path) == ["a.log"]
    disk.did.clear()
    compress_file(path, disk)
    assert disk.did == ["file", "folder"]
    assert names(tmp_path) == ["a.log.gz"]


def test_gone_file_leaves_its_archive(tmp_path: Path) -> None:
    """A finished archive is not touched when the plain file has gone meanwhile."""
    archive = tmp_path / "a.log.gz"
    archive.write_bytes(b"finished")
    with pytest.raises(FileNotFoundError):
        compress_file(tmp_path / "a.log")
    assert archive.read_bytes() == b"finished"


def test_interrupted_compression_is_done_again(tmp_path: Path) -> None:
    """A half-made archive beside its plain file, as a crash leaves it, becomes whole."""
    plain = tmp_path / "a-2026-11-23T13-16-39.368.log"
    plain.write_bytes(b"content\n")
    (tmp_path / (plain.name + ".gz")).write_bytes(b"half of an archive that is longer than it")
    old_files(tmp_path / "a.log", compress=True).mill()
    assert names(tmp_path) == [plain.name + ".gz"]
    assert gzip.decompress((tmp_path / (plain.name + ".gz")).read_bytes()) == b"content\n"


def test_log_that_is_named_gz(tmp_path: Path) -> None:
    """A log called audit.gz has old files of that ending: they count, and are not compressed."""
    for second in range(3):
        (tmp_path / f"audit-2026-11-23T13-16-0{second}.000.gz").touch()
    old_files(tmp_path / "audit.gz", backups=2, compress=True).mill()
    assert names(tmp_path) == [
        "audit-2026-11-23T13-16-01.000.gz",
        "audit-2026-11-23T13-16-02.000.gz",
    ]


def test_exactly_the_maximum_age(tmp_path: Path) -> None:
    """A file as old as the limit stays; a millisecond more is too much."""
    for milliseconds in ("367", "368"):
        (tmp_path / f"a-2026-11-22T13-16-39.{milliseconds}.log").touch()
    old_files(tmp_path / "a.log", age=1).mill()
    assert names(tmp_path) == ["a-2026-11-22T13-16-39.368.log"]


def test_folder_that_cannot_be_read(tmp_path: Path) -> None:
    """A path through a regular file, and one that is missing, cost nothing but the cleaning."""
    (tmp_path / "file").touch()
    old_files(tmp_path / "file" / "a.log", backups=1).mill()
    old_files(tmp_path / "missing" / "a.log", backups=1).mill()
    assert names(tmp_path) == ["file"]


class TestLater:
    """Work in the background: never two at once, never one too few."""

    def test_nothing_wanted(self, tmp_path: Path) -> None:
        """Without limits there is no work."""
        works: list[Callable[[], None]] = []
        old_files(tmp_path / "a.log", in_background=works.append).mill_later()
        assert works == []

    def test_once_at_a_time(self, tmp_path: Path) -> None:
        """What is asked for while a thread is under way is done by the same thread."""
        works: list[Callable[[], None]] = []
        files = old_files(tmp_path / "a.log", compress=True, in_background=works.append)
        files.mill_later()
        files.mill_later()
        plain = tmp_path / "a-2026-11-23T13-16-39.368.log"
        plain.write_bytes(b"x")
        assert len(works) == 1
        works.pop()()
        assert names(tmp_path) == [plain.name + ".gz"]
        files.mill_later()
        assert len(works) == 1

    def test_asked_for_meanwhile(self, tmp_path: Path) -> None:
        """A file rotated while another is being compressed is compressed too."""
        second = tmp_path / "a-2026-11-23T13-16-40.368.log"
        threads: list[threading.Thread] = []

        def now() -> datetime.datetime:
            # Asked by the mill in its middle, after it has listed the folder.
            if not second.exists() and not list(tmp_path.glob("*40.368.log.gz")):
                second.write_bytes(b"second")
                files.mill_later()
            return START

        def in_background(work: Callable[[], None]) -> None:
            threads.append(threading.Thread(target=work))
            threads[-1].start()

        files = old_files(
            tmp_path / "a.log", age=1, compress=True, now=now, in_background=in_background
        )
        (tmp_path / "a-2026-11-23T13-16-39.368.log").write_bytes(b"first")
        files.mill_later()
        for thread in threads:
            thread.join(10)
        assert len(threads) == 1
        assert [gzip.decompress(one.read_bytes()) for one in sorted(tmp_path.iterdir())] == [
            b"first",
            b"second",
        ]

    def test_no_thread_to_be_had(self, tmp_path: Path, clocks: Clocks) -> None:
        """A process that may start no more threads goes on writing, and tries again."""
        asked: list[str] = []

        def refuse(work: Callable[[], None]) -> None:
            asked.append("thread")
            raise RuntimeError("can't start new thread")

        file = rotating(tmp_path / "a.log", clocks, size=4, compress=True, in_background=refuse)
        for line in (b"111\n", b"222\n"):
            file.write(line)
        assert (tmp_path / "a.log").read_bytes() == b"222\n"
        assert len(asked) == 2


@given(
    seconds=st.sets(st.integers(min_value=0, max_value=59), max_size=12),
    packed=st.sets(st.integers(min_value=0, max_value=59)),
    backups=st.integers(min_value=1, max_value=8),
)
def test_the_newest_are_kept(seconds: set[int], packed: set[int], backups: int) -> None:
    """Whatever lies there, plain, compressed or both, the newest names stay and only they."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        for second in seconds:
            name = f"a-2026-11-23T13-16-{second:02d}.000.log"
            (folder / (name + ".gz" if second in packed else name)).touch()
            if second in packed and second % 2:
                (folder / name).touch()
        old_files(folder / "a.log", backups=backups).mill()
        kept = {name.removesuffix(".gz") for name in os.listdir(folder)}
        newest = sorted(seconds)[-backups:]
        assert kept == {f"a-2026-11-23T13-16-{second:02d}.000.log" for second in newest}


@pytest.mark.parametrize(
    ("name", "log"),
    [
        ("audit-2026-11-23T13-16-39.368.log", "audit.log"),
        ("audit-2026-11-23T13-16-39.368.log.gz", "audit.log"),
        ("audit-worker1-2026-11-23T13-16-39.368.log", "audit-worker1.log"),
        ("audit-2026-11-23T13-16-39.368", "audit"),
        ("audit.log-2026-11-23T13-16-39.368.checkpoints", "audit.log.checkpoints"),
        ("audit.log", ""),
        ("audit-2026-13-23T13-16-39.368.log", ""),
        ("2026-11-23T13-16-39.368.log", ""),
        ("audit-2026-11-23T13-16-39.368.log.gz.gz", ""),
    ],
)
def test_log_of(name: str, log: str) -> None:
    """The log of a rotated file's name, and only of one."""
    assert log_of(name) == log


def test_older_files(tmp_path: Path) -> None:
    """The newest first; of a file that is being compressed, the file."""
    path = tmp_path / "audit.log"
    for name in (
        "audit-2026-11-23T13-16-39.368.log.gz",
        "audit-2026-11-23T13-16-40.000.log",
        "audit-2026-11-23T13-16-40.000.log.gz",
        "other-2026-11-23T13-16-41.000.log",
    ):
        (tmp_path / name).touch()
    assert [older.name for older in older_files(path)] == [
        "audit-2026-11-23T13-16-40.000.log",
        "audit-2026-11-23T13-16-39.368.log.gz",
    ]


def test_an_age_that_no_file_can_have(tmp_path: Path, clocks: Clocks) -> None:
    """More days than a calendar has are no limit; the number of files still is."""
    file = rotating(tmp_path / "a.log", clocks, size=4, backups=2, age=10**9)
    rotate_times(file, clocks, 5, 1)
    assert len(names(tmp_path)) == 3
