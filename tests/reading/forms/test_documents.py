"""JSON values that are not one a line."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.reading.forms.documents import documents_of, is_of_documents
from auditproxy.reading.meaning.events import TOO_LONG, TORN, Counts


def read(*pieces: str, longest: int = 1000) -> tuple[list[Any], Counts]:
    """The values of a text in pieces."""
    counts = Counts()
    return list(documents_of(iter(pieces), counts, longest)), counts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'[{"a":1}]', True),
        (b" \n[\n  {", True),
        (b'{"messageType":"DATA_MESSAGE"}{"messageType":1}', True),
        (b'{\n  "kind": "EventList",\n', True),
        (b'{"kind":"Event"}\n{"kind":"Event"}\n', False),
        (b'{"kind":"EventList","items":[]}', False),
        (b"2026-01-02 hello\n", False),
        (b"", False),
    ],
)
def test_sniffing(text: bytes, expected: bool) -> None:
    """By the first bytes."""
    assert is_of_documents(text) is expected


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ('{"a":1}{"b":2}', [{"a": 1}, {"b": 2}]),
        ('[\n  {"a": 1},\n  {"b": [2, 3]}\n]\n', [{"a": 1}, {"b": [2, 3]}]),
        ('{\n "a": 1\n}\n{\n "b": 2\n}', [{"a": 1}, {"b": 2}]),
        ("", []),
        ("[]", []),
        ("\ufeff[5]", [5]),
    ],
)
def test_values(text: str, values: list[Any]) -> None:
    """Concatenated, in an array, pretty-printed."""
    assert read(text) == (values, {})
    assert read(*text) == (values, {})


def test_torn() -> None:
    """An end that is missing is counted; what precedes it is read."""
    assert read('[{"a":1},{"b":') == ([{"a": 1}], {TORN: 1})
    assert read('{"a":1}\nnonsense\n{"b":2}') == ([{"a": 1}, {"b": 2}], {TORN: 1})


def test_too_long() -> None:
    """A value beyond the bound is left out."""
    values, counts = read('{"a":"', *(["x" * 100] * 50), '"}\n{"b":2}', longest=1000)
    assert values == [{"b": 2}]
    assert counts[TOO_LONG] >= 1


@given(
    st.lists(
        st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3),
        max_size=5,
    ),
    st.sampled_from([None, 1]),
    st.booleans(),
    st.integers(1, 50),
)
def test_however_it_is_cut(
    values: list[Any], indent: int | None, in_array: bool, size: int
) -> None:
    """Pieces make no difference."""
    text = (
        json.dumps(values, indent=indent)
        if in_array
        else "".join(json.dumps(one, indent=indent) for one in values)
    )
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    assert read(*pieces, longest=10_000) == (values, {})


@given(st.text(max_size=60), st.integers(1, 9))
def test_any_text(text: str, size: int) -> None:
    """Anything ends."""
    values, counts = read(*(text[start : start + size] for start in range(0, len(text), size)))
    assert len(values) + counts.total() <= len(text)
