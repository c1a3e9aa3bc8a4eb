"""JSON patches: what they set is seen, in whichever way they set it."""

import contextlib
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auditproxy.alerts.patches import DEEPEST, MAXIMUM_COPIED, MAXIMUM_OPERATIONS, patched
from auditproxy.expressions.cel import ExpressionError

WILD = {"verbs": ["*"]}
TAME = {"verbs": ["get"]}


def operations(*written: tuple[Any, ...]) -> list[dict[str, Any]]:
    """Operations as ``(op, path, value)``, of copy and move ``(op, from, path)``."""
    return [
        {"op": op, "from": first, "path": second}
        if op in ("copy", "move")
        else {"op": op, "path": first, "value": second}
        for op, first, second in written
    ]


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ([("add", "/rules/-", WILD)], {"rules": [WILD]}),
        ([("add", "/rules/0", WILD)], {"rules": [WILD]}),
        ([("replace", "/rules", [WILD])], {"rules": [WILD]}),
        ([("replace", "", {"rules": [WILD]})], {"rules": [WILD]}),
        ([("replace", "/rules/3/verbs/0", "*")], {"rules": [{"verbs": ["*"]}]}),
        (
            [("add", "/spec/template/spec/hostPID", True)],
            {"spec": {"template": {"spec": {"hostPID": True}}}},
        ),
        ([("add", "/a~1b/c~0d", 1)], {"a/b": {"c~d": 1}}),
        ([("add", "/a", {}), ("add", "/a/0", 1)], {"a": {"0": 1}}),
        ([("add", "/a", 1), ("replace", "/a", 2)], {"a": 2}),
        ([("add", "/a", 1), ("remove", "/a", None)], {}),
        ([("remove", "/a/0", None), ("test", "/a", 1)], {}),
        # Of a list that the patch does not have, no item stands for another.
        ([("add", "/r/-", WILD), ("replace", "/r/0", TAME)], {"r": [WILD, TAME]}),
        ([("add", "/r/-", WILD), ("remove", "/r/0", None)], {"r": [WILD]}),
        ([("add", "/r/-", WILD), ("replace", "/r/0/verbs", ["get"])], {"r": [WILD, TAME]}),
        # Of one that it has, every index is known.
        ([("add", "/r", [TAME]), ("add", "/r/0", WILD)], {"r": [WILD, TAME]}),
        ([("add", "/r", [TAME]), ("add", "/r/-1", WILD)], {"r": [WILD, TAME]}),
        ([("add", "/r", [TAME]), ("add", "/r/-", WILD)], {"r": [TAME, WILD]}),
        ([("add", "/r", [{}]), ("add", "/r/0/verbs", ["*"])], {"r": [WILD]}),
        ([("add", "/r", [WILD, TAME]), ("remove", "/r/1", None)], {"r": [WILD]}),
        ([("add", "/r", [WILD]), ("replace", "/r/0", TAME)], {"r": [TAME]}),
        ([("add", "/t", [WILD]), ("move", "/t", "/r")], {"r": [WILD]}),
        ([("add", "/t", [WILD]), ("move", "/t/0", "/r/-")], {"t": [], "r": [WILD]}),
        ([("add", "/t", [WILD]), ("copy", "/t/0", "/r/-")], {"t": [WILD], "r": [WILD]}),
        ([("copy", "/there/already", "/r")], {}),
        ([("add", "/a", {"b": 1}), ("copy", "/a", "/a/c")], {"a": {"b": 1, "c": {"b": 1}}}),
        ([("add", "/a", {"b": 1}), ("copy", "", "/c")], {"a": {"b": 1}, "c": {"a": {"b": 1}}}),
        ([("add", "no pointer", 1), ("Add", "/a", 1)], {}),
        ([("replace", "", [1])], {}),
    ],
)
def test_patched(written: list[tuple[Any, ...]], found: dict[str, Any]) -> None:
    """Each operation, and those that would hide what another has set."""
    assert patched(operations(*written)) == found


def test_a_patch_is_not_changed() -> None:
    """A condition may read it as well."""
    written = operations(("add", "/a", {}), ("add", "/a/b/-", 1))
    assert patched(written) == {"a": {"b": [1]}}
    assert type(patched(written)["a"]["b"]) is list, "the library for CEL takes no other"
    assert written[0]["value"] == {}


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (operations(("add", "/a/-", WILD), ("move", "/a/7", "/r")), "does not have"),
        (operations(("add", "/a/-", WILD), ("copy", "/a/7/verbs", "/r")), "does not have"),
        (operations(("add", "/a" * (DEEPEST + 1), 1)), "too long"),
        (operations(*[("add", "/a", 1)] * (MAXIMUM_OPERATIONS + 1)), "too many"),
        (
            operations(("add", "/a", "x" * 1000), *[("copy", "", "/b/-")] * 20),
            "copies too much",
        ),
    ],
)
def test_patches_that_are_not_followed(written: list[dict[str, Any]], why: str) -> None:
    """A condition over them is an error that counts, not one that is not met."""
    with pytest.raises(ExpressionError, match=why):
        patched(written)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab0", max_size=1), inner),
    max_leaves=6,
)
POINTERS = st.lists(st.sampled_from(["a", "b", "0", "1", "-", "-1", ""]), max_size=4).map(
    lambda segments: "".join(f"/{segment}" for segment in segments)
)
OPERATIONS = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "replace", "remove", "copy", "move", "test"])},
    optional={"path": POINTERS | VALUES, "from": POINTERS | VALUES, "value": VALUES},
)


@example([{"op": "add", "path": ""}, {"op": "remove", "path": "/a/a"}])
@settings(max_examples=500, deadline=None)
@given(st.lists(OPERATIONS | VALUES, max_size=12))
def test_any_patch(written: list[Any]) -> None:
    """Operations of any form make an object, or the error that conditions count."""
    with contextlib.suppress(ExpressionError):
        assert isinstance(patched(written), dict)


@given(st.lists(st.tuples(POINTERS.filter(bool), st.integers(0, 9)), max_size=8))
def test_the_last_value_is_there(written: list[tuple[str, int]]) -> None:
    """What the last operation sets is in the object, whatever was before it."""
    made = [{"op": "add", "path": path, "value": {"set": value}} for path, value in written]
    text = str(patched(made))
    assert not written or f"'set': {written[-1][1]}" in text


def test_bounds_of_what_is_copied() -> None:
    """As much as the bound is copied."""
    value = "x" * (MAXIMUM_COPIED - 2)
    assert patched(operations(("add", "/a", value), ("copy", "/a", "/b"))) == {
        "a": value,
        "b": value,
    }
