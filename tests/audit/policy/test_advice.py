"""What operators are told of a legal policy."""

import pytest

from auditproxy.audit.policy.advice import advice, spelling
from auditproxy.audit.policy.builtin import BUILTIN_POLICY
from auditproxy.audit.policy.evaluator import load_policy

HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"


def told(text: str, *, strict: str = "") -> tuple[str, ...]:
    """The advice about a policy's text."""
    return advice(load_policy((HEAD + text).encode())[0], strict=strict)


@pytest.mark.parametrize(
    "rules",
    [
        "[{level: RequestResponse}]",
        "[{level: RequestResponse, verbs: [list, create]}]",
        "[{level: RequestResponse, resources: [{group: ''}]}]",
        "[{level: RequestResponse, resources: [{group: '', resources: ['*']}]}]",
        "[{level: Metadata, verbs: [get]}, {level: RequestResponse}]",
        "[{level: Metadata, users: [a]}, {level: RequestResponse}]",
    ],
)
def test_bodies_of_everything(rules: str) -> None:
    """T304: a rule that records the answers of all reads is told at the start, by its place."""
    (text,) = told(f"rules: {rules}")
    place = f"rules[{rules.count('level') - 1}]"
    assert place in text
    assert "RequestResponse" in text


@pytest.mark.parametrize(
    "rules",
    [
        "[{level: Metadata}]",
        "[{level: Request}]",
        "[{level: RequestResponse, users: [a]}]",
        "[{level: RequestResponse, namespaces: [a]}]",
        "[{level: RequestResponse, verbs: [create, update]}]",
        "[{level: RequestResponse, resources: [{group: '', resources: [pods]}]}]",
        "[{level: RequestResponse, nonResourceURLs: ['/x']}]",
        "[{level: Metadata, verbs: [get, list, watch]}, {level: RequestResponse}]",
    ],
)
def test_no_advice(rules: str) -> None:
    """A policy that leaves reads alone needs none."""
    assert told(f"rules: {rules}") == ()


def test_asterisks() -> None:
    """Users, groups and namespaces are compared whole; resources and URLs have patterns."""
    found = told(
        "rules: [{level: Metadata, users: [a, 'b*'], userGroups: ['*'], namespaces: ['prod-*', x]},"
        " {level: None, nonResourceURLs: ['/a*']}, {level: None, resources: [{resources: ['*/x']}]}]"
    )
    assert [text.partition(", and")[0] for text in found] == [
        'the policy\'s rules[0].users has "b*"',
        'the policy\'s rules[0].userGroups has "*"',
        'the policy\'s rules[0].namespaces has "prod-*"',
    ]


def test_what_no_request_is() -> None:
    """Verbs and resources that do not exist are advice, as kube-apiserver takes them."""
    found = told("rules: [{level: Metadata, verbs: [exec], resources: [{resources: [pod/exec]}]}]")
    assert [text.partition(",")[0] for text in found] == [
        'the policy\'s rules[0].verbs has "exec"',
        'the policy\'s rules[0].resources[0].resources has "pod/exec"',
    ]


@pytest.mark.parametrize(
    ("rules", "rest"),
    [
        ("{level: None}, {level: Metadata, users: [a]}", "rules[1] is"),
        ("{level: None}, {level: Metadata}, {level: Request}", "rules[1] to rules[2] are"),
    ],
)
def test_never_reached(rules: str, rest: str) -> None:
    """A rule without selectors decides for all behind it."""
    (found,) = told(f"rules: [{rules}]")
    assert found == (
        f"the policy's {rest} never reached: rules[0] has no selectors and so matches "
        "everything; put it last"
    )


def test_builtin() -> None:
    """Ours needs none, either."""
    assert advice(load_policy(BUILTIN_POLICY)[0], strict="blocking-strict") == ()


@pytest.mark.parametrize("mode", ["blocking-strict", "durable"])
def test_omitted_request_received(mode: str) -> None:
    """T165: the mode that waits for RequestReceived tells that it writes it all the same."""
    for text in (
        "omitStages: [RequestReceived]\nrules: [{level: Metadata}]",
        "rules: [{level: Metadata, omitStages: [RequestReceived]}]",
    ):
        (line,) = told(text, strict=mode)
        assert f"the mode {mode} writes it anyway" in line
        assert told(text) == ()


@pytest.mark.parametrize(
    ("field", "meant"),
    [
        ("rules[0].verbz", "verbs"),
        ("rules[12].verb", "verbs"),
        ("rules[0].usergroups", "userGroups"),
        ("rules[0].resources[1].resourceName", "resourceNames"),
        ("Rules", "rules"),
        ("rules[0].nonResourceUrl", "nonResourceURLs"),
    ],
)
def test_spelling(field: str, meant: str) -> None:
    """C3: a field that no policy has is told with the one that was perhaps meant."""
    text = f'strict decoding error: unknown field "{field}", unknown field "a.qqqqqq"'
    assert spelling(text) == (
        f'strict decoding error: unknown field "{field}" (did you mean {meant}?), '
        'unknown field "a.qqqqqq"'
    )
