"""Findings of levels and stages: those without an effect, and those with too large a one."""

from collections.abc import Iterator

from auditproxy.apis.audit import Level, Policy, PolicyRule, Stage
from auditproxy.apis.names import STREAMING_SUBRESOURCES
from auditproxy.audit.policy.findings import Finding, Severity

_READS = frozenset({"get", "list"})
_WITHOUT_BODY = frozenset({"get", "list", "watch"})
"""Verbs of requests that have no body."""
_NO_MORE = {
    Level.REQUEST: "no more than Metadata would",
    Level.REQUEST_RESPONSE: "no more than Metadata would but the Status of errors",
}
_OF_ALL_REQUESTS = frozenset({Stage.REQUEST_RECEIVED, Stage.RESPONSE_COMPLETE})


def levels(policy: Policy) -> Iterator[Finding]:
    """Findings of each rule's level and stages, and of the policy's own."""
    reads_decided: set[str] = set()
    for index, rule in enumerate(policy.rules):
        path = f"rules[{index}]"
        yield from _stages(policy, rule, path)
        yield from _without_effect(policy, rule, path)
        if means_every_resource(rule):
            if rule.level is Level.REQUEST_RESPONSE and _reads(rule) - reads_decided:
                yield _of_all_reads(path)
            reads_decided |= _reads(rule)
    yield from _received(policy)
    yield from _managed_fields(policy)


def _of_all_reads(path: str) -> Finding:
    return Finding(
        check="responses-of-reads",
        severity=Severity.WARNING,
        path=path,
        problem="records the responses to reads of every resource (level RequestResponse), so "
        "events are as large as the lists",
        fix="name resources, or put a rule with level Metadata for the verbs get, list and watch "
        "before it",
    )


def means_every_resource(rule: PolicyRule) -> bool:
    """Whether a rule applies to all users and to every resource of the core group."""
    if rule.users or rule.user_groups or rule.namespaces:
        return False
    if not rule.resources:
        return not rule.non_resource_urls
    return any(
        not entry.group
        and not entry.resource_names
        and (not entry.resources or "*" in entry.resources)
        for entry in rule.resources
    )


def _reads(rule: PolicyRule) -> frozenset[str]:
    """The verbs among get and list that a rule decides."""
    return _READS & frozenset(rule.verbs) if rule.verbs else _READS


def _stages(policy: Policy, rule: PolicyRule, path: str) -> Iterator[Finding]:
    """Stages that are omitted together, or without which something is lost."""
    if rule.level is Level.NONE:
        return
    omitted = {*policy.omit_stages, *rule.omit_stages}
    where = f"{path}.omitStages" if rule.omit_stages else "omitStages"
    if {*_OF_ALL_REQUESTS, Stage.RESPONSE_STARTED} <= omitted:
        yield Finding(
            check="no-stage",
            severity=Severity.ERROR,
            path=path,
            problem=f"has the level {rule.level.word}, and every stage is omitted"
            f"{'' if Stage.PANIC in omitted else ' but Panic'}, so nothing is recorded",
            fix="omit RequestReceived alone, or give the level None",
        )
        return
    if Stage.RESPONSE_COMPLETE in omitted:
        yield Finding(
            check="no-result",
            severity=Severity.WARNING,
            path=where,
            problem=f"omits ResponseComplete, so requests of {path} leave no event with a result",
            fix="remove ResponseComplete",
        )
    if Stage.RESPONSE_STARTED in omitted:
        all_users = not rule.users and not rule.user_groups
        lost = "requests whose authentication failed leave no event, and " if all_users else ""
        yield Finding(
            check="no-start",
            severity=Severity.WARNING if all_users else Severity.NOTE,
            path=where,
            problem=f"omits ResponseStarted, so in {path} {lost}exec and watches are seen when "
            "they end",
            fix="remove ResponseStarted; other requests do not have it",
        )


def _without_effect(policy: Policy, rule: PolicyRule, path: str) -> Iterator[Finding]:
    """Levels and members that change nothing."""
    if rule.level is Level.NONE and (rule.omit_stages or rule.omit_managed_fields is not None):
        member = "omitStages" if rule.omit_stages else "omitManagedFields"
        yield _no_effect(f"{path}.{member}", "with the level None, which records nothing", "it")
    elif rule.level is Level.METADATA and rule.omit_managed_fields is not None:
        yield _no_effect(
            f"{path}.omitManagedFields", "with the level Metadata, which records no body", "it"
        )
    if rule.level < Level.REQUEST:
        return
    level = rule.level.word
    if rule.non_resource_urls:
        why = "of these requests no body is recorded"
    elif rule.verbs and set(rule.verbs) <= {"watch"}:
        why = "of watches no body is recorded"
    elif _are_streams(rule):
        why = "these streams have no recorded bodies"
    elif rule.level is Level.REQUEST and rule.verbs and set(rule.verbs) <= _WITHOUT_BODY:
        why = "these requests have no body"
    else:
        return
    yield Finding(
        check="level-without-effect",
        severity=Severity.NOTE,
        path=f"{path}.level",
        problem=f"is {level} and records {_NO_MORE[rule.level]}: {why}",
        fix="write Metadata, or mean more requests",
    )


def _no_effect(path: str, where: str, what: str) -> Finding:
    return Finding(
        check="member-without-effect",
        severity=Severity.NOTE,
        path=path,
        problem=f"has no effect {where}",
        fix=f"remove {what}",
    )


def _are_streams(rule: PolicyRule) -> bool:
    """Whether all that a rule names are streams."""
    texts = [text for entry in rule.resources for text in entry.resources]
    if not texts or any(not entry.resources for entry in rule.resources):
        return False
    return all(text.partition("/")[2] in STREAMING_SUBRESOURCES for text in texts)


def _received(policy: Policy) -> Iterator[Finding]:
    """RequestReceived doubles the lines of most requests."""
    if any(
        rule.level is not Level.NONE
        and Stage.REQUEST_RECEIVED not in {*policy.omit_stages, *rule.omit_stages}
        for rule in policy.rules
    ):
        yield Finding(
            check="request-received",
            severity=Severity.NOTE,
            path="omitStages",
            problem="does not omit RequestReceived everywhere, so a request leaves two events or "
            "more",
            fix="omit it, unless requests that never end must be seen",
        )


def _managed_fields(policy: Policy) -> Iterator[Finding]:
    for index, rule in enumerate(policy.rules):
        omits = rule.omit_managed_fields
        if omits is None:
            omits = policy.omit_managed_fields
        if rule.level >= Level.REQUEST and not omits and not rule.non_resource_urls:
            yield Finding(
                check="managed-fields",
                severity=Severity.NOTE,
                path=f"rules[{index}]",
                problem="records metadata.managedFields in bodies, which is often much of them and "
                "of little use",
                fix="write omitManagedFields: true for the policy",
            )
            return
