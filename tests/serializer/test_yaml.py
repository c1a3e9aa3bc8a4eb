"""YAML by go-yaml's rules: rows, then properties."""

import json as standard_json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.serializer.errors import YAMLError
from auditproxy.serializer.yaml import ALIAS_LIMIT, DEPTH_LIMIT, load_strict, to_json

AGAIN = "already set in map"
NO_MERGE = "yaml: map merge requires map or sequence of maps as the value"
BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + before] * 10)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"", None),
        (b"# nothing\n", None),
        (b"---\n", None),
        (b"a: 1\n---\na: 2\n", {"a": 1}),
        (b"a: 1\n---\n{{{ not read", {"a": 1}),
        (b"a: 1\n...\n", {"a": 1}),
        (b"- 1\n- [2, {a: b}]\n", [1, [2, {"a": "b"}]]),
        (b"1: a\ntrue: b\n1.5: c\nyes: d", {"1": "a", "true": "d", "1.5": "c"}),
        (b"'1': a\n1: b", {"1": "b"}),
        (b"\xef\xbb\xbfa: 1", {"a": 1}),
        ("a: 1".encode("utf-16"), {"a": 1}),
        (b"x: &x [1]\nz: *x", {"x": [1], "z": [1]}),
        (b"w: &x 1\nx: &x 2\nz: *x", {"w": 1, "x": 2, "z": 2}),
        (b"b: &b {k: 1}\nm: {<<: *b, z: 3}", {"b": {"k": 1}, "m": {"k": 1, "z": 3}}),
        (b"m: {'<<': 1}", {"m": {"<<": 1}}),
        (b"m: {<<: [{k: 1}, {k: 2, l: 3}]}", {"m": {"k": 1, "l": 3}}),
        (b"m: {k: 0, <<: {k: 1}}", {"m": {"k": 1}}),
        (b"m: {<<: {k: 1}, k: 0}", {"m": {"k": 0}}),
    ],
)  # fmt: skip
def test_documents(text: bytes, value: object) -> None:
    """The first document only; keys become text; aliases and merge keys are unfolded in order."""
    assert load_strict(text)[0] == value


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("a: 1\na: 2\n", ['line 2: key "a" already set in map']),
        ("a: 1\na:\n  b: 1\n", ['line 3: key "a" already set in map']),
        ("a: 1\na: 2\na: 3\n", [f'line 2: key "a" {AGAIN}', f'line 3: key "a" {AGAIN}']),
        ("1: a\n1: b\ntrue: a\nyes: b\n", [f"line 2: key 1 {AGAIN}", f"line 4: key true {AGAIN}"]),
        ('"a\\tb": 1\n"a\\tb": 2', [r'line 2: key "a\tb" already set in map']),
        ("x: &x\n  k: 1\nz:\n  <<: *x\n  k: 3\n", ['line 5: key "k" already set in map']),
        ("m: {<<: [{k: 1}, {k: 2}]}", ['line 1: key "k" already set in map']),
    ],
)  # fmt: skip
def test_strict_errors(text: str, errors: list[str]) -> None:
    """Doubled keys are told with the line of the value, in go-yaml's words; the last one counts."""
    assert load_strict(text)[1] == ("yaml: unmarshal errors:\n  " + "\n  ".join(errors),)


def test_strict_errors_are_bounded() -> None:
    """A document of nothing but doubled keys does not become a text as long."""
    text = "a: 1\n" * 10_000
    assert len(load_strict(text)[1][0].splitlines()) < 200


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: b: c", "yaml: mapping values are not allowed in this context"),
        ("x: 1\na: b: c", "yaml: line 2: mapping values are not allowed in this context"),
        ("x: 1\n- a", "yaml: line 1: did not find expected key"),
        ("a:\n\tb: 1", "yaml: line 2: found character that cannot start any token"),
        ("a: \x01", "yaml: control characters are not allowed"),
        (b"a: \xff", "yaml: invalid leading UTF-8 octet"),
        ("a: *secret", "yaml: line 1: unknown anchor referenced"),
        ("a: &x [*x]", "yaml: line 1: anchor's value contains itself"),
        ("? [a]\n: b", "yaml: line 1: invalid map key"),
        ("~: a", "yaml: line 1: unsupported map key"),
        ("<<: 5", NO_MERGE),
        ("a: &a [{k: 1}]\nb: {<<: *a}", NO_MERGE),
        ("!!int secret", "yaml: line 1: cannot decode !!str as a !!int"),
        ("!!binary '*'", "yaml: !!binary value contains invalid base64 data"),
        (BOMB, "yaml: document contains excessive aliasing"),
        (f"a: &a {'x' * 9000}\nb: [{'*a,' * 200}]", "yaml: document contains excessive aliasing"),
        ("[" * 100_000, "yaml: line 1: nested too deeply"),
        ("- " * 100_000, "yaml: line 1: nested too deeply"),
    ],
)  # fmt: skip
def test_errors(text: str | bytes, message: str) -> None:
    """T220: what is no YAML, or unfolds without end, is refused; no text shows content."""
    with pytest.raises(YAMLError) as raised:
        load_strict(text)
    assert str(raised.value) == message


def test_nesting_up_to_the_limit() -> None:
    """The deepest allowed document is read and written."""
    text = "[" * DEPTH_LIMIT + "]" * DEPTH_LIMIT
    assert to_json(text.encode()) == text.encode()


def test_aliases_up_to_the_limit() -> None:
    """Some unfolding is allowed."""
    text = f"a: &a {'x' * 1000}\nb: [{','.join(['*a'] * 1000)}]"
    assert len(to_json(text.encode())) < ALIAS_LIMIT + 10_000


@pytest.mark.parametrize(
    ("text", "json"),
    [
        (b"b: 1\na: {d: x, c: [~]}\n", b'{"a":{"c":[null],"d":"x"},"b":1}'),
        (b"a: <b>&", rb'{"a":"\u003cb\u003e\u0026"}'),
        (b"a: !!binary /w==", rb'{"a":"\ufffd"}'),
        (b"a: 100000.0", b'{"a":100000}'),
        (b"a: 1e21", b'{"a":1e+21}'),
        (b"a: 999999999999999900000.0", b'{"a":999999999999999900000}'),
        (b"a: 0.000001", b'{"a":0.000001}'),
        (b"a: 0.00000015", b'{"a":1.5e-7}'),
        (b"a: -0.0", b'{"a":-0}'),
        (b"", b"null"),
        (b'{"a": [1, 2.5, "x", true, null]}', b'{"a":[1,2.5,"x",true,null]}'),
    ],
)
def test_to_json(text: bytes, json: bytes) -> None:
    """Keys sorted, numbers in Go's spelling."""
    assert to_json(text) == json


@pytest.mark.parametrize("text", [b"a: .inf", b"a: -.INF", b"a: .nan"])
def test_to_json_without_json_form(text: bytes) -> None:
    """Infinity has no JSON form."""
    with pytest.raises(YAMLError):
        to_json(text)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 64) - 1) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(JSON_VALUES)
def test_json_is_yaml(value: object) -> None:
    """JSON read as YAML gives the same value."""
    raw = standard_json.dumps({"value": value}).encode()
    if b"\\ud" in raw:
        return  # libyaml does not know surrogate pairs.
    assert standard_json.loads(to_json(raw)) == {"value": value}


@given(st.text("&*a: -[]{}\n'\"!<>|0.?#%@,~\ty", max_size=60) | st.binary(max_size=40))
def test_nothing_else_is_raised(text: str | bytes) -> None:
    """T220: any text is read or refused by a YAMLError, and what is read is valid JSON."""
    raw = text.encode() if isinstance(text, str) else text
    try:
        written = to_json(raw)
    except YAMLError:
        return
    standard_json.loads(written)
