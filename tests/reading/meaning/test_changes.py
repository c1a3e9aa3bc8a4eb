"""What writes set and changed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.reading.meaning.changes import (
    MOST,
    difference,
    in_words,
    masked,
    submitted,
    summary,
    without_secrets,
)

OBJECT = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=15,
)


def words(changes: Any) -> list[str]:
    """Each change as it is shown."""
    return [in_words(change) for change in changes]


def test_merge_patch() -> None:
    """Leaves by their path; null removes; list items by name."""
    body = {
        "apiVersion": "apps/v1",
        "spec": {
            "replicas": 5,
            "paused": None,
            "template": {"spec": {"containers": [{"name": "app", "image": "nginx:1.27"}]}},
        },
        "metadata": {"resourceVersion": "7", "labels": {"a": "b"}},
    }
    assert words(submitted(body)) == [
        "spec.replicas=5",
        "spec.paused removed",
        "spec.template.spec.containers[app].image=nginx:1.27",
        "metadata.labels.a=b",
    ]


def test_json_patch() -> None:
    """Operations; those without a path are not read."""
    body = [
        {"op": "replace", "path": "/spec/replicas", "value": 3},
        {"op": "remove", "path": "/metadata/labels/a~1b"},
        {"op": "test", "path": "/x", "value": 1},
        {"op": "add"},
        5,
    ]
    assert words(submitted(body)) == ["spec.replicas=3", "metadata.labels.a/b removed"]


def test_difference() -> None:
    """What was, and what is; the server's own members are left out."""
    before = {"metadata": {"uid": "1", "generation": 1}, "spec": {"replicas": 2, "old": "x"}}
    after = {"metadata": {"uid": "1", "generation": 2}, "spec": {"replicas": 5, "new": [1]}}
    assert words(difference(before, after)) == [
        "spec.replicas 2 -> 5",
        "spec.old x -> removed",
        "spec.new[0] none -> 1",
    ]
    assert difference(before, before) == []


def test_secrets_are_hidden() -> None:
    """That they changed is shown, and not to what."""
    changes = submitted({"data": {"key": "c2VjcmV0"}, "type": "Opaque"})
    assert words(without_secrets(changes, "secrets")) == ["data.key=(hidden)", "type=Opaque"]
    assert words(without_secrets(changes, "configmaps")) == ["data.key=c2VjcmV0", "type=Opaque"]
    removed = submitted({"data": {"key": None}})
    assert words(without_secrets(removed, "secrets")) == ["data.key removed"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"spec": {"replicas": 5}}, "replicas=5"),
        ({"spec": {"a": 1, "b": 2}}, "a=1, b=2"),
        ({"spec": {"a": 1, "b": 2, "c": 3}}, ""),
        ({"spec": {"a": "x" * 100}}, ""),
        ({"status": {"a": 1}}, ""),
        ({}, ""),
        ("text", ""),
        (None, ""),
    ],
)
def test_summary(body: Any, text: str) -> None:
    """A sentence has the changes where they are few and short."""
    assert summary(submitted(body)) == text


@given(OBJECT, OBJECT)
def test_any_bodies(before: Any, after: Any) -> None:
    """Any two values have a bounded list of differences; the same value has none."""
    assert len(difference(before, after)) <= MOST
    assert difference(before, before) == []
    for change in (*difference(before, after), *submitted(after)):
        assert isinstance(in_words(change), str)


def test_bounds() -> None:
    """Millions of members are not all read."""
    assert len(submitted({str(number): number for number in range(100_000)})) <= 50 * MOST
    deep: Any = 1
    for _ in range(500):
        deep = {"a": deep}
    assert len(submitted(deep)) == 1


def test_masked_bodies() -> None:
    """What is secret in an object, in a list of them, and in what kubectl apply keeps of it."""
    applied = "kubectl.kubernetes.io/last-applied-configuration"
    secret = {
        "metadata": {"name": "s", "annotations": {applied: "v", "a": "b"}},
        "data": {"k": "v"},
        "stringData": 5,
    }
    hidden = {
        "metadata": {"name": "s", "annotations": {applied: "(hidden)", "a": "b"}},
        "data": {"k": "(hidden)"},
        "stringData": "(hidden)",
    }
    assert masked(secret, "secrets") == hidden
    assert masked({"items": [secret, 5]}, "secrets") == {"items": [hidden, 5]}
    assert masked(secret, "configmaps") == secret
    token = {"status": {"token": "t", "expirationTimestamp": "x"}}
    assert masked(token, "serviceaccounts/token")["status"] == {
        "token": "(hidden)",
        "expirationTimestamp": "x",
    }
    assert masked(None, "secrets") is None
