"""Members of a JSON object that the server writes in one spelling, however they were sent: times.

kube-apiserver records a submitted object as its Go types write it. A time may come
with a fraction and any offset (Python's client sends ``+00:00``, JavaScript's
``.000Z``) and is written in UTC, to the second or the microsecond; the zero time is
null (apimachinery meta/v1 time.go, micro_time.go). The table of types knows where
times are.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from auditproxy.serializer.errors import SerializationError
from auditproxy.serializer.times import ZERO_TIME, micro_time, parse_time, rfc3339
from auditproxy.serializer.wireplan import OBJECT_META
from auditproxy.serializer.wiretable import MESSAGE, Field, WireTable, builtin

Members = dict[str, msgspec.Raw]

_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_TEXT = msgspec.json.Decoder(str)
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_NULL = msgspec.Raw(b"null")
_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
_RFC3339 = re.compile(rf"{_TIME}(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_UNUSUAL = re.compile(rf'"(?:{_TIME}[.+-]|{ZERO_TIME}")'.encode())
_ZERO = parse_time(ZERO_TIME)
_WRITTEN: dict[str, Callable[[int], str]] = {"time": rfc3339, "microtime": micro_time}


class _Lead(NamedTuple):
    """A member that is a time, or has times inside."""

    kind: str
    message: str
    many: str
    """``r`` for a list, ``m`` for a map."""
    dropped: bool
    """Whether the member is left out when it is the zero time."""


def unusual(raw: bytes) -> bool:
    """Whether a JSON text may hold a time in another spelling; cheap, and mostly false."""
    return _UNUSUAL.search(raw) is not None


class Speller:
    """Knows where the times of each kind are; compiled per message, when first needed."""

    def __init__(self, table: WireTable | None = None) -> None:
        self._table = table
        self._reaching: frozenset[str] = frozenset()
        self._leads: dict[str, dict[str, _Lead]] = {}

    def respell(self, api_version: str, kind: str, members: Members) -> bool:
        """Write the times of an object as the server does, in place; whether any has changed.

        Of a kind that is not in the table, a custom resource's for one, the metadata only.
        What is not a time where one should be stays as it is: the server refuses it.
        """
        if self._table is None:
            self._table = builtin()
        if not self._reaching:
            self._reaching = _reaching(self._table)
        message = self._table.kinds.get(f"{api_version}/{kind}")
        if message is not None:
            return self._members(message, members)
        return self._member("metadata", _Lead(MESSAGE, OBJECT_META, "", dropped=False), members)

    def _members(self, message: str, members: Members) -> bool:
        leads = self._leads.get(message)
        if leads is None:
            leads = self._leads[message] = dict(self._compiled(message))
        changed = False
        for name in leads.keys() & members.keys():
            changed |= self._member(name, leads[name], members)
        return changed

    def _compiled(self, message: str) -> list[tuple[str, _Lead]]:
        """The leads of a message, those of its inlined messages included."""
        assert self._table is not None
        found = []
        for field in self._table.types[message]:
            if "i" in field.flags:
                found += self._compiled(field.message)
            elif field.kind in _WRITTEN or field.message in self._reaching:
                many = "".join(flag for flag in field.flags if flag in "rm")
                found.append(
                    (field.name, _Lead(field.kind, field.message, many, "z" in field.flags))
                )
        return found

    def _member(self, name: str, lead: _Lead, members: Members) -> bool:
        """Respell one member, if it is there."""
        raw = members.get(name)
        written = None if raw is None else self._written(lead, raw)
        if written is None:
            return False
        if written is _NULL and lead.dropped:
            del members[name]
        else:
            members[name] = written
        return True

    def _written(self, lead: _Lead, raw: msgspec.Raw) -> msgspec.Raw | None:
        """A value as the server writes it; None where that is how it stands there."""
        try:
            if lead.many:
                return self._many(lead._replace(many=""), raw, listed=lead.many == "r")
            if lead.kind == MESSAGE:
                members = _MEMBERS.decode(raw)
                changed = self._members(lead.message, members)
                return msgspec.Raw(msgspec.json.encode(members)) if changed else None
            return _time(_TEXT.decode(raw), _WRITTEN[lead.kind])
        except _UNREADABLE:
            return None

    def _many(self, lead: _Lead, raw: msgspec.Raw, *, listed: bool) -> msgspec.Raw | None:
        """The values of a list or a map."""
        if not unusual(bytes(raw)):
            return None
        values: dict[object, msgspec.Raw] = {}
        values.update(enumerate(_ITEMS.decode(raw)) if listed else _MEMBERS.decode(raw))
        written = {key: self._written(lead, each) for key, each in values.items()}
        changed = {key: each for key, each in written.items() if each is not None}
        if not changed:
            return None
        values.update(changed)
        return msgspec.Raw(msgspec.json.encode(list(values.values()) if listed else values))


def _time(text: str, write: Callable[[int], str]) -> msgspec.Raw | None:
    """A time as it is written; None where it is so already, or is no time."""
    if _RFC3339.fullmatch(text) is None:
        return None
    try:
        moment = parse_time(text)
        if moment == _ZERO:
            return _NULL
        written = write(moment)
    except (SerializationError, OverflowError):
        return None
    return None if written == text else msgspec.Raw(b'"' + written.encode() + b'"')


def _reaching(table: WireTable) -> frozenset[str]:
    """The messages that have a time, or a message that has one, and so on."""
    users: dict[str, set[str]] = {}
    found: set[str] = set()
    for name, fields in table.types.items():
        for field in fields:
            if field.kind == MESSAGE:
                users.setdefault(field.message, set()).add(name)
        if any(_is_time(field) for field in fields):
            found.add(name)
    waiting = list(found)
    while waiting:
        more = users.get(waiting.pop(), set()) - found
        found |= more
        waiting += more
    return frozenset(found)


def _is_time(field: Field) -> bool:
    return field.kind in _WRITTEN
