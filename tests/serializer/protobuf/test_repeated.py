"""What occurs more than once: numbers without keys, entries of maps, and what becomes of them."""

from itertools import count
from typing import Any

import pytest

from auditproxy.serializer.budget import CHECKED, Budget, BudgetExceededError
from auditproxy.serializer.errors import ProtobufError
from auditproxy.serializer.protobuf.plan import LIST, MAP, SINGLE, TEXT_MAP, Rule
from auditproxy.serializer.protobuf.repeated import add_entry, add_packed, finish
from auditproxy.serializer.protobuf.wire import BYTES, VARINT
from tests.fakes.wire import block

LIMIT = 1000


def shown(raw: bytes, start: int, end: int, depth: int, account: list[Any]) -> bytes:
    """A value as a string, with its depth."""
    return b'"%b@%d"' % (raw[start:end], depth)


def account(limit: int = LIMIT, budget: Budget | None = None) -> list[Any]:
    """Nothing is written so far."""
    return [0, limit, budget, 0]


class TestPacked:
    """add_packed."""

    def test_in_pieces(self) -> None:
        """Many numbers are few pieces of the list, and each byte is counted."""
        held: list[bytes] = []
        counted = account(100_000)
        add_packed(
            held, lambda value: b"%d" % value, b"x" + b"\x07" * 2000 + b"y", 1, 2001, counted
        )
        assert b",".join(held) == b",".join([b"7"] * 2000)
        assert len(held) == 2
        assert counted[0] == 4000

    def test_long_numbers(self) -> None:
        """A number may have several bytes, all of them within the field."""
        held: list[bytes] = []
        add_packed(held, lambda value: b"%d" % value, b"\x80\x01\x05", 0, 3, account())
        assert held == [b"128,5"]
        with pytest.raises(ProtobufError, match="ends early"):
            add_packed(held, lambda value: b"%d" % value, b"\x80\x01", 0, 1, account())

    @pytest.mark.parametrize("how", ["bytes", "time"])
    def test_bounds(self, how: str) -> None:
        """Neither the result nor the time is without a bound."""
        ticks = count()
        budget = Budget(1, seconds=0.5, clock=lambda: float(next(ticks)))
        error = ProtobufError if how == "bytes" else BudgetExceededError
        limited = account(100) if how == "bytes" else account(100_000, budget)
        with pytest.raises(error):
            add_packed([], lambda value: b"1", b"\1" * 3 * CHECKED, 0, 3 * CHECKED, limited)


class TestEntries:
    """add_entry."""

    def test_values(self) -> None:
        """The last value of a key is kept, one level deeper than the map."""
        held: dict[bytes, bytes] = {}
        counted = account()
        raw = block(1, b"k") + block(2, b"first") + block(2, b"last")
        add_entry(held, (BYTES, shown, None), raw, 0, len(raw), 3, counted)
        add_entry(held, (BYTES, shown, None), block(2, b"v"), 0, 3, 3, counted)
        assert held == {b"k": b'"last@4"', b"": b'"v@4"'}
        assert counted[0] == len(b'"k":"last@4","":"v@4",')

    def test_absent_values(self) -> None:
        """A value that is not there is the zero of its type, which some types have as a text."""
        held: dict[bytes, bytes] = {}
        key = block(1, b"k")
        add_entry(held, (VARINT, lambda value: b"%d" % value, b"0"), key, 0, 3, 0, account())
        assert held == {b"k": b"0"}
        add_entry(held, (BYTES, shown, None), key, 0, 3, 0, account())
        assert held == {b"k": b'"@1"'}

    @pytest.mark.parametrize("raw", [block(2, b"v"), b"\x08\x01"])
    def test_wrong_types(self, raw: bytes) -> None:
        """A key is bytes, and a value what the map's are."""
        with pytest.raises(ProtobufError, match="wrong wire type"):
            add_entry({}, (VARINT, lambda value: b"1", b"0"), raw, 0, len(raw), 0, account())


@pytest.mark.parametrize(
    ("how", "held", "extra", "member"),
    [
        (SINGLE, [(0, 2)], (shown, None), b'n:"ab@1"'),
        (SINGLE, [(0, 2), (3, 4)], (shown, None), b'n:"abd@1"'),
        (SINGLE, [(0, 0)], (shown, b'"@1"'), b"absent"),
        (TEXT_MAP, {"b": "1", "a": "2"}, None, b'n:{"a":"2","b":"1"}'),
        (MAP, {b"b": b"1", b"a": b"2"}, None, b'n:{"a":2,"b":1}'),
        (LIST, [b"1", b"2"], None, b"n:[1,2]"),
        (LIST, [], None, b"absent"),
    ],
)
def test_members(how: int, held: Any, extra: Any, member: bytes) -> None:
    """What was collected becomes a member, or is as if it were absent."""
    rule: Rule = (how, 1, b"n:", extra, b"absent")
    slots: list[Any] = [None, held]
    finish(slots, rule, b"abcd", 0, account())
    assert slots == [None, member]
