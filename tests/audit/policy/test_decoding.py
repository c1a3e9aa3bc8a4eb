"""Reading a policy's text: kube-apiserver's acceptance, warnings and errors, row by row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.audit import GroupResources
from auditproxy.audit.policy.decoding import PolicyError, WrittenPolicy, WrittenRule, decode_policy

V1 = b"apiVersion: audit.k8s.io/v1\n"
HOW = "; a policy has apiVersion: audit.k8s.io/v1 and kind: Policy"
NO_VERSION = f"the policy has no apiVersion{HOW}"


def not_registered(kind: str, version: str) -> str:
    """The error for a kind that is not known in a version."""
    return f'failed decoding: apiVersion "{version}" with kind "{kind}" is not known{HOW}'


def rule(level: str, **members: object) -> WrittenRule:
    """A rule with the members given."""
    nothing: dict[str, object] = dict.fromkeys(
        ("users", "user_groups", "verbs", "resources", "namespaces", "non_resource_urls"), ()
    )
    nothing.update(omit_stages=(), omit_managed_fields=None)
    return WrittenRule(level=level, **{**nothing, **members})  # type: ignore[arg-type]


def policy(*rules: WrittenRule, **members: object) -> WrittenPolicy:
    """A policy with the rules and members given."""
    values: dict[str, object] = {"omit_stages": (), "omit_managed_fields": False, **members}
    return WrittenPolicy(rules=rules, **values)  # type: ignore[arg-type]


ENTRY = 'an object such as {group: "", resources: [pods/exec]}'


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (b"kind: Policy\nrules: [{level: None}]", policy(rule("None"))),
        (b"rules: [{level: None}]", policy(rule("None"))),
        (b"kind: Policy", policy()),
        (b"rules: null", policy()),
        (b"rules: [null, {}]", policy(rule(""), rule(""))),
        (b"rules: [{level: metadata}]", policy(rule("metadata"))),
        (b"rules: [{users: [null, '']}]", policy(rule("", users=("", "")))),
        (b"rules: [{omitManagedFields: yes}]", policy(rule("", omit_managed_fields=True))),
        (b"rules: [{omitManagedFields: off}]", policy(rule("", omit_managed_fields=False))),
        (b"omitManagedFields: true", policy(omit_managed_fields=True)),
        (b"omitStages: [Panic]", policy(omit_stages=("Panic",))),
        (b"metadata: {name: x, labels: {a: b}}", policy()),
        (b"rules: [{level: None}]\n---\nrules: 5", policy(rule("None"))),
        (
            b"rules:\n- level: Request\n  users: [u]\n  userGroups: [g]\n  verbs: [get]\n"
            b"  resources: [{group: apps, resources: [a], resourceNames: [m]}, null]\n"
            b"  namespaces: ['']\n  nonResourceURLs: [/x]\n  omitStages: [Panic]\n",
            policy(
                rule(
                    "Request",
                    users=("u",),
                    user_groups=("g",),
                    verbs=("get",),
                    resources=(
                        GroupResources(group="apps", resources=("a",), resource_names=("m",)),
                        GroupResources(),
                    ),
                    namespaces=("",),
                    non_resource_urls=("/x",),
                    omit_stages=("Panic",),
                )
            ),
        ),
    ],
)
def test_accepted(text: bytes, written: WrittenPolicy) -> None:
    """What kube-apiserver reads without a word."""
    assert decode_policy(V1 + text) == (written, ())


def test_json() -> None:
    """JSON is told by its brace; spaces may come first."""
    text = (
        b' \n{"apiVersion":"audit.k8s.io/v1","rules":[{"level":"None","users":["\\u00e9\\ud800"]}]}'
    )
    assert decode_policy(text) == (policy(rule("None", users=("é\ufffd",))), ())


@pytest.mark.parametrize(
    ("text", "rules", "strict_errors"),
    [
        (V1 + b"rules: [{level: None, bogus: 1}]", 1, ('unknown field "rules[0].bogus"',)),
        (V1 + b"Rules: [{level: None}]", 0, ('unknown field "Rules"',)),
        (V1 + b"Kind: Policy\nrules: [{level: None}]", 1, ('unknown field "Kind"',)),
        (V1 + b"metadata: {foo: 1}", 0, ('unknown field "metadata.foo"',)),
        (
            V1 + b"rules:\n- level: None\n  resources:\n  - group: ''\n    verbs: [get]\n",
            1,
            ('unknown field "rules[0].resources[0].verbs"',),
        ),
        (
            V1 + b'z: 1\n"a\\"": 2\n',
            0,
            (r'unknown field "a\""', 'unknown field "z"'),
        ),
        (
            V1 + b"kind: Policy\nrules:\n- level: None\n  level: Metadata\n",
            1,
            ('yaml: unmarshal errors:\n  line 5: key "level" already set in map',),
        ),
        (
            V1 + b"rules:\n- &a {level: None}\n- <<: *a\n  level: Metadata\n",
            2,
            ('yaml: unmarshal errors:\n  line 5: key "level" already set in map',),
        ),
        (
            b'{"apiVersion":"audit.k8s.io/v1","x":1,"x":2,"rules":[{"level":"None","level":"Metadata"}]}',
            1,
            ('unknown field "x"', 'duplicate field "rules[0].level"'),
        ),
    ],
)
def test_lenient(text: bytes, rules: int, strict_errors: tuple[str, ...]) -> None:
    """T162: unknown fields and doubled keys are told, and the rest is read."""
    written, errors = decode_policy(text)
    assert errors == strict_errors
    assert len(written.rules) == rules
    assert all(rule.level in ("None", "Metadata") for rule in written.rules)


def test_the_last_value_counts() -> None:
    """T162: of doubled keys the last value is used, in YAML and in JSON."""
    yaml = V1 + b"rules:\n- level: None\n  level: Metadata\n"
    json = b'{"apiVersion":"audit.k8s.io/v1","rules":[{"level":"None","level":"Metadata"}]}'
    assert decode_policy(yaml)[0] == decode_policy(json)[0] == policy(rule("Metadata"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", NO_VERSION),
        (b"# nothing", NO_VERSION),
        (b"kind: Policy\nrules: [{level: None}]", NO_VERSION),
        (b"rules: [{level: None}]", NO_VERSION),
        (b"rules: 5", NO_VERSION),
        (b"{}", NO_VERSION),
        (b"apiVersion: audit.k8s.io/__internal", NO_VERSION),
        (b"apiVersion: audit.k8s.io/", NO_VERSION),
        (b"apiVersion: audit.k8s.io/v1beta1", not_registered("Policy", "audit.k8s.io/v1beta1")),
        (b"apiVersion: v1\nkind: Policy", not_registered("Policy", "v1")),
        (b"apiVersion: a/b/c", f'failed decoding: apiVersion "a/b/c" is not valid{HOW}'),
        (V1 + b"kind: Event", f"failed decoding: kind is Event{HOW}"),
        (
            V1 + b"kind: PolicyList",
            f"failed decoding: kind is PolicyList{HOW}",
        ),
        (V1 + b"kind: Pod", not_registered("Pod", "audit.k8s.io/v1")),
        (b"apiVersion: 1", "failed decoding: apiVersion: must be text, is a number"),
        (V1 + b"kind: [x]", "failed decoding: kind: must be text, is a list"),
        (b"some text", f"failed decoding: the file holds text{HOW}"),
        (b"- a", f"failed decoding: the file holds a list{HOW}"),
        (b"42", f"failed decoding: the file holds a number{HOW}"),
        (b"yes", f"failed decoding: the file holds true or false{HOW}"),
        (b"a: b: c", "failed decoding: yaml: mapping values are not allowed in this context"),
        (
            V1 + b"rules:\n\t- level: None",
            "failed decoding: yaml: line 3: found character that cannot start any token",
        ),
    ],
)
def test_refused(text: bytes, message: str) -> None:
    """T162, C9: another version, kind or shape is refused, in words of ours that say what to write."""
    with pytest.raises(PolicyError) as raised:
        decode_policy(text)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("text", "place", "wanted", "found"),
    [
        (b"rules: [{users: abc}]", "rules[0].users", "a list", "text"),
        (b"rules: [{users: [1]}]", "rules[0].users[0]", "text", "a number"),
        (b"rules: [{}, {level: 1}]", "rules[1].level", "text", "a number"),
        (b"rules: [{level: yes}]", "rules[0].level", "text", "true or false"),
        (
            b"rules: [{omitManagedFields: 'yes'}]",
            "rules[0].omitManagedFields",
            "true or false",
            "text",
        ),
        (b"rules: [{omitStages: [[]]}]", "rules[0].omitStages[0]", "text", "a list"),
        (b"rules: [{resources: {}}]", "rules[0].resources", "a list", "an object"),
        (b"rules: [{resources: [pods]}]", "rules[0].resources[0]", ENTRY, "text"),
        (
            b"rules: [{resources: [{group: {}}]}]",
            "rules[0].resources[0].group",
            "text",
            "an object",
        ),
        (b"rules: [abc]", "rules[0]", "an object", "text"),
        (b"rules: {}", "rules", "a list", "an object"),
        (b"omitManagedFields: 0", "omitManagedFields", "true or false", "a number"),
        (b"omitStages: Panic", "omitStages", "a list", "text"),
        (b"metadata: x", "metadata", "an object", "text"),
        (b"metadata: {name: 1}", "metadata.name", "text", "a number"),
        (b"rules: [{level: 1}]\nomitStages: 5", "omitStages", "a list", "a number"),
    ],
)
def test_wrong_type(text: bytes, place: str, wanted: str, found: str) -> None:
    """C9: a scalar is never coerced; the first fault in the order of sorted keys names its place."""
    with pytest.raises(PolicyError) as raised:
        decode_policy(V1 + text)
    assert str(raised.value) == f"failed decoding: {place}: must be {wanted}, is {found}"


@pytest.mark.parametrize(
    "text", [b"{", b"{apiVersion: audit.k8s.io/v1}", b'{"a":' * 100_000, b'{"a":NaN}']
)
def test_json_syntax(text: bytes) -> None:
    """A text that begins with a brace must be JSON."""
    with pytest.raises(
        PolicyError, match=r"^failed decoding: (not valid JSON: |the JSON is nested)"
    ):
        decode_policy(text)


@given(st.text("rules:[]{}-level \n\"'&*<,15", max_size=60) | st.binary(max_size=40))
def test_nothing_else_is_raised(text: str | bytes) -> None:
    """Any text is read or refused by a PolicyError."""
    raw = text.encode() if isinstance(text, str) else text
    for candidate in (V1 + raw, b'{"apiVersion":"audit.k8s.io/v1","rules":' + raw + b"}"):
        try:
            written, strict_errors = decode_policy(candidate)
        except PolicyError:
            continue
        assert isinstance(written, WrittenPolicy)
        assert all(strict_errors)
