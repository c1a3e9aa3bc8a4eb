"""Captures: copies of bodies on their way to events, bounded one by one and all together.

    in memory --(all copies over a quarter of the memory, this one not small)--> in a file
        \\----------(over its limit, or no room left)---------------------------> dropped, and why

A file is made nameless and written enciphered under a key that is nowhere but in
this process: what a body holds never lies on a disk as it is. One thread writes all
files, another one decodes (decoding.py), so neither disk nor decoding holds up a client,
and at most one body at a time is unfolded.
"""

import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from typing import IO, Literal

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR

SMALL = 256 * 1024
"""Bytes up to which a copy stays in memory whatever the others hold."""

PIECE = 256 * 1024
"""Bytes that are given to the writing thread at once, at the least."""

BATCH = 1024 * 1024
"""Bytes that are written at once, at the most, but for a single larger chunk: a longer call would
keep the event loop from the core."""

CIPHER_BLOCK = 16
"""Bytes; what the cipher is given to write into must have room for one more."""

READ = 128 * 1024
"""Bytes that are read back at once."""

Reason = Literal["too-large", "no-room", "file-error", "released"]


@dataclass(frozen=True, slots=True)
class CaptureLimits:
    """Bytes that all copies together may hold, and the folder of the files ("": the system's)."""

    memory: int = 64 * 1024 * 1024
    files: int = 1024 * 1024 * 1024
    folder: str = ""


DEFAULT_LIMITS = CaptureLimits()


class CaptureRoom:
    """What the copies of all requests hold together; lives as long as the proxy."""

    def __init__(
        self,
        limits: CaptureLimits = DEFAULT_LIMITS,
        *,
        dropped: Callable[[Reason], None] = lambda reason: None,
        report: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.limits = limits
        # The rest is for what comes faster than the disk takes it.
        self.enough = limits.memory // 4
        self.dropped = dropped
        self.report = report
        self.in_memory = 0
        self.in_files = 0
        self._written: deque[int] = deque()
        self._buffer = bytearray()
        self._writer = ThreadPoolExecutor(1, "capture-files")

    def new(self, limit: int) -> "Copy":
        """A copy of one body of at most ``limit`` bytes."""
        return Copy(self, limit)

    def settle(self) -> int:
        """Bytes in memory, without what has been written to files by now."""
        while self._written:
            self.in_memory -= self._written.popleft()
        return self.in_memory

    def write(self, file: "CaptureFile", parts: list[bytes], size: int) -> "Future[None]":
        """Have parts written; they count as memory until they are."""
        self.in_files += size
        file.waiting.extend(parts)
        return self._writer.submit(self._write, file)

    def _write(self, file: "CaptureFile") -> None:
        """Write all that waits, be it of several calls: the slower the disk, the larger a batch."""
        while file.waiting:
            parts = [file.waiting.popleft()]
            size = len(parts[0])
            while file.waiting and size + len(file.waiting[0]) <= BATCH:
                parts.append(file.waiting.popleft())
                size += len(parts[-1])
            # Kept from one batch to the next: a new one costs more than all the rest.
            if len(self._buffer) < size + CIPHER_BLOCK:
                self._buffer = bytearray(max(BATCH, size) + CIPHER_BLOCK)
            file.write(parts, self._buffer)
            del parts
            self._written.append(size)

    def forget(self, file: "CaptureFile", size: int) -> None:
        """Have a file closed, which is its end, behind whatever is still written to it."""
        self.in_files -= size
        try:
            self._writer.submit(file.close)
        except RuntimeError:
            # The room is closed, so nothing is written any more.
            file.close()

    def close(self) -> None:
        """Let go of the thread; no copy is made after this."""
        self._writer.shutdown()


class Copy:
    """A bounded copy of one body: all of it, or nothing but its size and why.

    Filled on the event loop. ``take`` may wait for a disk where some of it is in a file.
    """

    __slots__ = ("_file", "_file_size", "_kept", "_parts", "_room", "_writing", "dropped",
                 "limit", "size")  # fmt: skip

    def __init__(self, room: CaptureRoom, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self.dropped: Reason | None = None
        self._room = room
        self._parts: list[bytes] = []
        self._kept = 0
        self._file: CaptureFile | None = None
        self._file_size = 0
        self._writing: Future[None] | None = None

    def add(self, chunk: bytes) -> None:
        """Keep a chunk if there is room for it."""
        size = len(chunk)
        self.size += size
        if self.dropped is not None:
            return
        if self.size > self.limit:
            self._drop("too-large")
            return
        room = self._room
        self._parts.append(chunk)
        self._kept += size
        room.in_memory += size
        if room.in_memory > room.enough:
            self._make_room()

    def _make_room(self) -> None:
        """Drop the copy where there is no room at all, or move it to a file."""
        room = self._room
        in_memory = room.settle()
        if in_memory > room.limits.memory:
            self._drop("no-room")
        elif (
            in_memory > room.enough
            and self.size > SMALL
            and self._kept >= PIECE
            and room.in_files + self._kept <= room.limits.files
        ):
            self._spill()

    def _spill(self) -> None:
        if self._file is None:
            self._file = CaptureFile(self._room.limits.folder)
        parts, size = self._parts, self._kept
        self._parts, self._kept = [], 0
        self._file_size += size
        self._writing = self._room.write(self._file, parts, size)

    def take(self) -> bytes | None:
        """The whole body, or None when it was dropped."""
        if self.dropped is not None or (self._writing is not None and not self.is_whole()):
            return None
        if self._file is not None:
            try:
                return self._from_file(self._file)
            except OSError as error:
                self._lose(error)
                return None
        if len(self._parts) > 1:
            self._parts = [b"".join(self._parts)]
        return self._parts[0] if self._parts else b""

    def is_whole(self) -> bool:
        """Whether all of the body is there, once the file is written that has some of it."""
        if self._writing is not None and self.dropped is None:
            try:
                self._writing.result()
                if self._file is not None:
                    self._file.check()
            except OSError as error:
                self._lose(error)
        return self.dropped is None

    def blocks(self) -> Iterator[bytes]:
        """The body piece by piece, so that it is never there twice; raises OSError."""
        if self._file is not None:
            yield from self._file.blocks()
        yield from self._parts

    def _lose(self, error: OSError) -> None:
        self._room.report(f"the copy of a body is lost; its event notes it: {error}")
        # What it holds is given back on the event loop.
        self.dropped = "file-error"
        self._room.dropped("file-error")

    def _from_file(self, file: "CaptureFile") -> bytes:
        whole = file.read(self._parts)
        if len(whole) != self.size:
            raise OSError("the file holds less than was written to it")
        return whole

    def missing(self) -> str:
        """Why there is no body, for its event; "" when there is one."""
        match self.dropped:
            case None | "released":
                return ""
            case "too-large":
                return f"too large: {self.size} bytes"
            case "no-room":
                return f"no space for a copy of {self.size} bytes besides those of other requests"
            case "file-error":
                return f"the temporary file with its {self.size} bytes could not be used"

    def _drop(self, reason: Reason) -> None:
        self.dropped = reason
        self._room.dropped(reason)
        self.release()

    def release(self) -> None:
        """Give back what it holds, for good: what still comes is not kept."""
        self.dropped = self.dropped or "released"
        self._room.in_memory -= self._kept
        self._parts, self._kept = [], 0
        if self._file is not None:
            self._room.forget(self._file, self._file_size)
            self._file, self._file_size, self._writing = None, 0, None


class CaptureFile:
    """A nameless temporary file that no other process can open; used by one thread at a time."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._cipher = Cipher(AES256(os.urandom(32)), CTR(os.urandom(16)))
        self._encryptor = self._cipher.encryptor()
        self._fault: OSError | None = None
        self.waiting: deque[bytes] = deque()

    def write(self, parts: list[bytes], buffer: bytearray) -> None:
        """Append parts, by way of a buffer with a CIPHER_BLOCK more than they have.

        ``read`` raises the error of a write that failed.
        """
        if self._fault is not None:
            return
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._folder or None)  # noqa: SIM115
            # Each write gives the interpreter away and has to wait for it again: one for all.
            room = memoryview(buffer)
            size = 0
            for part in parts:
                size += self._encryptor.update_into(part, room[size:])
            self._file.write(room[:size])
            self._file.flush()
        except OSError as error:
            self._fault = error

    def check(self) -> None:
        """Raise the error of a write that failed, an OSError."""
        if self._fault is not None:
            raise self._fault

    def blocks(self) -> Iterator[bytes]:
        """What was written, piece by piece; raises OSError."""
        self.check()
        if self._file is None:
            return
        decryptor = self._cipher.decryptor()
        self._file.seek(0)
        while block := self._file.read(READ):
            yield decryptor.update(block)

    def read(self, tail: list[bytes]) -> bytes:
        """What was written, and the tail behind it; raises OSError."""
        # Gives its buffer away without a copy, which for a large body counts.
        whole = BytesIO()
        for block in self.blocks():
            whole.write(block)
        for part in tail:
            whole.write(part)
        return whole.getvalue()

    def close(self) -> None:
        """The end of the file."""
        if self._file is not None:
            self._file.close()


def fault_of_folder(folder: str) -> str:
    """Why no temporary file can be made in a folder ("": the system's), "" when one can."""
    try:
        file = CaptureFile(folder)
        file.write([b"auditproxy"], bytearray(2 * CIPHER_BLOCK))
        file.read([])
        file.close()
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""
