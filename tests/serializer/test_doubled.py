"""Members that stand twice, merged as Go's decoder merges them into types."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.serializer.budget import CHECKED, Budget, BudgetExceededError
from auditproxy.serializer.doubled import (
    NOT_CANONICAL,
    SMALL,
    VALUES_LIMIT,
    canonical_value,
    is_countless,
    is_doubled,
    merged,
)
from tests.fakes.cpu import fastest


@pytest.mark.parametrize(
    ("sent", "decoded"),
    [
        ('{"a":1,"a":2}', '{"a":2}'),
        ('{"s":{"x":1},"s":{"y":2}}', '{"s":{"x":1,"y":2}}'),
        ('{"s":{"x":1},"s":null}', '{"s":{"x":1}}'),
        ('{"s":null,"s":{"x":1}}', '{"s":{"x":1}}'),
        ('{"s":{"x":{"y":1}},"s":{"x":{"z":1}},"s":{"x":{"y":3}}}', '{"s":{"x":{"y":3,"z":1}}}'),
        ('{"c":[{"p":true},{"t":1}],"c":[{"n":"q"}]}', '{"c":[{"p":true,"n":"q"}]}'),
        ('{"c":[{},{"t":1}],"c":[{}],"c":[{},{"i":2}]}', '{"c":[{},{"t":1,"i":2}]}'),
        ('{"c":["x","y"],"c":["q"]}', '{"c":["q"]}'),
        ('{"c":["x"],"c":[]}', '{"c":[]}'),
        ('{"in":[{"a":{"b":1},"a":{"c":1.50}}]}', '{"in":[{"a":{"b":1,"c":1.50}}]}'),
        ('{"\\u0061":{"x":1} , "a" : {"y":1}}', '{"a":{"x":1,"y":1}}'),
        ('{"s":{"n":12345678901234567890123},"s":{}}', '{"s":{"n":12345678901234567890123}}'),
        ('{"s":{"n":' + "9" * 5000 + '},"s":{}}', '{"s":{"n":' + "9" * 5000 + "}}"),
    ],
)
def test_merged(sent: str, decoded: str) -> None:
    """A10: what kube-apiserver 1.36 made of such bodies; numbers keep their spelling."""
    assert is_doubled(sent.encode())
    assert merged(sent.encode()).decode() == decoded


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(_VALUES, st.booleans())
def test_nothing_doubled(value: object, many: bool) -> None:
    """What has no doubled member is not touched."""
    if many:
        value = [[0] * VALUES_LIMIT, value]
    assert not is_doubled(json.dumps(value).encode())
    assert not is_doubled(json.dumps(value, ensure_ascii=False, indent=1).encode())


@given(st.dictionaries(st.text(max_size=3), _VALUES, min_size=1, max_size=4), _VALUES)
def test_each_doubled_member_is_found(members: dict[str, object], other: object) -> None:
    """However deep it is and whatever is in it, and nothing of the first is lost but by a new value."""
    inner = json.dumps(members)
    name = json.dumps(next(iter(members)))
    text = f'[{{"x":{inner[:-1]},{name}:{json.dumps(other)}}}}}]'
    assert is_doubled(text.encode())
    (item,) = json.loads(merged(text.encode()))
    assert item["x"].keys() == members.keys()


@pytest.mark.parametrize(
    "names",
    [
        (b"a", rb"\u0061"),
        (b"a/b", rb"a\/b"),
        (b"\xc3\xa4", rb"\u00e4"),
        # Go reads each of these as U+FFFD.
        (b"a\xff", b"a\xfe"),
        (rb"\ud800", rb"\udfff"),
        (b"a<b", rb"a\u003cb"),
        (b"&>", rb"\u0026\u003e"),
    ],
)
def test_names_that_are_one(names: tuple[bytes, bytes]) -> None:
    """However a name is spelled, it is the same member, in a text of few values and of many."""
    for before in (b"", b"1," * (VALUES_LIMIT + 1), b'{"x":[]},' * VALUES_LIMIT):
        assert is_doubled(b'[%b{"%b":{},"%b" :1}]' % (before, *names))
        assert not is_doubled(b'[%b{"%b":{"%b":1}}]' % (before, *names))
        assert not is_doubled(b'[%b{"%b":1},{"%b":1}]' % (before, *names))


@given(_VALUES)
def test_what_our_encoder_writes_is_canonical(value: object) -> None:
    """It is known at once to have nothing doubled; with a space in it, it has to be searched."""
    text = msgspec.json.encode(value)
    assert canonical_value(text) == value
    assert canonical_value(text + b"\n") == value
    assert canonical_value(b" " + text) is NOT_CANONICAL


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"a":2}',
        b'{"a":[{"b":{},"b":{}}]}',
        b'{"\\u0061":1,"a":1}',
        b'{"a":1e999}',
        b'{"a":"\xff","a":"\xfe"}',
        b'{"a":"\\ud800"}',
        b"[" * 600 + b"]" * 600,
        b"{",
        b"",
        b'"' + b"a" * SMALL + b'"',
    ],
    ids=lambda raw: str(raw[:40]),
)
def test_what_is_not_canonical(raw: bytes) -> None:
    """What stands twice, and what we would write otherwise or cannot read."""
    assert canonical_value(raw) is NOT_CANONICAL


@given(st.binary(max_size=60))
def test_any_bytes(raw: bytes) -> None:
    """What is no JSON is left to its reader."""
    is_doubled(raw)
    assert merged(raw) == raw or json.loads(merged(raw)) is not None


def test_string_that_does_not_end() -> None:
    """B1: each quote behind it is looked at once: four times the text takes four times as long."""

    def read(quotes: int) -> float:
        raw = b'{"a":"' + b"," * (VALUES_LIMIT + 1) + b'\\"' * quotes
        assert not is_doubled(raw)
        return fastest(lambda: is_doubled(raw))

    assert read(8000) < 8 * read(1000) + 0.005


@pytest.mark.parametrize(
    ("raw", "countless"),
    [
        (b'{"a":"%s"}' % (b"," * 2 * VALUES_LIMIT), False),
        (rb'{"a":"\"%s\\","b":[{}]}' % (b"[{," * VALUES_LIMIT), False),
        (b'["",%s"%s"]' % (b'"",' * (VALUES_LIMIT - 2), b"," * 400_000), False),
        (b'["%s",%s""]' % (b"," * 400_000, b'"a",' * VALUES_LIMIT), True),
        (rb'["\\",%s""]' % (rb'"\",",' * (VALUES_LIMIT // 2 + 10)), False),
        (b"[%s]" % (b"{}," * VALUES_LIMIT), True),
        # As many escapes take as long as values do.
        (b'["%s"]' % (b"\\n" * (VALUES_LIMIT + 1)), True),
    ],
)
def test_what_strings_hold_does_not_count(raw: bytes, countless: bool) -> None:
    """A10: a client cannot choose by the text of an annotation that nothing is merged."""
    assert is_countless(raw) is countless


@given(st.lists(st.text('ab,{["\\', max_size=9), max_size=40))
def test_values_are_counted(texts: list[str]) -> None:
    """A10: commas and brackets count outside of strings alone, whatever strings hold."""
    filler = b",".join([b"1"] * (VALUES_LIMIT - len(texts) - 4))
    raw = b"[%s,%s" % (json.dumps([*texts, ",[{" * 9]).encode(), filler)
    assert not is_countless(raw)
    assert is_countless(raw + b"," * 10)


def test_bounds() -> None:
    """The budget's time is kept; a text of many values is told apart."""
    stopped = Budget(1, stopped=lambda: True)
    with pytest.raises(BudgetExceededError):
        is_doubled(b"[%s]" % b",".join([b'{"x":1}'] * max(CHECKED, VALUES_LIMIT)), stopped)
    assert is_countless(b"," * (VALUES_LIMIT + 1))
    assert not is_countless(b"," * VALUES_LIMIT)
