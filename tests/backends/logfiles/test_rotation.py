"""The rotating file: names, limits, old files, torn lines, and files that vanish."""

import contextlib
import errno
import os
import select
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.units import MEBIBYTE
from auditproxy.backends.logfiles.appending import STEP, MixedLineError
from auditproxy.backends.logfiles.rotation import (
    LineTooLongError,
    ShortWriteError,
)
from tests.fakes.rotating import Clocks, names, rotating


@pytest.fixture
def clocks() -> Clocks:
    """Clocks that stand still."""
    return Clocks()


def test_ensure(tmp_path: Path, clocks: Clocks) -> None:
    """Missing folders are made 0700 and the file 0600; content stays."""
    path = tmp_path / "a" / "b" / "audit.log"
    first = rotating(path, clocks)
    first.ensure()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.write_bytes(b"old\n")
    first.close()
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
    """A file that the first line would fill is rotated before it, unlike one being written to."""
    (tmp_path / "a.log").write_bytes(b"1234567\n")
    rotating(tmp_path / "a.log", clocks, size=10).write(b"x\n")
    assert (tmp_path / "a.log").read_bytes() == b"x\n"
    assert len(names(tmp_path)) == 2


def test_ensured_file_is_an_existing_file(tmp_path: Path, clocks: Clocks) -> None:
    """What the check at start opens is judged by the first line as lumberjack judges it."""
    (tmp_path / "a.log").write_bytes(b"1234567\n")
    file = rotating(tmp_path / "a.log", clocks, size=10)
    file.ensure()
    file.write(b"x\n")
    assert (tmp_path / "a.log").read_bytes() == b"x\n"


def test_empty_file_takes_a_line_of_the_limit(tmp_path: Path, clocks: Clocks) -> None:
    """There is nothing to rotate in an empty file."""
    file = rotating(tmp_path / "a.log", clocks, size=4)
    file.ensure()
    file.write(b"123\n")
    assert names(tmp_path) == ["a.log"]


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


def test_deleted_file(tmp_path: Path, clocks: Clocks) -> None:
    """T254: a file deleted from outside is noticed within a second and made anew (kubernetes issue 111208)."""
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
    """T255: after a signal the next line goes to whatever is at the path."""
    path = tmp_path / "a.log"
    file = rotating(path, clocks)
    file.write(b"one\n")
    path.rename(tmp_path / "moved")
    file.reopen()
    file.write(b"two\n")
    assert path.read_bytes() == b"two\n"
    assert clocks.reopened == ["signal"]


def test_truncated_from_outside(tmp_path: Path, clocks: Clocks) -> None:
    """T256: copytruncate: the next line stands at the file's end, without a hole of zeros."""
    path = tmp_path / "a.log"
    file = rotating(path, clocks, size=1000)
    file.write(b"x" * 100 + b"\n")
    os.truncate(path, 0)
    clocks.pass_by(1)
    file.write(b"two\n")
    assert path.read_bytes() == b"two\n"
    assert clocks.reopened == ["truncated"]
    os.truncate(path, 2)
    clocks.pass_by(1)
    file.write(b"three\n")
    assert path.read_bytes() == b"tw\nthree\n"
    clocks.pass_by(1)
    file.write(b"four\n")
    assert path.read_bytes() == b"tw\nthree\nfour\n"
    assert clocks.reopened == ["truncated"] * 2


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from tests.fakes.rotating import Clocks, rotating
from auditproxy.backends.logfiles.rotation import ShortWriteError
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
    """T251, T252: a write that the disk takes in part is cut back; the next one that fits is whole."""
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


def listing(path: Path) -> list[tuple[int, Path]]:
    """The log and its rotated files with their inodes, oldest first, at one moment."""
    while True:
        order = [*sorted(path.parent.glob("a-*.log")), path]
        try:
            found = [(one.stat().st_ino, one) for one in order]
        except FileNotFoundError:
            continue
        # A rotation between two of these steps would hide a file.
        if order == [*sorted(path.parent.glob("a-*.log")), path]:
            return found


def opened(path: Path, inode: int) -> BinaryIO:
    """The file of an inode, whatever it is called at the moment: it may be renamed between two steps."""
    while True:
        with contextlib.suppress(FileNotFoundError):
            source = dict(listing(path))[inode].open("rb")
            if os.fstat(source.fileno()).st_ino == inode:
                return source
            source.close()


def follow(path: Path, first: BinaryIO, written: threading.Event) -> list[bytes]:
    """Every line from ``first`` on, across renames, as log shippers read them."""
    source = first
    data = b""
    while True:
        done = written.is_set()
        data += source.read()
        inode = os.fstat(source.fileno()).st_ino
        order = listing(path)
        here = [one for one, _ in order].index(inode)
        if here + 1 < len(order):
            # Renamed: nothing more is written to it, but it may have been since it was read.
            data += source.read()
            source.close()
            source = opened(path, order[here + 1][0])
        elif done:
            source.close()
            return data.splitlines()


def test_reader_gets_every_line_once(tmp_path: Path, clocks: Clocks) -> None:
    """A reader that follows renames, as log shippers do, sees each line once across rotations."""
    path = tmp_path / "a.log"
    total = 400
    file = rotating(path, clocks, size=200)
    written = threading.Event()
    seen: list[bytes] = []
    file.write(b"0\n")
    first = path.open("rb")
    reader = threading.Thread(target=lambda: seen.extend(follow(path, first, written)))
    reader.start()
    for number in range(1, total):
        clocks.pass_by(0.001)
        file.write(b"%d\n" % number)
    written.set()
    reader.join(30)
    assert seen == [b"%d" % number for number in range(total)]


class TestRotationFails:
    """T257: a file that cannot be rotated is written on, and told."""

    def test_rename(self, tmp_path: Path, clocks: Clocks) -> None:
        """T257: A folder in the way of the new name: no line is lost, and later it works again."""
        blocked = tmp_path / "a-2026-11-23T13-16-39.368.log"
        (blocked / "x").mkdir(parents=True)
        file = rotating(tmp_path / "a.log", clocks, size=4)
        for line in (b"111\n", b"222\n", b"333\n"):
            file.write(line)
        assert (tmp_path / "a.log").read_bytes() == b"111\n222\n333\n"
        fault = file.take_fault()
        assert fault == f"{tmp_path / 'a.log'} cannot be rotated and keeps growing: is a directory"
        assert file.take_fault() == ""
        clocks.pass_by(1)
        file.write(b"444\n")
        assert (tmp_path / "a.log").read_bytes() == b"444\n"
        rotated = tmp_path / "a-2026-11-23T13-16-40.368.log"
        assert rotated.read_bytes() == b"111\n222\n333\n"
        assert file.take_fault() == ""

    def test_creation(
        self, tmp_path: Path, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """T257: No new file can be opened: the old one gets its name back."""
        file = rotating(tmp_path / "a.log", clocks, size=4)
        file.write(b"111\n")
        opened = os.open

        def full(path: Path, flags: int, mode: int = 0o777) -> int:
            if flags & os.O_TRUNC:
                raise OSError(errno.ENFILE, os.strerror(errno.ENFILE))
            return opened(path, flags, mode)

        monkeypatch.setattr(os, "open", full)
        file.write(b"222\n")
        assert names(tmp_path) == ["a.log"]
        assert (tmp_path / "a.log").read_bytes() == b"111\n222\n"
        assert "too many open files" in file.take_fault()

    def test_deleted_before(self, tmp_path: Path, clocks: Clocks) -> None:
        """T257: A file that went away together with its folder is made anew."""
        path = tmp_path / "logs" / "a.log"
        file = rotating(path, clocks, size=4)
        file.write(b"111\n")
        path.unlink()
        path.parent.rmdir()
        file.write(b"222\n")
        assert path.read_bytes() == b"222\n"


class TestTornLines:
    """T252: where a torn line cannot be cut off, it costs no other line."""

    @staticmethod
    def at_next_call(
        monkeypatch: pytest.MonkeyPatch,
        name: str,
        taken: Callable[[Any], Any],
        then: Callable[[], None],
    ) -> None:
        """Let the next call of os.NAME take a part of its data, and something happen after it."""
        call = getattr(os, name)

        def once(descriptor: int, data: Any) -> int:
            monkeypatch.setattr(os, name, call)
            written: int = call(descriptor, taken(data))
            then()
            return written

        monkeypatch.setattr(os, name, once)

    def halve(
        self, monkeypatch: pytest.MonkeyPatch, then: Callable[[], None] = lambda: None
    ) -> None:
        """Let the kernel take half of the next write, and something happen after it."""
        self.at_next_call(monkeypatch, "write", lambda data: data[: len(data) // 2], then)

    def within(self, monkeypatch: pytest.MonkeyPatch, then: Callable[[], None]) -> None:
        """Let something happen between two writes of the next large line."""
        self.at_next_call(monkeypatch, "writev", lambda parts: parts, then)

    def test_after_copytruncate(
        self, tmp_path: Path, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """T252: T256: what is cut back is the torn line, not the length of before the truncation."""
        path = tmp_path / "a.log"
        file = rotating(path, clocks)
        file.write(b"x" * 100 + b"\n")
        os.truncate(path, 0)
        self.halve(monkeypatch)
        with pytest.raises(ShortWriteError):
            file.write(b"torn line\n")
        assert path.read_bytes() == b""
        file.write(b"whole\n")
        assert path.read_bytes() == b"whole\n"

    def test_in_parts(
        self, tmp_path: Path, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """T252: a line in parts is whole or not there at all, and never longer than a file."""
        path = tmp_path / "a.log"
        file = rotating(path, clocks, size=20)
        write = os.writev

        def half(descriptor: int, parts: tuple[bytes, ...]) -> int:
            return write(descriptor, parts[:-1])

        with monkeypatch.context() as patch:
            patch.setattr(os, "writev", half)
            with pytest.raises(ShortWriteError, match="short write: 5 of 10 bytes"):
                file.write(b"torn ", b"line\n")
        assert path.read_bytes() == b""
        with pytest.raises(LineTooLongError):
            file.write(b"x" * 20, b"\n")
        file.write(b"one ", b"line\n")
        file.write(b"another ", b"line\n")
        assert path.read_bytes() == b"another line\n"
        assert [len(old.read_bytes()) for old in tmp_path.glob("a-*.log")] == [9]

    @pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
    def test_refused_within_a_large_line(
        self, tmp_path: Path, clocks: Clocks, monkeypatch: pytest.MonkeyPatch, code: int
    ) -> None:
        """T252: what is there of a large line is cut back, and the disk's own error is known."""
        path = tmp_path / "a.log"
        file = rotating(path, clocks)
        file.write(b"before\n")
        write, calls = os.writev, [0]

        def refuse(descriptor: int, parts: tuple[bytes, ...]) -> int:
            calls[0] += 1
            if calls[0] == 2:
                raise OSError(code, os.strerror(code))
            return write(descriptor, parts)

        with monkeypatch.context() as patch:
            patch.setattr(os, "writev", refuse)
            with pytest.raises(OSError, match=os.strerror(code)) as caught:
                file.write(b"x" * STEP, b"y\n")
        assert caught.value.errno == code
        assert path.read_bytes() == b"before\n"
        file.write(b"behind\n")
        assert path.read_bytes() == b"before\nbehind\n"

    def test_somebody_wrote_behind_it(
        self, tmp_path: Path, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """T252: Lines of another writer are never cut off; our next line begins on its own."""
        path = tmp_path / "a.log"
        file = rotating(path, clocks)
        file.write(b"one\n")

        def other() -> None:
            with path.open("ab") as writer:
                writer.write(b"\nother\n")

        self.halve(monkeypatch, other)
        with pytest.raises(ShortWriteError):
            file.write(b"torn\n")
        file.write(b"two\n")
        file.write(b"three\n")
        assert path.read_bytes() == b"one\nto\nother\n\ntwo\nthree\n"

    def test_somebody_wrote_within_it(
        self, tmp_path: Path, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """T252: What is left of a large line is on lines of its own, and takes room in the file."""
        path = tmp_path / "a.log"
        file = rotating(path, clocks, size=4 * MEBIBYTE)
        large = b"x" * MEBIBYTE, b"y" * MEBIBYTE, b"\n"

        def other() -> None:
            with path.open("ab") as writer:
                writer.write(b"other\n")

        self.within(monkeypatch, other)
        with pytest.raises(MixedLineError):
            file.write(*large)
        file.write(b"two\n")
        left = large[0] + b"other\n" + large[1] + b"\n\ntwo\n"
        file.write(*large)
        # Not compared by the assertion, which would look for the differences of megabytes.
        is_last = path.read_bytes() == b"".join(large)
        assert is_last
        assert [old.read_bytes() == left for old in tmp_path.glob("a-*.log")] == [True]

    def test_truncated_within_it(
        self, tmp_path: Path, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """T256: A file that was cut within a large line is reported as any other."""
        path = tmp_path / "a.log"
        file = rotating(path, clocks, size=4 * MEBIBYTE)
        large = b"x" * MEBIBYTE, b"y" * MEBIBYTE, b"\n"
        file.write(*large)
        self.within(monkeypatch, lambda: os.truncate(path, 0))
        with pytest.raises(MixedLineError):
            file.write(b"z" * MEBIBYTE, b"\n")
        clocks.pass_by(1)
        file.write(b"two\n")
        assert path.read_bytes() == b"\ntwo\n"
        assert clocks.reopened == ["truncated"]

    @pytest.mark.parametrize(
        ("found", "then"), [(b"", b"x\n"), (b"1\n", b"1\nx\n"), (b'{"a', b'{"a\nx\n')]
    )
    def test_found_at_start(
        self, tmp_path: Path, clocks: Clocks, found: bytes, then: bytes
    ) -> None:
        """T252: A half line that a crash left does not swallow the first line of the next process."""
        path = tmp_path / "a.log"
        path.write_bytes(found)
        rotating(path, clocks).write(b"x\n")
        assert path.read_bytes() == then


class TestVanished:
    """T254: lines go where readers find them, or are lost aloud."""

    def test_folder_replaced_by_a_file(self, tmp_path: Path, clocks: Clocks) -> None:
        """T254: Nothing more goes to the unreachable file, and the file is back when the folder is."""
        path = tmp_path / "logs" / "a.log"
        file = rotating(path, clocks)
        file.write(b"one\n")
        path.parent.rename(tmp_path / "moved")
        path.parent.touch()
        clocks.pass_by(1)
        for _ in range(3):
            with pytest.raises(OSError, match="exists|directory"):
                file.write(b"lost\n")
        assert (tmp_path / "moved" / "a.log").read_bytes() == b"one\n"
        assert clocks.reopened == []
        path.parent.unlink()
        file.write(b"two\n")
        assert path.read_bytes() == b"two\n"
        assert clocks.reopened == ["deleted"]

    def test_folder_deleted(self, tmp_path: Path, clocks: Clocks) -> None:
        """T254: A folder that is missing is made again."""
        path = tmp_path / "logs" / "a.log"
        file = rotating(path, clocks)
        file.write(b"one\n")
        path.unlink()
        path.parent.rmdir()
        clocks.pass_by(1)
        file.write(b"two\n")
        assert path.read_bytes() == b"two\n"

    def test_input_output_error(
        self, tmp_path: Path, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """T254: T253: after EIO the same descriptor is not used again."""
        path = tmp_path / "a.log"
        file = rotating(path, clocks)
        file.write(b"one\n")
        with monkeypatch.context() as broken:

            def fail(descriptor: int, data: bytes) -> int:
                raise OSError(errno.EIO, os.strerror(errno.EIO))

            broken.setattr(os, "write", fail)
            with pytest.raises(OSError, match="Input/output"):
                file.write(b"lost\n")
        path.rename(tmp_path / "moved")
        file.write(b"two\n")
        assert path.read_bytes() == b"two\n"


class TestOtherThanFiles:
    """T258: paths that lead to no plain file."""

    def test_fifo_without_reader(self, tmp_path: Path, clocks: Clocks) -> None:
        """T258: An error at start, not a wait without end."""
        path = tmp_path / "fifo"
        os.mkfifo(path)
        with pytest.raises(OSError) as caught:
            rotating(path, clocks).ensure()
        assert caught.value.errno == errno.ENXIO

    def test_fifo(self, tmp_path: Path, clocks: Clocks) -> None:
        """T258: A FIFO takes lines for ever and is never renamed, however much has gone through it."""
        path = tmp_path / "fifo"
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        file = rotating(path, clocks, size=4, compress=True)
        file.ensure()
        for _ in range(3):
            clocks.pass_by(1)
            file.write(b"123\n")
        assert os.read(reader, 100) == b"123\n" * 3
        assert names(tmp_path) == ["fifo"]
        os.close(reader)
        with pytest.raises(BrokenPipeError):
            file.write(b"123\n")
        file.close()

    def test_directory(self, tmp_path: Path, clocks: Clocks) -> None:
        """T258: A folder is no log."""
        with pytest.raises(IsADirectoryError):
            rotating(tmp_path, clocks).ensure()

    def test_symlink(self, tmp_path: Path, clocks: Clocks) -> None:
        """T258: A link is followed for writing and renamed itself, as by lumberjack."""
        (tmp_path / "a.log").symlink_to(tmp_path / "target")
        file = rotating(tmp_path / "a.log", clocks, size=4)
        file.write(b"111\n")
        assert (tmp_path / "target").read_bytes() == b"111\n"
        file.write(b"222\n")
        assert (tmp_path / "a.log").read_bytes() == b"222\n"
        assert not (tmp_path / "a.log").is_symlink()
        assert (tmp_path / "target").read_bytes() == b"111\n"

    def test_fifo_may_stall(self, tmp_path: Path, clocks: Clocks) -> None:
        """B3: a FIFO has a reader who may be slow, and is probed as one."""
        path = tmp_path / "fifo"
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        file = rotating(path, clocks)
        file.ensure()
        assert file.may_stall
        assert file.probe() == ""
        os.close(reader)
        assert file.probe() == "it has no reader"
        file.close()

    def test_fifo_stays_open(self, tmp_path: Path, clocks: Clocks) -> None:
        """SIGHUP does not end what a reader reads, unless there is another FIFO at the path."""
        path = tmp_path / "fifo"
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        hung_up = select.poll()
        hung_up.register(reader, select.POLLIN)
        file = rotating(path, clocks)
        file.ensure()
        file.reopen()
        assert hung_up.poll(0) == []
        assert clocks.reopened == []
        for move in (path.unlink, lambda: path.rename(tmp_path / "moved")):
            move()
            file.reopen()
            assert hung_up.poll(0) == [(reader, select.POLLHUP)]
            os.close(reader)
            os.mkfifo(path)
            reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            hung_up = select.poll()
            hung_up.register(reader, select.POLLIN)
            file.write(b"123\n")
            assert os.read(reader, 100) == b"123\n"
        assert clocks.reopened == ["signal", "signal"]
        os.close(reader)
        file.close()


class TestOneWriter:
    """T260: two processes that rotate one file would lose lines."""

    def test_second_is_refused(self, tmp_path: Path, clocks: Clocks) -> None:
        """T260: The second one hears why, and the first one is not disturbed."""
        path = tmp_path / "a.log"
        first = rotating(path, clocks)
        first.ensure()
        with pytest.raises(BlockingIOError, match="another process writes to it"):
            rotating(path, clocks).ensure()
        first.write(b"one\n")
        assert path.read_bytes() == b"one\n"

    def test_after_rotation(self, tmp_path: Path, clocks: Clocks) -> None:
        """T260: The new file is locked like the old one."""
        first = rotating(tmp_path / "a.log", clocks, size=4)
        first.ensure()
        first.write(b"111\n")
        first.write(b"222\n")
        with pytest.raises(BlockingIOError):
            rotating(tmp_path / "a.log", clocks).ensure()

    def test_after_the_end(self, tmp_path: Path, clocks: Clocks) -> None:
        """T260: A closed file is free."""
        first = rotating(tmp_path / "a.log", clocks)
        first.ensure()
        first.close()
        rotating(tmp_path / "a.log", clocks).ensure()


def test_without_limit_old_files_stay(tmp_path: Path, clocks: Clocks) -> None:
    """maxsize 0 is a plain file: nothing is rotated, removed or compressed, whatever else is set."""
    old = tmp_path / "a-2001-01-01T00-00-00.000.log"
    old.touch()
    file = rotating(tmp_path / "a.log", clocks, size=0, backups=1, age=1, compress=True)
    for _ in range(3):
        file.write(b"x" * 1000 + b"\n")
    assert names(tmp_path) == [old.name, "a.log"]


@given(
    sizes=st.lists(st.integers(min_value=1, max_value=40), max_size=60),
    limit=st.integers(min_value=8, max_value=60),
)
def test_every_line_once_and_in_order(sizes: list[int], limit: int) -> None:
    """Whatever is written, the files together hold each accepted line once, none over the limit."""
    with tempfile.TemporaryDirectory() as folder:
        clocks = Clocks()
        path = Path(folder) / "a.log"
        file = rotating(path, clocks, size=limit)
        accepted = b""
        for number, size in enumerate(sizes):
            clocks.pass_by(0.001)
            line = (b"%d" % number).ljust(size, b".") + b"\n"
            try:
                file.write(line)
                accepted += line
            except LineTooLongError:
                assert len(line) > limit
        file.close()
        files = [*sorted(Path(folder).glob("a-*.log")), *Path(folder).glob("a.log")]
        assert b"".join(one.read_bytes() for one in files) == accepted
        assert all(one.stat().st_size <= limit for one in files)


class TestProbe:
    """B7: what speaks against writing to a file, found without writing to it."""

    def test_sound(self, tmp_path: Path, clocks: Clocks) -> None:
        """Nothing is left behind, in the file or beside it; a closed file is opened."""
        file = rotating(tmp_path / "audit.log", clocks)
        file.ensure()
        assert not file.may_stall
        assert file.probe() == ""
        file.close()
        assert file.probe() == ""
        assert names(tmp_path) == ["audit.log"]
        assert (tmp_path / "audit.log").read_bytes() == b""
        file.close()

    def test_no_room(self, tmp_path: Path, clocks: Clocks, monkeypatch: pytest.MonkeyPatch) -> None:
        """A full disk is found; a folder that is not ours to write to, or mounted read-only around
        the file, says nothing.
        """
        file = rotating(tmp_path / "audit.log", clocks)
        file.ensure()
        for number, fault in (
            (errno.ENOSPC, "no space left on device"),
            (errno.EACCES, ""),
            (errno.EROFS, ""),
        ):

            def fail(number: int = number, **settings: object) -> BinaryIO:
                raise OSError(number, os.strerror(number))

            monkeypatch.setattr(tempfile, "TemporaryFile", fail)
            assert file.probe() == fault
        file.close()

    def test_no_room_for_bytes(
        self, tmp_path: Path, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A full disk may still have room for a name: it is a line's bytes that are tried."""
        file = rotating(tmp_path / "audit.log", clocks)
        file.ensure()

        def full(**settings: object) -> BinaryIO:
            return open("/dev/full", "wb", buffering=0)

        monkeypatch.setattr(tempfile, "TemporaryFile", full)
        assert file.probe() == "no space left on device"
        file.close()

    def test_no_file(self, tmp_path: Path, clocks: Clocks) -> None:
        """A path that cannot be opened any more is told."""
        folder = tmp_path / "logs"
        file = rotating(folder / "audit.log", clocks)
        file.ensure()
        file.close()
        (folder / "audit.log").unlink()
        folder.rmdir()
        folder.touch()
        assert file.probe() == "file exists"
