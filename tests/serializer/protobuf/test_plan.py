"""Messages made ready: what shows when nothing is on the wire, and keys of all spellings."""

import pytest

from auditproxy.serializer.errors import ProtobufError
from auditproxy.serializer.protobuf.decoder import members
from auditproxy.serializer.protobuf.plan import Plan, Plans
from auditproxy.serializer.protobuf.table import Field, WireTable

INNER = (Field(1, "must", "s"), Field(2, "may", "s", "o"))


def plan(*rows: Field) -> Plan:
    """The compiled plan of a message of these fields."""
    table = WireTable({}, {"outer": rows, "inner": INNER})
    return Plans(table, members).plan("outer").compile()


@pytest.mark.parametrize(
    ("row", "empty"),
    [
        (Field(1, "a", "s"), b'"a":""'),
        (Field(1, "a", "s", "o"), b""),
        (Field(1, "a", "s", "p"), b'"a":null'),
        (Field(1, "a", "s", "op"), b""),
        (Field(1, "a", "v", "p", "", "30"), b'"a":30'),
        (Field(1, "a", "b"), b'"a":false'),
        (Field(1, "a", "i"), b'"a":0'),
        (Field(1, "a", "d"), b'"a":0'),
        (Field(1, "a", "y"), b'"a":null'),
        (Field(1, "a", "s", "r"), b'"a":null'),
        (Field(1, "a", "s", "or"), b""),
        (Field(1, "a", "s", "m"), b'"a":null'),
        (Field(1, "a", "m", "", "inner"), b'"a":{"must":""}'),
        (Field(1, "a", "m", "o", "inner"), b'"a":{"must":""}'),
        (Field(1, "a", "m", "oz", "inner"), b""),
        (Field(1, "", "m", "i", "inner"), b'"must":""'),
        (Field(1, "a", "time", "o"), b'"a":null'),
        (Field(1, "a", "time", "oz"), b""),
        (Field(1, "a", "quantity", "o"), b'"a":"0"'),
        (Field(1, "a", "intorstring"), b'"a":0'),
        (Field(1, "a", "rawext", "o"), b'"a":null'),
    ],
)
def test_empty(row: Field, empty: bytes) -> None:
    """What a field shows when it is absent, by kind and flags."""
    assert plan(row).empty == empty


def test_omitted_when_zero() -> None:
    """A message that is omitted when zero shows when anything is in it."""
    rows = plan(Field(1, "a", "m", "oz", "inner"))
    assert rows.object(b"\x0a\x00", 0, 2, 0, [0, 99, None, 0]) == b"{}"
    assert (
        rows.object(b"\x0a\x03\x12\x01x", 0, 5, 0, [0, 99, None, 0])
        == b'{"a":{"must":"","may":"x"}}'
    )


def test_numbers_of_32_bits() -> None:
    """Higher bits are lost, as they are in Go."""
    raw = b"\x08\x85\x80\x80\x80\x10"
    assert plan(Field(1, "a", "i")).object(raw, 0, len(raw), 0, [0, 99, None, 0]) == b'{"a":5}'
    assert (
        plan(Field(1, "a", "v")).object(raw, 0, len(raw), 0, [0, 99, None, 0])
        == b'{"a":4294967301}'
    )


def test_unusual_keys() -> None:
    """Known numbers in another spelling, unknown ones, and what is no key."""
    rows = plan(Field(1, "a", "s"))
    assert rows.unusual((1 << 35) + 0x0A) == (rows.rules or {})[0x0A]
    assert rows.unusual(0x12) is None
    for key in (0x08, 0x00, 0x0C, 0x14 | 4):
        with pytest.raises(ProtobufError):
            rows.unusual(key)


def test_incomplete_table() -> None:
    """A message that the table has not is this floor's own error."""
    with pytest.raises(ProtobufError, match="not complete"):
        plan(Field(1, "a", "m", "", "nowhere"))
