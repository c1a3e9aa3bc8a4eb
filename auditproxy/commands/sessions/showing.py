"""``auditproxy sessions show`` and ``commands``: what a recording says beside its streams."""

import json
import shlex
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from auditproxy.apis.units import SECOND
from auditproxy.app.standardstreams import counted
from auditproxy.commands.sessions.listing import as_object, duration
from auditproxy.commands.sessions.selecting import started_at
from auditproxy.commands.sessions.unrecorded import Unrecorded, unrecorded_of
from auditproxy.commands.sessions.verifying import sha256_of
from auditproxy.recordings.encryption import Decrypt
from auditproxy.recordings.names import is_unfinished
from auditproxy.recordings.reading import RecordingSummary, read_events
from auditproxy.serializer.times import micro_time, rfc3339
from auditproxy.sessions.castnotes import (
    CommandNote,
    ConnectionClosedNote,
    CopiedFileNote,
    CopyEndNote,
    CopyNote,
    GapNote,
    UnreadableNote,
)
from auditproxy.sessions.castreader import CastFault, CastNote
from auditproxy.sessions.playback import visible

REQUEST = "request"
"""The flag of a command that kubectl's request names; the others were entered on a terminal."""
COPIED = "copied"
"""The flag of a file that a ``kubectl cp`` copied, among the commands."""
_NON_ZERO = "NonZeroExitCode"
MOST_SHOWN = 10_000
"""Commands, files and connections of one recording that are shown."""

SHOWN_NOTES = (
    CommandNote
    | ConnectionClosedNote
    | CopiedFileNote
    | CopyNote
    | CopyEndNote
    | GapNote
    | UnreadableNote
)


def notes_of(summary: RecordingSummary, decrypt: Decrypt | None) -> Iterator[CastNote]:
    """The notes of a recording; raises UnreadableRecording."""
    for event in read_events(summary.path, decrypt):
        if isinstance(event, CastNote):
            yield event


def commands_of(summary: RecordingSummary, decrypt: Decrypt | None) -> Iterator[str]:
    """A line for each command: when, its time within the session, and what is uncertain about it.

    Files that a ``kubectl cp`` copied have one each, with the flag COPIED.

    The first is what the request itself ran, with the flag of REQUEST, where it named a command.
    The last one, with the flag of unrecorded.py, is not a command but input that is not recorded.
    """
    start = started_at(summary.header)
    for seconds, note in _commands(summary, decrypt):
        moment = rfc3339(start + int(seconds * SECOND))
        shown = (
            _command(note) if isinstance(note, CommandNote) else f"{note_line(note)}   [{COPIED}]"
        )
        yield f"{moment}  {_clock(seconds)}  {shown}\n"
    unrecorded = unrecorded_of(summary, decrypt)
    if unrecorded is not None:
        moment = rfc3339(start + int(summary.seconds * SECOND))
        flags = ", ".join(unrecorded.flags)
        yield f"{moment}  {_clock(summary.seconds)}  {unrecorded.text}   [{flags}]\n"


def command_objects(summary: RecordingSummary, decrypt: Decrypt | None) -> Iterator[dict[str, Any]]:
    """The commands as JSON, each with the session that it belongs to."""
    session = summary.header.auditproxy
    start = started_at(summary.header)

    def line(seconds: float, **members: Any) -> dict[str, Any]:
        return {
            "sessionID": session.session_id,
            "auditID": session.audit_id,
            "user": session.user,
            "namespace": session.namespace,
            "pod": session.pod,
            "container": session.container,
            "timestamp": micro_time(start + int(seconds * SECOND)),
            "seconds": seconds,
            **members,
        }

    for seconds, note in _commands(summary, decrypt):
        if isinstance(note, CommandNote):
            yield line(seconds, line=note.line, flags=note.flags)
        else:
            copied = {"name": note.name, "size": note.size, "kind": note.kind}
            yield line(seconds, line=None, flags=(COPIED,), copied=copied)
    unrecorded = unrecorded_of(summary, decrypt)
    if unrecorded is not None:
        more = unrecorded.members
        yield line(summary.seconds, line=None, flags=unrecorded.flags, **more)


def _commands(
    summary: RecordingSummary, decrypt: Decrypt | None
) -> Iterator[tuple[float, CommandNote | CopiedFileNote]]:
    """The command of the request, then those of the terminal or the files of a copy, each with its
    seconds.
    """
    command = summary.header.auditproxy.command
    if command:
        yield 0.0, CommandNote(line=shlex.join(command), flags=(REQUEST,))
    for event in notes_of(summary, decrypt):
        if isinstance(event.note, CommandNote | CopiedFileNote):
            yield event.seconds, event.note


def show(summary: RecordingSummary, decrypt: Decrypt | None) -> Iterator[str]:
    """Lines that say who, what, where, how it ended, and what was done."""
    rows = [
        *rows_of(summary, decrypt),
        ("SHA-256", _sha256(summary)),
        ("File", str(summary.path)),
    ]
    for name, value in rows:
        if value:
            yield f"{name + ':':<11}{visible(value)}\n"
    yield from _sections(summary, decrypt)
    yield "\n"


def rows_of(summary: RecordingSummary, decrypt: Decrypt | None) -> list[tuple[str, str]]:
    """Who, what, where and how it ended, under headings; "" for what is not known."""
    session, end = summary.header.auditproxy, summary.end
    unrecorded = unrecorded_of(summary, decrypt)
    return [
        ("Session", session.session_id),
        ("Audit ID", session.audit_id),
        ("User", _user(session.user, session.groups)),
        ("Acting as", _user(session.impersonated_user, session.impersonated_groups)),
        ("From", " ".join((*session.source_ips, session.user_agent))),
        ("Where", _place(summary)),
        ("What", _what(summary)),
        ("Started", micro_time(started_at(summary.header))),
        ("Duration", duration(summary.seconds)),
        ("Ended", _ended(summary)),
        ("Bytes", f"{end.bytes_in} in, {end.bytes_out} out" if end else ""),
        ("Recorded", _recorded(summary)),
        (_heading(unrecorded), "" if unrecorded is None else unrecorded.text),
    ]


def show_object(summary: RecordingSummary, decrypt: Decrypt | None) -> dict[str, Any]:
    """The same as JSON; ``notes`` has at most MOST_SHOWN, ``notesOmitted`` counts the others."""
    notes: list[Any] = []
    omitted = 0
    for event in notes_of(summary, decrypt):
        if len(notes) < MOST_SHOWN:
            notes.append({"seconds": event.seconds, **msgspec.to_builtins(event.note)})
        else:
            omitted += 1
    digest = _sha256(summary)
    shown = as_object(summary) | ({"sha256": digest} if digest else {}) | {"notes": notes}
    return shown | {"notesOmitted": omitted} if omitted else shown


def _sections(summary: RecordingSummary, decrypt: Decrypt | None) -> Iterator[str]:
    """What was done, in order, under a heading."""
    shown = 0
    omitted = 0
    faults = 0
    for event in read_events(summary.path, decrypt):
        if isinstance(event, CastFault):
            faults += 1
        if not isinstance(event, CastNote) or not isinstance(event.note, SHOWN_NOTES):
            continue
        if shown == MOST_SHOWN:
            omitted += 1
            continue
        if not shown:
            yield "\n"
        shown += 1
        yield f"  {_clock(event.seconds)}  {note_line(event.note)}\n"
    if omitted:
        yield f"  and {omitted} more\n"
    if faults:
        yield f"  {counted(faults, 'line of the file')} cannot be read\n"


def note_line(note: Any) -> str:
    """One of SHOWN_NOTES in one line, safe for a terminal."""
    if isinstance(note, CommandNote):
        return f"$ {_command(note)}"
    if isinstance(note, CopiedFileNote):
        return f"{visible(note.kind)} {visible(note.name)}, {counted(note.size, 'byte')}"
    if isinstance(note, CopyEndNote) and note.fault:
        return f"{note.label}: {visible(note.fault)}"
    if isinstance(note, ConnectionClosedNote):
        error = f": {visible(note.error)}" if note.error else ""
        return f"{note.label}, {duration(note.duration_seconds)}{error}"
    label: str = note.label
    return visible(label)


def _command(note: CommandNote) -> str:
    if note.folded:
        line = f"({counted(note.folded, 'line')})"
    else:
        line = "(hidden)" if note.line is None else visible(note.line)
    return f"{line}   [{visible(', '.join(note.flags))}]" if note.flags else line


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{rest:04.1f}"


def _heading(unrecorded: Unrecorded | None) -> str:
    """Of the row about input without a terminal."""
    if unrecorded is not None and unrecorded.is_copy:
        return "Copied"
    return "Input" if unrecorded is not None and unrecorded.is_recorded else "Missing"


def _user(name: str, groups: Iterable[str]) -> str:
    joined = ", ".join(groups)
    return f"{name} ({joined})" if name and joined else name


def _place(summary: RecordingSummary) -> str:
    session = summary.header.auditproxy
    words = [f"{session.namespace}/{session.pod}" if session.pod else session.namespace]
    words += [f"container {session.container}"] if session.container else []
    words += [f"node {session.node}"] if session.node else []
    return ", ".join(word for word in words if word)


def _what(summary: RecordingSummary) -> str:
    session = summary.header.auditproxy
    words = [session.kind or "recording"]
    words += [json.dumps(session.command, ensure_ascii=False)] if session.command else []
    words += ["on a terminal"] if session.tty else []
    return " ".join(words)


def _ended(summary: RecordingSummary) -> str:
    end = summary.end
    if end is None:
        if is_unfinished(summary.path.name):
            return "not known yet: it is still being written, or waits for a proxy to repair it"
        return "unknown: its proxy was killed"
    words = [] if end.exit_code is None else [f"exit {end.exit_code}"]
    if end.exit_code is not None and end.reason == _NON_ZERO:
        # Its message is the exit code in words.
        return words[0]
    words += [word for word in (end.reason, end.message) if word]
    return ", ".join(words) or "without an exit code"


def _sha256(summary: RecordingSummary) -> str:
    """What logs have of the whole file; "" for one that is still being written."""
    return "" if is_unfinished(summary.path.name) else sha256_of(summary.path)


def _recorded(summary: RecordingSummary) -> str:
    words = [summary.header.auditproxy.record, counted(summary.size, "byte"), summary.state]
    text = ", ".join(word for word in words if word)
    missing = 0 if summary.end is None else summary.end.missing_bytes
    reasons = [summary.stopped, f"{counted(missing, 'byte')} missing" if missing else ""]
    why = ", ".join(reason for reason in reasons if reason)
    return f"{text}: {why}" if why else text
