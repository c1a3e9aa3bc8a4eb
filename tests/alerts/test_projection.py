"""Members of given names, of texts of any form and size."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.alerts.projection import (
    FEW,
    MAXIMUM_DEPTH,
    MAXIMUM_VALUES,
    Projection,
    plain,
    prepare,
)
from auditproxy.expressions.cel import ExpressionError

NAMES = ("spec", "a", "a b")


def read(text: bytes) -> tuple[Any, int]:
    """What NAMES have in a text, and in how many pieces it was read."""
    prepare()
    work, pieces = Projection(NAMES).value(memoryview(text)), 1
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value, pieces
        pieces += 1


def cut(value: Any) -> Any:
    """The members of NAMES of a value that was read whole."""
    if isinstance(value, dict):
        return {name: cut(member) for name, member in value.items() if name in NAMES}
    return [cut(item) for item in value] if isinstance(value, list) else value


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=FEW + 2)
        | st.dictionaries(st.sampled_from([*NAMES, "other", ""]), inner)
    ),
    max_leaves=20,
)


@given(VALUES, st.sampled_from([None, 1]))
def test_the_same_as_of_the_whole(value: Any, indent: int | None) -> None:
    """Names apart nothing differs from a text that is read whole."""
    text = json.dumps(value, indent=indent).encode()
    assert read(text)[0] == cut(plain(text))


@given(st.binary(max_size=40) | st.text('[]{}:,"a1 ', max_size=20).map(str.encode))
def test_any_bytes(text: bytes) -> None:
    """They are read, or it is an error of the condition."""
    with contextlib.suppress(ExpressionError):
        read(text)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a": [%s1]}' % (b"1," * MAXIMUM_VALUES),
        b'{"a": [%s{}]}' % (b"{}," * MAXIMUM_VALUES),
        b"[%s[]]" % (b'[{"a": 1}],' * (MAXIMUM_VALUES // 2)),
    ],
)
def test_too_many_values(text: bytes) -> None:
    """Of one list, and of all of them together."""
    with pytest.raises(ExpressionError, match="too many values"):
        read(text)


def test_too_deep() -> None:
    """No text uses up the stack."""
    for head, tail in ((b'{"a":', b"}"), (b"[", b"]")):
        assert read(head * MAXIMUM_DEPTH + b"1" + tail * MAXIMUM_DEPTH)[0]
        with pytest.raises(ExpressionError, match="nested too deeply"):
            read(head * (MAXIMUM_DEPTH + 1) + b"1" + tail * (MAXIMUM_DEPTH + 1))
        with pytest.raises(ExpressionError, match="the bodies "):
            read(head * 100_000 + b"1" + tail * 100_000)


def test_what_nobody_asks_for_costs_nothing() -> None:
    """However much of it there is, beside what is asked for and in it."""
    junk = b'"x": [%s1], ' % (b"1," * 100_000)
    found, pieces = read(b'{%s"spec": [{%s"a": 1}]}' % (junk, junk))
    assert found == {"spec": [{"a": 1}]}
    # Once for each of the texts in each other.
    assert 3 <= pieces <= 6


def test_many_values_are_read_in_pieces() -> None:
    """Others have their turn in between."""
    found, pieces = read(b'{"a": [%s{}]}' % (b'{"a": 1},' * 4_000))
    assert len(found["a"]) == 4_001
    assert pieces > 10
