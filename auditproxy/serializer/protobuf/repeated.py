"""What occurs more than once in a message: collected while it is read, and written at its end."""

from collections.abc import Callable
from typing import Any

from auditproxy.serializer.budget import CHECKED
from auditproxy.serializer.errors import ProtobufError
from auditproxy.serializer.protobuf import values as wirevalues
from auditproxy.serializer.protobuf.plan import MAP, SINGLE, TEXT_MAP, Account, Rule, charge
from auditproxy.serializer.protobuf.textmaps import text_map
from auditproxy.serializer.protobuf.wire import VARINT, fields, message, varint


def finish(slots: list[Any], rule: Rule, raw: bytes, depth: int, account: Account) -> None:
    """Make the member of what was collected: a message, a list or a map."""
    how, slot, name, extra, absent = rule
    held = slots[slot]
    if how == SINGLE:
        element, zero = extra
        start, stop = held[0]
        if len(held) > 1:
            # Repeated occurrences of a message are one message: their bytes concatenated.
            raw = b"".join([raw[first:last] for first, last in held])
            start, stop = 0, len(raw)
        text = element(raw, start, stop, depth + 1, account)
        slots[slot] = absent if text == zero else name + text
    elif how == TEXT_MAP:
        slots[slot] = name + text_map(held)
    elif how == MAP:
        entries = [wirevalues.quoted(key) + b":" + held[key] for key in sorted(held)]
        slots[slot] = name + b"{" + b",".join(entries) + b"}"
    elif held:
        slots[slot] = name + b"[" + b",".join(held) + b"]"
    else:
        # An empty packed field has no elements.
        slots[slot] = absent


def add_packed(
    held: list[bytes],
    convert: Callable[[int], bytes],
    raw: bytes,
    start: int,
    stop: int,
    account: Account,
) -> None:
    """Add the numbers that stand without keys, many of them as one piece of the list."""
    budget = account[2]
    while start < stop:
        numbers: list[bytes] = []
        while start < stop and len(numbers) < CHECKED:
            value = raw[start]
            start += 1
            if value >= 0x80:
                value, start = varint(raw, start - 1, stop)
            numbers.append(convert(value))
        held.append(b",".join(numbers))
        charge(account, len(held[-1]) + 1)
        if budget is not None and len(numbers) == CHECKED:
            budget.check()


def add_entry(
    held: dict[bytes, bytes],
    values: tuple[int, Any, bytes | None],
    raw: bytes,
    start: int,
    stop: int,
    depth: int,
    account: Account,
) -> None:
    """Add one entry of a map; the last value of a key counts."""
    wanted, convert, text = values
    key = b""
    value: tuple[int, int] | None = None
    before = account[0]
    for number, wire, first, last in fields(raw, start, stop, account[2]):
        if number == 1:
            message(wire, first, last)
            key = raw[first:last]
        elif number == 2:
            if wire != wanted:
                raise ProtobufError("a field has the wrong wire type")
            value = (first, last)
    if value is not None and wanted == VARINT:
        held[key] = convert(value[0])
    elif value is None and text is not None:
        held[key] = text
    else:
        first, last = value or (0, 0)
        held[key] = convert(raw, first, last, depth + 1, account)
    account[0] = before
    charge(account, len(key) + len(held[key]) + 4)
