"""Followers of the logs that the demo's events and sessions are written to."""

import asyncio
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

POLL = 0.1
"""Seconds between two polls of the log."""

MOST = 1 << 20
"""Bytes of one read, but for a longer line: the proxy runs on the same event loop."""

Event = dict[str, Any]


class EventLog:
    """Follows a log of events as it grows; each line is given once, whole, in order."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0

    def read(self) -> list[tuple[str, Event]]:
        """The lines that are new since the last look, each with the event that it is.

        Of more than MOST bytes the first ones; the next look continues there.
        """
        try:
            with self._path.open("rb") as file:
                if os.fstat(file.fileno()).st_size < self._position:
                    # The log was rotated, and this is the new file.
                    self._position = 0
                file.seek(self._position)
                data = file.read(MOST)
                if b"\n" not in data:
                    data += file.readline()
        except FileNotFoundError:
            return []
        whole, newline, _ = data.rpartition(b"\n")
        self._position += len(whole) + len(newline)
        # Not splitlines(): that would also split at U+0085, which JSON leaves as it is.
        lines = whole.decode("utf-8").split("\n") if newline else []
        # An empty line: a user opened the log with an editor, or ended a torn one.
        return [(line, json.loads(line)) for line in lines if line.strip()]


async def follow(
    logs: Sequence[tuple[EventLog, Callable[[str, Event], None]]], tick: Callable[[], None]
) -> None:
    """Show every new line of each log, given with what it says, and then call ``tick``.

    Runs until cancelled.
    """
    while True:
        for log, show in logs:
            for line, event in log.read():
                show(line, event)
        tick()
        await asyncio.sleep(POLL)
