"""sessions/rules.py: the recording policy, read strictly, every fault at once."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.attributes import Attributes
from auditproxy.apis.faults import Unusable
from auditproxy.apis.session import Record
from auditproxy.apis.units import SECOND
from auditproxy.apis.user import UserInfo
from auditproxy.sessions.rules import (
    NO_POLICY,
    NOT_RECORDED,
    RecordingRule,
    first_of,
    load_recording_policy,
)

HEAD = b"apiVersion: auditproxy.io/v1alpha1\nkind: SessionRecordingPolicy\n"
RULES = b"""\
rules:
- namespaces: [prod]
  resources: [{group: "", resources: [pods/exec, pods/attach]}]
  record: InputOutput
  onFailure: Deny
  maximumDuration: 8h
  idleTimeout: 1m30s
- users: [alice]
  record: Metadata
  commands: false
- userGroups: [ops]
  record: None
"""
WRONG = b"""\
apiVersion: v1
kind: SessionPolicy
rules:
- recrod: Output
- record: Everything
  onFailure: deny
- record: None
  onFailure: Deny
- record: Output
  maximumDuration: long
  idleTimeout: 1s
- record: 7
  idleTimeout: 8
- record: Output
  nonResourceURLs: [healthz]
"""


def asked(subresource: str = "exec", namespace: str = "prod", user: str = "alice") -> Attributes:
    """A request for a session."""
    return Attributes(
        user=UserInfo(username=user, groups=("ops",)),
        verb="create",
        is_resource_request=True,
        path="",
        namespace=namespace,
        resource="pods",
        subresource=subresource,
        name="web",
    )


def test_the_first_rule_decides() -> None:
    """By the selectors of the audit policy; without a rule nothing is recorded."""
    policy = load_recording_policy(HEAD + RULES)
    assert policy.first(asked()) == RecordingRule(
        record=Record.INPUT_OUTPUT,
        deny=True,
        maximum_duration=8 * 3600 * SECOND,
        idle_timeout=90 * SECOND,
    )
    assert policy.first(asked("portforward")) == RecordingRule(
        record=Record.METADATA, commands=False
    )
    assert policy.first(asked("portforward", user="bob")) == RecordingRule()
    assert NO_POLICY.first(asked()) is NOT_RECORDED


def faults_of(text: bytes) -> tuple[str, ...]:
    """Every fault of a file."""
    with pytest.raises(Unusable) as caught:
        load_recording_policy(text)
    return caught.value.faults


def test_every_fault_at_once() -> None:
    """Misspelt fields, wrong words and times, in one go."""
    assert faults_of(WRONG) == (
        'unknown field "rules[0].recrod" (did you mean record?)',
        "rules[4].record: must be text, is a number",
        "rules[4].idleTimeout: must be a duration such as 8h, is a number",
        'apiVersion: must be auditproxy.io/v1alpha1; is "v1"',
        'kind: must be SessionRecordingPolicy; is "SessionPolicy"',
        'rules[1].record: must be one of None, Metadata, Output, InputOutput; is "Everything"',
        'rules[1].onFailure: "deny" is not Allow or Deny',
        "rules[2].onFailure: Deny has no meaning with record: None; nothing can fail to be "
        "recorded",
        'rules[3].maximumDuration: "long" is not a duration such as 8h or 30m; its units are h, '
        "m and s",
        "rules[3].idleTimeout: 1s is shorter than 10s",
        'rules[5].nonResourceURLs[0]: Invalid value: "healthz": non-resource URL rules must begin '
        "with a '/' character",
    )


def advised(rules: str) -> list[str]:
    """What is valid and probably not meant."""
    advice: list[str] = []
    load_recording_policy(HEAD + f"rules: {rules}".encode(), advice)
    return advice


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        (
            "[{resources: [{resources: [pod/exec]}], record: Output}]",
            'rules[0].resources[0].resources has "pod/exec", which matches no session: sessions '
            "are requests for subresources; did you mean pods/exec?",
        ),
        (
            "[{resources: [{resources: [xyz]}], record: Output}]",
            'rules[0].resources[0].resources has "xyz", which matches no session: sessions are '
            "requests for subresources; give pods/exec, pods/attach, pods/portforward, "
            "pods/proxy, services/proxy, nodes/proxy",
        ),
        (
            "[{resources: [{group: apps, resources: [pods/exec]}], record: Output}]",
            'rules[0].resources[0].resources has "pods/exec" of group "apps", which matches no '
            'session; its group is ""',
        ),
        (
            "[{verbs: [exec], record: Output}]",
            'rules[0].verbs has "exec", which no request has; it is the subresource pods/exec among '
            "resources, with the verbs get and create",
        ),
        (
            "[{namespaces: ['prod*'], record: Output}]",
            'rules[0].namespaces has "prod*", and its asterisk stands for itself: names are '
            "compared whole; give each name, or leave the list out to mean all",
        ),
        (
            "[{record: None}, {record: Output}, {record: Metadata}]",
            "rules[1] to rules[2] are never reached: rules[0] has no selectors and so matches "
            "everything; put it last",
        ),
        (
            "[{namespaces: [prod], resources: [{resources: [pods/exec, nodes/proxy]}], record: Output}]",
            "rules[0].resources[0].resources has nodes/proxy, which has no namespace, so that "
            "namespaces excludes it; a kubelet's sessions in these namespaces match as pods/exec, "
            "pods/attach and pods/portforward. Give nodes/proxy a rule of its own for what else is "
            "asked of kubelets",
        ),
        (
            "[{record: Output, idleTimeout: 30h, maximumDuration: 10s}]",
            "rules[0].idleTimeout: 30h has no effect, because maximumDuration ends a session "
            "after 10s",
        ),
    ],
)
def test_advice(rules: str, text: str) -> None:
    """A rule that can match nothing, that no session reaches, or a time that never comes."""
    assert advised(rules) == [text]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("[{resources: [{resources: [pods/exec]}], record: Output}]", Record.OUTPUT),
        ("[{resources: [{resources: [nodes/proxy]}], record: Output}]", Record.OUTPUT),
        ("[{namespaces: [prod], record: Output}]", Record.OUTPUT),
        ("[{namespaces: [other], record: Output}]", Record.NONE),
        ("[{namespaces: [prod], record: Metadata}, {record: Output}]", Record.METADATA),
        (
            "[{resources: [{resources: [nodes/proxy]}], record: Output}, "
            "{namespaces: [prod], record: Metadata}]",
            Record.OUTPUT,
        ),
    ],
)
def test_first_of(rules: str, expected: Record) -> None:
    """The first rule that matches either request, whichever of them that is."""
    policy = load_recording_policy(HEAD + f"rules: {rules}".encode())
    node = Attributes(
        user=None, verb="get", is_resource_request=True, path="", resource="nodes",
        subresource="proxy", name="n1",
    )  # fmt: skip
    pod = Attributes(
        user=None, verb="get", is_resource_request=True, path="", resource="pods",
        subresource="exec", namespace="prod", name="box",
    )  # fmt: skip
    assert first_of(policy, (node, pod)).record == first_of(policy, (pod, node)).record == expected


def test_no_advice() -> None:
    """Patterns of resources, sessions of other groups, and a last rule for the rest."""
    texts = "pods/exec, 'pods/*', '*/exec', '*', 'services/*', nodes/proxy"
    assert not advised(
        f"[{{resources: [{{resources: [{texts}]}}, {{group: kubevirt.io, resources: [vmis/vnc]}}],"
        " record: Output, idleTimeout: 1h, maximumDuration: 8h}, {record: None}]"
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            b"kind: AlertRules",
            'kind: must be SessionRecordingPolicy; is "AlertRules"; name another file',
        ),
        (b"", "the file must be a mapping with kind: SessionRecordingPolicy"),
        (b"- 1", "the file must be a mapping with kind: SessionRecordingPolicy"),
        (HEAD, "rules: at least one is needed, such as {record: Output}"),
        (HEAD + b"rules: []", "rules: at least one is needed, such as {record: Output}"),
    ],
)
def test_no_policy(text: bytes, fault: str) -> None:
    """A file of another kind, and one without rules."""
    assert faults_of(text)[-1] == fault


@given(st.binary(max_size=200))
def test_garbage(text: bytes) -> None:
    """No file is worse than unusable."""
    with contextlib.suppress(Unusable):
        load_recording_policy(HEAD + text)
