"""Roles from use: the fewest rights with which the same requests would be allowed again.

Pure. Of each namespace a Role, and a ClusterRole for the rest. No rule has a wildcard. A rule has
resourceNames where its requests named few objects, and never names that servers make up. Who
empties a namespace that is deleted loses the Role in it halfway: such rights are in the
ClusterRole.
"""

from collections.abc import Iterable, Mapping

import msgspec

from auditproxy.reading.rbac.rules import GENERATED, AskedRight, RbacRule

MOST_NAMES = 100
"""Names of one rule that may be asked for."""
MOST_NAMESPACES = 1000
"""Namespaces in which one right has Roles that may be asked for."""
_RBAC = "rbac.authorization.k8s.io"
_WRITES = ("create", "update", "patch")
_OF_ROLE = {
    "clusterroles": ("clusterroles",),
    "roles": ("roles",),
    "clusterrolebindings": ("clusterroles",),
    "rolebindings": ("clusterroles", "roles"),
}
"""Resources of the roles by which such an object gives rights."""
_NOT_IN_THE_LOG = "whether the writer had all the rights that it gave is not in the log"
_SELF_REVIEWS = ("selfsubjectaccessreviews", "selfsubjectreviews", "selfsubjectrulesreviews")
DEFAULTS = (
    RbacRule(
        verbs=("get",),
        non_resource_urls=(
            "/healthz",
            "/livez",
            "/readyz",
            "/version",
            "/version/",
            "/api",
            "/api/*",
            "/apis",
            "/apis/*",
            "/openapi",
            "/openapi/*",
        ),
    ),
    RbacRule(
        verbs=("create",),
        api_groups=("authorization.k8s.io", "authentication.k8s.io"),
        resources=_SELF_REVIEWS,
    ),
)
"""What every authenticated user may, by the roles that a cluster begins with
(plugin/pkg/auth/authorizer/rbac/bootstrappolicy: system:discovery, system:basic-user)."""


class RightUse(msgspec.Struct):
    """How often a right was used, and when; ``added`` says why it is granted without a use."""

    requests: int = 0
    first: str = ""
    last: str = ""
    added: str = ""
    wide: str = ""
    """Why it is granted in all namespaces, and was used in some."""

    def add(self, other: "RightUse") -> None:
        """Count what another one counted; a use is more than a reason."""
        self.requests += other.requests
        if other.first and (not self.first or other.first < self.first):
            self.first = other.first
        self.last = max(self.last, other.last)
        self.added = self.added if self.added == other.added else ""
        self.wide = self.wide or other.wide


class DerivedRule(msgspec.Struct, frozen=True):
    """A rule, and the use that it was derived from."""

    rule: RbacRule
    use: RightUse
    added: tuple[str, ...] = ()
    """Verbs that are granted without a use, with the reason."""
    wide: tuple[str, ...] = ()
    """Why it holds in all namespaces, and was used in some."""


class DerivedRole(msgspec.Struct, frozen=True):
    """The rules of one namespace; "" is a ClusterRole."""

    namespace: str
    rules: tuple[DerivedRule, ...]


def is_default(asked: AskedRight) -> bool:
    """Whether every authenticated user has the right."""
    return any(rule.allows(asked) for rule in DEFAULTS)


def derive(
    used: Mapping[AskedRight, RightUse], most_names: int, most_namespaces: int = MOST_NAMESPACES
) -> tuple[DerivedRole, ...]:
    """The roles with these rights, the ClusterRole first.

    ``most_names`` 0 is never a name, and ``most_namespaces`` 0 never a Role of a namespace.
    """
    spaces: dict[str, dict[AskedRight, RightUse]] = {}
    for asked, use in _widened(used, most_namespaces).items():
        spaces.setdefault(asked.namespace, {})[asked] = use
    return tuple(
        DerivedRole(namespace, tuple(_rules(rights, most_names)))
        for namespace, rights in sorted(spaces.items())
    )


def gives_rights(asked: AskedRight) -> bool:
    """Whether it is to write roles or bindings."""
    return asked.group == _RBAC and asked.verb in _WRITES and asked.resource in _OF_ROLE


def with_escalation(used: Mapping[AskedRight, RightUse]) -> dict[AskedRight, RightUse]:
    """The same, and the verbs for who writes roles and bindings without having their rights.

    Servers ask for them if the writer has not what the role has (pkg/registry/rbac: policybased).
    The role of a binding is in its body: any is meant.
    """
    found = dict(used)
    for asked, use in used.items():
        if not gives_rights(asked):
            continue
        for resource in _OF_ROLE[asked.resource]:
            if resource == asked.resource:
                one = msgspec.structs.replace(asked, verb="escalate")
            else:
                one = AskedRight("bind", _RBAC, resource, asked.namespace)
            added = RightUse(0, use.first, use.last, _NOT_IN_THE_LOG)
            found.setdefault(one, added).add(added)
    return found


def _widened(used: Mapping[AskedRight, RightUse], most: int) -> dict[AskedRight, RightUse]:
    """Rights without their namespace where they cannot be granted in each."""
    spaces: dict[AskedRight, set[str]] = {}
    for asked in used:
        if asked.namespace:
            spaces.setdefault(_anywhere(asked), set()).add(asked.namespace)
    emptied = {asked.namespace for asked in used if asked.resource == "namespaces/finalize"}
    found: dict[AskedRight, RightUse] = {}
    for asked, use in used.items():
        wide = ""
        if asked.namespace in emptied:
            wide = "it empties namespaces, with the Roles in them"
        elif asked.namespace and (count := len(spaces[_anywhere(asked)])) > most:
            wide = f"used in {count}"
        kept = msgspec.structs.replace(use, wide=wide)
        key = msgspec.structs.replace(asked, namespace="") if wide else asked
        if key in found:
            found[key].add(kept)
        else:
            found[key] = kept
    return found


def _anywhere(asked: AskedRight) -> AskedRight:
    return AskedRight(asked.verb, asked.group, asked.resource)


def _rules(rights: Mapping[AskedRight, RightUse], most_names: int) -> Iterable[DerivedRule]:
    verbs: dict[tuple[str, str, str, tuple[str, ...]], dict[str, RightUse]] = {}
    for (group, resource, path, verb), by_name in _by_verb(rights).items():
        whole = RightUse(added=next(iter(by_name.values())).added)
        for use in by_name.values():
            whole.add(use)
        names = _names(resource, by_name, most_names)
        verbs.setdefault((group, resource, path, names), {})[verb] = whole
    # What has the same verbs and no names is one rule.
    together: dict[tuple[str, bool, tuple[str, ...], tuple[str, ...], str], list[str]] = {}
    for (group, resource, path, names), uses in verbs.items():
        alone = resource if names else ""
        key = (group, bool(path), tuple(sorted(uses)), names, alone)
        together.setdefault(key, []).append(path or resource)
    for (group, is_path, allowed, names, _), what in sorted(together.items()):
        of_each = [
            use
            for one in what
            for use in verbs[group, "" if is_path else one, one if is_path else "", names].items()
        ]
        whole = RightUse()
        for _, use in of_each:
            whole.add(use)
        added = {f"{verb}: {use.added}" for verb, use in of_each if use.added}
        wide = tuple(sorted({use.wide for _, use in of_each if use.wide}))
        if is_path:
            rule = RbacRule(non_resource_urls=tuple(sorted(what)), verbs=allowed)
        else:
            rule = RbacRule(
                api_groups=(group,),
                resources=tuple(sorted(what)),
                resource_names=names,
                verbs=allowed,
            )
        yield DerivedRule(rule, whole, tuple(sorted(added)), wide)


def _by_verb(
    rights: Mapping[AskedRight, RightUse],
) -> dict[tuple[str, str, str, str], dict[str, RightUse]]:
    """Rights by group, resource, path and verb, each with its names."""
    found: dict[tuple[str, str, str, str], dict[str, RightUse]] = {}
    for asked, use in rights.items():
        key = (asked.group, asked.resource, asked.path, asked.verb)
        found.setdefault(key, {})[asked.name] = use
    return found


def _names(resource: str, by_name: Mapping[str, RightUse], most: int) -> tuple[str, ...]:
    """The names of a rule; () where there are many, one request had none, or they are made up."""
    names = tuple(sorted(by_name))
    if "" in by_name or len(names) > most or resource.partition("/")[0] in GENERATED:
        return ()
    return names
