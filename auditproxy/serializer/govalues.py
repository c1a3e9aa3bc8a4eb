"""Values of JSON objects as Go's types write them: quantities, times, durations, bytes.

kube-apiserver decodes a request's body into its types and records what they
write. Where the table of types knows a member to be of such a type, its value
gets that spelling here; everything else of the object stays as it was sent. A
value that its type could not read stays too: the server refused it.
"""

import base64
import binascii
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from auditproxy.serializer import json
from auditproxy.serializer.budget import Budget
from auditproxy.serializer.duration import format_duration, parse_duration
from auditproxy.serializer.errors import SerializationError
from auditproxy.serializer.protobuf.plan import OBJECT_META
from auditproxy.serializer.protobuf.table import MESSAGE, WireTable
from auditproxy.serializer.quantity import MILLI, NANO, canonical_quantity

DEPTH_LIMIT = 32
"""Messages in one another that are looked into; built-in types have half as many."""

Members = dict[str, msgspec.Raw]
_Rule = tuple[Any, bool, bool, bool]
"""A function or the name of a message; whether it is for every item, for every member, optional."""

AT_ONCE = 4
"""Values that are built at once and together cost as much as one that is inspected."""

_MEMBERS = msgspec.json.Decoder(Members)
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:\d\d)", re.ASCII)
_PLAIN = re.compile(rb'"[1-9][0-9]{0,2}(?:[mkMGTPE]|[KMGTPE]i)?"')
"""Most quantities: recognizably canonical."""
_MICROSECONDS = 6
_EXACT = frozenset({"api/core/v1.NodeAllocatableResourceClaimStatus"})
"""Messages whose ResourceLists are not rounded."""


_METADATA: _Rule = (OBJECT_META, False, False, True)


_EMPTY = (b'""', b"null")
"""What Go takes for a member that is not there."""


class GoValues:
    """Spells values by one table of types; caches what it has looked up."""

    def __init__(self, table: WireTable) -> None:
        self._table = table
        self._rules: dict[str, dict[str, _Rule]] = {}
        self._with_values = _with_values(table)
        self._leaves: dict[str, tuple[bytes, ...]] = {}
        self._kinds: dict[tuple[bytes, bytes], str] = {}
        self._resources: dict[tuple[bytes, str], bytes] = {}
        for name, message in table.kinds.items():
            version, _, kind = name.rpartition("/")
            written = json.encode(kind)
            self._kinds[json.encode(version), written] = message
            self._resources[json.encode(version), _plural(kind.lower())] = written

    def apply(
        self,
        members: Members,
        budget: Budget | None = None,
        *,
        api_version: str = "",
        resource: str = "",
    ) -> None:
        """Rewrite the values of an object's members, in place; of an unknown kind, its metadata.

        ``api_version`` and ``resource`` are the path's, for what the object leaves out. Raises
        the budget's error for more values than it has.
        """
        version = bytes(members.get("apiVersion", _EMPTY[0]))
        if version in _EMPTY:
            version = json.encode(api_version)
        kind = bytes(members.get("kind", _EMPTY[0]))
        if kind in _EMPTY:
            kind = self._resources.get((version, resource), kind)
        message = self._kinds.get((version, kind))
        if message is not None:
            self._members(message, members, DEPTH_LIMIT, budget)
        elif "metadata" in members:
            # That of custom resources has a type of Go's, too.
            members["metadata"] = self._value(_METADATA, members["metadata"], DEPTH_LIMIT, budget)

    def _members(self, message: str, members: Members, depth: int, budget: Budget | None) -> bool:
        """Rewrite the members of one message; whether any changed."""
        changed = False
        for name, rule in self._rules_of(message).items():
            raw = members.get(name)
            if raw is None:
                continue
            done = self._value(rule, raw, depth - 1, budget)
            if done is not raw:
                members[name] = done
                changed = True
        return changed

    def _value(
        self, rule: _Rule, raw: msgspec.Raw, depth: int, budget: Budget | None
    ) -> msgspec.Raw:
        """A member's value, the same object when nothing changed."""
        what, repeated, mapped, optional = rule
        plain = bytes(raw)
        first = plain[:1]
        if isinstance(what, str) and not any(leaf in plain for leaf in self._leaves_of(what)):
            # Most objects have no such value anywhere: their members need not be read.
            return raw
        if not (repeated or mapped):
            return raw if optional and first == b"n" else self._one(what, raw, depth, budget)
        if budget is not None:
            # What a list or a map holds is made in one piece; each value has a comma behind it.
            budget.spend(bytes(raw).count(b",") // AT_ONCE)
        try:
            if repeated and first == b"[":
                items = _ITEMS.decode(raw)
                done = [self._one(what, item, depth, budget) for item in items]
                same = all(map(_is, done, items))
                return raw if same else msgspec.Raw(msgspec.json.encode(done))
            if mapped and first == b"{":
                entries = _MEMBERS.decode(raw)
                found = {
                    name: self._one(what, value, depth, budget) for name, value in entries.items()
                }
                same = all(map(_is, found.values(), entries.values()))
                return raw if same else msgspec.Raw(msgspec.json.encode(found))
        except (msgspec.DecodeError, UnicodeDecodeError):
            pass
        return raw

    def _one(self, what: Any, raw: msgspec.Raw, depth: int, budget: Budget | None) -> msgspec.Raw:
        """One value of a type, or one message."""
        if budget is not None:
            budget.spend(1)
        if isinstance(what, str):
            if not depth or bytes(raw)[:1] != b"{":
                return raw
            try:
                members = _MEMBERS.decode(raw)
            except (msgspec.DecodeError, UnicodeDecodeError):
                return raw
            return (
                msgspec.Raw(msgspec.json.encode(members))
                if self._members(what, members, depth, budget)
                else raw
            )
        written = what(bytes(raw))
        return raw if written is None or written == bytes(raw) else msgspec.Raw(written)

    def _rules_of(self, message: str) -> dict[str, _Rule]:
        """Return the rules for the members of a message that hold such values."""
        rules = self._rules.get(message)
        if rules is None:
            rules = {}
            for field in self._table.types.get(message, ()):
                what: Any = _VALUES.get(field.kind)
                if field.kind == MESSAGE and field.message in self._with_values:
                    what = field.message
                if what is None:
                    continue
                if what is _quantity and "m" in field.flags and _is_rounded(message):
                    what = _resource
                if "i" in field.flags:
                    rules.update(self._rules_of(field.message))
                else:
                    flags = field.flags
                    rules[field.name] = (what, "r" in flags, "m" in flags, "p" in flags)
            self._rules[message] = rules
        return rules

    def _leaves_of(self, message: str) -> tuple[bytes, ...]:
        """The names, as JSON, of all members with such a value in a message or below it."""
        leaves = self._leaves.get(message)
        if leaves is None:
            names: dict[str, None] = {}
            seen = {message}
            queue = [message]
            while queue:
                for name, (what, *_) in self._rules_of(queue.pop()).items():
                    if not isinstance(what, str):
                        names[name] = None
                    elif what not in seen:
                        seen.add(what)
                        queue.append(what)
            leaves = self._leaves[message] = tuple(json.encode(name) for name in names)
        return leaves


def _plural(singular: str) -> str:
    """The resource of a kind (apimachinery api/meta restmapper.go)."""
    if singular.endswith("endpoints"):
        return singular
    if singular.endswith("y"):
        return singular[:-1] + "ies"
    return singular + ("es" if singular.endswith("s") else "s")


def _is_rounded(message: str) -> bool:
    """Whether a message's ResourceLists are those of the core group, which have that default."""
    return message.startswith("api/core/v1.") and message not in _EXACT


def _with_values(table: WireTable) -> frozenset[str]:
    """The messages that hold such a value, themselves or in a message of theirs."""
    users: dict[str, list[str]] = {}
    queue = []
    for name, fields in table.types.items():
        if any(field.kind in _VALUES for field in fields):
            queue.append(name)
        for field in fields:
            if field.kind == MESSAGE:
                users.setdefault(field.message, []).append(name)
    found = set(queue)
    while queue:
        for user in users.get(queue.pop(), ()):
            if user not in found:
                found.add(user)
                queue.append(user)
    return frozenset(found)


def _resource(raw: bytes) -> bytes | None:
    """A quantity of a ResourceList, which kube-apiserver rounds up to thousandths."""
    return _quantity(raw, MILLI)


def _quantity(raw: bytes, smallest: int = NANO) -> bytes | None:
    if _PLAIN.fullmatch(raw):
        return None
    if raw == b"null":
        return b'"0"'
    text = raw[1:-1] if raw[:1] == b'"' else raw
    try:
        # Its bytes are read as they are, without escapes.
        return b'"' + canonical_quantity(text.decode("ascii"), smallest).encode() + b'"'
    except (UnicodeDecodeError, SerializationError):
        return None


def _time(raw: bytes) -> bytes | None:
    return _written_time(raw, "seconds")


def _micro_time(raw: bytes) -> bytes | None:
    return _written_time(raw, "microseconds")


def _written_time(raw: bytes, precision: str) -> bytes | None:
    """RFC 3339 in UTC, fractions cut off; the zero time is null."""
    text = _text(msgspec.Raw(raw))
    found = None if text is None else _TIME.fullmatch(text)
    if found is None:
        return None
    moment, fraction, zone = found.groups()
    if precision == "microseconds" and len(fraction or "") != _MICROSECONDS:
        return None
    fraction = (fraction or "")[:_MICROSECONDS].ljust(_MICROSECONDS, "0")
    try:
        parsed = datetime.fromisoformat(f"{moment}.{fraction}{zone}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    if parsed == datetime.min.replace(tzinfo=UTC):
        return b"null"
    written = parsed.replace(tzinfo=None).isoformat(timespec=precision)
    return f'"{written}Z"'.encode()


def _duration(raw: bytes) -> bytes | None:
    text = _text(msgspec.Raw(raw))
    if text is None:
        return None
    try:
        return json.encode(format_duration(parse_duration(text)))
    except SerializationError:
        return None


def _bytes(raw: bytes) -> bytes | None:
    """Base64 without the line breaks that Go passes over, and with no bits behind its end."""
    text = _text(msgspec.Raw(raw))
    if text is None:
        return None
    try:
        plain = base64.b64decode(text.replace("\r", "").replace("\n", ""), validate=True)
    except (binascii.Error, ValueError):
        return None
    return b'"' + base64.b64encode(plain) + b'"'


def _text(raw: msgspec.Raw | None) -> str | None:
    """A JSON string's text; None for anything else."""
    plain = b"" if raw is None else bytes(raw)
    if plain[:1] != b'"':
        return None
    try:
        value = json.decode(plain)
    except SerializationError:
        return None
    return value if isinstance(value, str) else None


def _is(one: object, other: object) -> bool:
    return one is other


_VALUES: dict[str, Callable[[bytes], bytes | None]] = {
    "duration": _duration,
    "microtime": _micro_time,
    "quantity": _quantity,
    "time": _time,
    "y": _bytes,
}
"""Kinds of values in the table of types, and what writes them; None where nothing can be said."""
