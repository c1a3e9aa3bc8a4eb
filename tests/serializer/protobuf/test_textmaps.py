"""Maps of texts: whatever forms their entries have, the last of each key, by their bytes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.serializer.json import go_text, text_from_bytes
from auditproxy.serializer.protobuf.decoder import Decoder
from auditproxy.serializer.protobuf.textmaps import add_texts, of_texts, text_map
from tests.fakes.wire import block, envelope

KEYS = st.one_of(st.sampled_from([b"", b"a", b"b", b"\xff", b"<&>", "é😀".encode()]), st.binary())
VALUES = st.one_of(KEYS, st.sampled_from([b"x" * size for size in (127, 128, 16383, 16384, 40000)]))
LONG_KEYS = st.sampled_from([b"k" * size for size in (127, 128, 300)])
ENTRIES = st.lists(
    st.tuples(st.one_of(KEYS, LONG_KEYS), VALUES, st.integers(0, 5)), min_size=1, max_size=8
)
DECODER = Decoder()
KEY = 2 << 3 | 2
"""Of the entries: field 2, of a length."""


def entry(key: bytes, value: bytes, form: int) -> bytes:
    """An entry as Go writes it, or in another form that means the same."""
    forms = (
        block(1, key) + block(2, value),
        block(2, value) + block(1, key),
        block(1, key) + block(1, key) + block(2, value),
        block(1, key) + block(2, b"first") + block(2, value),
        block(1, key) + block(2, value) + block(9, b"unknown"),
        b"\x0a" + bytes((len(key) & 0x7F | 0x80, len(key) >> 7)) + key + block(2, value),
    )
    return forms[form]


@given(ENTRIES)
def test_any_entries(entries: list[tuple[bytes, bytes, int]]) -> None:
    """T175: a map is what its entries say, one by one, in any form."""
    raw = b"".join(block(2, entry(*each)) for each in entries)
    found = json.loads(DECODER.decode(envelope("v1", "ConfigMap", raw)))
    meant = {key: go_text(text_from_bytes(value)) for key, value, _ in entries}
    shown = [(go_text(text_from_bytes(key)), meant[key]) for key in sorted(meant)]
    assert len(found["data"]) == len(dict(shown))
    # Of two keys that are shown alike, the last one by its bytes is what a reader has.
    assert list(found["data"].items()) == list(dict(shown).items())


def is_plain(key: bytes, value: bytes, form: int) -> bool:
    """Whether an entry is one of those that are read without a generator."""
    try:
        (key + b" " + value).decode()
    except UnicodeDecodeError:
        return False
    return form == 0 and len(key) < 128 and len(value) < 16384


@given(ENTRIES, st.integers(0, 100))
def test_plain_entries_are_taken(entries: list[tuple[bytes, bytes, int]], percent: int) -> None:
    """Plain entries are taken one after the other, up to the first that is not, or to the bound."""
    texts: dict[str, str] = {}
    blocks = [block(2, entry(*each)) for each in entries]
    raw = b"".join(blocks)
    first = entry(*entries[0])
    stop = len(blocks[0])
    last = max(stop, len(raw) * percent // 100)
    end = add_texts(texts, b"ab" + raw + b"cd", 2 + stop - len(first), 2 + stop, 2 + last, KEY)
    meant: dict[str, str] = {}
    until = 0
    for each, (key, value, form) in zip(blocks, entries, strict=True):
        if until + len(each) > last or not is_plain(key, value, form):
            break
        if until and len(entry(key, value, form)) >= 16384:
            break
        meant[key.decode()] = value.decode()
        until += len(each)
    assert texts == meant
    assert end == 2 + (until or stop - len(first))
    assert json.loads(text_map(texts)) == texts
    assert {key.decode(): json.loads(value) for key, value in of_texts(texts).items()} == texts


@pytest.mark.parametrize("size", [1, 200, 5000])
def test_no_byte_behind_the_bound(size: int) -> None:
    """An entry that the bound cuts is the caller's, wherever it is cut."""
    first, second = entry(b"a", b"b", 0), entry(b"c", b"d" * size, 0)
    raw = first + block(2, second) + block(2, first)
    for last in range(len(first), len(raw) + 1):
        texts: dict[str, str] = {}
        end = add_texts(texts, raw, 0, len(first), last, KEY)
        whole = [len(first), len(first + block(2, second)), len(raw)]
        assert end == max(each for each in whole if each <= last)
        assert texts == ({"a": "b"} if end == len(first) else {"a": "b", "c": "d" * size})


def test_another_key_ends_it() -> None:
    """Entries of another map, and keys of two bytes, are the caller's."""
    one, other = entry(b"a", b"b", 0), entry(b"c", b"d", 0)
    texts: dict[str, str] = {}
    raw = one + block(3, other)
    assert add_texts(texts, raw, 0, len(one), len(raw), KEY) == len(one)
    # The key of field 18, whose first byte is its value.
    raw = one + block(18, other)
    assert raw[len(one)] == 18 << 3 | 2
    assert add_texts(texts, raw, 0, len(one), len(raw), 18 << 3 | 2) == len(one)
    assert texts == {"a": "b"}


@given(st.binary(max_size=24))
def test_any_bytes(raw: bytes) -> None:
    """Nothing is read beyond the entries, and no bytes raise."""
    for size in range(len(raw) + 1):
        alone: dict[str, str] = {}
        inside: dict[str, str] = {}
        for stop in range(size + 1):
            end = add_texts(alone, raw[:size], 0, stop, size, KEY)
            assert end == add_texts(inside, raw + b"\x00" * 9, 0, stop, size, KEY)
            assert alone == inside
            assert end == 0 or stop <= end <= size


@pytest.mark.parametrize("size", [0, 1, 3])
def test_short(size: int) -> None:
    """Fewer bytes than an entry has."""
    assert add_texts({}, b"\x0a\x00\x12\x00"[:size], 0, size, size, KEY) == 0
