"""A ``kubectl cp`` in what its session carries: the files of its tar stream instead of its bytes.

What does not belong to a tar stream stays what it is, so that a program that calls itself tar
hides nothing but the content of the files that it sends.
"""

from collections.abc import Sequence

from auditproxy.apis.session import Carried, Channel, Session, SessionKind, StreamEvent
from auditproxy.sessions.castnotes import CopiedFileNote, CopyEndNote, CopyNote, Note, clean
from auditproxy.sessions.copies import CopyDirection, FileCopy, copy_of
from auditproxy.sessions.tar import TarMember, TarReader


class Copying:
    """Follows one session; passes everything through where it is not a copy."""

    def __init__(self, session: Session) -> None:
        self.copy: FileCopy | None = None
        """What the session copies, if it does."""
        if session.kind == SessionKind.EXEC and not session.tty:
            found = copy_of(session.command)
            # A copy to the container has input, one from it has none: kubectl opens no others.
            if found is not None and session.stdin is (
                found.direction is CopyDirection.TO_CONTAINER
            ):
                self.copy = found
        self._tar: TarReader | None = None
        self._channel = Channel.STDOUT
        if self.copy is not None:
            self._tar = TarReader(self.copy.skipped)
            if self.copy.direction == CopyDirection.TO_CONTAINER:
                self._channel = Channel.STDIN
        self._begun = False

    @property
    def channel(self) -> Channel | None:
        """The stream that the files are in; None where nothing is copied."""
        return None if self._tar is None else self._channel

    def take(self, events: Sequence[StreamEvent]) -> tuple[Sequence[StreamEvent], list[Note]]:
        """The events without the tar stream, and what is to be noted instead."""
        if self._tar is None:
            return events, []
        notes = self._begin()
        kept: list[StreamEvent] = []
        for event in events:
            if not isinstance(event, Carried) or event.channel != self._channel:
                kept.append(event)
                continue
            members, rest = self._tar.feed(event.data)
            notes += [_file_note(member) for member in members]
            if rest:
                kept.append(Carried(self._channel, rest))
        return kept, notes

    def lost(self) -> None:
        """Events are missing here: the rest of the tar stream is counted, not passed through."""
        if self._tar is not None:
            self._tar.lost()

    def end(self) -> tuple[Sequence[StreamEvent], list[Note]]:
        """The session ended: what is left of its stream, and what it held in all."""
        tar = self._tar
        if tar is None:
            return (), []
        notes = self._begin()
        rest = tar.end()
        notes.append(
            CopyEndNote(
                files=tar.files,
                bytes=tar.bytes,
                unnamed=tar.unnamed,
                unread=tar.unread,
                fault=tar.fault,
            )
        )
        return ((Carried(self._channel, rest),) if rest else ()), notes

    def _begin(self) -> list[Note]:
        if self._begun or self.copy is None:
            return []
        self._begun = True
        return [CopyNote(direction=self.copy.direction.value, path=clean(self.copy.path))]


def _file_note(member: TarMember) -> CopiedFileNote:
    return CopiedFileNote(name=member.name, size=member.size, kind=member.kind)
