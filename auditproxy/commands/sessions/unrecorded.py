"""Input that was sent without a terminal: what is known of it.

On a terminal the output has the echo. Without one, ``kubectl exec -i`` gives a shell what no line
of the recording shows but its size and its SHA-256, unless the client's side was recorded too.
"""

from dataclasses import dataclass
from typing import Any

from auditproxy.apis.session import Record, SessionKind
from auditproxy.app.standardstreams import counted
from auditproxy.recordings.encryption import Decrypt
from auditproxy.recordings.reading import RecordingSummary, read_events
from auditproxy.sessions.castnotes import InputNote
from auditproxy.sessions.castreader import CastNote
from auditproxy.sessions.copies import CopyDirection, copy_of
from auditproxy.sessions.playback import visible

FLAG = "input"
UNFINISHED = "unfinished"
"""Beside FLAG: the recording has no end, and there may be more."""

_NO_END = "the recording has no end"
_WITH_INPUT = (SessionKind.EXEC, SessionKind.ATTACH)


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """Input of so many bytes, None where it is not known whether there was any.

    ``is_whole`` is false where the recording has no end: there may be more.
    """

    bytes: int | None
    sha256: str = ""
    is_whole: bool = True
    has_gap: bool = False
    is_recorded: bool = False
    """Whether the recording has it (record: InputOutput)."""
    is_copy: bool = False
    """Whether it is the tar stream of a ``kubectl cp``, whose files the recording names."""

    @property
    def flags(self) -> tuple[str, ...]:
        """Those of its line among the commands."""
        return (FLAG,) if self.is_whole else (FLAG, UNFINISHED)

    @property
    def text(self) -> str:
        """One line, safe for a terminal."""
        if self.bytes is None:
            return (
                "whether input was sent without a terminal is not known: the recording has no end"
            )
        kind = "tar, whose files alone are recorded" if self.is_copy else "input without a terminal"
        what = f"{counted(self.bytes, 'byte')} of {kind}{'' if self.is_copy else self._where}"
        if not self.is_whole:
            digest = f", SHA-256 of these {visible(self.sha256)}" if self.sha256 else ""
            return f"at least {what}{digest}; what followed is not known: {_NO_END}"
        if self.sha256:
            return f"{what}; SHA-256 {visible(self.sha256)}"
        if self.has_gap:
            return f"{what}; without a SHA-256, as some of it was not read in time"
        return f"{what}; their SHA-256 is in the session log, if there is one"

    @property
    def _where(self) -> str:
        if self.is_recorded:
            return ", recorded: auditproxy sessions play --input shows it"
        return ", not recorded"

    @property
    def members(self) -> dict[str, Any]:
        """The same for JSON; what is not known is left out."""
        members: dict[str, Any] = {} if self.bytes is None else {"inputBytes": self.bytes}
        return members | ({"inputSha256": self.sha256} if self.sha256 else {})


def unrecorded_of(summary: RecordingSummary, decrypt: Decrypt | None) -> Unrecorded | None:
    """What a client sent without a terminal; None without any.

    Reads the file where it has no end; raises UnreadableRecording.
    """
    session, end = summary.header.auditproxy, summary.end
    if session.tty or session.kind not in _WITH_INPUT:
        return None
    is_recorded = session.record == Record.INPUT_OUTPUT
    copy = copy_of(session.command)
    is_copy = copy is not None and copy.direction is CopyDirection.TO_CONTAINER
    if end is not None:
        if not end.bytes_in:
            return None
        has_gap = bool(end.missing_bytes)
        return Unrecorded(
            end.bytes_in,
            end.input_sha256,
            has_gap=has_gap,
            is_recorded=is_recorded,
            is_copy=is_copy,
        )
    last = None
    for event in read_events(summary.path, decrypt):
        if isinstance(event, CastNote) and isinstance(event.note, InputNote):
            last = event.note
    if last is not None:
        return Unrecorded(
            last.bytes, last.sha256, is_whole=False, is_recorded=is_recorded, is_copy=is_copy
        )
    # Recordings of old do not say whether there was standard input.
    return None if session.stdin is False else Unrecorded(None, is_whole=False)
