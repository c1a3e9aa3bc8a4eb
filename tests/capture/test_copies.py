"""Copies of bodies: whole or dropped with a reason, and never more than there is room for."""

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditproxy.capture.copies import (
    BATCH,
    PIECE,
    SMALL,
    CaptureFile,
    CaptureLimits,
    CaptureRoom,
    Copy,
    fault_of_folder,
)

MEBIBYTE = 1024 * 1024
BLOCK = bytes(range(256)) * 256


class Room:
    """A room, and what it told."""

    def __init__(self, *, memory: int, files: int, folder: str = "") -> None:
        self.dropped: list[str] = []
        self.told: list[str] = []
        self.room = CaptureRoom(
            CaptureLimits(memory, files, folder),
            dropped=self.dropped.append,
            report=self.told.append,
        )

    def settled(self) -> tuple[int, int]:
        """Bytes in memory and in files once everything is written."""
        self.room._writer.submit(lambda: None).result(5)
        return self.room.settle(), self.room.in_files


@pytest.fixture
def small() -> Iterator[Room]:
    """A room of two mebibytes of memory and eight of files."""
    made = Room(memory=2 * MEBIBYTE, files=8 * MEBIBYTE)
    yield made
    made.room.close()


def fill(copy: Copy, size: int, chunk: bytes = BLOCK) -> bytes:
    """Add so many bytes, no faster than files are written; what was added."""
    for _ in range(size // len(chunk)):
        copy.add(chunk)
        copy._room._writer.submit(lambda: None).result(5)
    return chunk * (size // len(chunk))


def test_whole_or_nothing(small: Room) -> None:
    """A copy keeps all, or nothing but the size past its limit."""
    copy = small.room.new(5)
    assert copy.take() == b""
    copy.add(b"ab")
    assert copy.take() == b"ab"
    copy.add(b"cde")
    assert copy.take() == copy.take() == b"abcde"
    assert copy.missing() == ""
    assert small.room.in_memory == 5
    copy.add(b"f")
    copy.add(b"g")
    assert copy.take() is None
    assert (copy.size, copy.missing()) == (7, "too large: 7 bytes")
    assert small.dropped == ["too-large"]
    assert small.room.in_memory == 0


def test_file_above_a_quarter_of_the_memory(small: Room) -> None:
    """A large body moves to a file and comes back whole."""
    copy = small.room.new(8 * MEBIBYTE)
    body = fill(copy, MEBIBYTE // 2)
    assert small.settled()[1] == 0
    body += fill(copy, 4 * MEBIBYTE) + fill(copy, 100, b"t" * 100)
    in_memory, in_files = small.settled()
    assert in_files >= 4 * MEBIBYTE - PIECE
    assert in_memory <= MEBIBYTE // 2 + PIECE
    assert copy.take() == body
    copy.release()
    assert small.settled() == (0, 0)
    assert small.dropped == []


def test_small_copies_stay_in_memory(small: Room) -> None:
    """What is decoded on the event loop must not wait for a disk."""
    large = small.room.new(8 * MEBIBYTE)
    fill(large, MEBIBYTE + MEBIBYTE // 2)
    _, in_files = small.settled()
    copy = small.room.new(SMALL)
    body = fill(copy, SMALL)
    assert small.settled()[1] == in_files
    assert copy.take() == body
    large.release()


def test_no_room(small: Room) -> None:
    """Small copies without end: the last ones are dropped, and give back what they held."""
    copies = [small.room.new(SMALL) for _ in range(20)]
    for copy in copies:
        fill(copy, SMALL // 2)
    whole = [copy for copy in copies if copy.dropped is None]
    assert len(whole) == 16
    assert copies[-1].take() is None
    assert "no space for a copy of 131072 bytes" in copies[-1].missing()
    assert small.dropped == ["no-room"] * 4
    assert small.room.in_memory == 16 * SMALL // 2
    whole[0].release()
    again = small.room.new(SMALL)
    body = fill(again, SMALL // 2)
    assert again.take() == body


def test_bound_of_files() -> None:
    """Neither memory nor files grow past their bounds, whatever comes."""
    made = Room(memory=2 * MEBIBYTE, files=4 * MEBIBYTE)
    copies = [made.room.new(100 * MEBIBYTE) for _ in range(4)]
    for _ in range(200):
        for copy in copies:
            copy.add(BLOCK)
            assert made.room.in_files <= 4 * MEBIBYTE
            assert made.room.in_memory <= 2 * MEBIBYTE
    assert made.dropped == ["no-room"] * 4
    assert made.settled() == (0, 0)
    made.room.close()


def test_disk_slower_than_the_client() -> None:
    """What waits to be written is memory, too: the copy is dropped, the client never waits."""
    made = Room(memory=2 * MEBIBYTE, files=100 * MEBIBYTE)
    go = Event()
    made.room._writer.submit(go.wait)
    copy = made.room.new(100 * MEBIBYTE)
    for _ in range(100):
        copy.add(BLOCK)
        assert made.room.in_memory <= 2 * MEBIBYTE
    assert made.dropped == ["no-room"]
    go.set()
    assert made.settled() == (0, 0)
    made.room.close()


def test_chunk_larger_than_a_batch() -> None:
    """No piece of a body is too large to be written."""
    made = Room(memory=100 * MEBIBYTE, files=100 * MEBIBYTE)
    copy = made.room.new(100 * MEBIBYTE)
    body = os.urandom(BATCH + 5)
    for _ in range(4):
        copy.add(body)
    assert copy.take() == body * 4
    copy.release()
    made.room.close()


def test_without_files() -> None:
    """A limit of 0 keeps everything in memory."""
    made = Room(memory=MEBIBYTE, files=0, folder="/nowhere")
    copy = made.room.new(100 * MEBIBYTE)
    fill(copy, MEBIBYTE)
    fill(copy, MEBIBYTE)
    assert made.dropped == ["no-room"]
    made.room.close()


def test_what_comes_after_the_release_is_not_kept(small: Room) -> None:
    """A request that is over while its answer still comes leaves nothing behind."""
    copy = small.room.new(MEBIBYTE)
    copy.add(b"a")
    copy.release()
    copy.add(b"b")
    copy.release()
    assert small.settled() == (0, 0)
    assert small.dropped == []


def test_release_after_the_end() -> None:
    """A request that outlives the proxy's shutdown leaves no file."""
    made = Room(memory=MEBIBYTE, files=8 * MEBIBYTE)
    copy = made.room.new(8 * MEBIBYTE)
    fill(copy, MEBIBYTE)
    made.room.close()
    copy.release()
    assert made.room.settle() == made.room.in_files == 0


def test_folder_that_is_gone(tmp_path: Path) -> None:
    """A file that cannot be made costs the copy, not the event, and operators are told."""
    folder = tmp_path / "spill"
    made = Room(memory=MEBIBYTE, files=8 * MEBIBYTE, folder=str(folder))
    copy = made.room.new(8 * MEBIBYTE)
    fill(copy, 4 * MEBIBYTE)
    assert copy.take() is None
    assert copy.take() is None
    assert copy.missing() == "the temporary file with its 4194304 bytes could not be used"
    assert made.dropped == ["file-error"]
    assert len(made.told) == 1
    assert "No such file or directory" in made.told[0]
    copy.release()
    assert made.settled() == (0, 0)
    made.room.close()


def test_full_disk() -> None:
    """A disk without room is the same fault."""
    file = CaptureFile("")
    file._file = open("/dev/full", "r+b", buffering=0)  # noqa: SIM115
    file.write([b"x"], bytearray(100))
    file.write([b"y"], bytearray(100))
    with pytest.raises(OSError, match="No space left"):
        file.read([])
    file.close()


def test_nothing_readable_on_disk(tmp_path: Path) -> None:
    """The file has no name, and its bytes are not the body's; two files never look alike."""
    seen = []
    for _ in range(2):
        file = CaptureFile(str(tmp_path))
        file.write([b"canary" * 1000], bytearray(7000))
        assert list(tmp_path.iterdir()) == []
        assert file._file is not None
        stored = os.pread(file._file.fileno(), 10_000, 0)
        assert len(stored) == 6000
        assert b"canary" not in stored
        seen.append(stored)
        assert file.read([b"tail"]) == b"canary" * 1000 + b"tail"
        file.close()
    assert seen[0] != seen[1]


def test_fault_of_folder(tmp_path: Path) -> None:
    """Whether a folder takes files is known before the first body."""
    assert fault_of_folder(str(tmp_path)) == fault_of_folder("") == ""
    assert fault_of_folder(str(tmp_path / "none")) == "No such file or directory"


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 700_000)), max_size=40))
def test_copies_are_what_was_added(chunks: list[tuple[int, int]]) -> None:
    """However chunks of several bodies mix: each copy is its body, or dropped with a reason."""
    made = Room(memory=2 * MEBIBYTE, files=4 * MEBIBYTE)
    copies = [made.room.new(6 * MEBIBYTE) for _ in range(4)]
    added = [b""] * 4
    for which, size in chunks:
        piece = bytes([which]) * (size - 1) + b"."
        copies[which].add(piece)
        added[which] += piece
    for copy, body in zip(copies, added, strict=True):
        taken = copy.take()
        assert taken == body if copy.dropped is None else taken is None
        assert copy.size == len(body)
        assert bool(copy.missing()) == (copy.dropped is not None)
    assert len(made.dropped) == sum(copy.dropped is not None for copy in copies)
    for copy in copies:
        copy.release()
    assert made.settled() == (0, 0)
    made.room.close()
