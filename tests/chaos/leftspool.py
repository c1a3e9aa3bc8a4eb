"""What is left of a spool, read as the next proxy would read it."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from auditproxy.backends.logfiles.disk import Disk
from auditproxy.backends.spool.deadletters import NAME as DEAD_LETTERS
from auditproxy.backends.spool.dropping import DroppingStore
from auditproxy.backends.spool.form import event_gap_line
from tests.chaos.receiving import Key, key_of, missing_of


@dataclass
class LeftSpool:
    """Events of a spool that wait, and those that are ``dead`` letters.

    So many events are known to be ``missing``, and in so many ``damaged`` bytes there is none.
    """

    waiting: set[Key] = field(default_factory=set)
    dead: set[Key] = field(default_factory=set)
    missing: int = 0
    damaged: int = 0


def left_in(files: Mapping[str, bytes]) -> LeftSpool:
    """Read files of these names and contents."""
    left = LeftSpool()

    def lost(events: int, size: int) -> None:
        left.missing += events
        left.damaged += size

    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        store = DroppingStore(
            Path(folder),
            maximum_bytes=2**40,
            disk=Disk(),
            gap_line=partial(event_gap_line, time=""),
            lost=lost,
        )
        store.open()
        batch = store.next_batch(2**40, 2**40)
        store.close()
    for item in batch:
        event = json.loads(item.line)
        if missing_of(event) is None:
            left.waiting.add(key_of(event))
    for line in files.get(DEAD_LETTERS, b"").split(b"\n")[:-1]:
        event = json.loads(line)
        if missing_of(event) is None:
            left.dead.add(key_of(event))
    return left
