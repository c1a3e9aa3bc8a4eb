"""One block of a trail, with its requests counted in groups.

The last event of a request has all that is counted. RequestReceived is only looked for, and is not
decoded unless nothing follows it in the block.
"""

from collections.abc import Callable, Sequence
from hashlib import blake2b, md5

import msgspec

from auditproxy.apis.audit import Stage
from auditproxy.reading.meaning.conditions import ColumnFilter, admits_all, is_user
from auditproxy.reading.meaning.events import (
    EVENTS,
    GONE,
    NATIVE_START,
    Counts,
    TrailEvent,
    read_events,
)
from auditproxy.reading.meaning.requests import NATIVE
from auditproxy.reading.reports.subjects import SUBJECTS
from auditproxy.reading.reports.tallies import MOST_GROUPS, Key, RequestTally, moment_text
from auditproxy.reading.trail.blocks import Block, current_path
from auditproxy.reading.trail.scanning import Search, events_of, lines_in

_STAGE = b'","stage":"'
_BEGUN = b"RequestReceived"
_NEAR = 400
"""Bytes of a line in which its stage is."""
_ENDS = (Stage.RESPONSE_COMPLETE, Stage.PANIC)
_REFUSALS = (401, 403)
SAMPLED_DIGIT, SAMPLED_DIGITS = "0", 16
"""The last digit of an audit ID that is compared between servers, and how many digits there are."""


class PassTask(msgspec.Struct, frozen=True):
    """What is counted: ``subject`` is a name in SUBJECTS; times are texts of tallies, or ""."""

    subject: str
    conditions: tuple[ColumnFilter, ...] = ()
    since: str = ""
    until: str = ""
    one_of: int = 0
    """Of so many audit IDs one is given back; 0 is none."""
    users: tuple[ColumnFilter, ...] = ()
    """Of keys with a user in their second place: which users count."""
    most_groups: int = MOST_GROUPS

    def admits(self, event: TrailEvent, received: str) -> bool:
        """Whether a request counts; ``event`` is its last one."""
        if self.since and received < self.since:
            return False
        if self.until and received >= self.until:
            return False
        return admits_all(self.conditions, event)


class Begun(msgspec.Struct, frozen=True):
    """Events of a request without its end, and the last one of them."""

    key: bytes
    event: TrailEvent
    events: int
    size: int


class PassedBlock(msgspec.Struct):
    """What was counted in a block, and what could not be yet."""

    groups: dict[Key, RequestTally]
    counts: Counts
    forms: Counts
    begun: list[Begun]
    ends: list[bytes]
    """Keys of ends whose beginning is not in the block."""
    sampled: list[int]
    origin: str


class RequestCounter:
    """Counts requests in groups."""

    def __init__(self, task: PassTask, groups: dict[Key, RequestTally]) -> None:
        self._task = task
        self._subject = SUBJECTS[task.subject]
        self._groups = groups
        self._keys: Callable[[TrailEvent, str], Sequence[Key]] = self._subject.keys_of
        self._is_plain = not (task.conditions or task.since or task.until)
        self._wanted: dict[str, bool] = {}
        """Users of the task that were asked about."""

    def add(self, event: TrailEvent, requests: int, events: int, size: int) -> None:
        """Count a request, or more events of one."""
        if not requests and not self._subject.counts_events:
            return
        received = moment_text(event.request_received_timestamp or event.stage_timestamp)
        if not self._is_plain and not self._task.admits(event, received):
            return
        status = event.response_status
        refused = requests if status is not None and status.code in _REFUSALS else 0
        bodies = len(event.request_object) + len(event.response_object)
        for key in self._keys(event, received):
            if self._task.users and not self._is_wanted(key[1]):
                continue
            tally = self._groups.get(key)
            if tally is None:
                tally = self._groups[key] = RequestTally(first=received, last=received)
            tally.requests += requests
            tally.refused += refused
            tally.events += events
            tally.size += size
            tally.bodies += bodies
            if received < tally.first:
                tally.first = received
            elif received > tally.last:
                tally.last = received

    def _is_wanted(self, user: str) -> bool:
        found = self._wanted.get(user)
        if found is None:
            found = self._wanted[user] = is_user(self._task.users, user)
        return found


def pass_block(block: Block, task: PassTask) -> PassedBlock:
    """What is counted in one block; raises OSError."""
    passed = PassedBlock({}, Counts(), Counts(), [], [], [], block.origin)
    reader = _BlockReader(task, passed)
    try:
        block = msgspec.structs.replace(block, path=current_path(block))
        if block.is_native:
            for line in lines_in(block, passed.counts):
                reader.line(line)
        else:
            for seen in events_of(block, Search(), passed.counts, passed.forms):
                reader.event(seen.event, len(seen.line) + 1, b"")
    except FileNotFoundError:
        passed.counts[GONE] += 1
    reader.finish()
    return passed


class _BlockReader:
    """Joins the events of one block, and counts requests that end in it."""

    def __init__(self, task: PassTask, passed: PassedBlock) -> None:
        self._passed = passed
        self._counting = RequestCounter(task, passed.groups)
        self._one_of = task.one_of
        self._origin = passed.origin
        self._lines: dict[bytes, bytes] = {}
        """Lines of RequestReceived, by their beginnings, which the lines of later stages share."""
        self._begun: dict[bytes, Begun] = {}
        self._needle = SUBJECTS[task.subject].needle
        self._skipped = 0

    def line(self, line: bytes) -> None:
        """Take one line of a file of native lines."""
        place = line.find(_STAGE, 0, _NEAR)
        is_whole = place > 0 and line.endswith(b"}") and line.startswith(NATIVE_START)
        if self._needle and is_whole and self._needle not in line:
            self._skipped += 1
            return
        if not is_whole:
            for event in read_events(line, self._passed.counts):
                self._passed.forms[NATIVE] += 1
                self.event(event, len(line) + 1, b"")
            return
        beginning = line[:place]
        if line.startswith(_BEGUN, place + len(_STAGE)):
            other = self._lines.pop(beginning, None)
            self._lines[beginning] = line
            self._skipped += 1
            if other is not None:
                self._keep_line(other)
            return
        received = self._lines.pop(beginning, b"")
        for event in read_events(line, self._passed.counts):
            self._passed.forms[NATIVE] += 1
            self.event(event, len(line) + 1, received)
            received = b""

    def event(self, event: TrailEvent, size: int, received: bytes) -> None:
        """Take an event; ``received`` is perhaps the RequestReceived line of the same request."""
        events, has_beginning = 1, False
        if received:
            if event.request_received_timestamp.encode() in received:
                size += len(received) + 1
                events, has_beginning = 2, True
            else:
                self._keep_line(received)
        if self._needle:
            # Such a subject is about single events.
            if event.stage in _ENDS:
                self._counting.add(event, 1, events, size)
            return
        if event.stage not in _ENDS or not has_beginning:
            key = key_of(event, self._origin)
            known = self._begun.pop(key, None)
            if event.stage not in _ENDS:
                begun = Begun(key, _without_bodies(event), events, size)
                self._begun[key] = begun if known is None else together(known, begun)
                return
            if known is not None:
                events, size = events + known.events, size + known.size
            if not has_beginning:
                # Also where ResponseStarted is in the block: RequestReceived may not be.
                self._passed.ends.append(key)
        self._counting.add(event, 1, events, size)
        if self._one_of and event.audit_id:
            self._passed.sampled += sample_of(event, self._one_of)

    def finish(self) -> None:
        """At the end of the block."""
        for line in self._lines.values():
            self._keep_line(line)
        self._lines.clear()
        self._passed.counts[EVENTS] += self._skipped
        self._passed.forms[NATIVE] += self._skipped
        self._passed.begun = list(self._begun.values())

    def _keep_line(self, line: bytes) -> None:
        for event in read_events(line, Counts()):
            begun = Begun(key_of(event, self._origin), _without_bodies(event), 1, len(line) + 1)
            known = self._begun.get(begun.key)
            self._begun[begun.key] = begun if known is None else together(known, begun)


def key_of(event: TrailEvent, origin: str) -> bytes:
    """What the events of one request have in common."""
    text = f"{event.audit_id}\n{event.request_received_timestamp}\n"
    if not event.audit_id:
        # Without an ID every event is a request of its own.
        text += f"{event.stage_timestamp} {event.user.username} {event.request_uri}"
    parts = text.encode("utf-8", "surrogatepass") + origin.encode("utf-8", "surrogateescape")
    return blake2b(parts, digest_size=8).digest()


def sampled_by(one_of: int) -> tuple[str, int]:
    """How one in ``one_of`` is taken: the digit that IDs end with, "" for any, and of those one in
    how many.
    """
    if one_of < SAMPLED_DIGITS:
        return "", one_of
    # The last digit of a UUID is as good as a digest's, and costs nothing.
    return SAMPLED_DIGIT, one_of // SAMPLED_DIGITS


def sample_of(event: TrailEvent, one_of: int) -> list[int]:
    """The number of a request that accounts of other servers have too, of one in ``one_of``."""
    digit, left = sampled_by(one_of)
    if not event.audit_id.endswith(digit):
        return []
    text = event.audit_id.encode("utf-8", "surrogatepass")
    # A digest that the database has as well.
    if left > 1 and int(md5(text, usedforsecurity=False).hexdigest()[:8], 16) % left:
        return []
    return [_number(event)]


def _number(event: TrailEvent) -> int:
    text = f"{event.audit_id}\n{event.verb}\n{event.request_uri.partition('?')[0]}"
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest)


_RANK = {Stage.REQUEST_RECEIVED.value: 0, Stage.RESPONSE_STARTED.value: 1}


def together(one: Begun, other: Begun) -> Begun:
    """Events of one request: the later stage is the last event."""
    ranks = [_RANK.get(each.event.stage, 0) for each in (one, other)]
    last = other.event if ranks[1] >= ranks[0] else one.event
    return Begun(one.key, last, one.events + other.events, one.size + other.size)


_NO_BODY = msgspec.Raw(b"")


def _without_bodies(event: TrailEvent) -> TrailEvent:
    """It may wait for long."""
    if not (len(event.request_object) or len(event.response_object)):
        return event
    return msgspec.structs.replace(event, request_object=_NO_BODY, response_object=_NO_BODY)
