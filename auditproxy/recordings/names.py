"""What a recording's file is called, and what its name says.

    2026-11-28T02-13-20.123456Z_NAMESPACE_POD_AUDITID_SESSIONID.cast    finished
    ....cast.part                                                       being written
    ....cast.age.tar, ....cast.age.tar.part                             encrypted
    ....cast.uploaded                                                   its upload is confirmed

The audit ID may be the client's choice and a pod's name is long: each part is made of letters,
digits, dots and dashes alone, and cut. The session's ID is ours and keeps names apart. Names in
order are recordings in the order in which they began.
"""

import re
from dataclasses import dataclass

from auditproxy.apis.session import Session
from auditproxy.serializer.times import micro_time

PLAIN = ".cast"
SEALED = ".cast.age.tar"
PART = ".part"
UPLOADED = ".uploaded"
LOCK = ".auditproxy-recordings.lock"
PROBE = ".auditproxy-recordings.probe"

NOTHING = "-"
"""A part of a name for a value that was empty, or that has no character of which names are made."""

_LONGEST = {"namespace": 40, "pod": 60, "audit_id": 40, "session_id": 40}
_UNSAFE = re.compile(r"[^A-Za-z0-9.-]")


@dataclass(frozen=True, slots=True)
class RecordingName:
    """A name taken apart; NOTHING stands for what was empty, and long parts are cut."""

    started: str
    """RFC 3339 with six digits, or "" where the name is not one of ours."""
    namespace: str
    pod: str
    audit_id: str
    session_id: str
    sealed: bool
    unfinished: bool


def stem(session: Session) -> str:
    """The name of a session's recording without its suffixes; at most 215 ASCII characters."""
    parts = (
        part_of(session.namespace, "namespace"),
        part_of(session.pod or session.node, "pod"),
        part_of(session.audit_id, "audit_id"),
        part_of(session.id, "session_id"),
    )
    return "_".join((micro_time(session.started).replace(":", "-"), *parts))


def take_apart(name: str) -> RecordingName | None:
    """What a file's name says; None where it is not a recording."""
    unfinished = name.endswith(PART)
    name = name.removesuffix(PART)
    sealed = name.endswith(SEALED)
    if not sealed and not name.endswith(PLAIN):
        return None
    parts = name.removesuffix(SEALED if sealed else PLAIN).split("_")
    if len(parts) != 5:
        return RecordingName("", "", "", "", "", sealed, unfinished)
    date, separator, time = parts[0].partition("T")
    started = f"{date}{separator}{time.replace('-', ':')}"
    return RecordingName(started, parts[1], parts[2], parts[3], parts[4], sealed, unfinished)


def is_finished(name: str) -> bool:
    """Whether a file is a recording that nothing is written to any more."""
    return name.endswith((PLAIN, SEALED)) and not name.startswith(".")


def is_unfinished(name: str) -> bool:
    """Whether a file is a recording that is being written, or was when its proxy was killed."""
    return name.endswith((PLAIN + PART, SEALED + PART)) and not name.startswith(".")


def part_of(text: str, part: str) -> str:
    """What a value becomes as a part of a name, of "namespace", "pod", "audit_id", "session_id"."""
    # A part that begins with a dot or a dash would hide the file or look like a flag.
    return _UNSAFE.sub("-", text[: _LONGEST[part]]).lstrip(".-") or NOTHING


def final_path(path: str) -> str:
    """Where a recording that is being written will be when it is finished."""
    return path.removesuffix(PART)
