"""Values by types: what is accepted, and the texts of what is not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.faults import Unusable
from auditproxy.audit.policy.reading import (
    FLAG,
    TEXT,
    TEXTS,
    FieldReader,
    FieldType,
    Members,
    distinct,
    kind_of,
    not_one_of,
    read_document,
)

SOME: tuple[object, ...] = (True, "", [], {}, 1)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ALL = FieldType(
    "struct",
    members={
        "text": TEXT,
        "flag": FLAG,
        "texts": TEXTS,
        "number": FieldType("number"),
        "map": FieldType("map", TEXT),
        "any": FieldType("anything"),
    },
)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ({}, {}),
        ({"text": "a", "flag": False, "number": 1.5}, {"text": "a", "flag": False, "number": 1.5}),
        ({"texts": ["a", None], "map": {"k": "v"}}, {"texts": ["a", ""], "map": {"k": "v"}}),
        ({"text": None, "flag": None, "map": None}, {"text": "", "flag": None, "map": {}}),
        ({"any": [1]}, {"any": [1]}),
    ],
)
def test_read(value: Any, read: Any) -> None:
    """Null is the empty value of a type."""
    reader = FieldReader([])
    assert reader.read(ALL, value, "") == read
    assert not reader.faults
    assert not reader.strict_errors


def test_faults_are_gathered() -> None:
    """Each has its path; unknown and duplicate names are kept apart from them."""
    reader = FieldReader([])
    value = Members({"text": 1, "texts": ["a", {}], "map": {"k": []}, "number": True, "x": 1})
    value.doubled = frozenset({"text"})
    reader.read(ALL, value, "rules[0]")
    assert reader.faults == [
        "rules[0].text: must be text, is a number",
        "rules[0].texts[1]: must be text, is an object",
        "rules[0].map.k: must be text, is a list",
        "rules[0].number: must be a number, is true or false",
    ]
    assert reader.strict_errors == [
        'duplicate field "rules[0].text"',
        'unknown field "rules[0].x"',
    ]


@given(st.dictionaries(st.sampled_from([*ALL.members, "other"]), ANY_JSON) | ANY_JSON)
def test_anything_is_read(value: Any) -> None:
    """A value is read or has a fault; what is read has the types of the fields."""
    reader = FieldReader([])
    read = reader.read(ALL, value, "f")
    assert isinstance(read, dict)
    assert isinstance(read.get("text", ""), str)
    assert all(isinstance(item, str) for item in read.get("texts", ()))
    assert value is None or isinstance(value, dict) or reader.faults


def test_kind_of() -> None:
    """The words for the author of a file."""
    assert [kind_of(value) for value in SOME] == [
        "true or false",
        "text",
        "a list",
        "an object",
        "a number",
    ]


@pytest.mark.parametrize(
    ("value", "allowed", "text"),
    [
        ("x", ("a", "b"), 'must be one of a, b; is "x"'),
        (3, ("a",), 'must be a; is "3"'),
        ("", ("a", "b"), "is missing; give one of a, b"),
        (None, ("a",), "is missing; give a"),
    ],
)
def test_not_one_of(value: object, allowed: tuple[str, ...], text: str) -> None:
    """A value that is missing is not quoted."""
    assert not_one_of(value, allowed) == text


OF_FILE = " (its fields are apiVersion, kind)"
FIELDS = " (its fields are latitude, longitude)"
PLACE = FieldType("struct", members={"latitude": TEXT, "longitude": TEXT})


@pytest.mark.parametrize(
    ("value", "strict_errors", "read"),
    [
        ({"lattitude": "1"}, ['unknown field "at.lattitude" (did you mean latitude?)'], "1"),
        ({"lattitude": "1", "latitude": "2"}, [f'unknown field "at.lattitude"{FIELDS}'], "2"),
        ({"x": "1"}, [f'unknown field "at.x"{FIELDS}'], None),
    ],
)
def test_suggestions(value: dict[str, str], strict_errors: list[str], read: str | None) -> None:
    """A field that is close to one that is not given is read as that one."""
    reader = FieldReader([], suggests=True)
    assert reader.read(PLACE, value, "at").get("latitude") == read
    assert reader.strict_errors == strict_errors


def test_distinct() -> None:
    """Each fault once; what was read as empty because it has a fault is not missing as well."""
    assert distinct(
        [
            "rules[0].within: must be a duration such as 5m, is a number",
            "rules[0].name: is missing; give one",
            "rules[0] (Name).within: must be a duration from 1s to 24h; is missing",
            "rules[0].name: is missing; give one",
            "rules[1] (Name).within: must be a duration from 1s to 24h; is missing",
        ]
    ) == (
        "rules[0].within: must be a duration such as 5m, is a number",
        "rules[0].name: is missing; give one",
        "rules[1] (Name).within: must be a duration from 1s to 24h; is missing",
    )


@pytest.mark.parametrize(
    ("header", "faults"),
    [
        ("apiVersion: v1\nkind: Config\n", ['kind: must be Place; is "Config"; name another file']),
        (
            "apiVersion: x/v1\nkind: Plaice\n",
            [f'unknown field "clusters"{OF_FILE}', 'kind: must be Place; is "Plaice"'],
        ),
        (
            "apiVersion: x/v2\nkind: Place\n",
            [f'unknown field "clusters"{OF_FILE}', 'apiVersion: must be x/v1; is "x/v2"'],
        ),
        (
            "kind: Config\n",
            [
                f'unknown field "clusters"{OF_FILE}',
                "apiVersion: is missing; give x/v1",
                'kind: must be Place; is "Config"',
            ],
        ),
    ],
)
def test_files_of_other_kinds(header: str, faults: list[str]) -> None:
    """What is of another group and kind has one fault, and not one for each field."""
    text = f"{header}clusters: []\n".encode()
    wanted = FieldType("struct", members={"apiVersion": TEXT, "kind": TEXT})
    try:
        _, found = read_document(text, wanted, api_version="x/v1", kind="Place")
    except Unusable as error:
        found = list(error.faults)
    assert found == faults
