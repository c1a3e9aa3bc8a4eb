"""Copies of secret values in the rest of a body (A14)."""

import json
from typing import Any

import pytest

from auditproxy.audit.redaction.copies import without_copies
from auditproxy.audit.redaction.values import SecretValues

MARK = "marker:1"


def done(body: Any, *found: str, names: frozenset[str] = frozenset()) -> Any:
    """A body without copies of some values; None when it had none."""
    values = SecretValues()
    for value in found:
        values.add(value)
    values.names |= names
    raw = without_copies(json.dumps(body).encode(), values, lambda value: MARK, "marker:")
    return None if raw is None else json.loads(raw)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"a": "secret-1"}, {"a": MARK}),
        ({"a": [{"b": "x secret-1"}]}, {"a": [{"b": MARK}]}),
        ({"secret-1": 1}, {MARK: 1}),
        ({"f:secret-1": 1}, {MARK: 1}),
        ({'v:"secret-1"': {}}, {f'v:"{MARK}"': {}}),
        ({'k:{"name":"secret-1"}': {}}, {f'k:{{"name":"{MARK}"}}': {}}),
        ({"v:secret-1": {}}, {MARK: {}}),
        ({"a": "marker:secret-1"}, None),
        ({"a": "other", "b": 1.5, "c": None, "d": True}, None),
        ({"metadata": {"name": "secret-1", "namespace": "secret-1", "uid": "secret-1"}}, None),
        ({"kind": "secret-1", "apiVersion": "secret-1"}, None),
        ({"a": {"kind": "secret-1"}}, {"a": {"kind": MARK}}),
        (
            {"metadata": {"metadata": {"name": "secret-1"}}},
            {"metadata": {"metadata": {"name": MARK}}},
        ),
        ({"object": {"metadata": {"name": "secret-1"}}}, None),
        ([{"op": "add", "path": "/a/secret-1"}], [{"op": "add", "path": MARK}]),
        ([{"op": "secret-1", "path": "/data/b"}], None),
    ],
)
def test_copies(body: Any, expected: Any) -> None:
    """A14: texts and names are marked, what names the object and what is marked already stay."""
    assert done(body, "secret-1") == expected


def test_names_of_the_secrets() -> None:
    """A14: the name of a member whose value is secret is no copy, even of a value that equals it."""
    names = frozenset({"password"})
    body: Any = {"data": {"password": "marker:"}, "f:password": {}, "annotations": {}}
    assert done(body, "password", "annotations", names=names) is None
    body = [{"op": "add", "path": "/data/password"}]
    assert done(body, "password", names=names) is None


def test_numbers() -> None:
    """A14: a number that is a secret elsewhere is one here."""
    assert done({"a": 123456, "b": 12}, "123456") == {"a": MARK, "b": 12}


def test_nothing_to_look_for() -> None:
    """Without values a body is not even read."""
    assert without_copies(b"no JSON", SecretValues(), lambda value: "", "") is None
