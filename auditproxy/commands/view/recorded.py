"""Recorded sessions of the page: their list, and what was done in one.

The folder is read once. A file is named by the page as the list names it, and only what is in the
list is opened: no path comes from outside.
"""

import shlex
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from auditproxy.apis.faults import Unusable
from auditproxy.commands.sessions.listing import duration
from auditproxy.commands.sessions.selecting import ChosenRecordings, Filters, Locked, started_at
from auditproxy.commands.sessions.showing import SHOWN_NOTES, note_line, notes_of, rows_of
from auditproxy.reading.meaning.cells import visible
from auditproxy.recordings.encryption import Decrypt
from auditproxy.recordings.reading import RecordingSummary, UnreadableRecording
from auditproxy.serializer.times import rfc3339

MOST_SESSIONS = 10_000
"""ListedRecordings that are listed; of more the newest."""
MOST_LISTED = 500
"""Sessions of one answer."""
MOST_DONE = 2_000
"""Commands, files and connections of one session that are shown."""


class ListedRecordings:
    """The recordings of a folder as they were when it was read."""

    def __init__(self, found: Iterable[RecordingSummary | Locked], decrypt: Decrypt | None) -> None:
        newest = list(found)[-MOST_SESSIONS:][::-1]
        self.decrypt = decrypt
        self._found = {one.path.name: one for one in newest}
        self._rows = [_row(one) for one in newest]
        self._by_audit_id = {
            one.header.auditproxy.audit_id: one.path.name
            for one in newest
            if isinstance(one, RecordingSummary) and one.header.auditproxy.audit_id
        }

    def __len__(self) -> int:
        return len(self._found)

    def named(self, name: str) -> RecordingSummary:
        """The recording of a name of the list; raises Unusable."""
        found = self._found.get(name)
        if found is None:
            raise Unusable("there is no such recording")
        if isinstance(found, Locked):
            raise Unusable("the recording is encrypted; auditproxy view --identity reads it")
        return found

    def of_request(self, audit_id: str) -> str | None:
        """The name of the recording of a request; None where there is none."""
        return self._by_audit_id.get(audit_id)

    def listed(self, given: Mapping[str, str]) -> dict[str, Any]:
        """Sessions that have each word of ``text``, the newest first."""
        words = given.get("text", "").lower().split()
        found = [
            row
            for row in self._rows
            if all(any(word in str(cell).lower() for cell in row.values()) for word in words)
        ]
        return {"sessions": found[:MOST_LISTED], "count": len(found)}

    def session(self, given: Mapping[str, str]) -> dict[str, Any]:
        """One session: who, where, how it ended, and what was done in it; raises Unusable."""
        summary = self.named(given.get("name", ""))
        done: list[list[Any]] = []
        omitted = 0
        try:
            rows = rows_of(summary, self.decrypt)
            for event in notes_of(summary, self.decrypt):
                if isinstance(event.note, SHOWN_NOTES):
                    if len(done) == MOST_DONE:
                        omitted += 1
                    else:
                        done.append([event.seconds, visible(note_line(event.note))])
        except UnreadableRecording as error:
            raise Unusable(str(error)) from None
        return {
            "name": summary.path.name,
            "facts": [[name, visible(value)] for name, value in rows if value],
            "done": done,
            "omitted": omitted,
            "seconds": summary.seconds,
            "auditID": summary.header.auditproxy.audit_id,
        }


def recordings_in(
    folder: Path,
    decrypt: Decrypt | None,
    *,
    report: Callable[[str], None],
) -> ListedRecordings:
    """Those in a folder; what cannot be read is reported in one line each. Raises Unusable."""
    chosen = ChosenRecordings(folder, Filters(), decrypt, report=report)
    return ListedRecordings(chosen, decrypt)


def _row(one: RecordingSummary | Locked) -> dict[str, Any]:
    """A line of the list, as visible texts."""
    if isinstance(one, Locked):
        name = one.name
        started = f"{name.started.partition('.')[0]}Z" if name.started else ""
        texts = (started, "(encrypted)", f"{name.namespace}/{name.pod}", "", "", "", "", "")
    else:
        session, end = one.header.auditproxy, one.end
        user = session.user
        if session.impersonated_user:
            user += f" as {session.impersonated_user}"
        code = "" if end is None or end.exit_code is None else str(end.exit_code)
        place = "/".join(part for part in (session.namespace, session.pod or session.node) if part)
        texts = (
            rfc3339(started_at(one.header)),
            user,
            place,
            session.kind,
            shlex.join(session.command),
            duration(one.seconds),
            one.state,
            code,
        )
    names = ("started", "user", "where", "kind", "command", "took", "state", "exit")
    return {"name": one.path.name} | {
        key: visible(text) for key, text in zip(names, texts, strict=True)
    }
