"""Findings of selectors that match other requests than they seem to."""

from collections.abc import Iterator, Sequence

from auditproxy.apis.audit import Level, PolicyRule, Selectors
from auditproxy.apis.gotext import go_quote
from auditproxy.audit.policy.builtinresources import is_cluster_scoped
from auditproxy.audit.policy.findings import Finding, Severity
from auditproxy.audit.policy.neverseen import unknown_groups, unknown_resources, unknown_verbs
from auditproxy.audit.policy.reach import MOST_WORK, Reach, UndecidedError

_WITHOUT_NAME = frozenset({"create", "deletecollection"})
"""Verbs of requests that never have a name in their path."""
_WITH_CHILDREN = ("/healthz", "/livez", "/readyz", "/openapi")
"""Paths that clients ask for more below."""
_GONE_USERS = ("kubelet", "system:unsecured")
_WIDE_GROUPS = (
    "system:authenticated",
    "system:masters",
    "system:serviceaccounts",
    "system:serviceaccounts:kube-system",
)
_OF_NAMESPACES = ("namespaces", "namespaces/status", "namespaces/finalize", "namespaces/*")
"""Requests for one namespace have its name for a namespace."""


def never_matching(selectors: Selectors, path: str) -> tuple[Finding, ...]:
    """A finding for each value in a rule at ``path`` that matches nothing."""
    return (
        *literal_asterisks(selectors, path),
        *unknown_verbs(selectors, path),
        *unknown_groups(selectors, path),
        *unknown_resources(selectors, path),
    )


def literal_asterisks(selectors: Selectors, path: str) -> tuple[Finding, ...]:
    """A finding for each list of a rule at ``path`` whose asterisk is not a pattern."""
    return tuple(
        Finding(
            check="literal-asterisk",
            severity=Severity.ERROR,
            path=f"{path}.{name}",
            problem=f"has {go_quote(value)}, and its asterisk stands for itself: names are "
            "compared whole",
            fix="give each name, or leave the list out to mean all",
        )
        for name, values in (
            ("users", selectors.users),
            ("userGroups", selectors.user_groups),
            ("namespaces", selectors.namespaces),
        )
        for value in values
        if "*" in value
    )


def selecting(rules: Sequence[PolicyRule]) -> Iterator[Finding]:
    """Findings of each rule's selectors, and of what no rule selects."""
    for index, rule in enumerate(rules):
        path = f"rules[{index}]"
        yield from _scopes(rule, path)
        yield from _names(rule, path)
        yield from _paths(rule, path)
        yield from _hidden(rule, path)
    try:
        if Reach([*rules, Selectors()], work=MOST_WORK).decides(len(rules)):
            yield Finding(
                check="no-catch-all",
                severity=Severity.NOTE,
                path="",
                problem="the policy has requests that no rule matches, and they are not recorded",
                fix="end with a rule that has a level alone, such as level: Metadata",
            )
    except UndecidedError:
        return


def _scopes(rule: PolicyRule, path: str) -> Iterator[Finding]:
    """Namespaces of what has none."""
    if not rule.namespaces or "" in rule.namespaces:
        return
    for index, entry in enumerate(rule.resources):
        for text in entry.resources:
            resource = text.partition("/")[0]
            if is_cluster_scoped(entry.group, resource) and text not in _OF_NAMESPACES:
                yield Finding(
                    check="cluster-scoped",
                    severity=Severity.ERROR,
                    path=f"{path}.resources[{index}].resources",
                    problem=f"has {go_quote(text)}, which has no namespace, and so this rule, "
                    "which has namespaces, does not match it",
                    fix='move it to a rule without namespaces, or add the namespace ""',
                )
    if not rule.verbs or not {"list", "watch"}.isdisjoint(rule.verbs):
        yield Finding(
            check="all-namespaces",
            severity=Severity.NOTE,
            path=f"{path}.namespaces",
            problem="does not match requests for all namespaces together, such as kubectl get "
            '--all-namespaces, whose namespace is ""',
            fix='add "" if they are meant',
        )


def _names(rule: PolicyRule, path: str) -> Iterator[Finding]:
    """Names of requests that have none."""
    for index, entry in enumerate(rule.resources):
        bare = [text for text in entry.resources if "/" not in text or text.endswith("/*")]
        if not entry.resource_names or not bare:
            continue
        where = f"{path}.resources[{index}].resourceNames"
        without = [verb for verb in rule.verbs if verb in _WITHOUT_NAME]
        if rule.verbs and len(without) == len(rule.verbs):
            yield Finding(
                check="names-of-nothing",
                severity=Severity.ERROR,
                path=where,
                problem=f"restricts {' and '.join(without)}, whose requests have no name in their "
                "path",
                fix="remove resourceNames",
            )
        elif without or not rule.verbs or not {"list", "watch"}.isdisjoint(rule.verbs):
            yield Finding(
                check="names-of-collections",
                severity=Severity.NOTE,
                path=where,
                problem="does not match create and deletecollection, nor list and watch without "
                "fieldSelector=metadata.name=NAME: these requests have no name",
                fix="add a rule without resourceNames if they are meant",
            )


def _paths(rule: PolicyRule, path: str) -> Iterator[Finding]:
    for url in rule.non_resource_urls:
        if url in _WITH_CHILDREN and f"{url}*" not in rule.non_resource_urls:
            yield Finding(
                check="path-without-children",
                severity=Severity.NOTE,
                path=f"{path}.nonResourceURLs",
                problem=f"has {go_quote(url)}, which does not match paths below it, such as "
                f"{url}/{'v3' if url == '/openapi' else 'ping'}",
                fix=f'write "{url}*" if they are meant',
            )


def _hidden(rule: PolicyRule, path: str) -> Iterator[Finding]:
    """Rules with the level None that hide more than noise, and users that no longer exist."""
    for user in rule.users:
        if user in _GONE_USERS:
            yield Finding(
                check="old-user",
                severity=Severity.NOTE,
                path=f"{path}.users",
                problem=f"has {go_quote(user)}, a name that no current component has",
                fix="remove it; nodes are in the group system:nodes",
            )
    if rule.level is not Level.NONE or rule.non_resource_urls or rule.resources:
        return
    wide = [group for group in rule.user_groups if group in _WIDE_GROUPS]
    if "kube-system" in rule.namespaces:
        what, where = "the namespace kube-system", "namespaces"
    elif wide and not rule.users:
        what, where = f"the group {wide[0]}", "userGroups"
    else:
        return
    reads = rule.verbs and set(rule.verbs) <= {"get", "list", "watch"}
    yield Finding(
        check="hides-much",
        severity=Severity.WARNING,
        path=f"{path}.{where}",
        problem=f"leaves no event of {'reads' if reads else 'requests'} of every resource in "
        f"{what}, secrets and tokens among them, and the level is decided by the original user, "
        "before impersonation",
        fix="name the resources that are noise",
    )
