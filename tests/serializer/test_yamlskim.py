"""Skimming YAML agrees with reading all of it, on documents of every kind."""

import contextlib
import itertools
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auditproxy.serializer.budget import Budget, BudgetExceededError
from auditproxy.serializer.errors import YAMLError
from auditproxy.serializer.yaml import DEPTH_LIMIT, to_json
from auditproxy.serializer.yamlskim import kind, skim

METADATA = ("name", "namespace", "uid", "resourceVersion")
OBJECT = ("kind", "apiVersion", "metadata")


def wanted(document: bytes) -> Any:
    """What of a document is wanted, by reading all of it."""
    value = json.loads(to_json(document))
    if not isinstance(value, dict):
        return scalar(value)
    found = {name: scalar(value[name]) for name in OBJECT if name in value}
    metadata = value.get("metadata")
    if isinstance(metadata, dict):
        found["metadata"] = {n: scalar(metadata[n]) for n in METADATA if n in metadata}
    return found


def scalar(value: Any) -> Any:
    """A value of which nothing is left when it is a list or an object."""
    return None if isinstance(value, list | dict) else value


@pytest.mark.parametrize(
    "document",
    [
        b"kind: Pod\nmetadata: {name: a, labels: {name: b}, uid: 1}\nspec: [1, {metadata: x}]\n",
        b"metadata: {name: a}\nmetadata: {name: b}\n",
        b"spec: {x: &n late}\nmetadata: {name: *n, namespace: *n}\n",
        b"spec: {x: &m {name: a, labels: {b: c}}}\nmetadata: *m\n",
        b"x: &all {kind: K, metadata: {name: a}}\nmetadata: {name: b}\n<<: *all\n",
        b"metadata: &m {name: a, labels: {name: c}}\nspec: 1\n<<: {metadata: *m}\n",
        b"metadata: {<<: [{name: a}, {name: b, uid: c}], name: d}\n",
        b"spec:\n  - &a [1, &b 2]\n  - *a\nmetadata:\n  name: *b\n",
        b"? |\n  metadata\n: 1\n? metadata\n: name: a\n",
        b"[1, 2]",
        b"[{spec: 1, kind: a}]",
        b"metadata: [{kind: a, name: b}]",
        b"metadata: {name: {labels: a}}",
        b"text",
        b"",
        b"1: {metadata: 2}\ntrue: 3\nmetadata: [name]\n",
        b"kind: [a, &x {b: *y}]\n",
    ],
)
def test_documents(document: bytes) -> None:
    """B1: what fills objectRef is the same as if all had been read."""
    try:
        expected = wanted(document)
    except YAMLError:
        with pytest.raises(YAMLError):
            skim(document)
        return
    assert json.loads(skim(document)) == expected


NAMES = st.sampled_from([*METADATA, *OBJECT, "spec", "<<", "1", "true"])
SCALARS = st.sampled_from(
    ["a", "1", "~", "'b'", "!!str 2", '"\\u00e9"', "1.5", "*x", "&x c", "&y d"]
)


def flow(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Flow collections, with anchors and merges as they come."""
    anchors = st.sampled_from(["", "", "", "&x ", "&y "])
    return st.builds(
        lambda anchor, items: f"{anchor}[{', '.join(items)}]",
        anchors,
        st.lists(children, max_size=3),
    ) | st.builds(
        lambda anchor, pairs: f"{anchor}{{{', '.join(f'{k}: {v}' for k, v in pairs)}}}",
        anchors,
        st.lists(st.tuples(NAMES, children), max_size=4),
    )


@given(st.lists(st.tuples(NAMES, st.recursive(SCALARS, flow, max_leaves=8)), max_size=6))
@example([("metadata", "{name: &x a, uid: *x}"), ("spec", "&x {name: b}"), ("metadata", "*x")])
def test_agrees(members: list[tuple[str, str]]) -> None:
    """B1: on random documents, wherever the whole can be read."""
    document = "".join(f"{name}: {value}\n" for name, value in members).encode()
    try:
        expected = wanted(document)
    except YAMLError:
        return
    assert json.loads(skim(document)) == expected


@given(st.binary(max_size=200))
def test_nothing_else_is_raised(raw: bytes) -> None:
    """Any bytes are read or are a YAMLError."""
    with contextlib.suppress(YAMLError):
        skim(raw)


def test_what_is_passed_over_is_counted() -> None:
    """B1: each value of it, and no level more than is read."""
    document = b"spec: [" + b"1," * 1000 + b"]\nmetadata: {name: a}\n"
    assert json.loads(skim(document, Budget(1100))) == {"metadata": {"name": "a"}}
    with pytest.raises(BudgetExceededError):
        skim(document, Budget(900))


@pytest.mark.parametrize("anchor", [b"", b"&a "])
@pytest.mark.parametrize("depth", [DEPTH_LIMIT, 5_000])
def test_depth(anchor: bytes, depth: int) -> None:
    """What is passed over may be nested as deeply as it likes, and have an anchor."""
    text = b"x: " + anchor + b"[" * depth + b"]" * depth + b"\nmetadata: {name: a}\n"
    assert json.loads(skim(text)) == {"metadata": {"name": "a"}}


def test_too_deep() -> None:
    """What go-yaml does not read either is given up at once, however much there is of it."""
    with pytest.raises(YAMLError, match="nested too deeply"):
        skim(b"x: " + b"[" * 100_000 + b"]" * 100_000)


def test_aliases() -> None:
    """Aliases may stand for billions of values, of which none is made."""
    lines = ["a: &a {x: [x, x], y: z}"]
    lines += [
        f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]"
        for a, b in zip("abcdefghijkl", "bcdefghijklm", strict=True)
    ]
    text = "\n".join([*lines, "metadata: {name: *m, uid: a}", "kind: *m", "<<: *a", ""]).encode()
    assert json.loads(skim(text, Budget(10_000))) == {
        "metadata": {"name": None, "uid": "a"},
        "kind": None,
    }


@pytest.mark.parametrize(
    ("text", "found"),
    [(b"kind: Status", "Status"), (b"kind: [a]", ""), (b"kind: 1", ""), (b"[1]", ""), (b"", "")],
)
def test_kind(text: bytes, found: str) -> None:
    """The kind alone, where it is a text."""
    assert kind(text) == found


def chained(count: int) -> str:
    """Mappings of which each merges the one before it and adds a key."""
    lines = ["  m0: &m0 {name: a}"]
    lines += [f"  m{n}: &m{n} {{<<: *m{n - 1}, k{n}: 1}}" for n in range(1, count)]
    return "\n".join(lines)


def test_merges_copy_what_is_wanted() -> None:
    """B1: chains of merges take as many steps as they have values, and their name is found."""
    text = f"spec: &s\n{chained(1500)}\nmetadata: {{<<: *m1499}}\n".encode()
    looks = itertools.count()
    budget = Budget(20_000, seconds=100, clock=lambda: next(looks))
    assert json.loads(skim(text, budget)) == {"metadata": {"name": "a"}}


def nested(levels: int) -> str:
    """Mappings in mappings, each merging what is in it."""
    return "{<<: " * levels + "{name: a}" + "}" * levels


@pytest.mark.parametrize("anchor", ["", "&a "])
def test_deep_mappings(anchor: str) -> None:
    """What is nested as deeply as it may be takes no more of the stack than reading does."""
    for levels in (DEPTH_LIMIT - 2, DEPTH_LIMIT, 2 * DEPTH_LIMIT):
        text = f"x: {anchor}{'{a: ' * levels}1{'}' * levels}\nmetadata: {{name: a}}\n"
        assert json.loads(skim(text.encode())) == {"metadata": {"name": "a"}}
    merging = f"x: {anchor}{nested(DEPTH_LIMIT - 2)}\nmetadata: {nested(DEPTH_LIMIT - 3)}\n"
    assert json.loads(skim(merging.encode())) == {"metadata": {"name": "a"}}


@pytest.mark.parametrize(
    "raw", [b"? " * 300, b"? " * 300 + b"a", b"{? " * 300 + b"a" + b"}" * 300, b"? [a]\n: b\n"]
)
def test_keys_in_keys_are_no_crash(raw: bytes) -> None:
    """A key that is a mapping or a list is refused as it is met, however deeply they nest."""
    for read in (skim, kind):
        with pytest.raises(YAMLError, match="invalid map key"):
            read(raw)
