"""Rights that are granted, and which of them requests used.

Pure. A rule is used by a request that it allows, whether or not another rule allows it too. Of a
rule that only some of its verbs and resources were used of, there are rules for these.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from auditproxy.apis.user import AUTHENTICATED
from auditproxy.reading.rbac.manifests import GROUP_KIND, Grant
from auditproxy.reading.rbac.rights import SERVICE_ACCOUNT, is_master
from auditproxy.reading.rbac.rules import ALL, AskedRight, RbacRule

USED, PARTLY, UNUSED, UNKNOWN = ("used", "partly used", "unused", "unknown")
"""What a rule is; unknown is a rule whose verbs no request has."""
MOST_PARTS = 1000
"""Combinations of a rule's verbs and resources that are kept; of more no narrower rule is made."""
MOST_EXAMPLES = 5
"""Rights of a user without a grant that are kept."""
_ANONYMOUS, _UNAUTHENTICATED = ("system:anonymous", "system:unauthenticated")
_SEEN_VERBS = frozenset(
    (
        "get",
        "list",
        "watch",
        "create",
        "update",
        "patch",
        "delete",
        "deletecollection",
        "impersonate",
        "proxy",
        "head",
        "post",
        "put",
        "options",
        "connect",
        "trace",
        "*",
    )
)
"""Verbs that an event may have, those of paths with them."""


class RuleUse(msgspec.Struct):
    """How often a rule allowed what was asked, and what that was."""

    requests: int = 0
    alone: int = 0
    """Requests that no other granted rule allows."""
    first: str = ""
    last: str = ""
    is_used: bool = False
    parts: set[AskedRight] = msgspec.field(default_factory=set)
    is_cut: bool = False
    """Whether there were too many parts."""


class GrantUse(msgspec.Struct):
    """A grant, and the use of its rules."""

    grant: Grant
    uses: dict[int, RuleUse] = msgspec.field(default_factory=dict)
    is_seen: bool = False
    """Whether the subject, or a member of the group, made a request, allowed or not."""


class WithoutGrant(msgspec.Struct):
    """Requests of a user that were allowed, and that no rule allows."""

    requests: int = 0
    last: str = ""
    masters: int = 0
    """Those of a member of system:masters, for which RBAC is not asked."""
    examples: list[AskedRight] = msgspec.field(default_factory=list)


class _RoleIndex:
    """The rules of a role by their resources; few of them are asked for each right."""

    def __init__(self, rules: Sequence[RbacRule]) -> None:
        self._rules = rules
        self._of_resource: dict[str, list[int]] = {}
        self._of_paths: list[int] = []
        for number, rule in enumerate(rules):
            for resource in dict.fromkeys(rule.resources):
                self._of_resource.setdefault(resource, []).append(number)
            if rule.non_resource_urls:
                self._of_paths.append(number)

    def allowing(self, asked: AskedRight) -> Iterator[int]:
        """The numbers of the rules that allow a right, each once."""
        if asked.path:
            numbers: Iterable[int] = self._of_paths
        else:
            _, slash, subresource = asked.resource.partition("/")
            keys = {ALL, asked.resource} | ({f"{ALL}/{subresource}"} if slash else set())
            numbers = {number for key in keys for number in self._of_resource.get(key, ())}
        return (number for number in sorted(numbers) if self._rules[number].allows(asked))


class RightsUse:
    """Counts the use of grants, right by right."""

    def __init__(self, grants: Iterable[Grant]) -> None:
        self.grants: list[GrantUse] = []
        self.without: dict[str, WithoutGrant] = {}
        self._of_users: dict[str, list[GrantUse]] = {}
        self._of_groups: dict[str, list[GrantUse]] = {}
        self._indexes: dict[tuple[RbacRule, ...], _RoleIndex] = {}
        for grant in grants:
            use = GrantUse(grant)
            self.grants.append(use)
            of = self._of_groups if grant.kind == GROUP_KIND else self._of_users
            of.setdefault(grant.subject, []).append(use)
            if grant.rules not in self._indexes:
                self._indexes[grant.rules] = _RoleIndex(grant.rules)

    def see(self, user: str, groups: Sequence[str]) -> list[GrantUse]:
        """Whose grants a user has, marked as seen."""
        found = list(self._of_users.get(user, ()))
        for group in groups_of_user(user, groups):
            found += self._of_groups.get(group, ())
        for use in found:
            use.is_seen = True
        return found

    def add(
        self,
        user: str,
        groups: Sequence[str],
        asked: AskedRight,
        requests: int,
        first: str,
        last: str,
    ) -> None:
        """Count requests that were allowed; ``requests`` is 0 for what is only asked besides."""
        held = self.see(user, groups)
        if is_master(groups):
            self._count_without(user, asked, requests, last, is_master=True)
            return
        allowing: list[tuple[RbacRule, RuleUse]] = []
        for use in held:
            grant = use.grant
            if grant.namespace and (asked.path or grant.namespace != asked.namespace):
                continue
            for number in self._indexes[grant.rules].allowing(asked):
                allowing.append((grant.rules[number], use.uses.setdefault(number, RuleUse())))
        for rule, counted in allowing:
            _count(rule, counted, asked, requests, first, last)
        if len(allowing) == 1:
            allowing[0][1].alone += requests
        if not allowing and requests:
            self._count_without(user, asked, requests, last, is_master=False)

    def _count_without(
        self, user: str, asked: AskedRight, requests: int, last: str, *, is_master: bool
    ) -> None:
        known = self.without.setdefault(user, WithoutGrant())
        known.requests += requests
        known.masters += requests if is_master else 0
        known.last = max(known.last, last)
        if len(known.examples) < MOST_EXAMPLES and asked not in known.examples:
            known.examples.append(asked)


def _count(
    rule: RbacRule, counted: RuleUse, asked: AskedRight, requests: int, first: str, last: str
) -> None:
    counted.is_used = True
    counted.requests += requests
    if first and (not counted.first or first < counted.first):
        counted.first = first
    counted.last = max(counted.last, last)
    part = _part(rule, asked)
    if part in counted.parts:
        return
    if len(counted.parts) < MOST_PARTS:
        counted.parts.add(part)
    else:
        counted.is_cut = True


def _part(rule: RbacRule, asked: AskedRight) -> AskedRight:
    """The right as its rule distinguishes it: paths as the rule has them, names if it has some."""
    if asked.path:
        return AskedRight(asked.verb, path=_url_of(rule, asked))
    name = asked.name if rule.resource_names else ""
    return AskedRight(asked.verb, asked.group, asked.resource, name=name)


def _url_of(rule: RbacRule, asked: AskedRight) -> str:
    """The shortest change of a rule: its own pattern, and the path for a pattern of all paths."""
    patterns = [
        url
        for url in rule.non_resource_urls
        if url != ALL and RbacRule(verbs=(ALL,), non_resource_urls=(url,)).allows(asked)
    ]
    return max(patterns, key=len) if patterns else asked.path


def groups_of_user(user: str, groups: Sequence[str]) -> tuple[str, ...]:
    """The groups of a user, with those that servers give and that exports leave out."""
    found = list(groups)
    if user.startswith(SERVICE_ACCOUNT) and user.count(":") == 3:
        namespace = user.removeprefix(SERVICE_ACCOUNT).partition(":")[0]
        found += ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", AUTHENTICATED]
    elif not found:
        found.append(_UNAUTHENTICATED if user == _ANONYMOUS else AUTHENTICATED)
    return tuple(dict.fromkeys(found))


def state_of(rule: RbacRule, use: RuleUse | None, *, is_namespaced: bool) -> str:
    """What a rule is: used whole, partly, not at all, or not to be known from a log."""
    hidden = unseen_verbs(rule)
    if use is None or not use.is_used:
        all_hidden = bool(rule.verbs) and len(hidden) == len(rule.verbs)
        has_effect = bool(rule.resources) or not is_namespaced
        return UNKNOWN if all_hidden and has_effect else UNUSED
    if ALL in (*rule.verbs, *rule.api_groups, *rule.non_resource_urls):
        return PARTLY
    if any(resource.startswith(ALL) for resource in rule.resources):
        return PARTLY
    verbs = [verb for verb in dict.fromkeys(rule.verbs) if verb not in hidden]
    names = len(rule.resource_names) or 1
    if len(verbs) * len(rule.api_groups) * len(rule.resources) * names > MOST_PARTS:
        return PARTLY
    whole = {
        AskedRight(verb, group, resource, name=name)
        for verb in verbs
        for group in rule.api_groups
        for resource in rule.resources
        for name in rule.resource_names or ("",)
    }
    if not is_namespaced:
        whole |= {AskedRight(verb, path=url) for verb in verbs for url in rule.non_resource_urls}
    return USED if whole <= use.parts else PARTLY


def unseen_verbs(rule: RbacRule) -> tuple[str, ...]:
    """The verbs of a rule that no event has, such as bind and escalate."""
    return tuple(verb for verb in dict.fromkeys(rule.verbs) if verb not in _SEEN_VERBS)


def narrower(rule: RbacRule, use: RuleUse) -> tuple[RbacRule, ...]:
    """Rules for what was used, without wildcards; verbs that no log shows stay as they are.

    Empty where there were too many parts, or where a name with an asterisk was all that was asked.
    """
    if use.is_cut:
        return ()
    verbs: dict[tuple[str, str, str], set[str]] = {}
    names: dict[tuple[str, str, str], set[str]] = {}
    for part in use.parts:
        if ALL in (part.verb, part.group) or part.resource.startswith(ALL):
            continue
        if part.path.endswith(ALL) and part.path not in rule.non_resource_urls:
            continue
        key = (part.group, part.resource, part.path)
        verbs.setdefault(key, set()).add(part.verb)
        names.setdefault(key, set()).update([part.name] if part.name else ())
    together: dict[tuple[str, bool, tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for key, found in verbs.items():
        group, resource, path = key
        one = (group, bool(path), tuple(sorted(found)), tuple(sorted(names[key])))
        together.setdefault(one, []).append(path or resource)
    rules = []
    for (group, is_path, allowed, named), what in sorted(together.items()):
        if is_path:
            rules.append(RbacRule(verbs=allowed, non_resource_urls=tuple(sorted(what))))
        else:
            rules.append(
                RbacRule(
                    verbs=allowed,
                    api_groups=(group,),
                    resources=tuple(sorted(what)),
                    resource_names=named,
                )
            )
    hidden = unseen_verbs(rule)
    if hidden and rules:
        rules.append(msgspec.structs.replace(rule, verbs=hidden))
    return tuple(rules)
