"""Reach: whether a rule decides any request, given the rules before it. Exact, not sampled.

A request is a point: who asks, its verb, and a target, which is a namespace, a group, a resource, a
subresource and a name, or a path. What rules say about each coordinate has finitely many values
that differ: those that some rule mentions, and one that none does. A value is kept as the set of
rules that admit it, one bit for each, so a rule decides some request if and only if there is a
value of each coordinate such that the intersection of their sets has the rule and none before it.
Sets that contain another one are dropped on the way, as they cannot do better.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from operator import or_

from auditproxy.apis.audit import GroupResources, Selectors
from auditproxy.apis.user import ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED
from auditproxy.request.requestinfo import RequestInfoError, resolve
from auditproxy.request.target import TargetError, parse_target

MOST_WORK = 50_000_000
"""Sets of rules that are made or compared for one policy: seconds. Other rules are not judged."""

_OTHER = "\0"
"""A name that no rule mentions: no request has it."""
_VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
_OTHER_VERBS = ("proxy", "")
"""Of requests under /api/v1/proxy, and of methods without a verb, such as OPTIONS."""


class UndecidedError(Exception):
    """There are too many combinations; nothing is known of the rule."""


class Reach:
    """The rules of a file; ``probes`` are selectors that a question can be limited to.

    ``work`` bounds all questions together, in sets that are made or compared.
    """

    def __init__(
        self, rules: Sequence[Selectors], probes: Sequence[Selectors] = (), work: int = MOST_WORK
    ) -> None:
        self._count = len(rules)
        self._work = work
        every = (*rules, *probes)
        who = _identities(every)
        spaces = (
            (_resource_kind(every), who, _resource_verbs(every), _namespaces(every),
             *_targets(every, self._spend)),
            (_path_kind(every), who, _methods(every), _paths(every)),
        )  # fmt: skip
        self._spaces = tuple(sorted(space, key=len) for space in spaces)
        # Questions about one rule come one after the other.
        self._asked: tuple[int, tuple[tuple[int, list[list[int]]], ...]] = (0, ())

    def decides(self, rule: int, probe: int | None = None, before: int | None = None) -> bool:
        """Whether there is a request that the rule matches and none before it does.

        With ``probe`` the request is one that this probe admits as well. ``before`` is the set of
        rules that take requests away, one bit each; None means all before the rule. Raises
        UndecidedError.
        """
        wanted = 1 << rule
        if probe is not None:
            wanted |= 1 << (self._count + probe)
        taken = (1 << rule) - 1 if before is None else before
        return any(self._is_free(space, taken) for space in self._admitting(wanted))

    def taken_by(self, rule: int, probe: int | None = None) -> tuple[int, ...]:
        """Rules before it that together take all that the rule matches, as few as is easily found.

        Raises UndecidedError. The rule must not decide anything.
        """
        for one in range(rule):
            if not self.decides(rule, probe, 1 << one):
                return (one,)
        needed = (1 << rule) - 1
        for one in reversed(range(rule)):
            if not self.decides(rule, probe, needed & ~(1 << one)):
                needed &= ~(1 << one)
        return tuple(one for one in range(rule) if needed >> one & 1)

    def _admitting(self, wanted: int) -> tuple[tuple[int, list[list[int]]], ...]:
        """Of each kind of request the values that have ``wanted``, and the rules that meet it.

        A rule that meets it in no value of some coordinate takes nothing from it.
        """
        if wanted != self._asked[0]:
            found = []
            for space in self._spaces:
                self._spend(sum(map(len, space)))
                chosen = [[value for value in each if value & wanted == wanted] for each in space]
                met = -1
                for values in chosen:
                    met &= reduce(or_, values, 0)
                found.append((met, chosen))
            self._asked = wanted, tuple(found)
        return self._asked[1]

    def _is_free(self, space: tuple[int, list[list[int]]], taken: int) -> bool:
        """Whether some choice of values has nothing of ``taken``."""
        met, chosen = space
        taken &= met
        left = {taken} if all(chosen) else set()
        for values in chosen:
            if 0 in left or not left:
                break
            distinct = {value & taken for value in values}
            self._spend(len(values) + len(distinct) * len(left))
            left = self._smallest({each & value for value in distinct for each in left})
        return 0 in left

    def _spend(self, work: int) -> None:
        self._work -= work
        if self._work < 0:
            raise UndecidedError

    def _smallest(self, sets: set[int]) -> set[int]:
        """The sets that contain no other one."""
        if 0 in sets:
            return {0}
        kept: list[int] = []
        for each in sorted(sets, key=int.bit_count):
            self._spend(1 + len(kept))
            if not any(small & each == small for small in kept):
                kept.append(each)
        return set(kept)


def _bits(admits: Iterable[bool]) -> int:
    """The set of those that admit something, in their order."""
    return sum(1 << index for index, admitted in enumerate(admits) if admitted)


def _resource_kind(rules: Sequence[Selectors]) -> frozenset[int]:
    """The rules that can match a request for a resource."""
    return frozenset(
        {_bits(bool(r.namespaces or r.resources or not r.non_resource_urls)
                       for r in rules)}
    )  # fmt: skip


def _path_kind(rules: Sequence[Selectors]) -> frozenset[int]:
    """The rules that can match another request."""
    return frozenset({_bits(not r.namespaces and not r.resources for r in rules)})


def _identities(rules: Sequence[Selectors]) -> frozenset[int]:
    """The users who may ask: with groups, or none at all.

    Every user who was authenticated is in system:authenticated; one group more is enough, because
    further ones only let more rules match.
    """
    users = {user for rule in rules for user in rule.users} | {_OTHER}
    groups = {group for rule in rules for group in rule.user_groups} | {_OTHER}
    named = {user: _bits(not r.users or user in r.users for r in rules) for user in users}
    named[ANONYMOUS] = _bits(not r.users or ANONYMOUS in r.users for r in rules)
    without = _bits(not rule.user_groups for rule in rules)

    def of(*names: str) -> int:
        """The rules that admit a user in these groups."""
        return without | _bits(any(n in r.user_groups for n in names) for r in rules)

    in_groups = {group: of(group) for group in groups}
    authenticated, unauthenticated = of(AUTHENTICATED), of(UNAUTHENTICATED)
    found = {
        _bits(not rule.users and not rule.user_groups for rule in rules),
        named[ANONYMOUS] & unauthenticated,
    }
    for user in users:
        for group in groups:
            always = authenticated
            if user == ANONYMOUS or group == UNAUTHENTICATED:
                always = unauthenticated
            found.add(named[user] & (in_groups[group] | always))
    return frozenset(found)


def _resource_verbs(rules: Sequence[Selectors]) -> frozenset[int]:
    return frozenset(
        _bits(not r.verbs or verb in r.verbs for r in rules) for verb in (*_VERBS, *_OTHER_VERBS)
    )


def _methods(rules: Sequence[Selectors]) -> frozenset[int]:
    """The verbs of other requests: any method in lower case."""
    verbs = {verb for rule in rules for verb in rule.verbs if verb and verb == verb.lower()}
    return frozenset(
        _bits(not r.verbs or verb in r.verbs for r in rules) for verb in (*verbs, _OTHER)
    )


def _namespaces(rules: Sequence[Selectors]) -> frozenset[int]:
    names = {name for rule in rules for name in rule.namespaces} | {"", _OTHER}
    return frozenset(
        _bits(not r.namespaces or name in r.namespaces for r in rules) for name in names
    )


def _targets(
    rules: Sequence[Selectors], spend: Callable[[int], None]
) -> tuple[frozenset[int], ...]:
    """Group, resource, subresource and name together, as an entry names them together."""
    entries = [entry for rule in rules for entry in rule.resources]
    if not entries:
        return ()
    by_group = {
        _bits(entry.group in (group, "*") for entry in entries)
        for group in {entry.group for entry in entries} - {"*"} | {"", _OTHER}
    }
    names = {name for entry in entries for name in entry.resource_names} | {"", _OTHER}
    by_name = {
        _bits(
            (
                not entry.resources or not entry.resource_names or name in entry.resource_names
                for entry in entries
            ),
        )
        for name in names
    }
    combined = {(1 << len(entries)) - 1}
    for values in (by_group, _resources(entries), by_name):
        spend(len(combined) * len(values))
        combined = {each & value for each in combined for value in values}
    without = _bits(not rule.resources for rule in rules)
    of_rules: list[tuple[int, int]] = []
    position = 0
    for index, rule in enumerate(rules):
        mine = (1 << len(rule.resources)) - 1 << position
        position += len(rule.resources)
        if mine:
            of_rules.append((mine, 1 << index))
    spend(len(combined) * len(of_rules))
    return (
        frozenset(
            without | sum(bit for mine, bit in of_rules if mine & matched) for matched in combined
        ),
    )


def _resources(entries: Sequence[GroupResources]) -> set[int]:
    """The sets of entries that admit a resource with or without a subresource."""
    by_text: dict[str, int] = {}
    for index, entry in enumerate(entries):
        for text in entry.resources or ("*",):
            by_text[text] = by_text.get(text, 0) | 1 << index
    resources = {text.partition("/")[0] for text in by_text} | {_OTHER}
    subresources = {text.partition("/")[2] for text in by_text} | {"", _OTHER}
    every = by_text.get("*", 0)
    found: set[int] = set()
    for resource in resources:
        of_resource = every | by_text.get(f"{resource}/*", 0)
        for subresource in subresources:
            if "/" in subresource:
                continue
            if subresource:
                found.add(
                    of_resource
                    | by_text.get(f"{resource}/{subresource}", 0)
                    | by_text.get(f"*/{subresource}", 0)
                )
            else:
                found.add(of_resource | by_text.get(resource, 0))
    return found


def _paths(rules: Sequence[Selectors]) -> frozenset[int]:
    """Paths of requests that are not for resources.

    The patterns that admit a path are its own text and those that it begins with, so the texts of
    patterns, and each with something behind it, are all that can differ.
    """
    urls = {url for rule in rules for url in rule.non_resource_urls}
    texts = {url.rstrip("*") if url.endswith("*") else url for url in urls} | {"/"}
    slashes = 1 + max(len(text) - len(text.rstrip("/")) for text in texts)
    paths = {text + end for text in texts for end in ("", _OTHER)}
    # CONNECT has no path, and OPTIONS may ask for the server itself.
    paths |= {"", "*"}
    # Behind a path such as /api/v1 only slashes leave it what it is.
    paths |= {text + "/" * count for text in texts for count in range(1, slashes + 1)}
    return frozenset(
        _bits(
            (not rule.non_resource_urls or _admits(rule.non_resource_urls, path) for rule in rules),
        )
        for path in paths
        if path in ("", "*") or (path.startswith("/") and is_for_no_resource(path))
    )


def _admits(urls: tuple[str, ...], path: str) -> bool:
    return any(
        url == path or (url.endswith("*") and path.startswith(url.rstrip("*"))) for url in urls
    )


def is_for_no_resource(path: str) -> bool:
    """Whether a request for this decoded path can be answered, and is not for a resource."""
    from urllib.parse import quote

    try:
        target = parse_target("GET", quote(path.replace(_OTHER, "~other"), "/").encode())
        return not resolve("GET", target).is_resource_request
    except (TargetError, RequestInfoError):
        return False
