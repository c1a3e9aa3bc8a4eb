"""Decoding plans: the rules of each message of the type table, by the key on the wire.

A Plan holds, for each key that may occur on the wire (number and wire type), how to
decode the value and the slot of its member; and a template of the slots with the
finished JSON of every member that is shown even if absent. Slots are in the order
of the Go struct, which is JSON's order.
"""

import base64
from collections.abc import Callable
from typing import Any

from auditproxy.serializer import json
from auditproxy.serializer.budget import Budget
from auditproxy.serializer.errors import ProtobufError
from auditproxy.serializer.protobuf import values as wirevalues
from auditproxy.serializer.protobuf.table import MESSAGE, TYPE_META, Field, WireTable
from auditproxy.serializer.protobuf.wire import (
    BYTES,
    END_GROUP,
    FIXED64,
    VARINT,
    fields,
    integer,
    message,
    signed,
)

# How a value on the wire becomes a member. The first stand for values of a length.
TEXT, TEXT_POINTER, SINGLE, TEXT_LIST, TEXT_MAP, LIST, MAP, WHOLE, PACKED = range(9)
INT, INT_POINTER, BOOL, BOOL_POINTER, NUMBERS, DOUBLE, DOUBLES = range(9, 16)

Account = list[Any]
"""Bytes written, their limit, the Budget of time or None, messages since it was last checked."""
Element = Callable[[bytes, int, int, int, Account], bytes]
"""Turns ``raw[start:end]`` into JSON; takes the depth and the account."""
Value = Callable[[bytes, Budget | None], bytes]
"""Turns the bytes of one value into JSON; of a budget only the time counts."""
Rule = tuple[int, int, bytes, Any, bytes]
"""What to do, the slot, the member's name with its colon, how, and the member when it is empty."""
Members = Callable[["Plan", bytes, int, int, int, Account], bytes]
"""Decodes the members of one message: wiredecoder.members."""

OBJECT_META = "apimachinery/pkg/apis/meta/v1.ObjectMeta"
LIST_META = "apimachinery/pkg/apis/meta/v1.ListMeta"
PARTIAL_METADATA = "apimachinery/pkg/apis/meta/v1.PartialObjectMetadata"
MANAGED_FIELDS = "managedFields"

_SPECIAL: dict[str, Value] = {
    "duration": wirevalues.duration,
    "fieldsv1": wirevalues.raw_json,
    "intorstring": wirevalues.int_or_string,
    "json": wirevalues.raw_json,
    "microtime": wirevalues.micro_time,
    "quantity": wirevalues.quantity,
    "rawext": wirevalues.raw_json,
    "strlist": wirevalues.string_list,
    "time": wirevalues.time,
    "unknown": wirevalues.unknown,
}
_SCHEMA = "apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaProps"
_ZERO = {"s": b'""', "b": b"false", "v": b"0", "i": b"0", "u": b"0", "d": b"0", "y": b'""'}
_NUMBERS: dict[str, Callable[[int], bytes]] = {
    "v": lambda value: b"%d" % signed(value, 64),
    "i": lambda value: b"%d" % signed(value, 32),
    "u": lambda value: b"%d" % value,
    "b": lambda value: b"true" if value else b"false",
}


class Plan:
    """One message, ready to be decoded; compiled when first used."""

    __slots__ = ("_fields", "_head", "_numbers", "_omit", "_plans", "empty", "rules", "template")

    def __init__(
        self, plans: "Plans", rows: tuple[Field, ...], *, omit: bool = False, head: bytes = b""
    ) -> None:
        self._plans = plans
        self._fields = rows
        self._omit = omit
        self._head = head
        self._numbers: frozenset[int] = frozenset()
        self.rules: dict[int, Rule] | None = None
        self.template: list[Any] = []
        self.empty = b""
        """The members of a message with no field on the wire; valid once compiled."""

    def compile(self) -> "Plan":
        """Build rules and template unless done already; return the plan itself."""
        if self.rules is not None:
            return self
        is_list = any(
            field.name == "metadata" and field.message == LIST_META for field in self._fields
        )
        rules: dict[int, Rule] = {}
        for slot, field in enumerate(self._fields):
            if field.name == TYPE_META or (self._omit and field.name == MANAGED_FIELDS):
                self.template.append(self._head if field.name == TYPE_META else b"")
                continue
            plan = self._plan(field, is_list)
            absent = self._absent(field, plan, is_list)
            self.template.append(absent)
            self._add(rules, slot, field, plan, absent)
        self.rules = rules
        self._numbers = frozenset(key >> 3 for key in rules)
        self.empty = b",".join(filter(None, self.template))
        return self

    def object(self, raw: bytes, start: int, end: int, depth: int, account: Account) -> bytes:
        """The JSON object of the message in ``raw[start:end]``; an Element."""
        return b"{" + self._plans.members(self, raw, start, end, depth, account) + b"}"

    def inlined(self, raw: bytes, start: int, end: int, depth: int, account: Account) -> bytes:
        """The same without braces; an Element."""
        return self._plans.members(self, raw, start, end, depth, account)

    def unusual(self, key: int) -> Rule | None:
        """Return the rule of a key in an unusual encoding; None: skip the field.

        Raises ProtobufError if the key is not valid, or has another type than its field.
        """
        # Go keeps 32 bits of a field's number.
        number, wire = signed(key >> 3, 32), key & 7
        if number <= 0 or wire == END_GROUP:
            raise ProtobufError("illegal field key")
        if number not in self._numbers:
            return None
        rule = (self.rules or {}).get(number << 3 | wire)
        if rule is None:
            raise ProtobufError("a field has the wrong wire type")
        return rule

    def _plan(self, field: Field, is_list: bool) -> "Plan | None":
        """The plan of a field's message."""
        if field.kind != MESSAGE:
            return None
        is_item = is_list and field.name == "items"
        omit = self._omit and (field.message == OBJECT_META or is_item)
        # Items of other lists have no kind of their own (apiserver endpoints/handlers/response.go).
        head = b""
        if is_item and field.message == PARTIAL_METADATA:
            head = b'"kind":"PartialObjectMetadata",' + self._head.partition(b",")[2]
        return self._plans.plan(field.message, omit_managed_fields=omit, head=head)

    def _absent(self, field: Field, plan: "Plan | None", is_list: bool) -> bytes:
        """Return the JSON of a field that is not on the wire."""
        flags, name = field.flags, _name(field)
        if set(flags) & set("rm"):
            if is_list and field.name == "items" and field.message != PARTIAL_METADATA:
                # nil and empty are one on the wire; kube-apiserver answers with empty lists.
                return name + b"[]"
            return b"" if "o" in flags else name + wirevalues.NULL
        if "p" in flags or field.kind == "y":
            if "o" in flags or "i" in flags:
                return b""
            return name + (field.default.encode() or wirevalues.NULL)
        if plan is not None:
            empty = plan.compile().empty
            if "i" in flags:
                return empty
            return b"" if "z" in flags else name + b"{" + empty + b"}"
        if field.kind in _ZERO:
            return b"" if "o" in flags else name + _ZERO[field.kind]
        empty = self._element(field, None)(b"", 0, 0, 0, [0, 0, None, 0])
        if "z" in flags or ("o" in flags and field.kind == "strlist"):
            return b""
        return name + empty

    def _element(self, field: Field, plan: "Plan | None") -> Element:
        """How one value of a length becomes JSON."""
        if plan is not None:
            return plan.inlined if "i" in field.flags else plan.object
        if field.kind == "s":
            return _element_of(wirevalues.quoted)
        if field.kind == "y":
            return _element_of(_base64)
        if field.kind in ("jspoa", "jspob", "jspos"):
            return self._plans.schema(field.kind)
        value = _SPECIAL[field.kind]
        return lambda raw, start, end, depth, account: value(raw[start:end], account[2])

    def _add(
        self, rules: dict[int, Rule], slot: int, field: Field, plan: "Plan | None", absent: bytes
    ) -> None:
        """The rules of one field, by the keys that may stand on the wire."""
        flags, kind, name = field.flags, field.kind, _name(field)
        of_length, of_number = field.number << 3 | BYTES, field.number << 3 | VARINT
        of_double = field.number << 3 | FIXED64
        pointer = "p" in flags
        if "m" in flags:
            how = TEXT_MAP if kind == "s" else MAP
            rules[of_length] = (how, slot, name, self._value(field, plan), absent)
        elif kind in _NUMBERS and "r" in flags:
            convert = _NUMBERS[kind]
            rules[of_number] = (NUMBERS, slot, name, convert, absent)
            rules[of_length] = (PACKED, slot, name, convert, absent)
        elif kind == "b":
            rules[of_number] = (BOOL_POINTER if pointer else BOOL, slot, name, None, absent)
        elif kind in _NUMBERS:
            rules[of_number] = (INT_POINTER if pointer else INT, slot, name, _NUMBERS[kind], absent)
        elif kind == "d":
            rules[of_double] = (DOUBLES if "r" in flags else DOUBLE, slot, name, pointer, absent)
        elif "r" in flags:
            how = TEXT_LIST if kind == "s" else LIST
            rules[of_length] = (how, slot, name, self._element(field, plan), absent)
        elif kind == "s":
            rules[of_length] = (TEXT_POINTER if pointer else TEXT, slot, name, None, absent)
        elif kind in ("time", "microtime", "y"):
            rules[of_length] = (WHOLE, slot, name, self._whole(field, absent), absent)
        else:
            zero = self._zero(field, plan)
            rules[of_length] = (SINGLE, slot, name, (self._element(field, plan), zero), absent)

    def _zero(self, field: Field, plan: "Plan | None") -> bytes | None:
        """The JSON that is left out where the field is omitted when zero."""
        flags = field.flags
        if plan is None or "p" in flags or "z" not in flags:
            return b"null" if field.kind == "strlist" and "o" in flags else None
        return b"{" + plan.compile().empty + b"}"

    def _whole(self, field: Field, absent: bytes) -> Value:
        """The member of a value whose occurrences are not merged: the last one counts."""
        flags, name = field.flags, _name(field)
        if field.kind == "y":
            return lambda raw, _: name + _base64(raw) if raw or "o" not in flags else b""
        value = _SPECIAL[field.kind]
        if "z" in flags and "p" not in flags:
            return lambda raw, budget: (
                b"" if (text := value(raw, budget)) == wirevalues.NULL else name + text
            )
        return lambda raw, budget: name + value(raw, budget)

    def _value(self, field: Field, plan: "Plan | None") -> tuple[int, Any, bytes | None]:
        """Of a map's values: their wire type, how one becomes JSON, and what an absent one is."""
        if field.kind in _NUMBERS:
            return VARINT, _NUMBERS[field.kind], _ZERO[field.kind]
        if field.kind == "d":
            return FIXED64, _element_of(wirevalues.double), _ZERO["d"]
        element = self._element(field, plan)
        return BYTES, element, _ZERO.get(field.kind)


class Plans:
    """The plans of one table, each made when first needed and kept."""

    def __init__(self, table: WireTable, members: Members) -> None:
        self._table = table
        self._plans: dict[tuple[str, bool, bytes], Plan] = {}
        self.members = members

    def plan(self, name: str, *, omit_managed_fields: bool = False, head: bytes = b"") -> Plan:
        """The plan of a message; ``head`` is the JSON of its kind and apiVersion where it has them.

        Raises ProtobufError when the table has no message of that name.
        """
        key = (name, omit_managed_fields, head)
        found = self._plans.get(key)
        if found is None:
            rows = self._table.types.get(name)
            if rows is None:
                raise ProtobufError("the table of types is not complete")
            found = self._plans[key] = Plan(self, rows, omit=omit_managed_fields, head=head)
        return found

    def schema(self, kind: str) -> Element:
        """JSONSchemaPropsOrArray, OrBool, OrStringArray (apiextensions v1 marshal.go)."""
        schema_number = 2 if kind == "jspob" else 1

        def element(raw: bytes, start: int, end: int, depth: int, account: Account) -> bytes:
            schema = self.plan(_SCHEMA)
            one: list[bytes] = []
            many: list[bytes] = []
            allows = False
            for entry in fields(raw, start, end, account[2]):
                number, wire, first, last = entry
                if number == schema_number:
                    message(wire, first, last)
                    one.append(raw[first:last])
                elif number == 2 and kind == "jspoa":
                    message(wire, first, last)
                    many.append(schema.object(raw, first, last, depth + 1, account))
                elif number == 2:
                    message(wire, first, last)
                    many.append(wirevalues.quoted(raw[first:last]))
                    charge(account, len(many[-1]) + 1)
                elif number == 1:
                    allows = integer(entry) != 0
            if many:
                return b"[" + b",".join(many) + b"]"
            if one:
                merged = b"".join(one)
                return schema.object(merged, 0, len(merged), depth + 1, account)
            if kind == "jspob":
                return b"true" if allows else b"false"
            return wirevalues.NULL

        return element


def _name(field: Field) -> bytes:
    """A member's name with its colon; nothing for an inlined message."""
    return b"" if "i" in field.flags else json.encode(field.name) + b":"


def charge(account: Account, written: int) -> None:
    """Count bytes written; raises ProtobufError if they exceed the limit."""
    account[0] += written
    if account[0] > account[1]:
        raise ProtobufError(f"larger than {account[1]} bytes as JSON")


def _element_of(value: Callable[[bytes], bytes]) -> Element:
    """Wrap a function for values without nesting or accounting as an Element."""
    return lambda raw, start, end, depth, account: value(raw[start:end])


def _base64(raw: bytes) -> bytes:
    return b'"' + base64.b64encode(raw) + b'"'
