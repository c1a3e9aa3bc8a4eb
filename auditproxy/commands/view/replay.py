"""Replay: what a recording's terminal showed, as rows of text at each moment.

The terminal is followed here (sessions/terminal/screen.py), and the page gets rows: nothing that a
container wrote is interpreted by a browser, and colours are numbers (styledscreen.py). What changes
within a thirtieth of a second is one frame. A page asks for one part after the other, and a replay
continues where the part before ended; to go back it begins anew.
"""

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from auditproxy.apis.faults import Unusable
from auditproxy.apis.session import Channel
from auditproxy.commands.view.recorded import ListedRecordings
from auditproxy.commands.view.styledscreen import PLAIN, StyledRun, StyledScreen
from auditproxy.reading.meaning.cells import visible
from auditproxy.recordings.encryption import Decrypt
from auditproxy.recordings.reading import UnreadableRecording, read_events
from auditproxy.sessions.castnotes import CommandNote
from auditproxy.sessions.castreader import (
    LONGEST_SESSION,
    CastData,
    CastEvent,
    CastHeader,
    CastNote,
    CastResize,
)

FRAME = 1 / 30
"""Seconds."""
MOST_FRAMES = 600
"""Frames of one part."""
MOST_PART_CHARACTERS = 256 * 1024
"""Of the rows of one part."""
MOST_REPLAYED = 128 * 1024 * 1024
"""Bytes of output that are followed; what comes behind them is not shown."""
MOST_REPLAYS = 4
"""Replays that are kept, to continue them."""
MOST_HITS = 200
"""Places of a text that are found."""
_LONGEST_ROW = 2000


ShownRow = str | list[tuple[str, int | None, int | None, int]]
"""A plain row, or its runs: text, colours of both grounds, and attributes."""


class ScreenRows(NamedTuple):
    """What a terminal shows: rows of visible texts, and the cursor's row and column."""

    size: tuple[int, int]
    rows: list[ShownRow]
    cursor: tuple[int, int]


class ReplayedSession:
    """One recording on a screen; raises UnreadableRecording."""

    def __init__(self, path: Path, decrypt: Decrypt | None) -> None:
        self._events = read_events(path, decrypt)
        header = next(self._events)
        assert isinstance(header, CastHeader)
        self._has_terminal = header.auditproxy.tty or not header.auditproxy.kind
        self._screen = StyledScreen(max(0, header.width), max(0, header.height))
        self._fed = 0
        self._waiting = self._next()
        self.seconds = 0.0
        """Of what was shown last."""

    @property
    def coming(self) -> float | None:
        """When the next frame is, in seconds; None at the end."""
        if self._waiting is None or self._fed >= MOST_REPLAYED:
            return None
        # Times of a file that was made up may go back.
        return max(self.seconds, self._waiting.seconds)

    @property
    def is_cut(self) -> bool:
        """Whether there is more than is shown."""
        return self._waiting is not None and self._fed >= MOST_REPLAYED

    def step(self) -> None:
        """Show the next frame."""
        begun = self.coming
        assert begun is not None
        self.seconds = begun
        while (coming := self.coming) is not None and coming < begun + FRAME:
            assert self._waiting is not None
            self._apply(self._waiting)
            self._waiting = self._next()

    def shown(self) -> ScreenRows:
        """What the terminal shows now."""
        rows = [_shown(runs) for runs in self._screen.runs()]
        place = self._screen.row - self._screen.rows.top, self._screen.column
        return ScreenRows((self._screen.rows.columns, len(rows)), rows, place)

    def _next(self) -> CastData | CastResize | None:
        """The next event that a terminal shows."""
        for event in self._events:
            if isinstance(event, CastResize):
                return event
            if isinstance(event, CastData) and event.channel != Channel.STDIN:
                return event
        return None

    def _apply(self, event: CastData | CastResize) -> None:
        if isinstance(event, CastResize):
            self._screen.resize(event.columns, event.rows)
            return
        self._fed += len(event.data)
        data = event.data
        if not self._has_terminal:
            # There was none that turned a line feed into the beginning of the next line.
            data = data.replace(b"\n", b"\r\n")
        for _ in self._screen.feed(data):
            pass


class Replays:
    """Answers what the page asks of what terminals showed."""

    def __init__(self, recordings: ListedRecordings, decrypt: Decrypt | None) -> None:
        self._recordings = recordings
        self._decrypt = decrypt
        self._kept: dict[str, ReplayedSession] = {}
        self._lock = threading.Lock()

    def part(self, given: Mapping[str, str]) -> dict[str, Any]:
        """What is shown at ``at``, and the frames that follow; raises Unusable."""
        summary = self._recordings.named(given.get("name", ""))
        at = _seconds(given.get("at", "0"))
        try:
            # The threads that answer take turns: a replay has one.
            with self._lock:
                replay = self._at(summary.path, at)
                made = _part(replay, at)
                self._keep(summary.path.name, replay)
        except UnreadableRecording as error:
            raise Unusable(str(error)) from None
        return made | {"seconds": max(summary.seconds, replay.seconds)}

    def find(self, given: Mapping[str, str]) -> dict[str, Any]:
        """When a text was written or entered, in seconds; raises Unusable."""
        summary = self._recordings.named(given.get("name", ""))
        text = given.get("text", "").lower()
        if not text:
            return {"hits": []}
        hits: list[float] = []
        try:
            for hit in _hits(read_events(summary.path, self._decrypt), text):
                hits.append(hit)
                if len(hits) == MOST_HITS:
                    break
        except UnreadableRecording as error:
            raise Unusable(str(error)) from None
        return {"hits": hits}

    def _at(self, path: Path, at: float) -> ReplayedSession:
        """A replay that shows what was shown at a time."""
        replay = self._kept.pop(path.name, None)
        if replay is None or replay.seconds > at:
            replay = ReplayedSession(path, self._decrypt)
        while (coming := replay.coming) is not None and coming <= at:
            replay.step()
        return replay

    def _keep(self, name: str, replay: ReplayedSession) -> None:
        self._kept[name] = replay
        if len(self._kept) > MOST_REPLAYS:
            del self._kept[next(iter(self._kept))]


def _part(replay: ReplayedSession, at: float) -> dict[str, Any]:
    before = first = replay.shown()
    frames: list[list[Any]] = []
    written = 0
    while (
        replay.coming is not None and len(frames) < MOST_FRAMES and written < MOST_PART_CHARACTERS
    ):
        replay.step()
        now = replay.shown()
        is_same = now.size == before.size
        changed = {
            place: row
            for place, row in enumerate(now.rows)
            if not is_same or row != before.rows[place]
        }
        written += 8 + sum(map(_size, changed.values()))
        frames.append([replay.seconds, changed, now.cursor, None if is_same else now.size])
        before = now
    return {
        "at": at,
        "size": first.size,
        "rows": first.rows,
        "cursor": first.cursor,
        "frames": frames,
        "next": replay.coming,
        "isCut": replay.is_cut,
    }


def _shown(runs: list[StyledRun]) -> ShownRow:
    """A row as the page gets it."""
    if not any(run.style != PLAIN for run in runs):
        return visible("".join(run.text for run in runs), _LONGEST_ROW)
    return [(visible(run.text, _LONGEST_ROW), *run.style) for run in runs]


def _size(row: ShownRow) -> int:
    """Characters, as many as its JSON has about."""
    return len(row) if isinstance(row, str) else sum(24 + len(run[0]) for run in row)


def _hits(events: Iterator[CastEvent | CastHeader], text: str) -> Iterator[float]:
    kept = ""
    for event in events:
        if isinstance(event, CastNote):
            note = event.note
            if isinstance(note, CommandNote) and text in (note.line or "").lower():
                yield event.seconds
        elif isinstance(event, CastData) and event.channel != Channel.STDIN:
            # It may be in two pieces.
            kept = (kept[-(len(text) - 1) :] if len(text) > 1 else "") + event.text.lower()
            if text in kept:
                yield event.seconds
                kept = ""


def _seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= LONGEST_SESSION:
        raise Unusable("at must be a number of seconds since the beginning")
    return found
