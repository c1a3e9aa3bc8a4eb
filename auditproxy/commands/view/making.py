"""Making: the index comes to be while the page shows the newest requests, and how far it is.

A page of a large trail would be empty for a minute otherwise. The newest requests of plain logs are
read from the ends of their files (reading/trail/newest.py), which takes no index; everything else
that is asked before it is there is answered with a fault.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from auditproxy.apis.faults import Unusable
from auditproxy.app.standardstreams import counted
from auditproxy.commands.events.notes import check_has_events, notes_of
from auditproxy.commands.view.details import Details
from auditproxy.commands.view.indexrows import shown_request
from auditproxy.commands.view.trail import PAGE, ViewedTrail
from auditproxy.reading.meaning.cells import visible
from auditproxy.reading.meaning.events import NATIVE_START, Counts
from auditproxy.reading.meaning.moments import iso
from auditproxy.reading.sql.indexed import IndexedTrail, IndexProgress
from auditproxy.reading.trail.blocks import blocks_of
from auditproxy.reading.trail.newest import newest
from auditproxy.reading.trail.scanning import Search
from auditproxy.reading.trail.sources import TrailFile

MOST_NAMES = 100
"""Names of logs that the page gets."""


class MadeTrail:
    """A trail and its index; ``make`` it in a thread of its own, and ask from any."""

    def __init__(
        self,
        arguments: Sequence[str],
        files: Sequence[TrailFile],
        index: IndexedTrail,
        recording_of: Callable[[str], str | None],
    ) -> None:
        self._arguments = arguments
        self._files = files
        self._index = index
        self._recording_of = recording_of
        self._rows: list[dict[str, Any]] = []
        self._progress = IndexProgress(0, None)
        self._made: tuple[ViewedTrail, Details] | None = None
        self.notes: list[str] = []
        """What the trail has beside events."""

    def make(self, report: Callable[[IndexProgress], None]) -> str:
        """Make the index; a line about the trail. Raises Unusable, OSError."""

        def keep(done: IndexProgress) -> None:
            self._progress = done
            report(done)

        plain = [file for file in self._files if _is_plain(file.path)]
        found = newest(plain, Search(), PAGE).requests if plain else []
        self._rows = [shown_request(request) for request in reversed(found)]
        self._index.build(keep)
        trail = ViewedTrail(self._index)
        blocks = blocks_of([TrailFile(one.path, one.origin) for one in self._index.stored])
        if not trail.count:
            # Files that are read as they are are not among those counts.
            check_has_events(self._index.counts, self._files)
        self.notes = [visible(note) for note in notes_of(self._index.counts, Counts())]
        self._made = trail, Details(self._index, blocks, self._recording_of)
        between = f", {_moment(trail.first)} to {_moment(trail.last)}" if trail.first else ""
        return f"{counted(trail.count, 'request')}{between}"

    def about(self) -> dict[str, Any]:
        """What the page says of the trail, and until it is made how far that is."""
        common = {
            "files": [visible(one) for one in self._arguments[:MOST_NAMES]],
            "fileCount": len(self._files),
            "isMade": self._made is not None,
        }
        if self._made is None:
            return common | {"progress": self._progress._asdict(), "rows": self._rows}
        trail, _ = self._made
        return common | {
            "count": trail.count,
            "first": _moment(trail.first),
            "last": _moment(trail.last),
            "notes": self.notes,
        }

    def page(self, given: Mapping[str, str]) -> dict[str, Any]:
        """A page of requests. Raises Unusable, as all that follow."""
        return self._parts()[0].page(given)

    def timeline(self, given: Mapping[str, str]) -> dict[str, Any]:
        """Requests by time."""
        return self._parts()[0].timeline(given)

    def suggestions(self, given: Mapping[str, str]) -> dict[str, list[str]]:
        """Values for filters."""
        return self._parts()[0].suggestions()

    def request(self, given: Mapping[str, str]) -> dict[str, Any]:
        """One request whole. Raises OSError too."""
        return self._parts()[1].of(given)

    def _parts(self) -> tuple[ViewedTrail, Details]:
        if self._made is None:
            raise Unusable("the index is still being made; wait until it is")
        return self._made


def _is_plain(path: str) -> bool:
    """Whether a file is lines of events, whose end can be read alone; raises OSError."""
    with open(path, "rb") as file:
        return file.read(len(NATIVE_START)) == NATIVE_START


def _moment(microseconds: int) -> str:
    return iso(microseconds * 1000) if microseconds else ""
