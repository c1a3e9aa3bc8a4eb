"""The policy: loading, kube-apiserver's own checker table, then a slow second opinion."""

import pytest

from auditproxy.apis.attributes import Attributes
from auditproxy.apis.audit import (
    GroupResources,
    Level,
    Policy,
    PolicyRule,
    RequestAuditConfig,
    Stage,
)
from auditproxy.apis.user import UserInfo
from auditproxy.audit.policy.decoding import PolicyError
from auditproxy.audit.policy.evaluator import PolicyRuleEvaluator, load_policy

V1 = b"apiVersion: audit.k8s.io/v1\nkind: Policy\n"


class TestLoad:
    """load_policy."""

    def test_three_rules(self) -> None:
        """A valid file gives the rules that are in it."""
        text = V1 + (
            b"rules:\n"
            b"- level: None\n  nonResourceURLs: [/healthz*, /version]\n"
            b"- level: RequestResponse\n  users: [tim]\n  userGroups: [testers, developers]\n"
            b"  verbs: [patch, delete, create]\n"
            b"  resources: [{group: ''}, {group: rbac.authorization.k8s.io,"
            b" resources: [clusterroles, clusterrolebindings]}]\n"
            b"  namespaces: [default, kube-system]\n"
            b"- level: Metadata\n  omitManagedFields: true\n  omitStages: [Panic]\n"
            b"omitStages: [RequestReceived]\n"
        )
        policy = Policy(
            rules=(
                PolicyRule(level=Level.NONE, non_resource_urls=("/healthz*", "/version")),
                PolicyRule(
                    level=Level.REQUEST_RESPONSE,
                    users=("tim",),
                    user_groups=("testers", "developers"),
                    verbs=("patch", "delete", "create"),
                    resources=(
                        GroupResources(),
                        GroupResources(
                            group="rbac.authorization.k8s.io",
                            resources=("clusterroles", "clusterrolebindings"),
                        ),
                    ),
                    namespaces=("default", "kube-system"),
                ),
                PolicyRule(
                    level=Level.METADATA, omit_stages=(Stage.PANIC,), omit_managed_fields=True
                ),
            ),
            omit_stages=(Stage.REQUEST_RECEIVED,),
        )
        assert load_policy(text) == (policy, ())

    def test_warning(self) -> None:
        """T162: unknown fields come back as kube-apiserver's warning, with a policy that works."""
        policy, warnings = load_policy(V1 + b"rules: [{level: None, a: 1, level: Metadata}]", "/p")
        assert policy.rules == (PolicyRule(level=Level.METADATA),)
        assert warnings == (
            "Audit policy contains errors, falling back to lenient decoding: strict decoding"
            ' error: line 3: key "level" already set in map,'
            ' unknown field "rules[0].a"',
        )

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (V1, "loaded illegal policy with 0 rules; add one, such as - level: Metadata"),
            (
                V1 + b"rules: null",
                "loaded illegal policy with 0 rules; add one, such as - level: Metadata",
            ),
            (
                V1 + b"Rules: [{level: None}]",
                "loaded illegal policy with 0 rules; add one, such as - level: Metadata",
            ),
            (
                b"",
                "the policy has no apiVersion; a policy has apiVersion: audit.k8s.io/v1 and kind: Policy",
            ),
            (V1 + b"rules: [{}]", "rules[0].level: Required value"),
            (
                V1 + b"rules: [{}, null]",
                "[rules[0].level: Required value, rules[1].level: Required value]",
            ),
            (
                V1 + b"omitStages: [foo]",
                'omitStages[0]: Invalid value: "foo": allowed stages are'
                " RequestReceived,ResponseStarted,ResponseComplete,Panic",
            ),
            (
                V1 + b"rules: [{level: 1}]",
                "failed decoding: rules[0].level: must be text, is a number",
            ),
        ],
    )
    def test_refused(self, text: bytes, message: str) -> None:
        """T162: the text is kube-apiserver's; with a path, the file is named at its end."""
        with pytest.raises(PolicyError) as raised:
            load_policy(text)
        assert str(raised.value) == message
        with pytest.raises(PolicyError) as raised:
            load_policy(text, "/etc/policy.yaml")
        assert str(raised.value) == f"{message}: from file /etc/policy.yaml"


TIM = UserInfo(username="tim@k8s.io", groups=("humans", "developers"))
REQUESTS = {
    "namespaced": Attributes(
        user=TIM,
        verb="get",
        namespace="default",
        api_group="",
        api_version="v1",
        resource="pods",
        name="busybox",
        is_resource_request=True,
        path="/api/v1/namespaces/default/pods/busybox",
    ),
    "cluster": Attributes(
        user=TIM,
        verb="get",
        api_group="rbac.authorization.k8s.io",
        api_version="v1beta1",
        resource="clusterroles",
        name="edit",
        is_resource_request=True,
        path="/apis/rbac.authorization.k8s.io/v1beta1/clusterroles/edit",
    ),
    "nonResource": Attributes(
        user=TIM, verb="get", is_resource_request=False, path="/logs/kubelet.log"
    ),
    "subresource": Attributes(
        user=TIM,
        verb="get",
        namespace="default",
        api_version="v1",
        resource="pods",
        subresource="log",
        name="busybox",
        is_resource_request=True,
        path="/api/v1/namespaces/default/pods/busybox/log",
    ),
    "Unauthorized": Attributes(
        user=None,
        verb="get",
        namespace="default",
        api_version="v1",
        resource="pods",
        name="busybox",
        is_resource_request=True,
        path="/api/v1/namespaces/default/pods/busybox",
    ),
    "CRU": Attributes(
        user=TIM,
        verb="update",
        api_group="rbac.authorization.k8s.io",
        api_version="v1beta1",
        resource="clusterroles",
        subresource="status",
        name="edit",
        is_resource_request=True,
        path="/apis/rbac.authorization.k8s.io/v1beta1/clusterroles/edit/status",
    ),
}


def pods(*resources: str, level: Level = Level.REQUEST) -> PolicyRule:
    """A rule about resources of the core group."""
    return PolicyRule(level=level, verbs=("get",), resources=(GroupResources(resources=resources),))


def roles(level: Level, *names: str) -> PolicyRule:
    """A rule about cluster roles."""
    resources = ("clusterroles",)
    return PolicyRule(
        level=level,
        verbs=("get",),
        namespaces=("",),
        resources=(
            GroupResources(
                group="rbac.authorization.k8s.io", resources=resources, resource_names=names
            ),
        ),
    )


RULES = {
    "default": PolicyRule(level=Level.METADATA),
    "create": PolicyRule(level=Level.REQUEST, verbs=("create",)),
    "tims": PolicyRule(level=Level.METADATA, users=("tim@k8s.io",)),
    "humans": PolicyRule(level=Level.METADATA, user_groups=("humans",)),
    "serviceAccounts": PolicyRule(level=Level.REQUEST, user_groups=("system:serviceaccounts",)),
    "getPods": pods("pods", level=Level.REQUEST_RESPONSE),
    "getPodLogs": pods("pods/log"),
    "getPodWildcard": pods("*"),
    "getPodLogsWildcard": pods("*/log"),
    "getPodSubresources": pods("pods/*"),
    "getClusterRoles": roles(Level.REQUEST_RESPONSE),
    "clusterRoleEdit": roles(Level.REQUEST, "edit"),
    "getLogs": PolicyRule(
        level=Level.REQUEST_RESPONSE, verbs=("get",), non_resource_urls=("/logs*",)
    ),
    "getMetrics": PolicyRule(
        level=Level.REQUEST_RESPONSE, verbs=("get",), non_resource_urls=("/metrics",)
    ),
    "anyGroupStatus": PolicyRule(
        level=Level.REQUEST_RESPONSE,
        verbs=("update",),
        resources=(GroupResources(group="*", resources=("*/status",)),),
    ),
}

TABLE = [
    ("namespaced", "default", Level.METADATA),
    ("namespaced", "create", Level.NONE),
    ("namespaced", "tims", Level.METADATA),
    ("namespaced", "humans", Level.METADATA),
    ("namespaced", "serviceAccounts", Level.NONE),
    ("namespaced", "getPods", Level.REQUEST_RESPONSE),
    ("namespaced", "getClusterRoles", Level.NONE),
    ("namespaced", "getLogs", Level.NONE),
    ("namespaced", "getMetrics", Level.NONE),
    ("namespaced", "getMetrics serviceAccounts default", Level.METADATA),
    ("namespaced", "getMetrics getPods default", Level.REQUEST_RESPONSE),
    ("namespaced", "getPodLogs getPods", Level.REQUEST_RESPONSE),
    ("cluster", "default", Level.METADATA),
    ("cluster", "create", Level.NONE),
    ("cluster", "tims", Level.METADATA),
    ("cluster", "humans", Level.METADATA),
    ("cluster", "serviceAccounts", Level.NONE),
    ("cluster", "getPods", Level.NONE),
    ("cluster", "getClusterRoles", Level.REQUEST_RESPONSE),
    ("cluster", "clusterRoleEdit getClusterRoles", Level.REQUEST),
    ("cluster", "getLogs", Level.NONE),
    ("cluster", "getMetrics", Level.NONE),
    ("cluster", "getMetrics serviceAccounts default", Level.METADATA),
    ("cluster", "getMetrics getClusterRoles default", Level.REQUEST_RESPONSE),
    ("cluster", "getPodLogs getPods", Level.NONE),
    ("nonResource", "default", Level.METADATA),
    ("nonResource", "create", Level.NONE),
    ("nonResource", "tims", Level.METADATA),
    ("nonResource", "humans", Level.METADATA),
    ("nonResource", "serviceAccounts", Level.NONE),
    ("nonResource", "getPods", Level.NONE),
    ("nonResource", "getClusterRoles", Level.NONE),
    ("nonResource", "getLogs", Level.REQUEST_RESPONSE),
    ("nonResource", "getMetrics", Level.NONE),
    ("nonResource", "getMetrics serviceAccounts default", Level.METADATA),
    ("nonResource", "getLogs getClusterRoles default", Level.REQUEST_RESPONSE),
    ("nonResource", "getPodLogs getPods", Level.NONE),
    ("subresource", "getPodLogs getPods", Level.REQUEST),
    ("subresource", "getPods getPodLogs", Level.REQUEST),
    ("subresource", "getPods", Level.NONE),
    ("subresource", "getPodWildcard", Level.REQUEST),
    ("subresource", "getPodLogsWildcard", Level.REQUEST),
    ("subresource", "getPodSubresources", Level.REQUEST),
    ("Unauthorized", "tims", Level.NONE),
    ("Unauthorized", "tims default", Level.METADATA),
    ("Unauthorized", "humans", Level.NONE),
    ("Unauthorized", "humans default", Level.METADATA),
    ("CRU", "anyGroupStatus", Level.REQUEST_RESPONSE),
]


class TestEvaluate:
    """PolicyRuleEvaluator.evaluate."""

    @pytest.mark.parametrize(("request_name", "rules", "level"), TABLE)
    @pytest.mark.parametrize("omit_stages", [(), (Stage.REQUEST_RECEIVED, Stage.RESPONSE_STARTED)])
    def test_checker_table(
        self, request_name: str, rules: str, level: Level, omit_stages: tuple[Stage, ...]
    ) -> None:
        """T163: every row of kube-apiserver's checker_test.go, with and without omitted stages."""
        policy = Policy(rules=tuple(RULES[name] for name in rules.split()), omit_stages=omit_stages)
        config = PolicyRuleEvaluator(policy).evaluate(REQUESTS[request_name])
        assert config == RequestAuditConfig(level, frozenset(omit_stages))

    @pytest.mark.parametrize(
        ("of_policy", "of_rule", "union"),
        [
            ((), (), set()),
            ((Stage.PANIC,), (), {Stage.PANIC}),
            ((), (Stage.PANIC,), {Stage.PANIC}),
            ((Stage.PANIC,), (Stage.PANIC, Stage.PANIC), {Stage.PANIC}),
            ((Stage.PANIC,), (Stage.RESPONSE_STARTED,), {Stage.PANIC, Stage.RESPONSE_STARTED}),
        ],
    )
    def test_omit_stages(
        self, of_policy: tuple[Stage, ...], of_rule: tuple[Stage, ...], union: set[Stage]
    ) -> None:
        """A rule's stages add to the policy's, each once."""
        rule = PolicyRule(level=Level.METADATA, omit_stages=of_rule)
        evaluator = PolicyRuleEvaluator(Policy(rules=(rule,), omit_stages=of_policy))
        assert evaluator.evaluate(REQUESTS["cluster"]).omit_stages == union

    @pytest.mark.parametrize(
        ("of_policy", "of_rule", "result"),
        [(False, None, False), (True, None, True), (True, False, False), (False, True, True)],
    )
    def test_omit_managed_fields(self, of_policy: bool, of_rule: bool | None, result: bool) -> None:
        """T166: a rule's word overrides the policy's, its silence does not."""
        rule = PolicyRule(level=Level.METADATA, omit_managed_fields=of_rule)
        evaluator = PolicyRuleEvaluator(Policy(rules=(rule,), omit_managed_fields=of_policy))
        assert evaluator.evaluate(REQUESTS["cluster"]).omit_managed_fields is result

    def test_no_rule_matches(self) -> None:
        """T161: level None, with what the policy says for all."""
        policy = Policy(
            rules=(RULES["create"],), omit_stages=(Stage.PANIC,), omit_managed_fields=True
        )
        config = PolicyRuleEvaluator(policy).evaluate(REQUESTS["cluster"])
        assert config == RequestAuditConfig(Level.NONE, frozenset({Stage.PANIC}), True)
