"""Which recordings of a folder are meant, and what each says in short.

Names are read first: those of ours say when, where and whose, so that most files of a big folder
are never opened. One summary is held at a time.
"""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, tzinfo
from pathlib import Path
from typing import TextIO

from auditproxy.apis.audit import ObjectReference
from auditproxy.apis.faults import Unusable
from auditproxy.apis.gotext import go_quote
from auditproxy.apis.units import SECOND
from auditproxy.apis.user import UserInfo
from auditproxy.app.standardstreams import counted
from auditproxy.reading.meaning.conditions import admits_all, conditions_of
from auditproxy.reading.meaning.events import TrailEvent
from auditproxy.reading.meaning.moments import moment
from auditproxy.recordings.appending import reason_of
from auditproxy.recordings.encryption import Decrypt
from auditproxy.recordings.names import NOTHING, RecordingName, part_of, take_apart
from auditproxy.recordings.reading import (
    NeedsIdentity,
    RecordingSummary,
    UnreadableRecording,
    summary_of,
)
from auditproxy.serializer.errors import SerializationError
from auditproxy.serializer.times import parse_time, rfc3339
from auditproxy.sessions.castreader import LATEST_START, CastHeader
from auditproxy.sessions.playback import visible

SHORTEST_BEGINNING = 6
"""Characters of an ID that are enough to mean the whole one."""
_PROGRESS_STEP = 500  # Files between two lines of progress.


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a recording must match; (), "" and None match everything. Times are nanoseconds.

    Values are those of ``auditproxy events``: any of them, an asterisk, and !alice for all others.
    """

    user: tuple[str, ...] = ()
    namespace: tuple[str, ...] = ()
    pod: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None
    session: str = ""
    """A session's ID, an audit ID, the beginning of either, or the name of a file."""

    def admits(self, namespace: str, pod: str, user: str, acting: str = "") -> bool:
        """Whether a session matches that had a user, who perhaps was acting as another one."""
        return admits_all(
            conditions_of({"user": self.user, "namespace": self.namespace, "name": self.pod}),
            TrailEvent(
                user=UserInfo(username=user),
                impersonated_user=UserInfo(username=acting) if acting else None,
                object_ref=ObjectReference(namespace=namespace, name=pod),
            ),
        )

    def admits_parts(self, name: RecordingName) -> bool:
        """Whether the parts of a file's name are none that is excluded."""
        excluded = Filters(
            namespace=tuple(each for each in self.namespace if each.startswith("!")),
            pod=tuple(each for each in self.pod if each.startswith("!")),
        )
        return excluded.admits(name.namespace, name.pod, "")


@dataclass(frozen=True, slots=True)
class Locked:
    """An encrypted recording of which only the name can be read."""

    path: Path
    name: RecordingName


def instant(flag: str, text: str, now: int, zone: tzinfo = UTC) -> int | None:
    """A time in nanoseconds, as ``auditproxy events`` reads it; None for "". Raises Unusable."""
    try:
        return moment(text, now, zone, is_end=flag == "until") if text else None
    except ValueError as error:
        raise Unusable(f"--{flag} {go_quote(text)} {error}") from None


class ChosenRecordings:
    """Recordings at ``path``, a file or a folder, that match ``filters``.

    ``unjudged`` counts encrypted ones whose user is asked for and cannot be read: they are chosen.
    ``broken`` counts files that could not be read; each is reported in one line. Where a session is
    asked for, a file whose name does not say that it is this one is not reported. The beginning of
    an ID means the one recording whose ID begins so, unless another has exactly this ID.
    """

    def __init__(
        self,
        path: Path,
        filters: Filters,
        decrypt: Decrypt | None,
        *,
        report: Callable[[str], None],
        progress: TextIO | None = None,
    ) -> None:
        self.broken = 0
        self.unjudged = 0
        self._unknown = 0
        self._path = path
        self._filters = filters
        self._decrypt = decrypt
        self._report = report
        self._progress = progress

    def __iter__(self) -> Iterator[RecordingSummary | Locked]:
        """In the order in which the sessions began.

        Raises Unusable for the path itself, and for the beginning of several IDs.
        """
        found = self._found()
        if not self._filters.session:
            yield from found
            return
        beginnings: list[RecordingSummary | Locked] = []
        exact = False
        for each in found:
            if self._filters.session in _ids(each):
                exact = True
                yield each
            elif len(beginnings) < 2:
                beginnings.append(each)
        if exact:
            return
        if len(beginnings) > 1:
            raise Unusable(
                f"several recordings have IDs that begin with {go_quote(self._filters.session)}; "
                "give more of the ID"
            )
        yield from beginnings

    def none_matches(self) -> str:
        """The line that says that there was none."""
        wanted = self._filters
        given = [
            f"--{flag}={go_quote(','.join(value))}"
            for flag, value in (
                ("user", wanted.user),
                ("namespace", wanted.namespace),
                ("pod", wanted.pod),
            )
            if value
        ]
        given += [
            f"--{flag}={rfc3339(time)}"
            for flag, time in (("since", wanted.since), ("until", wanted.until))
            if time is not None
        ]
        if wanted.session:
            given.insert(0, go_quote(wanted.session))
        what = f" matches {' '.join(given)}" if given else ""
        text = f"no recording in {visible(str(self._path))}{what}"
        if 0 < len(wanted.session) < SHORTEST_BEGINNING:
            text += f" as a whole ID; give at least {SHORTEST_BEGINNING} characters of the ID"
        if self._unknown:
            whose = "its name does" if self._unknown == 1 else "their names do"
            files = counted(self._unknown, "file")
            text += f" ({files} cannot be read, and {whose} not say whose)"
        return text

    def _found(self) -> Iterator[RecordingSummary | Locked]:
        names = self._names()
        for count, path in enumerate(names, 1):
            self._show_progress(count, len(names))
            name = take_apart(path.name)
            if name is not None and not name_matches(path.name, name, self._filters):
                continue
            try:
                summary = summary_of(path, self._decrypt)
            except NeedsIdentity:
                if name is None:
                    continue
                if is_named(path.name, name, self._filters):
                    self.unjudged += bool(self._filters.user)
                    yield Locked(path, name)
                else:
                    self._unknown += 1
            except UnreadableRecording as error:
                if not self._is_meant(path, name):
                    self._unknown += 1
                    continue
                self.broken += 1
                self._report(visible(str(error)))
            else:
                if self._matches(path.name, summary.header):
                    yield summary

    def _is_meant(self, path: Path, name: RecordingName | None) -> bool:
        """Whether a file that cannot be read is asked for; its name has passed the filters."""
        if path == self._path:
            return True
        return name is None or is_named(path.name, name, self._filters)

    def _names(self) -> list[Path]:
        if not self._path.is_dir():
            if not self._path.exists():
                raise Unusable(f"{self._path} does not exist; name a folder or file of recordings")
            return [self._path]
        try:
            names = sorted(os.listdir(self._path))
        except OSError as error:
            raise Unusable(f"{self._path} cannot be read: {reason_of(error)}") from None
        return [self._path / name for name in names if take_apart(name) and name[0] != "."]

    def _show_progress(self, count: int, total: int) -> None:
        if self._progress is None or total < 2 * _PROGRESS_STEP:
            return
        if count == total:
            self._progress.write("\r\x1b[K")
        elif count % _PROGRESS_STEP == 0:
            self._progress.write(f"\rread {count} of {total} recordings")
        else:
            return
        self._progress.flush()

    def _matches(self, file: str, header: CastHeader) -> bool:
        wanted, session = self._filters, header.auditproxy
        if not wanted.admits(
            session.namespace, session.pod, session.user, session.impersonated_user
        ):
            return False
        ids = (session.session_id, session.audit_id)
        if wanted.session and wanted.session != file and not _names(wanted.session, ids):
            return False
        return _is_between(started_at(header), wanted)


def name_matches(file: str, name: RecordingName, wanted: Filters) -> bool:
    """Whether the content may match, by a name that is perhaps cut."""
    if not name.started:
        return True
    if not _is_between(_nanoseconds(name.started), wanted):
        return False
    if not _may_be_one(wanted.namespace, name.namespace, "namespace"):
        return False
    if not _may_be_one(wanted.pod, name.pod, "pod"):
        return False
    return (
        wanted.session == file
        or _may_begin(wanted.session, name.session_id, "session_id")
        or _may_begin(wanted.session, name.audit_id, "audit_id")
    )


def is_named(file: str, name: RecordingName, wanted: Filters) -> bool:
    """Whether a name alone says that a file is meant; NOTHING in it is never what is wanted."""
    if not name_matches(file, name, wanted) or not wanted.admits_parts(name):
        return False
    session = wanted.session in ("", file) or any(
        part not in ("", NOTHING) and _may_begin(wanted.session, part, of)
        for part, of in ((name.session_id, "session_id"), (name.audit_id, "audit_id"))
    )
    places = ((wanted.namespace, name.namespace), (wanted.pod, name.pod))
    return session and not any(_values(value) and part == NOTHING for value, part in places)


def started_at(header: CastHeader) -> int:
    """When a session began, in nanoseconds since the epoch."""
    started = _nanoseconds(header.auditproxy.started)
    if started is not None and 0 <= started <= LATEST_START * SECOND:
        return started
    return int(header.timestamp * SECOND)


def to_standard_error(line: str, *, kind: str = "error: ") -> None:
    """A line for the operator beside the output."""
    sys.stderr.write(f"auditproxy: {kind}{line}\n")


def _nanoseconds(text: str) -> int | None:
    try:
        return parse_time(text)
    except SerializationError:
        return None


def _is_between(time: int | None, wanted: Filters) -> bool:
    if time is None:
        return True
    if wanted.since is not None and time < wanted.since:
        return False
    return wanted.until is None or time < wanted.until


def _may_be_one(wanted: tuple[str, ...], part: str, of: str) -> bool:
    """Whether values may admit what this part of a name is made of. A value that is excluded may
    have become the same part as another, so that the content decides.
    """
    values = _values(wanted)
    return not values or any(_may_be(each, part, of) for each in values)


def _values(wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Those that are not excluded."""
    return tuple(each for each in wanted if each and not each.startswith("!"))


def _may_be(wanted: str, part: str, of: str) -> bool:
    """Whether a wanted value may have become this part of a name, which may be cut and changed."""
    return not wanted or "*" in wanted or part == part_of(wanted, of)


def _may_begin(wanted: str, part: str, of: str) -> bool:
    """The same for a value of which only the beginning may be wanted."""
    if _may_be(wanted, part, of):
        return True
    return len(wanted) >= SHORTEST_BEGINNING and part.startswith(part_of(wanted, of))


def _names(wanted: str, ids: tuple[str, ...]) -> bool:
    """Whether one of the IDs is the wanted one, or begins with it."""
    if wanted in ids:
        return True
    return len(wanted) >= SHORTEST_BEGINNING and any(each.startswith(wanted) for each in ids)


def _ids(each: RecordingSummary | Locked) -> tuple[str, ...]:
    """What names exactly this recording."""
    if isinstance(each, Locked):
        parts = (each.name.session_id, each.name.audit_id)
        return each.path.name, *(part for part in parts if part != NOTHING)
    session = each.header.auditproxy
    return each.path.name, session.session_id, session.audit_id
