"""Which requests a rule matches: rows of its members, then a slow second opinion."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.attributes import Attributes
from auditproxy.apis.audit import (
    GroupResources,
    Level,
    Policy,
    PolicyRule,
)
from auditproxy.apis.user import UserInfo
from auditproxy.audit.policy.decoding import PolicyError
from auditproxy.audit.policy.evaluator import PolicyRuleEvaluator, load_policy

NODES_M = "{resources: [nodes], resourceNames: [m]}"
V1 = b"apiVersion: audit.k8s.io/v1\nkind: Policy\n"


TIM = UserInfo(username="tim", groups=("humans",))
PODS = Attributes(
    user=TIM,
    verb="get",
    namespace="default",
    resource="pods",
    name="busybox",
    is_resource_request=True,
    path="/api/v1/namespaces/default/pods/busybox",
)
ROLES = Attributes(
    user=TIM,
    verb="get",
    api_group="rbac.authorization.k8s.io",
    resource="clusterroles",
    is_resource_request=True,
    path="/apis/rbac.authorization.k8s.io/v1/clusterroles",
)


class TestRule:
    """One rule's members."""

    @pytest.mark.parametrize(
        ("entry", "matches"),
        [
            ("{}", "pods pods/log"),
            ("{resources: []}", "pods pods/log"),
            ("{resourceNames: [other], resources: []}", None),
            ("{resources: [pods]}", "pods"),
            ("{resources: [pods/log]}", "pods/log"),
            ("{resources: ['*']}", "pods pods/log"),
            ("{resources: ['*/log']}", "pods/log"),
            ("{resources: ['*/*']}", ""),
            ("{resources: ['pods/*']}", "pods pods/log"),
            ("{resources: ['*/exec', 'nodes/*']}", ""),
            ("{group: apps}", ""),
            ("{group: '*', resources: [pods]}", "pods"),
            ("{resources: [pods], resourceNames: [m]}", "pods"),
            ("{resources: [pods], resourceNames: [x]}", ""),
            ("{resources: [pods], resourceNames: ['']}", ""),
            ("{group: apps}, {group: '*', resources: [pods]}", "pods"),
            ("{resources: [nodes]}, {group: '*', resources: [pods]}", "pods"),
            (f"{NODES_M}, {{resources: [pods], resourceNames: [x]}}", ""),
            (f"{NODES_M}, {{resources: ['pods/*'], resourceNames: [m]}}", "pods pods/log"),
        ],
    )
    def test_resources(self, entry: str, matches: str | None) -> None:
        """T163: groups, wildcards, subresources and names."""
        text = V1 + f"rules: [{{level: Metadata, resources: [{entry}]}}]".encode()
        if matches is None:
            with pytest.raises(PolicyError):
                load_policy(text)
            return
        evaluator = PolicyRuleEvaluator(load_policy(text)[0])
        for subresource in ("", "log"):
            attributes = Attributes(
                user=TIM,
                verb="get",
                is_resource_request=True,
                path="/",
                resource="pods",
                subresource=subresource,
                name="m",
            )
            combined = f"pods/{subresource}" if subresource else "pods"
            wanted = Level.METADATA if combined in matches.split() else Level.NONE
            assert evaluator.evaluate(attributes).level is wanted

    @pytest.mark.parametrize(
        ("url", "path", "matches"),
        [
            ("*", "/any", True),
            ("/logs", "/logs", True),
            ("/logs", "/logs/x", False),
            ("/logs*", "/logs", True),
            ("/logs*", "/logs/x", True),
            ("/logs*", "/logsfoo", True),
            ("/logs*", "/log", False),
            ("/logs/*", "/logs", False),
            ("/*", "/", True),
            ("/logs", "/logs?", False),
        ],
    )
    def test_non_resource_urls(self, url: str, path: str, matches: bool) -> None:
        """T163: exact paths and beginnings, for non-resource requests only."""
        rule = PolicyRule(level=Level.METADATA, non_resource_urls=(url,))
        evaluator = PolicyRuleEvaluator(Policy(rules=(rule,)))
        for is_resource_request in (False, True):
            attributes = Attributes(
                user=None, verb="get", is_resource_request=is_resource_request, path=path
            )
            wanted = Level.METADATA if matches and not is_resource_request else Level.NONE
            assert evaluator.evaluate(attributes).level is wanted

    @pytest.mark.parametrize(
        "member",
        [{"users": ("*",)}, {"user_groups": ("*",)}, {"verbs": ("*",)}, {"namespaces": ("*",)}],
    )
    def test_no_wildcards_elsewhere(self, member: dict[str, tuple[str, ...]]) -> None:
        """T163: a star among users, groups, verbs or namespaces is a plain text."""
        rule = PolicyRule(level=Level.METADATA, **member)  # type: ignore[arg-type]
        evaluator = PolicyRuleEvaluator(Policy(rules=(rule,)))
        assert evaluator.evaluate(PODS).level is Level.NONE

    def test_cluster_scope_is_the_empty_namespace(self) -> None:
        """T163: requests without a namespace match only the literal empty text."""
        for namespaces, level in ((("",), Level.METADATA), (("default",), Level.NONE)):
            rule = PolicyRule(level=Level.METADATA, namespaces=namespaces)
            evaluator = PolicyRuleEvaluator(Policy(rules=(rule,)))
            assert evaluator.evaluate(ROLES).level is level

    def test_exec_by_websocket_is_a_get(self) -> None:
        """T164: a rule on create of pods/exec does not see the WebSocket form."""
        rule = PolicyRule(
            level=Level.METADATA,
            verbs=("create",),
            resources=(GroupResources(resources=("pods/exec",)),),
        )
        evaluator = PolicyRuleEvaluator(Policy(rules=(rule,)))
        for verb, level in (("create", Level.METADATA), ("get", Level.NONE)):
            attributes = Attributes(
                user=TIM,
                verb=verb,
                is_resource_request=True,
                path="/",
                resource="pods",
                subresource="exec",
            )
            assert evaluator.evaluate(attributes).level is level


def slow_matches(rule: PolicyRule, request: Attributes) -> bool:
    """Whether one rule matches, said as plainly as the policy's reference says it."""
    user = request.user
    if rule.users and (user is None or user.username not in rule.users):
        return False
    if rule.user_groups and (user is None or not set(user.groups) & set(rule.user_groups)):
        return False
    if rule.verbs and request.verb not in rule.verbs:
        return False
    if rule.namespaces or rule.resources:
        return request.is_resource_request and slow_matches_resource(rule, request)
    if rule.non_resource_urls:
        return not request.is_resource_request and any(
            url == "*"
            or url == request.path
            or (url.endswith("*") and request.path.startswith(url.rstrip("*")))
            for url in rule.non_resource_urls
        )
    return True


def slow_matches_resource(rule: PolicyRule, request: Attributes) -> bool:
    """Whether a rule's namespaces and resources match a resource request."""
    if rule.namespaces and request.namespace not in rule.namespaces:
        return False
    if not rule.resources:
        return True
    subresource = request.subresource
    combined = f"{request.resource}/{subresource}" if subresource else request.resource
    for entry in rule.resources:
        if entry.group not in (request.api_group, "*"):
            continue
        if not entry.resources:
            return True
        for text in entry.resources:
            if entry.resource_names and request.name not in entry.resource_names:
                continue
            if text in (combined, "*"):
                return True
            if subresource and text.startswith("*/") and text[2:] == subresource:
                return True
            if text.endswith("/*") and text[:-2] == request.resource:
                return True
    return False


def some(*values: str) -> st.SearchStrategy[tuple[str, ...]]:
    """Up to two of a few texts, none for a rule without that restriction."""
    return st.lists(st.sampled_from(values), max_size=2).map(tuple)


RESOURCES = some("a", "b", "*", "a/x", "b/x", "*/x", "*/y", "a/*", "b/*", "*/*", "/*", "*/")
SOME_RULES = st.builds(
    PolicyRule,
    level=st.sampled_from(list(Level)),
    users=some("u", "*"),
    user_groups=some("g", "h"),
    verbs=some("get", "list"),
    namespaces=some("", "n"),
    resources=st.lists(
        st.builds(
            GroupResources,
            group=st.sampled_from(["", "apps", "*"]),
            resources=RESOURCES,
            resource_names=some("m", ""),
        ),
        max_size=3,
    ).map(tuple),
    non_resource_urls=some("*", "/p", "/p*", "/*", "/q", "**"),
)
SOME_REQUESTS = st.builds(
    Attributes,
    user=st.none()
    | st.builds(UserInfo, username=st.sampled_from(["u", "v"]), groups=some("g", "i")),
    verb=st.sampled_from(["get", "list", "create"]),
    is_resource_request=st.booleans(),
    path=st.sampled_from(["/p", "/p/x", "/q", ""]),
    namespace=st.sampled_from(["", "n", "o"]),
    api_group=st.sampled_from(["", "apps", "batch"]),
    resource=st.sampled_from(["a", "b", ""]),
    subresource=st.sampled_from(["", "x", "y"]),
    name=st.sampled_from(["", "m", "k"]),
)


@given(st.lists(SOME_RULES, max_size=4), SOME_REQUESTS)
def test_equals_the_slow_opinion(rules: list[PolicyRule], request: Attributes) -> None:
    """T163: the prepared rules decide as the plain reading of each rule in order does."""
    level = next((rule.level for rule in rules if slow_matches(rule, request)), Level.NONE)
    assert PolicyRuleEvaluator(Policy(rules=tuple(rules))).evaluate(request).level is level
