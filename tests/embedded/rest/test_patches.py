"""JSON patch, merge patch and strategic merge patch."""

import contextlib
import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.embedded.rest.patches import (
    PatchError,
    PatchMismatchError,
    json_patch,
    merge_patch,
    strategic_merge_patch,
)

ONE = {"name": "one", "image": "i:1"}
TWO = {"name": "two", "image": "i:2"}


@pytest.mark.parametrize(
    ("target", "operation", "result"),
    [
        ({}, {"op": "add", "path": "/a", "value": 1}, {"a": 1}),
        ({"a": [1]}, {"op": "add", "path": "/a/-", "value": 2}, {"a": [1, 2]}),
        ({"a": [1]}, {"op": "add", "path": "/a/0", "value": 2}, {"a": [2, 1]}),
        ({"a": 1}, {"op": "add", "path": "", "value": {}}, {}),
        ({"a/b": 1}, {"op": "replace", "path": "/a~1b", "value": 2}, {"a/b": 2}),
        ({"a~b": 1}, {"op": "remove", "path": "/a~0b"}, {}),
        ({"a": [1, 2]}, {"op": "remove", "path": "/a/0"}, {"a": [2]}),
        ({"a": 1}, {"op": "move", "from": "/a", "path": "/b"}, {"b": 1}),
        ({"a": [1]}, {"op": "copy", "from": "/a", "path": "/b"}, {"a": [1], "b": [1]}),
        ({"a": 1}, {"op": "test", "path": "/a", "value": 1}, {"a": 1}),
    ],
)
def test_json_patch(target: Any, operation: Any, result: Any) -> None:
    """RFC 6902."""
    before = copy.deepcopy(target)
    assert json_patch(target, [operation]) == result
    assert target == before


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/a", "value": 2},
        {"op": "remove", "path": "/b"},
        {"op": "replace", "path": "/b", "value": 1},
        {"op": "add", "path": "/b/c", "value": 1},
        {"op": "add", "path": "/a/c", "value": 1},
        {"op": "add", "path": "/l/3", "value": 1},
        {"op": "remove", "path": "/l/-"},
        {"op": "remove", "path": "/l/x"},
    ],
)
def test_json_patch_that_does_not_fit(operation: Any) -> None:
    """The patch is one, the object is another."""
    with pytest.raises(PatchMismatchError):
        json_patch({"a": 1, "l": [1]}, [operation])


@pytest.mark.parametrize(
    "patch",
    [
        {},
        ["x"],
        [{"op": "add"}],
        [{"op": "add", "path": "/a"}],
        [{"op": "fly", "path": "/a"}],
        [{"op": "add", "path": "a", "value": 1}],
        [{"op": "remove", "path": ""}],
    ],
)
def test_no_json_patch(patch: Any) -> None:
    """What is no patch at all."""
    with pytest.raises(PatchError) as caught:
        json_patch({"a": 1}, patch)
    assert not isinstance(caught.value, PatchMismatchError)


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": None}}, {"a": {"c": 2}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch(target: Any, patch: Any, result: Any) -> None:
    """RFC 7386, from its appendix."""
    assert merge_patch(target, patch) == result


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        # Keyed lists are merged; what is new comes first.
        ([ONE], [TWO], [TWO, ONE]),
        ([ONE, TWO], [{"name": "two", "image": "i:9"}], [ONE, {"name": "two", "image": "i:9"}]),
        ([ONE, TWO], [{"name": "one", "$patch": "delete"}], [TWO]),
        ([ONE], [{"$patch": "replace"}, TWO], [TWO]),
        ([ONE], [{"name": "one", "image": None}], [{"name": "one"}]),
        ([ONE], [{"name": "two", "image": None}], [{"name": "two"}, ONE]),
    ],
)
def test_strategic_merge_of_keyed_lists(target: Any, patch: Any, result: Any) -> None:
    """Containers are told apart by their names."""
    merged = strategic_merge_patch({"containers": target}, {"containers": patch})
    assert merged == {"containers": result}


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": {"b": 1}}, {"a": {"c": 2}}, {"a": {"b": 1, "c": 2}}),
        ({"a": {"b": 1}}, {"a": {"c": 2, "$patch": "replace"}}, {"a": {"c": 2}}),
        ({"a": {"b": 1}}, {"a": {"$patch": "delete"}}, {"a": {}}),
        ({"a": 1, "b": 2}, {"$retainKeys": ["a"], "a": 3}, {"a": 3}),
        ({"args": ["a"]}, {"args": ["b"]}, {"args": ["b"]}),
        ({"finalizers": ["a"]}, {"finalizers": ["b"]}, {"finalizers": ["a", "b"]}),
        (
            {"finalizers": ["a", "b"]},
            {"$deleteFromPrimitiveList/finalizers": ["a"]},
            {"finalizers": ["b"]},
        ),
        (
            {"containers": [ONE, TWO]},
            {"$setElementOrder/containers": [{"name": "two"}, {"name": "one"}]},
            {"containers": [TWO, ONE]},
        ),
        (
            {"ports": [{"port": 80, "name": "a"}]},
            {"ports": [{"port": 80, "name": "b"}]},
            {"ports": [{"port": 80, "name": "b"}]},
        ),
    ],
)
def test_strategic_merge(target: Any, patch: Any, result: Any) -> None:
    """Directives and lists of other kinds."""
    before = copy.deepcopy(target)
    assert strategic_merge_patch(target, patch) == result
    assert target == before


def test_unknown_directive() -> None:
    """A directive that is none is refused."""
    with pytest.raises(PatchError, match="Unknown patch type: fly"):
        strategic_merge_patch({}, {"$patch": "fly"})


KEYS = st.sampled_from(["a", "containers", "finalizers", "$patch", "name", "ports", "port"]) | (
    st.sampled_from(["$setElementOrder/containers", "$deleteFromPrimitiveList/a", "$retainKeys"])
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["delete", "replace", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, VALUES, max_size=4), st.dictionaries(KEYS, VALUES, max_size=4))
def test_strategic_merge_of_anything(target: Any, patch: Any) -> None:
    """Nothing but a PatchError comes of nonsense, and the target stays as it is."""
    before = copy.deepcopy(target)
    with contextlib.suppress(PatchError):
        strategic_merge_patch(target, patch)
    assert target == before


@given(VALUES, VALUES)
def test_merge_patch_of_anything(target: Any, patch: Any) -> None:
    """A merge patch fits everything, and a second time changes nothing."""
    once = merge_patch(target, patch)
    assert merge_patch(once, patch) == once


POINTERS = st.sampled_from(["", "/a", "/a/0", "/a/-", "/containers/0/name", "/x", "b", "/~1"])
OPERATIONS = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]), "path": POINTERS},
    optional={"from": POINTERS, "value": VALUES},
)


@given(VALUES, st.lists(OPERATIONS, max_size=4))
def test_json_patch_of_anything(target: Any, operations: Any) -> None:
    """Nothing but a PatchError comes of nonsense, and the target stays as it is."""
    before = copy.deepcopy(target)
    with contextlib.suppress(PatchError):
        json_patch(target, operations)
    assert target == before
