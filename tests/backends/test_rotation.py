"""The rotating file: names, limits, old files, torn lines, and files that vanish."""

import datetime
import gzip
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from auditproxy.backends.rotation import (
    LineTooLongError,
    RotatingFile,
    ShortWriteError,
    compress_file,
)

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


@pytest.fixture
def clocks() -> Clocks:
    """Clocks that stand still."""
    return Clocks()


def rotating(
    path: Path,
    clocks: Clocks,
    *,
    size: int = 0,
    backups: int = 0,
    age: int = 0,
    compress: bool = False,
    in_background: Callable[[Callable[[], None]], None] = lambda work: work(),
) -> RotatingFile:
    """A file with some limits."""
    return RotatingFile(
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


def test_ensure(tmp_path: Path, clocks: Clocks) -> None:
    """Missing folders are made 0700 and the file 0600; content stays."""
    path = tmp_path / "a" / "b" / "audit.log"
    rotating(path, clocks).ensure()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.write_bytes(b"old\n")
    rotating(path, clocks).ensure()
    assert path.read_bytes() == b"old\n"


def test_ensure_through_a_file(tmp_path: Path, clocks: Clocks) -> None:
    """A path that leads through a regular file is an OSError at start."""
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        rotating(tmp_path / "file" / "audit.log", clocks).ensure()


def test_appends_after_restart(tmp_path: Path, clocks: Clocks) -> None:
    """A second process goes on at the end of the file."""
    path = tmp_path / "audit.log"
    for line in (b"one\n", b"two\n"):
        file = rotating(path, clocks, size=100)
        file.write(line)
        file.close()
    assert path.read_bytes() == b"one\ntwo\n"


@pytest.mark.parametrize(
    ("name", "rotated"),
    [
        ("audit.log", "audit-2026-11-23T13-16-39.368.log"),
        ("audit", "audit-2026-11-23T13-16-39.368"),
        ("kube.audit.json", "kube.audit-2026-11-23T13-16-39.368.json"),
    ],
)
def test_rotated_names(tmp_path: Path, clocks: Clocks, name: str, rotated: str) -> None:
    """lumberjack's names: the time in UTC with milliseconds before the last suffix."""
    file = rotating(tmp_path / name, clocks, size=10)
    file.write(b"12345678\n")
    file.write(b"abc\n")
    assert names(tmp_path) == sorted([name, rotated])
    assert (tmp_path / rotated).read_bytes() == b"12345678\n"
    assert (tmp_path / name).read_bytes() == b"abc\n"


def test_rotates_exactly_over_the_limit(tmp_path: Path, clocks: Clocks) -> None:
    """A file may be as large as the limit, and not a byte larger."""
    file = rotating(tmp_path / "a.log", clocks, size=10)
    file.write(b"12345\n")
    file.write(b"123\n")
    assert names(tmp_path) == ["a.log"]
    file.write(b"\n")
    assert len(names(tmp_path)) == 2


def test_existing_file_is_rotated_at_once(tmp_path: Path, clocks: Clocks) -> None:
    """A file that is full already is rotated by the first line."""
    (tmp_path / "a.log").write_bytes(b"123456789\n")
    rotating(tmp_path / "a.log", clocks, size=10).write(b"x\n")
    assert (tmp_path / "a.log").read_bytes() == b"x\n"


def test_line_too_long(tmp_path: Path, clocks: Clocks) -> None:
    """A line larger than a whole file is refused and leaves nothing behind."""
    file = rotating(tmp_path / "a.log", clocks, size=10)
    file.write(b"ok\n")
    with pytest.raises(LineTooLongError, match="write length 12 exceeds maximum file size 10"):
        file.write(b"x" * 12)
    file.write(b"ok\n")
    assert (tmp_path / "a.log").read_bytes() == b"ok\nok\n"


def test_same_millisecond(tmp_path: Path, clocks: Clocks) -> None:
    """Two rotations within a millisecond share a name: the second one stays, as in lumberjack."""
    file = rotating(tmp_path / "a.log", clocks, size=4)
    for line in (b"111\n", b"222\n", b"333\n"):
        file.write(line)
    assert names(tmp_path) == ["a-2026-11-23T13-16-39.368.log", "a.log"]
    assert (tmp_path / "a-2026-11-23T13-16-39.368.log").read_bytes() == b"222\n"


def test_mode_is_kept(tmp_path: Path, clocks: Clocks) -> None:
    """The new file has the mode of the old one."""
    path = tmp_path / "a.log"
    path.touch(mode=0o640)
    path.chmod(0o640)
    file = rotating(path, clocks, size=4)
    file.write(b"111\n")
    file.write(b"222\n")
    assert {stat.S_IMODE(entry.stat().st_mode) for entry in tmp_path.iterdir()} == {0o640}


def rotate_times(file: RotatingFile, clocks: Clocks, times: int, seconds: float) -> None:
    """Fill so many files, some time apart."""
    for _ in range(times):
        clocks.pass_by(seconds)
        file.write(b"123\n")


def test_maximum_backups(tmp_path: Path, clocks: Clocks) -> None:
    """The newest so many are kept; a packed file and its plain sibling count once."""
    file = rotating(tmp_path / "a.log", clocks, size=4, backups=2)
    rotate_times(file, clocks, 6, 1)
    kept = [name for name in names(tmp_path) if name != "a.log"]
    assert kept == ["a-2026-11-23T13-16-44.368.log", "a-2026-11-23T13-16-45.368.log"]
    (tmp_path / (kept[1] + ".gz")).touch()
    file.mill()
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


def test_deleted_file(tmp_path: Path, clocks: Clocks) -> None:
    """A file deleted from outside is noticed within a second and made anew (kubernetes issue 111208)."""
    path = tmp_path / "a.log"
    file = rotating(path, clocks)
    file.write(b"one\n")
    path.unlink()
    file.write(b"two\n")
    assert not path.exists()
    clocks.pass_by(1)
    file.write(b"three\n")
    assert path.read_bytes() == b"three\n"
    assert clocks.reopened == ["deleted"]


def test_replaced_file(tmp_path: Path, clocks: Clocks) -> None:
    """A file renamed away by somebody else's rotation is followed by the new one."""
    path = tmp_path / "a.log"
    file = rotating(path, clocks)
    file.write(b"one\n")
    path.rename(tmp_path / "a.log.1")
    path.write_bytes(b"")
    clocks.pass_by(1)
    file.write(b"two\n")
    assert path.read_bytes() == b"two\n"
    assert (tmp_path / "a.log.1").read_bytes() == b"one\n"
    assert clocks.reopened == ["replaced"]


def test_reopen(tmp_path: Path, clocks: Clocks) -> None:
    """After a signal the next line goes to whatever is at the path."""
    path = tmp_path / "a.log"
    file = rotating(path, clocks)
    file.write(b"one\n")
    path.rename(tmp_path / "moved")
    file.reopen()
    file.write(b"two\n")
    assert path.read_bytes() == b"two\n"
    assert clocks.reopened == ["signal"]


def test_truncated_from_outside(tmp_path: Path, clocks: Clocks) -> None:
    """copytruncate: the next line stands at the file's end, without a hole of zeros."""
    path = tmp_path / "a.log"
    file = rotating(path, clocks, size=1000)
    file.write(b"x" * 100 + b"\n")
    os.truncate(path, 0)
    clocks.pass_by(1)
    file.write(b"two\n")
    assert path.read_bytes() == b"two\n"


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from tests.backends.test_rotation import Clocks, rotating
from auditproxy.backends.rotation import ShortWriteError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path = Path(sys.argv[1])
file = rotating(path, Clocks())
file.write(b"a" * 90 + b"\\n")
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
for _ in range(2):
    try:
        file.write(b"b" * 50 + b"\\n")
    except ShortWriteError:
        print("short")
    except OSError as error:
        print("error", error.errno)
file.write(b"c\\n")
"""


def test_full_disk_leaves_whole_lines(tmp_path: Path) -> None:
    """T250: a write that the disk takes in part is cut back; the next one that fits is whole."""
    path = tmp_path / "a.log"
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.split() == ["short", "short"]
    assert path.read_bytes() == b"a" * 90 + b"\nc\n"


def test_short_write_is_an_os_error() -> None:
    """Callers that catch OSError catch a short write."""
    assert issubclass(ShortWriteError, OSError)


def test_reader_gets_every_line_once(tmp_path: Path, clocks: Clocks) -> None:
    """A reader that follows renames, as log shippers do, sees each line once across rotations."""
    path = tmp_path / "a.log"
    total = 400
    file = rotating(path, clocks, size=200)
    written = threading.Event()
    seen: list[bytes] = []

    file.write(b"0\n")
    first = path.open("rb")

    def read() -> None:
        source = first
        rest = b""
        while True:
            done = written.is_set()
            data = source.read()
            rest += data
            *lines, rest = rest.split(b"\n")
            seen.extend(lines)
            if data:
                continue
            try:
                moved = os.stat(path).st_ino != os.fstat(source.fileno()).st_ino
            except FileNotFoundError:
                moved = False
            if moved:
                # What was renamed last is the oldest that has not been read.
                inode = os.fstat(source.fileno()).st_ino
                order = [*sorted(tmp_path.glob("a-*.log")), path]
                here = [entry.stat().st_ino for entry in order].index(inode)
                source.close()
                source = order[here + 1].open("rb")
            elif done:
                source.close()
                return

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, total):
        clocks.pass_by(0.001)
        file.write(b"%d\n" % number)
    written.set()
    reader.join(30)
    assert seen == [b"%d" % number for number in range(total)]
