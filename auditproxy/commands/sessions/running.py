"""What each part of ``auditproxy sessions`` prints of the recordings that were chosen."""

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from auditproxy.apis.faults import Unusable
from auditproxy.apis.session import Record
from auditproxy.apis.units import SECOND
from auditproxy.app.standardstreams import counted
from auditproxy.commands.sessions.keyboard import StoppedByUserError, Wait, keyboard
from auditproxy.commands.sessions.listing import as_json, as_object, table
from auditproxy.commands.sessions.playing import Pace, play
from auditproxy.commands.sessions.selecting import ChosenRecordings, Locked, to_standard_error
from auditproxy.commands.sessions.showing import (
    command_objects,
    commands_of,
    show,
    show_object,
)
from auditproxy.recordings.encryption import Decrypt
from auditproxy.recordings.reading import RecordingSummary, UnreadableRecording
from auditproxy.sessions.playback import visible

CHOICES = 10
"""Recordings that are named where one must be chosen."""


def run(
    word: str,
    selection: ChosenRecordings,
    settings: Mapping[str, Any],
    decrypt: Decrypt | None,
    *,
    listen: Callable[[], AbstractContextManager[Wait]] = keyboard,
) -> bool:
    """Print what ``word`` asks for; false where something could not be read. Raises Unusable."""
    as_objects = settings["output"] == "json"
    if word == "list":
        counted = _Counted(selection)
        if as_objects:
            _print(as_json(as_object(each)) for each in counted)
        else:
            _print(table(counted))
        if not counted.count and not selection.broken:
            to_standard_error(selection.none_matches(), kind="")
        if selection.unjudged:
            to_standard_error(_unjudged(selection.unjudged), kind="warning: ")
        return True
    if word == "play":
        return _play(selection, settings, decrypt, listen)
    return _each(word, selection, decrypt, as_objects=as_objects)


class _Counted:
    """What passes on its way to where it is printed."""

    def __init__(self, selection: ChosenRecordings) -> None:
        self.count = 0
        self._selection = selection

    def __iter__(self) -> Iterator[RecordingSummary | Locked]:
        for each in self._selection:
            self.count += 1
            yield each


def _none(selection: ChosenRecordings) -> Unusable:
    text = selection.none_matches()
    # An empty folder has nothing that a list could show.
    return Unusable(f"{text}; see auditproxy sessions list" if " matches " in text else text)


def _several(chosen: list[RecordingSummary | Locked]) -> Unusable:
    """Which recordings match, for a choice."""
    rows = [f"  {visible(row.rstrip())}" for row in table(chosen[:CHOICES])]
    more = "; the first of them" if len(chosen) > CHOICES else ""
    return Unusable(f"several recordings match, name a SESSION{more}:", choices=rows)


def too_small(summary: RecordingSummary, columns: int, rows: int) -> str:
    """That a recording is of a larger terminal than this one, "" where it is not."""
    header = summary.header
    if not header.auditproxy.tty or (header.width <= columns and header.height <= rows):
        return ""
    return (
        f"it was recorded on a terminal of {counted(header.width, 'column')} and "
        f"{counted(header.height, 'row')}, "
        f"this one has {columns} and {rows}: lines are not where they were"
    )


def _each(
    word: str, selection: ChosenRecordings, decrypt: Decrypt | None, *, as_objects: bool
) -> bool:
    sound = True
    counted = _Counted(selection)
    for summary in counted:
        if isinstance(summary, Locked):
            _needs_identity(summary)
            sound = False
            continue
        try:
            _print(_lines(word, summary, decrypt, as_objects=as_objects))
        except UnreadableRecording as error:
            to_standard_error(visible(str(error)))
            sound = False
    if not counted.count and not selection.broken:
        raise _none(selection)
    return sound


def _lines(
    word: str, summary: RecordingSummary, decrypt: Decrypt | None, *, as_objects: bool
) -> Iterator[str]:
    if word == "show":
        if as_objects:
            yield as_json(show_object(summary, decrypt))
        else:
            yield from show(summary, decrypt)
    elif as_objects:
        for each in command_objects(summary, decrypt):
            yield as_json(each)
    else:
        session = summary.header.auditproxy
        first = True
        for line in commands_of(summary, decrypt):
            if first:
                where = f"{session.namespace}/{session.pod} {session.container}".strip()
                yield f"# {visible(f'{session.user} in {where}, session {session.session_id}')}\n"
                first = False
            yield line


def _play(
    selection: ChosenRecordings,
    settings: Mapping[str, Any],
    decrypt: Decrypt | None,
    listen: Callable[[], AbstractContextManager[Wait]],
) -> bool:
    chosen: list[RecordingSummary | Locked] = []
    for summary in selection:
        chosen.append(summary)
        if len(chosen) > CHOICES:
            break
    if len(chosen) > 1:
        raise _several(chosen)
    if not chosen:
        if selection.broken:
            return False
        raise _none(selection)
    (one,) = chosen
    if isinstance(one, Locked):
        _needs_identity(one)
        return False
    pace = Pace(
        speed=settings["speed"],
        idle=settings["idle-time-limit"] / SECOND,
        search=settings["search"],
        with_input=settings["input"],
    )
    if sys.stdout.isatty() and (hint := too_small(one, *shutil.get_terminal_size())):
        to_standard_error(hint, kind="")
    try:
        with listen() as wait:
            found = play(
                one.path,
                decrypt,
                pace,
                sys.stdout.buffer,
                wait=wait,
                is_terminal=sys.stdout.isatty(),
            )
    except StoppedByUserError:
        return True
    except UnreadableRecording as error:
        to_standard_error(visible(str(error)))
        return False
    if found is None:
        to_standard_error(f"--search: {visible(str(one.path))} does not have this text")
    elif not found:
        hint = "the recording has no output; auditproxy sessions show says what was done"
        if not pace.with_input and one.header.auditproxy.record == Record.INPUT_OUTPUT:
            hint += ", and --input shows what was sent"
        to_standard_error(hint, kind="")
    return found is not None


def _unjudged(count: int) -> str:
    recordings = f"{counted(count, 'recording')} {'is' if count == 1 else 'are'} encrypted and"
    return f"{recordings} listed whatever --user says, as who it was is inside; give --identity"


def _needs_identity(locked: Locked) -> None:
    to_standard_error(f"{visible(str(locked.path))} is encrypted; give --identity")


def _print(lines: Iterator[str]) -> None:
    """Print as the lines come; what the terminal's encoding lacks is escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    for line in lines:
        sys.stdout.write(line.encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()
