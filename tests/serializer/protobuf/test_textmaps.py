"""Maps of texts: whatever forms their entries have, the last of each key, by their bytes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.serializer.json import go_text, text_from_bytes
from auditproxy.serializer.protobuf.decoder import Decoder
from auditproxy.serializer.protobuf.textmaps import add_text, of_texts, text_map
from tests.fakes.wire import block, envelope

KEYS = st.one_of(st.sampled_from([b"", b"a", b"b", b"\xff", b"<&>", "é😀".encode()]), st.binary())
VALUES = st.one_of(KEYS, st.sampled_from([b"x" * size for size in (127, 128, 16383, 16384, 40000)]))
LONG_KEYS = st.sampled_from([b"k" * size for size in (127, 128, 300)])
ENTRIES = st.lists(
    st.tuples(st.one_of(KEYS, LONG_KEYS), VALUES, st.integers(0, 5)), min_size=1, max_size=8
)
DECODER = Decoder()


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


@given(ENTRIES)
def test_plain_entries_are_taken(entries: list[tuple[bytes, bytes, int]]) -> None:
    """What is taken is the entry, and what is not taken changes nothing."""
    texts: dict[str, str] = {}
    for key, value, form in entries:
        before = dict(texts)
        raw = entry(key, value, form)
        taken = add_text(texts, b"ab" + raw + b"cd", 2, 2 + len(raw))
        if taken:
            assert texts == before | {key.decode(): value.decode()}
        else:
            assert texts == before
        is_plain = form == 0 and len(key) < 128 and len(value) < 16384
        try:
            (key + b" " + value).decode()
        except UnicodeDecodeError:
            is_plain = False
        assert taken or not is_plain
    assert json.loads(text_map(texts)) == texts
    assert {key.decode(): json.loads(value) for key, value in of_texts(texts).items()} == texts


@given(st.binary(max_size=24))
def test_any_bytes(raw: bytes) -> None:
    """Nothing is read beyond the entry, and no bytes raise."""
    for size in range(len(raw) + 1):
        alone: dict[str, str] = {}
        inside: dict[str, str] = {}
        assert add_text(alone, raw[:size], 0, size) == add_text(inside, raw + b"\x00" * 9, 0, size)
        assert alone == inside


@pytest.mark.parametrize("size", [0, 1, 3])
def test_short(size: int) -> None:
    """Fewer bytes than an entry has."""
    assert not add_text({}, b"\x0a\x00\x12\x00"[:size], 0, size)
