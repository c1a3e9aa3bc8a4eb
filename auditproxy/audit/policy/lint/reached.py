"""Findings of rules, and of values in rules, that decide no request."""

from collections.abc import Callable, Iterator, Sequence

from auditproxy.apis.audit import GroupResources, Selectors
from auditproxy.apis.gotext import go_quote
from auditproxy.audit.policy.findings import Finding, Severity
from auditproxy.audit.policy.neverseen import VERBS, unknown_verbs
from auditproxy.audit.policy.reach import MOST_WORK, Reach, UndecidedError

MOST_RULES = 500
"""Rules of a policy that is judged."""
START_WORK = 1_000_000
"""What is spent on rules that are never reached, where a start or a reload waits for it."""
_NOT_JUDGED = Finding(
    check="not-judged",
    severity=Severity.NOTE,
    path="",
    problem="the policy has too many rules, or selectors that combine in too many ways, to judge "
    "whether each rule and value is reached",
    fix="",
)


def never_reached(rules: Sequence[Selectors], work: int = MOST_WORK) -> tuple[Finding, ...]:
    """A finding for each run of rules that decide nothing, because those before them do.

    ``work`` is how much is spent on the search, in units of Reach.
    """
    if len(rules) > MOST_RULES:
        return (_NOT_JUDGED,)
    takers: list[tuple[int, ...] | None] = [None] * len(rules)
    found: list[Finding] = []
    try:
        reach = Reach(rules, work=work)
        for index in range(len(rules)):
            if not reach.decides(index):
                takers[index] = _takers(reach, index)
    except UndecidedError:
        found.append(_NOT_JUDGED)
    index = 0
    while index < len(rules):
        taken = takers[index]
        if taken is None:
            index += 1
            continue
        last = index
        # Rules behind one without selectors, for example, are one finding.
        while taken and last + 1 < len(rules) and takers[last + 1] == taken:
            last += 1
        # What has no verb of a request is found as such.
        if taken or not unknown_verbs(rules[index], ""):
            found.append(_unreached(rules, index, last, taken))
        index = last + 1
    return tuple(found)


def _takers(reach: Reach, index: int) -> tuple[int, ...]:
    """The rules that take what a rule matches; () where it matches nothing at all."""
    return reach.taken_by(index) if reach.decides(index, before=0) else ()


def _unreached(rules: Sequence[Selectors], first: int, last: int, by: tuple[int, ...]) -> Finding:
    path = f"rules[{first}]" + (f" to rules[{last}]" if last > first else "")
    verb = "are" if last > first else "is"
    if not by:
        why = "no request is as it says"
        fix = "correct what it selects, or remove it"
        if rules[first].non_resource_urls:
            why = "requests for these paths are for resources"
            fix = "select them by resources and namespaces"
    elif len(by) == 1 and not _has_selectors(rules[by[0]]):
        why = f"rules[{by[0]}] has no selectors and so matches everything"
        fix = "put it last"
    else:
        they = f"rules[{by[0]}] matches" if len(by) == 1 else f"{_named(by)} together match"
        it = "they match" if last > first else "it matches"
        why = f"{they} all that {it}"
        them = "them" if last > first else "it"
        fix = f"put {them} before, or remove {them}"
    return Finding(
        check="unreachable-rule",
        severity=Severity.ERROR,
        path=path,
        problem=f"{verb} never reached: {why}",
        fix=fix,
    )


def values_taken(rules: Sequence[Selectors]) -> tuple[Finding, ...]:
    """A finding for each value of a rule for which the rules before it decide everything."""
    if len(rules) > MOST_RULES:
        return (_NOT_JUDGED,)
    asked = [
        (index, path, shown, probe)
        for index, rule in enumerate(rules)
        for path, shown, probe in _values(rule, f"rules[{index}]")
    ]
    found: list[Finding] = []
    try:
        reach = Reach(rules, [probe for *_, probe in asked], MOST_WORK)
        reached = [reach.decides(index) for index in range(len(rules))]
        for place, (index, path, shown, _) in enumerate(asked):
            if not reached[index] or reach.decides(index, place):
                continue
            if not reach.decides(index, place, 0):
                found.append(_impossible(path, shown))
                continue
            by = reach.taken_by(index, place)
            found.append(
                Finding(
                    check="decided-earlier",
                    severity=Severity.WARNING,
                    path=path,
                    problem=f"has {shown}, which {_named(by)} "
                    f"{'decides' if len(by) == 1 else 'together decide'} before",
                    fix="remove it here, or put this rule before",
                )
            )
    except UndecidedError:
        found.append(_NOT_JUDGED)
    return tuple(found)


def _impossible(path: str, shown: str) -> Finding:
    fix = "correct or remove it"
    if path.endswith("nonResourceURLs"):
        fix = "paths of resources are selected by resources"
    return Finding(
        check="matches-nothing",
        severity=Severity.ERROR,
        path=path,
        problem=f"has {shown}, which no request of this rule matches",
        fix=fix,
    )


def _values(rule: Selectors, path: str) -> Iterator[tuple[str, str, Selectors]]:
    """Each value of a rule that has others beside it: place, text, and what admits it alone."""
    lists: tuple[tuple[str, tuple[str, ...], Callable[[str], Selectors]], ...] = (
        ("users", rule.users, lambda value: Selectors(users=(value,))),
        ("userGroups", rule.user_groups, lambda value: Selectors(user_groups=(value,))),
        (
            "verbs",
            tuple(verb for verb in rule.verbs if verb in VERBS),
            lambda value: Selectors(verbs=(value,)),
        ),
        ("namespaces", rule.namespaces, lambda value: Selectors(namespaces=(value,))),
        (
            "nonResourceURLs",
            rule.non_resource_urls,
            lambda value: Selectors(non_resource_urls=(value,)),
        ),
    )
    for name, values, alone_admits in lists:
        if len(values) > 1:
            for value in values:
                yield f"{path}.{name}", go_quote(value), alone_admits(value)
    alone = len(rule.resources) == 1
    for index, entry in enumerate(rule.resources):
        where = f"{path}.resources[{index}]"
        for text in entry.resources:
            if not alone or len(entry.resources) > 1:
                one = GroupResources(
                    group=entry.group, resources=(text,), resource_names=entry.resource_names
                )
                yield f"{where}.resources", go_quote(text), Selectors(resources=(one,))
        if not entry.resources and not alone:
            one = GroupResources(group=entry.group)
            yield where, f"all of the group {go_quote(entry.group)}", Selectors(resources=(one,))


def _named(rules: tuple[int, ...]) -> str:
    texts = [f"rules[{index}]" for index in rules]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def _has_selectors(rule: Selectors) -> bool:
    return any(
        (
            rule.users,
            rule.user_groups,
            rule.verbs,
            rule.resources,
            rule.namespaces,
            rule.non_resource_urls,
        )
    )
