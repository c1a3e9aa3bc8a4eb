"""Filling: entries made records and appended to the store, as far as it has room; on its thread."""

from collections.abc import Callable

from auditproxy.audit.gaps import Gap
from auditproxy.backends.log import EncodingError
from auditproxy.backends.spool.dropping import DroppingStore
from auditproxy.backends.spool.entries import Entry, GapEntry, LineEntry
from auditproxy.backends.spool.records import GAP, record
from auditproxy.metrics.spool import SpoolWords

LONGEST_COMMIT = 8 * 1024 * 1024
"""Bytes after which a commit takes no further event."""


class Filled:
    """How a commit ended: of its entries the first ``count`` are done with.

    Those in ``unmade`` never can be stored, with a word and a text that say why. The others wait:
    ``fault`` is why, None where the spool ``is_full`` or the commit was long enough. So many old
    events were ``dropped`` to make room.
    """

    def __init__(self) -> None:
        self.count = 0
        self.unmade: dict[LineEntry, tuple[str, str]] = {}
        self.fault: OSError | None = None
        self.is_full = False
        self.dropped = 0


class Filling:
    """Fills a store; ``drops_oldest`` is whether old events make room for new ones."""

    def __init__(
        self,
        store: DroppingStore,
        gap_line: Callable[[Gap], bytes],
        *,
        words: SpoolWords,
        drops_oldest: bool,
    ) -> None:
        self._store = store
        self._gap_line = gap_line
        self._words = words
        self._drops_oldest = drops_oldest

    def fill(self, entries: list[Entry]) -> Filled:
        """Store entries, from the first on."""
        filled = Filled()
        try:
            self._fill(entries, filled)
        except OSError as fault:
            filled.fault = fault
        except Exception as crash:
            # A fault of ours: nothing is promised of any entry.
            filled.fault = OSError(f"writing crashed: {type(crash).__name__}")
        return filled

    def _fill(self, entries: list[Entry], filled: Filled) -> None:
        records: list[bytes] = []
        size = events = taken = 0
        for entry in entries:
            if size >= min(LONGEST_COMMIT, self._store.segment_bytes):
                break
            made = self._record(entry, filled)
            if made and not self._has_room(size + len(made), filled):
                # Those that have room may be what makes it.
                filled.is_full = not (self._drops_oldest and records)
                break
            taken += 1
            if made:
                records.append(made)
                size += len(made)
                events += isinstance(entry, LineEntry)
        if records:
            self._store.append(records, events)
        filled.count = taken

    def _record(self, entry: Entry, filled: Filled) -> bytes:
        """The bytes of an entry; none where it never can be stored."""
        if isinstance(entry, GapEntry):
            return record(GAP, self._gap_line(entry.gap))
        try:
            made = entry.made()
        except EncodingError as error:
            filled.unmade[entry] = ("encode-error", str(error))
            return b""
        if len(made) > self._store.longest_record:
            than = "the whole spool" if self._store.is_small else "a spool takes"
            text = f"{self._words.any} is larger than {than}"
            filled.unmade[entry] = ("too-large", text)
            return b""
        return made

    def _has_room(self, size: int, filled: Filled) -> bool:
        while not self._store.has_room(size):
            dropped = self._store.drop_oldest() if self._drops_oldest else 0
            if not dropped:
                return False
            filled.dropped += dropped
        return True
