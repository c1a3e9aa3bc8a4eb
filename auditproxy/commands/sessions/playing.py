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

    ``search`` is where to begin: everything before it is shown at once. ``with_input`` shows what
    the client sent as well.
    """

    speed: float = 1.0
    idle: float = 0.0
    search: str = ""
    with_input: bool = False


def play(
    path: Path,
    decrypt: Decrypt | None,
    pace: Pace,
    output: BinaryIO,
    *,
    wait: Callable[[float], None],
    is_terminal: bool,
) -> int | None:
    """Play a recording to its end; how many pieces were shown.

    None where it does not have what is searched for.

    ``wait`` sleeps for so many seconds. Raises UnreadableRecording.
    """
    start = 0.0
    if pace.search:
        found = find(path, decrypt, pace.search, with_input=pace.with_input)
        if found is None:
            return None
        start = found
    playback, sent = PlaybackFilter(), PlaybackFilter()
    shown = start
    pieces = 0
    try:
        for event in read_events(path, decrypt):
            if not isinstance(event, CastData):
                continue
            is_input = event.channel == Channel.STDIN
            if is_input and not pace.with_input:
                continue
            pieces += 1
            if event.seconds > shown:
                pause = (event.seconds - shown) / pace.speed
                shown = event.seconds
                wait(min(pause, pace.idle) if pace.idle else pause)
            shown_text = (sent if is_input else playback).feed(event.text)
            output.write(shown_text.encode("utf-8", "replace"))
            if event.seconds >= start:
                output.flush()
    finally:
        if is_terminal:
            output.write(RESTORE.encode("ascii") + b"\r\n")
        output.flush()
    return pieces


def find(
    path: Path, decrypt: Decrypt | None, text: str, *, with_input: bool = False
) -> float | None:
    """When ``text`` first stands on the output or in a command, in seconds; None if never.

    ``with_input``: or in what the client sent.
    """
    kept = {True: "", False: ""}
    for event in read_events(path, decrypt):
        if isinstance(event, CastHeader):
            continue
        if isinstance(event, CastNote):
            if isinstance(event.note, CommandNote) and text in (event.note.line or ""):
                return event.seconds
        elif isinstance(event, CastData):
            is_input = event.channel == Channel.STDIN
            if is_input and not with_input:
                continue
            # It may be in two pieces.
            before = kept[is_input][-(len(text) - 1) :] if len(text) > 1 else ""
            kept[is_input] = before + event.text
            if text in kept[is_input]:
                return event.seconds
    return None
