"""``auditproxy sessions play``: what a terminal showed, at the pace at which it did.

Everything passes a filter first (sessions/playback.py): the container chose what it wrote.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from auditproxy.apis.session import Channel
from auditproxy.recordings.encryption import Decrypt
from auditproxy.recordings.reading import read_events
from auditproxy.sessions.castnotes import CommandNote
from auditproxy.sessions.castreader import CastData, CastHeader, CastNote
from auditproxy.sessions.playback import RESTORE, PlaybackFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """``speed`` is a factor, ``idle`` the longest pause in seconds, 0 for any.

    ``search`` is where to begin: everything before it is shown at once.
    """

    speed: float = 1.0
    idle: float = 0.0
    search: str = ""


def play(
    path: Path,
    decrypt: Decrypt | None,
    pace: Pace,
    output: BinaryIO,
    *,
    wait: Callable[[float], None],
    is_terminal: bool,
) -> int | None:
    """Play a recording to its end; how many pieces of output it has.

    None where it does not have what is searched for.

    ``wait`` sleeps for so many seconds. Raises UnreadableRecording.
    """
    start = 0.0
    if pace.search:
        found = find(path, decrypt, pace.search)
        if found is None:
            return None
        start = found
    playback = PlaybackFilter()
    shown = start
    pieces = 0
    try:
        for event in read_events(path, decrypt):
            if not isinstance(event, CastData) or event.channel == Channel.STDIN:
                continue
            pieces += 1
            if event.seconds > shown:
                pause = (event.seconds - shown) / pace.speed
                shown = event.seconds
                wait(min(pause, pace.idle) if pace.idle else pause)
            output.write(playback.feed(event.text).encode("utf-8", "replace"))
            if event.seconds >= start:
                output.flush()
    finally:
        if is_terminal:
            output.write(RESTORE.encode("ascii") + b"\r\n")
        output.flush()
    return pieces


def find(path: Path, decrypt: Decrypt | None, text: str) -> float | None:
    """When ``text`` first stands on the output or in a command, in seconds; None if never."""
    before = ""
    for event in read_events(path, decrypt):
        if isinstance(event, CastHeader):
            continue
        if isinstance(event, CastNote):
            if isinstance(event.note, CommandNote) and text in (event.note.line or ""):
                return event.seconds
        elif isinstance(event, CastData) and event.channel != Channel.STDIN:
            # It may be in two pieces.
            before = before[-(len(text) - 1) :] if len(text) > 1 else ""
            before += event.text
            if text in before:
                return event.seconds
    return None
