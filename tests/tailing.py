"""A reader that follows a log as collectors do: files found by pattern, told apart by inode.

A file stays open when it is renamed, so its last lines are read wherever it went.
"""

import json
import os
from pathlib import Path
from typing import Any, BinaryIO


class Tail:
    """Follows every file of a pattern in one folder; ``events`` holds each line once."""

    def __init__(self, folder: Path, pattern: str) -> None:
        self._folder = folder
        self._pattern = pattern
        self._open: dict[int, BinaryIO] = {}
        self._partial: dict[int, bytes] = {}
        self.events: list[dict[str, Any]] = []
        self.longest = 0

    @property
    def files(self) -> int:
        """How many different files were seen so far."""
        return len(self._open)

    def poll(self) -> None:
        """Look for new files, and read what is there to the last whole line."""
        for path in sorted(self._folder.glob(self._pattern)):
            try:
                file: BinaryIO = path.open("rb")
            except FileNotFoundError:
                continue
            inode = os.fstat(file.fileno()).st_ino
            if inode in self._open:
                file.close()
            else:
                self._open[inode] = file
                self._partial[inode] = b""
        for inode, opened in self._open.items():
            *lines, self._partial[inode] = (self._partial[inode] + opened.read()).split(b"\n")
            for line in lines:
                self.longest = max(self.longest, len(line))
                self.events.append(json.loads(line))

    def rest(self) -> list[bytes]:
        """What was read after the last line feed of each file, where there is any."""
        return [rest for rest in self._partial.values() if rest]

    def contents(self) -> list[bytes]:
        """What is in each file, wherever it is now."""
        return [os.pread(file.fileno(), 1 << 30, 0) for file in self._open.values()]

    def close(self) -> None:
        """Close every file."""
        for file in self._open.values():
            file.close()
