"""explain: which rule decides a request, and why none before it does, in words.

The rule is found by the proxy's evaluator. ``mismatch`` reads each rule a second time, in the order
of kube-apiserver's checks (apiserver audit/policy/checker.go), only to name what does not match.
"""

from collections.abc import Iterator

import msgspec

from auditproxy.apis.attributes import Attributes, RequestInfo
from auditproxy.apis.audit import GroupResources, Level, Policy, Selectors, Stage
from auditproxy.apis.gotext import go_quote
from auditproxy.apis.user import UserInfo
from auditproxy.audit.policy.evaluator import PolicyRuleEvaluator
from auditproxy.request.attributes import attributes
from auditproxy.request.requestinfo import is_long_running

_SHOWN = 6
"""Values of a list that are shown."""


class RuleStep(msgspec.Struct, frozen=True):
    """One rule that was asked: "" for what does not match where it does."""

    rule: int
    selector: str = ""
    reason: str = ""

    @property
    def matches(self) -> bool:
        """Whether the rule decides."""
        return not self.selector


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What the policy says about a request; ``rule`` is None where none matches.

    ``stages`` are those of its events if it is answered without a panic.
    """

    rule: int | None
    level: Level
    stages: tuple[Stage, ...]
    omit_managed_fields: bool
    steps: tuple[RuleStep, ...]


def explain(policy: Policy, user: UserInfo | None, info: RequestInfo) -> Explanation:
    """Ask the policy about a request; ``user`` is None for one whose authentication failed."""
    asked = attributes(user, info, selectors=False)
    evaluator = PolicyRuleEvaluator(policy)
    config = evaluator.evaluate(asked)
    deciding = evaluator.rule_of(config)
    before = policy.rules if deciding is None else policy.rules[:deciding]
    steps = [
        found
        for index, rule in enumerate(before)
        if (found := mismatch(rule, asked, index)) is not None
    ]
    if deciding is not None:
        steps.append(RuleStep(deciding))
    recorded = config.level is not Level.NONE
    return Explanation(
        rule=deciding,
        level=config.level,
        stages=tuple(
            stage for stage in stages_of(user, info) if recorded and stage not in config.omit_stages
        ),
        omit_managed_fields=config.omit_managed_fields,
        steps=tuple(steps),
    )


def stages_of(user: UserInfo | None, info: RequestInfo) -> tuple[Stage, ...]:
    """The stages of a request that is answered; failed authentication has one, without result."""
    if user is None:
        return (Stage.RESPONSE_STARTED,)
    if is_long_running(info):
        return Stage.REQUEST_RECEIVED, Stage.RESPONSE_STARTED, Stage.RESPONSE_COMPLETE
    return Stage.REQUEST_RECEIVED, Stage.RESPONSE_COMPLETE


def mismatch(rule: Selectors, asked: Attributes, index: int = 0) -> RuleStep | None:
    """The first selector of a rule that does not match a request; None where all do."""
    for selector, reason in _mismatches(rule, asked):
        return RuleStep(index, selector, reason)
    return None


def _mismatches(rule: Selectors, asked: Attributes) -> Iterator[tuple[str, str]]:
    user = asked.user
    if rule.users and (user is None or user.username not in rule.users):
        who = (
            "the request has no user" if user is None else f"the user is {go_quote(user.username)}"
        )
        yield "users", f"{who}, not {_one_of(rule.users)}"
    if rule.user_groups and (user is None or set(rule.user_groups).isdisjoint(user.groups)):
        groups = () if user is None else user.groups
        in_groups = f"only in {_listed(groups)}" if groups else "in no group"
        yield "userGroups", f"the user is {in_groups}, not in {_one_of(rule.user_groups)}"
    if rule.verbs and asked.verb not in rule.verbs:
        yield "verbs", f"the verb is {go_quote(asked.verb)}, not {_one_of(rule.verbs)}"
    if rule.namespaces or rule.resources:
        yield from _resource_mismatches(rule, asked)
    elif rule.non_resource_urls:
        if asked.is_resource_request:
            yield "nonResourceURLs", "the request is for a resource"
        elif not any(_admits(url, asked.path) for url in rule.non_resource_urls):
            yield (
                "nonResourceURLs",
                f"the path is {go_quote(asked.path)}, not {_one_of(rule.non_resource_urls)}",
            )


def _admits(url: str, path: str) -> bool:
    return url == path or (url.endswith("*") and path.startswith(url.rstrip("*")))


def _resource_mismatches(rule: Selectors, asked: Attributes) -> Iterator[tuple[str, str]]:
    if not asked.is_resource_request:
        selector = "namespaces" if rule.namespaces else "resources"
        yield selector, f"the request is for the path {go_quote(asked.path)}, not for a resource"
        return
    if rule.namespaces and asked.namespace not in rule.namespaces:
        namespace = f"the namespace is {go_quote(asked.namespace)}"
        if not asked.namespace:
            namespace = "the request has no namespace"
        yield "namespaces", f"{namespace}, not {_one_of(rule.namespaces)}"
    if rule.resources and not any(_is_meant(entry, asked) for entry in rule.resources):
        yield "resources", _why_no_entry(rule.resources, asked)


def _combined(asked: Attributes) -> str:
    return f"{asked.resource}/{asked.subresource}" if asked.subresource else asked.resource


def _has_text(entry: GroupResources, asked: Attributes) -> bool:
    """Whether one of an entry's texts means the resource, apart from its name."""
    return not entry.resources or any(
        text in (_combined(asked), "*")
        or (asked.subresource and text == f"*/{asked.subresource}")
        or text == f"{asked.resource}/*"
        for text in entry.resources
    )


def _is_meant(entry: GroupResources, asked: Attributes) -> bool:
    if entry.group not in (asked.api_group, "*") or not _has_text(entry, asked):
        return False
    return not entry.resources or not entry.resource_names or asked.name in entry.resource_names


def _why_no_entry(entries: tuple[GroupResources, ...], asked: Attributes) -> str:
    """Why none of a rule's entries means the resource: the one that came nearest says it."""
    of_group = [entry for entry in entries if entry.group in (asked.api_group, "*")]
    if not of_group:
        groups = tuple(dict.fromkeys(entry.group for entry in entries))
        return f"the group is {go_quote(asked.api_group)}, not {_one_of(groups)}"
    of_text = [entry for entry in of_group if _has_text(entry, asked)]
    if of_text:
        names = tuple(name for entry in of_text for name in entry.resource_names)
        name = f"the name is {go_quote(asked.name)}" if asked.name else "the request has no name"
        return f"{name}, not {_one_of(names)}"
    texts = tuple(text for entry in of_group for text in entry.resources)
    hint = ""
    if asked.subresource and asked.resource in texts:
        hint = f", and {asked.resource} alone does not match its subresources"
    return f"the resource is {go_quote(_combined(asked))}, not {_one_of(texts)}{hint}"


def _one_of(values: tuple[str, ...]) -> str:
    return f"{'one of ' if len(values) > 1 else ''}{_listed(values)}"


def _listed(values: tuple[str, ...]) -> str:
    shown = ", ".join(map(go_quote, values[:_SHOWN]))
    more = len(values) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
