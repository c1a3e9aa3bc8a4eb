"""Findings of what a policy leaves out: subresources, other verbs of exec, and CIS 3.2.2.

Asked is about an ordinary user, one that no rule mentions, in a namespace that none does.
"""

from collections.abc import Iterator

from auditproxy.apis.attributes import Attributes
from auditproxy.apis.audit import Level, Policy, PolicyRule
from auditproxy.apis.gotext import go_quote
from auditproxy.apis.user import AUTHENTICATED, UserInfo
from auditproxy.audit.policy.evaluator import PolicyRuleEvaluator
from auditproxy.audit.policy.findings import Finding, Severity

_WRITES = ("create", "update", "patch", "delete")
_VERBS = (*_WRITES, "get", "list", "watch", "deletecollection")
_STREAM = ("get", "create")
_SUBRESOURCES: dict[tuple[str, str], dict[str, tuple[str, ...]]] = {
    ("", "pods"): {
        "exec": _STREAM,
        "attach": _STREAM,
        "portforward": _STREAM,
        "proxy": ("get", "create"),
        "ephemeralcontainers": ("patch", "update"),
        "eviction": ("create",),
    },
    ("", "services"): {"proxy": ("get", "create")},
    ("", "nodes"): {"proxy": ("get", "create")},
    ("", "serviceaccounts"): {"token": ("create",)},
    ("apps", "deployments"): {"scale": ("patch", "update")},
    ("apps", "replicasets"): {"scale": ("patch", "update")},
    ("apps", "statefulsets"): {"scale": ("patch", "update")},
    ("certificates.k8s.io", "certificatesigningrequests"): {"approval": ("update", "patch")},
}
"""Subresources through which something is done, with the verbs of their requests."""
_SESSIONS = ("pods/exec", "pods/attach", "pods/portforward")
_CIS = (
    ("", "secrets", _VERBS),
    ("", "configmaps", _VERBS),
    ("authentication.k8s.io", "tokenreviews", ("create",)),
    ("", "pods", _WRITES),
    ("apps", "deployments", _WRITES),
    ("", "pods/exec", _STREAM),
    ("", "pods/portforward", _STREAM),
    ("", "pods/proxy", _STREAM),
    ("", "services/proxy", _STREAM),
)
_RBAC = ("roles", "rolebindings", "clusterroles", "clusterrolebindings")


def coverage(policy: Policy) -> Iterator[Finding]:
    """Findings of what is not recorded, or too little of it."""
    asked = _Asked(policy)
    for index, rule in enumerate(policy.rules):
        path = f"rules[{index}]"
        if rule.level is not Level.NONE:
            yield from _subresources(asked, rule, path)
            yield from _sessions(asked, rule, path)
    yield _cis(asked)
    group = "rbac.authorization.k8s.io"
    if any(asked.level(group, name, verb) < Level.REQUEST for name in _RBAC for verb in _WRITES):
        yield Finding(
            check="rbac-bodies",
            severity=Severity.NOTE,
            path="",
            problem="the policy records changes to roles and bindings without their bodies, so "
            "that who was given which right is not in the log",
            fix=f"add a rule with the level Request for the group {group} and the verbs of writes",
        )


class _Asked:
    """What the policy says about requests of an ordinary user, or of one that a rule means."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._evaluator = PolicyRuleEvaluator(policy)

    def level(self, group: str, text: str, verb: str, like: PolicyRule | None = None) -> Level:
        """The level of one request."""
        return self._decision(group, text, verb, like)[0]

    def is_meant(self, group: str, text: str, verb: str, like: PolicyRule) -> bool:
        """Whether the rule that decides names this very subresource."""
        index = self._decision(group, text, verb, like)[1]
        return index is not None and any(
            text in entry.resources for entry in self._policy.rules[index].resources
        )

    def _decision(
        self, group: str, text: str, verb: str, like: PolicyRule | None
    ) -> tuple[Level, int | None]:
        user = UserInfo(username="\0", groups=(AUTHENTICATED,))
        namespace = "\0"
        if like is not None:
            user = UserInfo(
                username=next(iter(like.users), "\0"),
                groups=(AUTHENTICATED, *like.user_groups[:1]),
            )
            namespace = next(iter(like.namespaces), "\0")
        resource, _, subresource = text.partition("/")
        config = self._evaluator.evaluate(
            Attributes(
                user=user,
                verb=verb,
                is_resource_request=True,
                path="/",
                namespace=namespace,
                api_group=group,
                resource=resource,
                subresource=subresource,
                name="\0",
            )
        )
        return config.level, self._evaluator.rule_of(config)


def _subresources(asked: _Asked, rule: PolicyRule, path: str) -> Iterator[Finding]:
    for place, entry in enumerate(rule.resources):
        for text in entry.resources:
            lost = [
                f"{text}/{name}"
                for name, verbs in _SUBRESOURCES.get((entry.group, text), {}).items()
                if any(
                    asked.level(entry.group, f"{text}/{name}", verb, rule) is Level.NONE
                    and not asked.is_meant(entry.group, f"{text}/{name}", verb, rule)
                    for verb in verbs
                )
            ]
            if lost:
                yield Finding(
                    check="subresources",
                    severity=Severity.WARNING,
                    path=f"{path}.resources[{place}].resources",
                    problem=f"has {go_quote(text)}, which does not match its subresources, and no "
                    f"rule records all requests for {', '.join(lost)}",
                    fix=f'add them, or write "{text}/*"',
                )


def _sessions(asked: _Asked, rule: PolicyRule, path: str) -> Iterator[Finding]:
    """The same session is a GET or a POST, as the client's protocol is."""
    given = [verb for verb in _STREAM if verb in rule.verbs]
    if len(given) != 1:
        return
    (other,) = set(_STREAM) - set(given)
    texts = [
        text
        for entry in rule.resources
        for text in entry.resources
        if text in _SESSIONS and entry.group in ("", "*")
    ]
    less = [text for text in texts if asked.level("", text, other, rule) < rule.level]
    if not less:
        return
    who = (
        "kubectl since 1.31 sends GET (WebSocket)"
        if other == "get"
        else "kubectl before 1.31 sends POST (SPDY)"
    )
    yield Finding(
        check="verbs-of-sessions",
        severity=Severity.WARNING,
        path=f"{path}.verbs",
        problem=f"has {given[0]} and not {other}, so it does not match {', '.join(less)} of every "
        f"client: {who}",
        fix=f"add {other}",
    )


def _cis(asked: _Asked) -> Finding:
    """CIS Kubernetes Benchmark 3.2.2: that the key concerns are recorded."""
    missing = []
    for group, text, verbs in _CIS:
        lost = [verb for verb in verbs if asked.level(group, text, verb) is Level.NONE]
        if lost:
            missing.append(f"{text} ({', '.join(lost)})")
    return Finding(
        check="cis-3.2.2",
        severity=Severity.NOTE,
        path="",
        problem=f"CIS 3.2.2 is not covered: nothing is recorded of {'; '.join(missing)}"
        if missing
        else "CIS 3.2.2 is covered: secrets, configmaps, tokenreviews, writes of pods and "
        "deployments, exec, portforward and proxies are recorded of an ordinary user",
        fix="add rules with the level Metadata for them" if missing else "",
    )
