"""The outermost layer of protobuf: keys, lengths and numbers, without any meaning.

The input is untrusted: reading takes linear time, copies nothing, does not recurse
with the input, and raises only ProtobufError.
"""

from collections.abc import Iterator

from auditproxy.serializer.budget import CHECKED, Budget
from auditproxy.serializer.errors import ProtobufError
from auditproxy.serializer.json import text_from_bytes

VARINT, FIXED64, BYTES, START_GROUP, END_GROUP, FIXED32 = range(6)
_VARINT_BITS = 70
"""A number of 64 bits takes at most ten bytes of seven."""
_MASK = (1 << 64) - 1

Field = tuple[int, int, int, int]
"""Number, wire type, and where the value begins and ends; for a varint: number, 0, its value, 0."""


def fields(raw: bytes, start: int, end: int, budget: Budget | None = None) -> Iterator[Field]:
    """The fields of the message that lies in ``raw[start:end]``.

    Of the budget only the time counts: bytes bound their number, and none is kept.
    """
    position = start
    count = 0
    while position < end:
        count += 1
        if count == CHECKED and budget is not None:
            budget.check()
            count = 0
        key, position = varint(raw, position, end)
        # Go keeps 32 bits of a field's number.
        number, wire = signed(key >> 3, 32), key & 7
        if number <= 0 or wire == END_GROUP:
            raise ProtobufError("illegal field key")
        if wire == VARINT:
            value, position = varint(raw, position, end)
            yield number, wire, value, 0
            continue
        if wire == START_GROUP:
            position = group_end(raw, position, end, budget)
            yield number, wire, position, position
            continue
        first, position = skip(raw, wire, position, end)
        yield number, wire, first, position


def skip(raw: bytes, wire: int, position: int, end: int) -> tuple[int, int]:
    """Where a value of a known or computable length begins and ends."""
    if wire == BYTES:
        length, position = varint(raw, position, end)
    elif wire == FIXED64:
        length = 8
    elif wire == FIXED32:
        length = 4
    else:
        raise ProtobufError("illegal wire type")
    if length > end - position:
        raise ProtobufError("the message ends early")
    return position, position + length


def passed(raw: bytes, wire: int, position: int, end: int, budget: Budget | None) -> int:
    """Where the value of an unknown field ends."""
    if wire == VARINT:
        return varint(raw, position, end)[1]
    if wire == START_GROUP:
        return group_end(raw, position, end, budget)
    return skip(raw, wire, position, end)[1]


def group_end(raw: bytes, position: int, end: int, budget: Budget | None = None) -> int:
    """Where a group, and all groups inside it, end; Kubernetes uses none."""
    depth = 1
    count = 0
    while depth:
        count += 1
        if count == CHECKED and budget is not None:
            budget.check()
            count = 0
        key, position = varint(raw, position, end)
        wire = key & 7
        if wire == START_GROUP:
            depth += 1
        elif wire == END_GROUP:
            depth -= 1
        elif wire == VARINT:
            _, position = varint(raw, position, end)
        else:
            _, position = skip(raw, wire, position, end)
    return position


def varint(raw: bytes, position: int, end: int) -> tuple[int, int]:
    """A number of up to 64 bits and where it ends."""
    value = shift = 0
    while position < end:
        byte = raw[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _MASK, position
        shift += 7
        if shift == _VARINT_BITS:
            raise ProtobufError("a number is longer than 64 bits")
    raise ProtobufError("the message ends early")


def message(wire: int, first: int, last: int) -> tuple[int, int]:
    """Where a value of bytes begins and ends."""
    if wire != BYTES:
        raise ProtobufError("a field has the wrong wire type")
    return first, last


def text(raw: bytes, entry: Field) -> str:
    """A string; bytes that are not UTF-8 become lone surrogates."""
    first, last = message(*entry[1:])
    return text_from_bytes(raw[first:last])


def integer(entry: Field) -> int:
    """A varint's value, unsigned."""
    if entry[1] != VARINT:
        raise ProtobufError("a field has the wrong wire type")
    return entry[2]


def signed(value: int, bits: int) -> int:
    """The two's complement meaning of the lowest bits."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value
