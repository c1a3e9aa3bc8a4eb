"""One body: scopes with a type's members and a Table's columns (A14); more is in test_redact.py."""

import json
from typing import Any

import pytest

from auditproxy.audit.redaction.body import BodyRedactor
from auditproxy.audit.redaction.paths import Scope
from auditproxy.serializer.errors import SerializationError

KNOWN = {"kind": None, "metadata": {"name": None, "labels": None}, "data": None}
SCOPE = Scope((("data", None),), KNOWN, frozenset({"type"}))
MARK = "marker:x"


def body(value: Any, *, scope: Scope = SCOPE, patch: bool = False) -> Any:
    """A body after redaction."""
    work = BodyRedactor(lambda plain: MARK, "marker:", scope)
    return json.loads(work.redact(json.dumps(value).encode(), patch=patch))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"data": {"a": "v"}, "kind": "K"}, {"data": {"a": MARK}, "kind": "K"}),
        ({"dta": {"a": "v"}}, {"dta": MARK}),
        ({"metadata": {"name": "n", "note": [1]}}, {"metadata": {"name": "n", "note": MARK}}),
        ({"metadata": "v"}, {"metadata": MARK}),
        ({"metadata": ["v"]}, {"metadata": MARK}),
        ({"metadata": {"labels": {"anything": "v"}}}, {"metadata": {"labels": {"anything": "v"}}}),
        ({"dta": None, "x": ""}, {"dta": None, "x": ""}),
        ({"items": [{"items": ["v"]}]}, {"items": [{"items": MARK}]}),
        ({"columnDefinitions": ["v"]}, {"columnDefinitions": MARK}),
    ],
)
def test_what_a_type_has_not(value: Any, expected: Any) -> None:
    """A14: members that the type has not are marked, in the object and in its metadata."""
    assert body(value) == expected


def test_cells() -> None:
    """A14: cells show no secret only in the columns that are known not to."""
    columns = [
        {"name": "Id", "type": "string", "format": "name"},
        {"name": "Type", "type": "string"},
        {"name": "Password", "type": "string"},
        {"name": "Pin", "type": "integer"},
        {"name": "Since", "type": "date"},
    ]
    table = {"columnDefinitions": columns, "rows": [{"cells": ["n", "t", "p", 7, "3d", "more"]}]}
    cells = body(table)["rows"][0]["cells"]
    assert cells == ["n", "t", MARK, MARK, "3d", MARK]
    assert body({**table, "columnDefinitions": None})["rows"][0]["cells"] == [MARK] * 6
    assert body(table, scope=Scope(SCOPE.paths))["rows"] == table["rows"]


def test_a_patch_that_carries_secrets_away() -> None:
    """A14: the body tells where its secrets have gone."""
    work = BodyRedactor(lambda plain: MARK, "marker:", SCOPE)
    work.redact(b'[{"op":"copy","from":"/data/a","path":"/metadata/labels/b"}]', patch=True)
    assert ("metadata", "labels", "b") in work.paths
    assert not work.marked


def test_all_of_it_is_secret() -> None:
    """A14: an object that is one secret as a whole is an error."""
    with pytest.raises(SerializationError):
        body({"data": {}}, scope=Scope(((),)))
