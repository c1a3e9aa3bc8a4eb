"""Which rules match a request, by kube-apiserver's rules (apiserver audit/policy/checker.go).

A matcher is made once of all rules of a file. They are sorted beforehand by kind of request, by
verb and by resource, so that a request meets only those that can match it. Nothing grows with
requests.
"""

from collections.abc import Sequence
from typing import Generic, TypeVar

from auditproxy.apis.attributes import Attributes
from auditproxy.apis.audit import GroupResources, Selectors

T = TypeVar("T")
Default = TypeVar("Default")


class _Target:
    """What one rule matches in one API group."""

    __slots__ = ("named", "resources")

    def __init__(self, entries: tuple[GroupResources, ...]) -> None:
        self.resources: frozenset[str] | None = frozenset()
        """Texts of entries without names; None means every resource."""
        self.named: dict[str, frozenset[str]] = {}
        """Texts of entries with names, by name."""
        resources: set[str] = set()
        for entry in entries:
            if not entry.resources:
                self.resources = None
                return
            if not entry.resource_names:
                resources.update(entry.resources)
            for name in entry.resource_names:
                self.named[name] = self.named.get(name, frozenset()) | set(entry.resources)
        self.resources = frozenset(resources)


_Users = frozenset[str] | None
_ResourceRule = tuple[_Users, _Users, _Users, dict[str, _Target] | None, _Target | None, T]
"""Users, groups, namespaces (None: all), targets by API group (None: all), that of other groups."""
_URLRule = tuple[_Users, _Users, _Users, tuple[str, ...], T]
"""Users and groups (None: all), exact paths (None: all), beginnings of paths."""
_ByResource = dict[str | None, tuple[_ResourceRule[T], ...]]
"""The rules of one verb by resource without subresource; None stands for those no rule names."""


class Matcher(Generic[T, Default]):
    """Finds the values of the rules that match a request, in the order of the rules.

    ``default`` is the value of a request that no rule matches.
    """

    __slots__ = ("_default", "_resource_rules", "_url_rules", "values")

    def __init__(self, rules: Sequence[tuple[Selectors, T]], default: Default) -> None:
        self.values = tuple(value for _, value in rules)
        """Those of all rules, in their order."""
        self._default = default
        # None stands for the verbs that no rule names.
        verbs = (*{verb for selectors, _ in rules for verb in selectors.verbs}, None)
        prepared = [
            (selectors, _resource_rule(selectors, value), _url_rule(selectors, value))
            for selectors, value in rules
        ]
        self._resource_rules: dict[str | None, _ByResource[T]] = {}
        self._url_rules: dict[str | None, tuple[_URLRule[T], ...]] = {}
        for verb in verbs:
            of_verb = [entry for entry in prepared if not entry[0].verbs or verb in entry[0].verbs]
            self._resource_rules[verb] = _by_resource(
                [(selectors, rule) for selectors, rule, _ in of_verb if _for_resources(selectors)]
            )
            self._url_rules[verb] = tuple(
                rule
                for selectors, _, rule in of_verb
                if not selectors.namespaces and not selectors.resources
            )

    def first(self, attributes: Attributes, every: list[T] | None = None) -> T | Default:
        """The value of the first rule that matches, or the default.

        With ``every`` the values of all rules that match are added to that list instead.
        """
        user = attributes.user
        username = None if user is None else user.username
        user_groups = () if user is None else user.groups
        if not attributes.is_resource_request:
            path = attributes.path
            urls = self._url_rules
            for users, groups, paths, beginnings, value in urls.get(attributes.verb, urls[None]):
                if users is not None and username not in users:
                    continue
                if groups is not None and groups.isdisjoint(user_groups):
                    continue
                if paths is None or path in paths or path.startswith(beginnings):
                    if every is None:
                        return value
                    every.append(value)
            return self._default
        resource, subresource = attributes.resource, attributes.subresource
        resources = self._resource_rules
        of_verb = resources.get(attributes.verb, resources[None])
        # The texts in a rule that mean this resource; "pods/*" means bare pods too.
        texts: tuple[str, ...] = (resource, "*", f"{resource}/*")
        if subresource:
            texts = (f"{resource}/{subresource}", "*", f"{resource}/*", f"*/{subresource}")
        for users, groups, namespaces, targets, other, value in of_verb.get(
            resource, of_verb[None]
        ):
            if users is not None and username not in users:
                continue
            if groups is not None and groups.isdisjoint(user_groups):
                continue
            if namespaces is not None and attributes.namespace not in namespaces:
                continue
            if targets is not None:
                target = targets.get(attributes.api_group, other)
                if target is None:
                    continue
                if target.resources is not None and target.resources.isdisjoint(texts):
                    named = target.named.get(attributes.name)
                    if named is None or named.isdisjoint(texts):
                        continue
            if every is None:
                return value
            every.append(value)
        return self._default

    def every(self, attributes: Attributes) -> tuple[T, ...]:
        """The values of all rules that match."""
        found: list[T] = []
        self.first(attributes, found)
        return tuple(found)


def _for_resources(selectors: Selectors) -> bool:
    """Whether a rule can match requests for resources."""
    return bool(selectors.namespaces or selectors.resources or not selectors.non_resource_urls)


def _by_resource(rules: list[tuple[Selectors, _ResourceRule[T]]]) -> _ByResource[T]:
    """The rules for each resource that one of them names, each in the order of the rules."""
    found: dict[str | None, list[_ResourceRule[T]]] = {None: []}
    for selectors, rule in rules:
        names = _resources_named(selectors)
        if names is None:
            for held in found.values():
                held.append(rule)
            continue
        for name in names:
            found.setdefault(name, list(found[None])).append(rule)
    return {name: tuple(held) for name, held in found.items()}


def _resources_named(selectors: Selectors) -> frozenset[str] | None:
    """What the resource of a request that a rule matches can be; None for anything."""
    if not selectors.resources or any(not entry.resources for entry in selectors.resources):
        return None
    names: set[str] = set()
    for entry in selectors.resources:
        for text in entry.resources:
            steps = text.split("/")
            names.update("/".join(steps[: count + 1]) for count in range(len(steps)))
    return None if "*" in names else frozenset(names)


def _resource_rule(selectors: Selectors, value: T) -> _ResourceRule[T]:
    """A rule prepared for resource requests."""
    targets = None
    other = None
    if selectors.resources:
        entries = selectors.resources
        targets = {
            group: _Target(tuple(entry for entry in entries if entry.group in (group, "*")))
            for group in {entry.group for entry in entries} - {"*"}
        }
        every_group = tuple(entry for entry in entries if entry.group == "*")
        other = _Target(every_group) if every_group else None
    return (
        _restriction(selectors.users),
        _restriction(selectors.user_groups),
        _restriction(selectors.namespaces),
        targets,
        other,
        value,
    )


def _url_rule(selectors: Selectors, value: T) -> _URLRule[T]:
    """A rule prepared for non-resource requests."""
    urls = selectors.non_resource_urls
    return (
        _restriction(selectors.users),
        _restriction(selectors.user_groups),
        None if not urls or "*" in urls else frozenset(urls),
        tuple(url.rstrip("*") for url in urls if url.endswith("*")),
        value,
    )


def _restriction(values: tuple[str, ...]) -> frozenset[str] | None:
    """Return the list as a set; None, without restriction, for an empty one."""
    return frozenset(values) if values else None
