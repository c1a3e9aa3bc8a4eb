"""``auditproxy sessions verify``: recordings compared with the SHA-256 that logs have of them.

    logs --lines--> name of a file: its digests
                        |
    folder --files------+--> ok, changed, missing, unlisted, unfinished

A recording is found by its file's name, so that folder and logs may have moved since. Logs are
read line by line; of each only names and digests are remembered.
"""

import hashlib
import os
import re
import stat
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TextIO

from auditproxy.alerts.reading import read_line
from auditproxy.apis.audit import Event
from auditproxy.apis.faults import Unusable
from auditproxy.apis.session import SessionEvent
from auditproxy.apis.units import MEBIBYTE
from auditproxy.app.standardstreams import counted
from auditproxy.commands.alerts.replay import lines_of
from auditproxy.commands.sessions.listing import as_json
from auditproxy.commands.sessions.selecting import Filters, is_named, to_standard_error
from auditproxy.recordings.appending import reason_of
from auditproxy.recordings.names import PART, is_unfinished, take_apart
from auditproxy.serializer.errors import SerializationError
from auditproxy.sessions.lines import REPAIRED, SESSION_RECORDING
from auditproxy.sessions.playback import visible

_DIGEST = re.compile(r"(.*) sha256:([0-9a-f]{64})(?: \(([A-Za-z]+)\))?", re.DOTALL)
_MARKS = (SESSION_RECORDING.encode(), b'"SessionStarted"', b'"SessionEnded"')

PROGRESS_STEP = 64 * MEBIBYTE
_BLOCK = MEBIBYTE

FAILED_AND_GONE = (
    "the log has it as Failed, the folder does not: another program took it while it was written, "
    "or the disk refused it"
)

Result = Literal["ok", "changed", "missing", "unlisted", "unfinished", "unreadable"]
SOUND: tuple[Result, ...] = ("ok", "unfinished")
"""Results that are as they should be."""


@dataclass(frozen=True, slots=True)
class Verified:
    """One recording; ``sha256`` is that of the file, ``logged`` those of the logs."""

    path: Path
    result: Result
    sha256: str = ""
    logged: tuple[str, ...] = ()
    is_known: bool = False
    """Whether a log has the session, and not the repair of its recording alone."""
    fault: str = ""

    @property
    def reason(self) -> str:
        """What the result means, in a few words; "" for ok."""
        if self.result == "changed":
            return f"its SHA-256 is {self.sha256}, the log has {' and '.join(self.logged)}"
        if self.fault:
            return self.fault
        if self.result == "unlisted" and self.logged:
            return (
                "the logs have its repair alone, and no log has the beginning of its session: "
                "give the log of that time, or another program wrote it"
            )
        if self.result == "unlisted" and is_unfinished(self.path.name):
            return "no log knows this session, though it looks as if it were being written"
        if self.result == "unlisted" and self.is_known:
            return (
                "no log has its SHA-256, though one has the session's beginning: the log of its "
                "end was not given, or its proxy was killed"
            )
        return {
            "ok": "",
            "missing": (
                "the log has it, the folder does not: removed by age, by size, after its upload, "
                "or by another program"
            ),
            "unlisted": "no log has its SHA-256, and no log knows this session",
            "unfinished": "it is still being written, or waits for a proxy to repair it",
        }[self.result]


@dataclass(slots=True)
class LoggedRecordings:
    """What logs say of recordings: the digests of each file's name, none while it is unknown."""

    digests: dict[str, set[str]] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    """Names of files of which more is known than that they were repaired."""
    failed: set[str] = field(default_factory=set)
    """Names of files that the disk refused, or that were taken away while they were written."""
    unreadable: int = 0
    """Lines that could not be read."""

    def take(self, line: bytes) -> None:
        """A line of an audit log or of a session log."""
        if not any(mark in line for mark in _MARKS):
            return
        try:
            events = read_line(line)
        except SerializationError:
            self.unreadable += 1
            return
        for event in events:
            for path, digest, state in _recordings(event):
                if path:
                    name = os.path.basename(path)
                    self.digests.setdefault(name, set()).update((digest,) if digest else ())
                    if state == "Failed":
                        self.failed.add(name.removesuffix(PART))
                    if not _is_repair(event):
                        self.known.add(name)


def _is_repair(event: Event | SessionEvent) -> bool:
    """Whether a line says only that a recording was found and repaired.

    Its session may never have been: a user who writes to the folder chooses what is repaired.
    """
    if not isinstance(event, SessionEvent) or event.recording is None:
        return False
    return event.recording.state == "Unfinished" or REPAIRED in event.flags


def _recordings(event: Event | SessionEvent) -> Iterator[tuple[str, str, str]]:
    """The path, the SHA-256 and the state of what an event says of a recording."""
    if isinstance(event, SessionEvent):
        if event.recording is not None:
            yield event.recording.path, event.recording.sha256, event.recording.state
        return
    value = (event.annotations or {}).get(SESSION_RECORDING, "")
    found = _DIGEST.fullmatch(value)
    yield (found[1], found[2], found[3] or "") if found else (value, "", "")


def logged_recordings(flag_paths: Iterable[tuple[str, str]]) -> LoggedRecordings:
    """What the logs have, each a flag with its path; raises Unusable for those it cannot read."""
    logged = LoggedRecordings()
    faults = []
    for flag, path in flag_paths:
        try:
            for line in lines_of(path):
                logged.take(line)
        except OSError as error:
            faults.append(f"--{flag} {path} cannot be read: {reason_of(error)}")
        except EOFError:
            faults.append(f"--{flag} {path} cannot be read: the gzip file ends too early")
    if faults:
        raise Unusable(*faults)
    return logged


def verify(
    path: Path, logged: LoggedRecordings, filters: Filters, progress: TextIO | None = None
) -> Iterator[Verified]:
    """Each recording at ``path``, a folder or a file, or of the logs; in the order of their names.

    ``progress`` is a terminal that gets how much of a big file is read.
    Raises Unusable for what cannot be read.
    """
    if path.is_dir():
        try:
            present = {name for name in os.listdir(path) if name[0] != "."}
        except OSError as error:
            raise Unusable(f"{path} cannot be read: {reason_of(error)}") from None
        folder, names = path, sorted(present | logged.digests.keys())
    elif path.exists():
        folder, names, present = path.parent, [path.name], {path.name}
    else:
        raise Unusable(f"{path} does not exist; name a folder or file of recordings")
    for name in names:
        parts = take_apart(name)
        if parts is None or not is_named(name, parts, filters):
            continue
        digests = tuple(sorted(logged.digests.get(name, ())))
        if name in present:
            is_known = name.removesuffix(PART) in logged.known
            yield _verified(folder / name, digests, progress, is_known=is_known)
        elif digests or f"{name}{PART}" not in present:
            yield from _missing(folder, name, logged)


def _missing(folder: Path, name: str, logged: LoggedRecordings) -> Iterator[Verified]:
    """A recording that only logs have; nothing for its other name, that of its time of writing."""
    base = name.removesuffix(PART)
    if base != name and base in logged.digests:
        return
    digests = logged.digests[name] | logged.digests.get(f"{name}{PART}", set())
    fault = FAILED_AND_GONE if base in logged.failed else ""
    yield Verified(folder / name, "missing", logged=tuple(sorted(digests)), fault=fault)


def _verified(
    path: Path, digests: tuple[str, ...], progress: TextIO | None, *, is_known: bool
) -> Verified:
    if is_unfinished(path.name):
        return Verified(path, "unfinished" if is_known else "unlisted", is_known=is_known)
    try:
        digest = sha256_of(path, progress)
    except Unusable as error:
        return Verified(path, "unreadable", logged=digests, fault="; ".join(error.faults))
    if not digests or not is_known:
        return Verified(path, "unlisted", digest, digests, is_known=is_known)
    return Verified(path, "ok" if digests == (digest,) else "changed", digest, digests)


def run_verify(path: Path, filters: Filters, settings: Mapping[str, Any]) -> bool:
    """Print the result of each recording, then their sums; whether all are SOUND.

    Raises Unusable.
    """
    flags = ("session-log", "audit-log")
    logged = logged_recordings((flag, log) for flag in flags for log in settings[flag])
    if logged.unreadable:
        lines = counted(logged.unreadable, "line of the logs")
        to_standard_error(f"{lines} cannot be read", kind="warning: ")
    counts: Counter[Result] = Counter()
    for each in verify(path, logged, filters, sys.stderr if sys.stderr.isatty() else None):
        counts[each.result] += 1
        if settings["output"] == "json":
            members = {"path": str(each.path), "result": each.result}
            members |= {"sha256": each.sha256} if each.sha256 else {}
            members |= {"reason": each.reason} if each.reason else {}
            sys.stdout.write(as_json(members | {"logged": each.logged}))
        else:
            text = f"{each.path}: {each.reason}" if each.reason else str(each.path)
            sys.stdout.write(f"{each.result:<10}  {visible(text)}\n")
    if not counts:
        if filters == Filters():
            raise Unusable(f"neither {path} nor the logs have a recording; name others")
        raise Unusable(f"no recording in {path} or in the logs matches the flags and SESSION")
    if settings["output"] != "json":
        sums = ", ".join(f"{count} {result}" for result, count in sorted(counts.items()))
        sys.stdout.write(f"\n{sums}\n")
    return all(result in SOUND for result in counts)


def sha256_of(path: Path, progress: TextIO | None = None) -> str:
    """The SHA-256 of a file in hexadecimal, as logs have it of recordings; raises Unusable.

    ``progress`` is a terminal that gets a line for every PROGRESS_STEP bytes.
    """
    digest = hashlib.sha256()
    read = 0
    try:
        # A FIFO would wait for a writer.
        with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise Unusable(f"{path} is not a file")
            size = facts.st_size
            while block := file.read(_BLOCK):
                digest.update(block)
                read += len(block)
                if progress is not None and read % PROGRESS_STEP == 0:
                    done = f"{read // MEBIBYTE} of {size // MEBIBYTE} MiB"
                    progress.write(f"\r\x1b[Kread {done} of {visible(path.name)}")
                    progress.flush()
    except OSError as error:
        raise Unusable(f"{path} cannot be read: {reason_of(error)}") from None
    if progress is not None and read >= PROGRESS_STEP:
        progress.write("\r\x1b[K")
        progress.flush()
    return digest.hexdigest()
