"""Legal and illegal policies, after kube-apiserver's own table and messages."""

import pytest

from auditproxy.apis.audit import GroupResources
from auditproxy.audit.policy.decoding import WrittenPolicy, WrittenRule, decode_policy
from auditproxy.audit.policy.validation import aggregate, validate_policy

STAGES = "allowed stages are RequestReceived,ResponseStarted,ResponseComplete,Panic"
LEVELS = 'supported values: "None", "Metadata", "Request", "RequestResponse"'
NO_SLASH = "non-resource URL rules must begin with a '/' character"
WILDCARD = "non-resource URL wildcards '*' must be the final character of the rule"
NO_RESOURCES = "using resourceNames requires at least one resource"
BOTH = "rules cannot apply to both regular resources and non-resource URLs"
SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.',"
    " and must start and end with an alphanumeric character (e.g. 'example.com', regex used for"
    r" validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


def written(text: str) -> WrittenPolicy:
    """The policy in YAML that lacks only its version."""
    policy, strict_errors = decode_policy(f"apiVersion: audit.k8s.io/v1\n{text}".encode())
    assert strict_errors == ()
    return policy


@pytest.mark.parametrize(
    "rule",
    [
        "{level: Metadata}",
        "{level: None, userGroups: ['system:serviceaccounts']}",
        "{level: RequestResponse, verbs: [create], resources: [{group: rbac.authorization.k8s.io,"
        " resources: [clusterroles]}], namespaces: [kube-system]}",
        "{level: Request, nonResourceURLs: ['/logs*', '/healthz*', /metrics, '*']}",
        "{level: Metadata, omitStages: [RequestReceived, ResponseStarted]}",
        "{level: Metadata, resources: [{group: '*', resources: ['*/status', 'pods/*']}]}",
        "{level: Metadata, resources: [{group: '', resources: [a], resourceNames: [b]}]}",
        "{level: Metadata, users: [''], verbs: ['*'], namespaces: ['A b']}",
        "{level: Metadata, nonResourceURLs: [/, '/*']}",
    ],
)
def test_legal(rule: str) -> None:
    """T162: what kube-apiserver accepts has no fault."""
    assert validate_policy(written(f"rules: [{rule}]")) == ()


def test_an_empty_policy_is_legal_here() -> None:
    """That there are no rules is the loader's complaint."""
    assert validate_policy(written("")) == ()


@pytest.mark.parametrize(
    ("rule", "faults"),
    [
        ("{}", ["level: Required value"]),
        ("null", ["level: Required value"]),
        ("{verbs: [get]}", ["level: Required value"]),
        ("{level: metadata}", [f'level: Unsupported value: "metadata": {LEVELS}']),
        ("{level: 'Foo\"Bar'}", [rf'level: Unsupported value: "Foo\"Bar": {LEVELS}']),
        ("{level: None, URLS: [logs]}", [f'URLS[0]: INVALID "logs": {NO_SLASH}']),
        ("{level: None, URLS: ['']}", [f'URLS[0]: INVALID "": {NO_SLASH}']),
        (
            "{level: None, URLS: ['*', '**']}",
            [f'URLS[1]: INVALID "**": {NO_SLASH}', f'URLS[1]: INVALID "**": {WILDCARD}'],
        ),
        ("{level: None, URLS: ['/logs/*/*']}", [f'URLS[0]: INVALID "/logs/*/*": {WILDCARD}']),
        ("{level: None, URLS: ['/logs/*.log']}", [f'URLS[0]: INVALID "/logs/*.log": {WILDCARD}']),
        ("{level: None, URLS: ['/x**']}", [f'URLS[0]: INVALID "/x**": {WILDCARD}']),
        (
            "{level: None, resources: [{group: rbac.authorization.k8s.io/v1beta1}]}",
            [f'resources.group: INVALID "rbac.authorization.k8s.io/v1beta1": {SUBDOMAIN}'],
        ),
        (
            "{level: None, resources: [{}, {group: Foo}]}",
            [f'resources.group: INVALID "Foo": {SUBDOMAIN}'],
        ),
        (
            "{level: None, resources: [{group: -a}]}",
            [f'resources.group: INVALID "-a": {SUBDOMAIN}'],
        ),
        (
            "{level: None, resources: [{group: a..b}]}",
            [f'resources.group: INVALID "a..b": {SUBDOMAIN}'],
        ),
        (
            "{level: None, resources: [{group: a.b-}]}",
            [f'resources.group: INVALID "a.b-": {SUBDOMAIN}'],
        ),
        (
            f"{{level: None, resources: [{{group: {'a' * 254}}}]}}",
            [f'resources.group: INVALID "{"a" * 254}": must be no more than 253 characters'],
        ),
        (
            "{level: None, resources: [{resourceNames: [a, '<']}]}",
            [rf'resources.resourceNames: INVALID ["a","\u003c"]: {NO_RESOURCES}'],
        ),
        ("{level: None, omitStages: [Panic, foo]}", [f'omitStages[1]: INVALID "foo": {STAGES}']),
        ("{level: None, URLS: [/x], namespaces: [a]}", [f'URLS: INVALID ["/x"]: {BOTH}']),
        ("{level: None, URLS: [/x], resources: [{}]}", [f'URLS: INVALID ["/x"]: {BOTH}']),
    ],
)
def test_illegal(rule: str, faults: list[str]) -> None:
    """T162: every fault in kube-apiserver's words, none more; rows write two words shorter."""
    rule = rule.replace("URLS", "nonResourceURLs")
    faults = [fault.replace("URLS", "nonResourceURLs") for fault in faults]
    expected = tuple(f"rules[1].{fault.replace('INVALID', 'Invalid value:')}" for fault in faults)
    assert validate_policy(written(f"rules: [{{level: None}}, {rule}]")) == expected


def test_order() -> None:
    """The policy's stages first, then each rule's level, URLs, resources, stages, combination."""
    policy = WrittenPolicy(
        omit_stages=("foo",),
        omit_managed_fields=False,
        rules=(
            WrittenRule(
                level="X",
                users=(),
                user_groups=(),
                verbs=(),
                resources=(GroupResources(group="A", resource_names=("n",)),),
                namespaces=(),
                non_resource_urls=("x",),
                omit_stages=("bar",),
                omit_managed_fields=None,
            ),
        ),
    )
    assert [fault.partition(":")[0] for fault in validate_policy(policy)] == [
        "omitStages[0]",
        "rules[0].level",
        "rules[0].nonResourceURLs[0]",
        "rules[0].resources.group",
        "rules[0].resources.resourceNames",
        "rules[0].omitStages[0]",
        "rules[0].nonResourceURLs",
    ]


@pytest.mark.parametrize(
    ("faults", "text"),
    [(("a",), "a"), (("a", "b"), "[a, b]"), (("a", "b", "a"), "[a, b]"), (("a", "a"), "a")],
)
def test_aggregate(faults: tuple[str, ...], text: str) -> None:
    """One fault stands alone, several in brackets, none twice."""
    assert aggregate(faults) == text
