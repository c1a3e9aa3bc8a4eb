"""Kubernetes protobuf to the JSON that kube-apiserver writes, by the table of types.

Decoding a message fills a copy of its Plan's template and joins it, so that the order is the Go
struct's whatever that on the wire, and members that Go shows even when they are empty are there.

Bodies are untrusted: time and memory are bounded by the size of the body and the
limit, nesting is bounded, and ProtobufError is the only error.
"""

import re
from typing import Any

import msgspec

from auditproxy.serializer.budget import Budget
from auditproxy.serializer.errors import ProtobufError
from auditproxy.serializer.govalues import GoValues, Members
from auditproxy.serializer.json import escape_html
from auditproxy.serializer.protobuf import values as wirevalues
from auditproxy.serializer.protobuf.envelope import Envelope, envelope
from auditproxy.serializer.protobuf.lists import object_with_lists
from auditproxy.serializer.protobuf.plan import (
    BOOL_POINTER,
    DOUBLE,
    INT_POINTER,
    LIST,
    MAP,
    NUMBERS,
    PACKED,
    SINGLE,
    TEXT_LIST,
    TEXT_MAP,
    TEXT_POINTER,
    WHOLE,
    Account,
    Plan,
    Plans,
    Rule,
    charge,
)
from auditproxy.serializer.protobuf.repeated import add_entry, add_packed, finish
from auditproxy.serializer.protobuf.table import WireTable, builtin
from auditproxy.serializer.protobuf.textmaps import add_texts, of_texts
from auditproxy.serializer.protobuf.wire import passed, varint

OUTPUT_LIMIT = 64 * 1024 * 1024
"""Bytes of JSON that any body may become unless the caller says otherwise."""
OUTPUT_RATIO = 3
"""Times its own size that a larger one may; lists of pods become one and a half times theirs."""
DEPTH_LIMIT = 100
"""Maximum nesting of messages; the deepest in practice, schemas of schemas, are far below it."""

STRIDE = 8 * 1024
"""Maximum bytes of one message between two clock readings."""
MESSAGES = 256
"""Maximum messages between two clock readings."""

_PLAIN_NAME = re.compile(r"[A-Za-z0-9./-]{1,253}")
_ENCODE = msgspec.json.Encoder().encode


class UnknownKindError(ProtobufError):
    """The table has no such kind."""


class Decoder:
    """Turns bodies into JSON by one table; keeps what it has compiled. Safe to share."""

    def __init__(self, table: WireTable | None = None) -> None:
        self._table = table
        self._plans: Plans | None = None
        self._plan_of: dict[tuple[str, str, bool], Plan] = {}
        self._go_values: GoValues | None = None

    def __reduce__(self) -> tuple[type["Decoder"], tuple[WireTable | None]]:
        """Without what was compiled: a copy in another process compiles its own."""
        return type(self), (self._table,)

    def decode(
        self, raw: bytes, *, omit_managed_fields: bool = False, limit: int | None = None
    ) -> bytes:
        """The object of a body, prefix included, as one line of JSON without a newline.

        ``limit`` bounds the result in bytes, None by OUTPUT_LIMIT and OUTPUT_RATIO.
        Raises ProtobufError, and its UnknownKindError for kinds that the table has not.
        """
        return self.decode_object(
            envelope(raw), omit_managed_fields=omit_managed_fields, limit=limit
        )

    def decode_object(
        self,
        found: Envelope,
        *,
        omit_managed_fields: bool = False,
        limit: int | None = None,
        budget: Budget | None = None,
    ) -> bytes:
        """The same for a body whose envelope is already read.

        Of ``budget`` only the time counts; raises its BudgetExceededError, too.
        """
        if limit is None:
            limit = max(OUTPUT_LIMIT, OUTPUT_RATIO * (found.end - found.start))
        key = (found.api_version, found.kind, omit_managed_fields)
        plan = self._plan_of.get(key)
        if plan is None:
            # Of kinds of the table only, which bound how many there are.
            plan = self._plan_of[key] = self._plan(*key)
        try:
            written = _whole(plan, found, [0, limit, budget, 0])
        except RecursionError:
            # The caller's stack is already deep; the depth limit alone is far from Python's.
            raise ProtobufError("the message is nested too deeply") from None
        if len(written) > limit:
            raise ProtobufError(f"larger than {limit} bytes as JSON")
        return written

    def _plan(self, api_version: str, kind: str, omit_managed_fields: bool) -> Plan:
        """The plan of objects of a kind; raises UnknownKindError."""
        if self._plans is None:
            self._plans = Plans(self._known(), members)
        # Discovery of the core group has a kind and no apiVersion, in JSON too.
        name = f"{api_version or 'v1'}/{kind}"
        message_name = self._known().kinds.get(name)
        if message_name is None:
            shown = name if _PLAIN_NAME.fullmatch(name) else "of its name"
            raise UnknownKindError(f"the table of types has no kind {shown}")
        head = b'"kind":' + wirevalues.quoted(kind.encode())
        if api_version:
            head += b',"apiVersion":' + wirevalues.quoted(api_version.encode())
        return self._plans.plan(message_name, omit_managed_fields=omit_managed_fields, head=head)

    def spell(
        self,
        object_members: Members,
        budget: Budget | None = None,
        *,
        api_version: str = "",
        resource: str = "",
    ) -> None:
        """Give the values of a JSON object's members the spelling of their Go types, in place.

        ``api_version`` and ``resource`` stand for the type that the object does not name.
        """
        if self._go_values is None:
            self._go_values = GoValues(self._known())
        self._go_values.apply(object_members, budget, api_version=api_version, resource=resource)

    def _known(self) -> WireTable:
        if self._table is None:
            self._table = builtin()
        return self._table


def _whole(plan: Plan, found: Envelope, account: Account) -> bytes:
    """The object of a body."""
    slots, later = _filled(plan, found.body, found.start, found.end, 0, account)
    lists: dict[int, tuple[bytes, list[bytes]]] = {}
    for rule in later:
        how, slot, name, _, _ = rule
        if how == LIST:
            lists[slot] = name, slots[slot]
        else:
            finish(slots, rule, found.body, 0, account)
    if lists:
        return object_with_lists(slots, lists, account[2])
    return escape_html(b"{" + b",".join(filter(None, slots)) + b"}")


def members(plan: Plan, raw: bytes, start: int, end: int, depth: int, account: Account) -> bytes:
    """The members of the message in ``raw[start:end]``, without braces."""
    before = account[0]
    if start == end and depth <= DEPTH_LIMIT and plan.rules is not None:
        # Most objects have some, and a hostile one nothing else.
        written = plan.empty
    else:
        slots, later = _filled(plan, raw, start, end, depth, account)
        for rule in later:
            finish(slots, rule, raw, depth, account)
        written = b",".join(filter(None, slots))
    # Its parts were counted one by one until now.
    account[0] = before
    charge(account, len(written) + 2)
    account[3] += 1
    if account[3] == MESSAGES:
        account[3] = 0
        if account[2] is not None:
            account[2].check()
    return written


def _filled(
    plan: Plan, raw: bytes, start: int, end: int, depth: int, account: Account
) -> tuple[list[Any], list[Rule]]:
    """The slots of the message in ``raw[start:end]``, and the rules of what is to be finished."""
    rules = plan.rules
    if rules is None:
        rules = plan.compile().rules or {}
    if depth > DEPTH_LIMIT:
        raise ProtobufError("the message is nested too deeply")
    slots = plan.template.copy()
    later: list[Rule] = []
    position = start
    clock = account[2]
    next_look = start + STRIDE if clock is not None else end
    while position < end:
        if position >= next_look:
            clock.check()
            next_look = position + STRIDE
        key = raw[position]
        position += 1
        if key >= 0x80:
            key, position = varint(raw, position - 1, end)
        rule = rules.get(key)
        if rule is None:
            rule = plan.unusual(key)
            if rule is None:
                position = passed(raw, key & 7, position, end, clock)
                continue
        how, slot, name, extra, absent = rule
        if how <= PACKED:
            if position >= end:
                raise ProtobufError("the message ends early")
            length = raw[position]
            position += 1
            if length >= 0x80:
                length, position = varint(raw, position - 1, end)
            stop = position + length
            if stop > end:
                raise ProtobufError("the message ends early")
            if how <= TEXT_POINTER:
                if length or how == TEXT_POINTER:
                    try:
                        slots[slot] = name + _ENCODE(raw[position:stop].decode())
                    except UnicodeDecodeError:
                        slots[slot] = name + wirevalues.quoted(raw[position:stop])
                else:
                    slots[slot] = absent
            elif how == WHOLE:
                slots[slot] = extra(raw[position:stop], clock)
            else:
                held = slots[slot]
                if type(held) is bytes:
                    held = slots[slot] = {} if how in (MAP, TEXT_MAP) else []
                    later.append(rule)
                if how == SINGLE:
                    held.append((position, stop))
                elif how == TEXT_MAP:
                    charge(account, stop - position)
                    read = add_texts(held, raw, position, stop, min(end, next_look), key)
                    if read > position:
                        stop = read
                    else:
                        # From here on as any map.
                        held = slots[slot] = of_texts(held)
                        later[later.index(rule)] = rule = (MAP, slot, name, extra, absent)
                        rules = {**rules, key: rule}
                        add_entry(held, extra, raw, position, stop, depth, account)
                elif how == LIST:
                    held.append(extra(raw, position, stop, depth + 1, account))
                elif how == MAP:
                    add_entry(held, extra, raw, position, stop, depth, account)
                elif how == TEXT_LIST:
                    held.append(wirevalues.quoted(raw[position:stop]))
                else:
                    add_packed(held, extra, raw, position, stop, account)
            position = stop
        elif how <= NUMBERS:
            if position >= end:
                raise ProtobufError("the message ends early")
            value = raw[position]
            position += 1
            if value >= 0x80:
                value, position = varint(raw, position - 1, end)
            if how <= INT_POINTER:
                text = b"%d" % value if value < 1 << 31 else extra(value)
                slots[slot] = name + text if text != b"0" or how == INT_POINTER else absent
            elif how <= BOOL_POINTER:
                if value:
                    slots[slot] = name + b"true"
                else:
                    slots[slot] = name + b"false" if how == BOOL_POINTER else absent
            else:
                if type(slots[slot]) is bytes:
                    slots[slot] = []
                    later.append(rule)
                slots[slot].append(extra(value))
        else:
            stop = position + 8
            if stop > end:
                raise ProtobufError("the message ends early")
            text = wirevalues.double(raw[position:stop])
            position = stop
            if how == DOUBLE:
                slots[slot] = name + text if text not in (b"0", b"-0") or extra else absent
            else:
                if type(slots[slot]) is bytes:
                    slots[slot] = []
                    later.append(rule)
                slots[slot].append(text)
    return slots, later
