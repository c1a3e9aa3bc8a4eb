"""Kubernetes protobuf in request bodies, read by a table of field numbers and names.

kubectl 1.37 sends what it makes itself in protobuf. wire.json holds the message
definitions of Kubernetes 1.36 for the kinds that the embedded API server knows:
for each field number, JSON name, kind of value, flags and message. Flags: ``o``
omitted when empty, ``p`` pointer, ``r`` repeated, ``m`` map, ``i`` inlined.
Answers are always JSON.
"""

import base64
import struct
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from auditproxy.serializer.errors import ProtobufError
from auditproxy.serializer.json import decode
from auditproxy.serializer.protobuf.envelope import envelope
from auditproxy.serializer.times import micro_time, rfc3339

_SECOND = 1_000_000_000
_EARLIEST, _LATEST = -62135596800, 253402300800
_TYPE_META = "@typemeta"


class Field(NamedTuple):
    """One field of a message, as wire.json lists it."""

    number: int
    name: str
    kind: str = ""
    flags: str = ""
    message: str = ""


class _Definitions(msgspec.Struct, frozen=True):
    """wire.json."""

    kinds: dict[str, str]
    types: dict[str, tuple[Field, ...]]


@cache
def _definitions() -> _Definitions:
    raw = Path(__file__).with_name("wire.json").read_bytes()
    return msgspec.json.decode(raw, type=_Definitions)


def read_object(raw: bytes) -> dict[str, Any]:
    """The object of a body in protobuf, as its JSON would be; raises ProtobufError.

    Empty members are left out, where they are not pointers.
    """
    found = envelope(raw)
    name = f"{found.api_version}/{found.kind}"
    message = _definitions().kinds.get(name)
    if message is None:
        raise ProtobufError(f"no kind {found.kind} is known in version {found.api_version}")
    item = {"kind": found.kind, "apiVersion": found.api_version}
    try:
        return item | _message(found.raw, message)
    except (IndexError, TypeError, struct.error, UnicodeDecodeError) as error:
        raise ProtobufError(f"a {name} in protobuf cannot be read: {error}") from None


def _message(raw: bytes, name: str) -> dict[str, Any]:
    values: dict[int, list[Any]] = {}
    for number, part in _fields(raw):
        values.setdefault(number, []).append(part)
    found: dict[str, Any] = {}
    value: Any
    for field in _definitions().types[name]:
        given = values.get(field.number)
        if given is None or field.name == _TYPE_META:
            continue
        if "i" in field.flags:
            found |= _message(b"".join(given), field.message)
            continue
        if "m" in field.flags:
            value = dict(_entry(field, raw_entry) for raw_entry in given)
        elif "r" in field.flags:
            value = [_value(field, each) for each in _unpacked(field, given)]
        elif field.kind == "m":
            # A message that comes in parts is the sum of them.
            value = _message(b"".join(given), field.message)
        else:
            value = _value(field, given[-1])
        if "p" in field.flags or value not in (None, "", 0, {}, []):
            found[field.name] = value
    return found


def _entry(field: Field, raw: bytes) -> tuple[str, Any]:
    """One entry of a map: its key is field 1, its value field 2."""
    parts = dict(_fields(raw))
    empty: Any = 0 if field.kind in ("v", "u", "b") else b""
    return parts.get(1, b"").decode(), _value(field, parts.get(2, empty))


def _unpacked(field: Field, given: list[Any]) -> Iterator[Any]:
    """The values of a repeated field; numbers may come packed together."""
    for value in given:
        if field.kind in ("v", "u", "b") and isinstance(value, bytes):
            position = 0
            while position < len(value):
                number, position = _varint(value, position)
                yield number
        else:
            yield value


def _value(field: Field, value: Any) -> Any:
    """One value, as JSON has it."""
    kind = field.kind
    if kind in ("v", "u", "b"):
        if not isinstance(value, int):
            raise TypeError(f"{field.name} is no number")
        return bool(value) if kind == "b" else _signed(value) if kind == "v" else value
    if not isinstance(value, bytes):
        raise TypeError(f"{field.name} is no text")
    if kind == "s":
        return value.decode()
    if kind == "m":
        return _message(value, field.message)
    if kind == "y":
        return base64.b64encode(value).decode()
    if kind == "d":
        return struct.unpack("<d", value)[0]
    if kind == "strlist":
        return [each.decode() for _, each in _fields(value)]
    return _special(kind, dict(_fields(value)))


def _special(kind: str, parts: dict[int, Any]) -> Any:
    """Messages that JSON writes as one value."""
    if kind in ("time", "microtime"):
        seconds = _signed(parts.get(1, 0))
        if not parts or not _EARLIEST < seconds < _LATEST:
            return None
        write = micro_time if kind == "microtime" else rfc3339
        return write(seconds * _SECOND + _signed(parts.get(2, 0)))
    if kind == "quantity":
        return parts.get(1, b"").decode()
    if kind == "intorstring":
        return parts.get(3, b"").decode() if parts.get(1, 0) else _signed(parts.get(2, 0))
    # fieldsv1 and rawext hold JSON.
    return decode(parts[1]) if parts.get(1) else None


def _fields(raw: bytes) -> Iterator[tuple[int, Any]]:
    """Number and value of each field: a number for varints, else bytes."""
    position = 0
    while position < len(raw):
        tag, position = _varint(raw, position)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, position = _varint(raw, position)
            yield number, value
            continue
        if wire == 2:
            length, position = _varint(raw, position)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise ProtobufError(f"wire type {wire} is not read")
        if position + length > len(raw):
            raise ProtobufError("a field is longer than its message")
        yield number, raw[position : position + length]
        position += length


def _varint(raw: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = raw[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, position
    raise ProtobufError("a number is too long")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value
