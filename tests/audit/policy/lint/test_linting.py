"""All findings of a file: refused, misread, and loaded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.audit.policy.builtin import BUILTIN_POLICY
from auditproxy.audit.policy.findings import Severity
from auditproxy.audit.policy.lint.linting import lint
from tests.documents import ROOT
from tests.fakes.policies import HEAD, policy_text, resources

REFUSED = "kube-apiserver does not start with it"


@pytest.mark.parametrize(
    ("text", "path", "start"),
    [
        (b"", "", "the policy is refused: the policy has no apiVersion"),
        (b"a: [", "", "the policy is refused: failed decoding: "),
        (HEAD.encode(), "", "the policy is refused: loaded illegal policy with 0 rules"),
        (policy_text("level: All"), "rules[0].level",
         'rules[0].level is refused: Unsupported value: "All"'),
        (policy_text("level: None, verbs: get"), "rules[0].verbs",
         "rules[0].verbs is refused: must be a list, is text"),
        (policy_text("resources: [{group: apps/v1}]"), "rules[0].resources.group",
         'rules[0].resources.group is refused: Invalid value: "apps/v1"'),
        (policy_text("", head="omitStages: [X]\n"), "omitStages[0]",
         'omitStages[0] is refused: Invalid value: "X"'),
    ],
)  # fmt: skip
def test_refused(text: bytes, path: str, start: str) -> None:
    """What kube-apiserver says of it, by its place."""
    linted = lint(text)
    assert linted.policy is None
    (found,) = linted.findings
    assert (found.severity, found.path, found.fix) == (Severity.ERROR, path, REFUSED)
    assert found.text.startswith(start)


def test_refused_at_once() -> None:
    """Values of wrong types, and what is wrong with the others; nothing that only follows."""
    text = policy_text(
        "level: [x]",
        "level: All, users: 1",
        "level: None, resources: [{group: apps/v1}, {resources: pods, resourceNames: [x]}]",
        "level: None, nonResourceURLs: [5, livez]",
        "level: None, resources: [{group: 5, resourceNames: [z]}]",
        "level: None, resources: [7, {group: a/b}]",
        head="omitStages: [X]\n",
    )
    found = [(each.path, each.problem.partition(": ")[2][:17]) for each in lint(text).findings]
    assert found == [
        ("rules[0].level", "must be text, is "),
        ("rules[1].users", "must be a list, i"),
        ("rules[2].resources[1].resources", "must be a list, i"),
        ("rules[3].nonResourceURLs[0]", "must be text, is "),
        ("rules[4].resources[0].group", "must be text, is "),
        ("rules[5].resources[0]", "must be an object"),
        ("omitStages[0]", 'Invalid value: "X'),
        ("rules[1].level", "Unsupported value"),
        ("rules[2].resources.group", 'Invalid value: "a'),
        ("rules[3].nonResourceURLs[1]", 'Invalid value: "l'),
        ("rules[4].resources.resourceNames", 'Invalid value: ["'),
    ]


def test_refused_and_more() -> None:
    """One refused value hides nothing of the others, and is not reported twice."""
    text = policy_text(
        "level: Metdata, verbs: [read], resources: [{group: core, resources: [pods]}]",
        "level: None, " + resources("secret"),
        "level: None, resources: [{group: apps/v1}, {group: rbac}]",
        "level: None, users: [bob], verbs: [get, 5]",
    )
    found = [(each.path, each.check) for each in lint(text).findings]
    assert found == [
        ("rules[3].verbs[1]", "refused"),
        ("rules[0].level", "refused"),
        ("rules[2].resources.group", "refused"),
        ("rules[0].verbs", "unknown-verb"),
        ("rules[0].resources[0].group", "unknown-group"),
        ("rules[1].resources[0].resources", "unknown-resource"),
        ("rules[2].resources[1].group", "unknown-group"),
    ]
    text = policy_text("level: All", "level: None, verbs: [get]")
    assert [each.check for each in lint(text).findings] == ["refused", "unreachable-rule"]
    text = policy_text("level: None, nonResourceURLs: [/x], namespaces: [a]", "level: None")
    assert [each.check for each in lint(text).findings] == ["refused"]


def test_misread() -> None:
    """Fields that no policy has, and fields that are given twice."""
    text = policy_text("level: Metadata, verb: [get]") + b"rules: []\n"
    found = [finding for finding in lint(text).findings if finding.check == "ignored-field"]
    assert len(found) == 1
    linted = lint(policy_text("verb: [get]"))
    assert linted.policy is not None
    first = linted.findings[0]
    assert (first.check, first.path, first.severity) == ("ignored-field", "rules[0].verb", "error")
    assert "did you mean verbs?" in first.problem


def test_order() -> None:
    """By rule, the gravest first; the policy as a whole comes last."""
    found = lint(
        policy_text(resources("pods"), "level: RequestResponse, users: ['a*']", resources("secret"))
    ).findings
    rules = [finding.rule for finding in found]
    assert rules == sorted(rules, key=lambda rule: 99 if rule is None else rule)
    assert None in rules
    of_one = [tuple(Severity).index(finding.severity) for finding in found if finding.rule == 1]
    assert of_one == sorted(of_one)
    assert len(of_one) > 1


def test_ours() -> None:
    """The policies that are shipped have nothing but notes."""
    sample = (ROOT / "manifests" / "policy-sample.yaml").read_bytes()
    for text in (BUILTIN_POLICY, sample):
        found = lint(text).findings
        assert {finding.severity for finding in found} == {Severity.NOTE}


@given(st.binary(max_size=200))
def test_any_bytes(text: bytes) -> None:
    """It never raises."""
    lint(text)
    lint(HEAD.encode() + b"rules: " + text)
