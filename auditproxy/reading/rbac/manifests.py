"""A cluster's RBAC as its API server gives it: roles, and what bindings grant to subjects.

Pure. A ClusterRole with an aggregationRule and no rules has those of the ClusterRoles that it
selects, as kube-controller-manager writes them (pkg/controller/clusterroleaggregation). A subject
matches as in pkg/registry/rbac/validation/rule.go.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from auditproxy.reading.rbac.rules import RbacRule

GROUP = "rbac.authorization.k8s.io"
USER, GROUP_KIND, SERVICE_ACCOUNT_KIND = ("User", "Group", "ServiceAccount")
_DEEPEST = 3
"""Lists within lists that are looked into; kubectl writes one."""


class ManifestError(ValueError):
    """A manifest cannot be used; the text says which one and why."""


class Metadata(msgspec.Struct, frozen=True):
    """What of an object's metadata counts."""

    name: str = ""
    namespace: str = ""
    labels: dict[str, str] = {}


class LabelRequirement(msgspec.Struct, frozen=True):
    """One of ``matchExpressions``."""

    key: str = ""
    operator: str = ""
    values: tuple[str, ...] = ()

    def admits(self, labels: dict[str, str]) -> bool:
        """As apimachinery's labels.Requirement; an unknown operator admits nothing."""
        found = self.key in labels
        match self.operator:
            case "In":
                return found and labels[self.key] in self.values
            case "NotIn":
                return not found or labels[self.key] not in self.values
            case "Exists":
                return found
            case "DoesNotExist":
                return not found
        return False


class LabelSelector(msgspec.Struct, frozen=True, rename="camel"):
    """A selector of ClusterRoles; an empty one selects all."""

    match_labels: dict[str, str] = {}
    match_expressions: tuple[LabelRequirement, ...] = ()

    def admits(self, labels: dict[str, str]) -> bool:
        """Whether labels have everything that is asked for."""
        return all(labels.get(key) == value for key, value in self.match_labels.items()) and all(
            one.admits(labels) for one in self.match_expressions
        )


class AggregationRule(msgspec.Struct, frozen=True, rename="camel"):
    """Whose rules a ClusterRole has."""

    cluster_role_selectors: tuple[LabelSelector, ...] = ()


class RoleManifest(msgspec.Struct, frozen=True, rename="camel"):
    """A Role or a ClusterRole."""

    kind: str
    metadata: Metadata = Metadata()
    rules: tuple[RbacRule, ...] = ()
    aggregation_rule: AggregationRule | None = None


class WrittenSubject(msgspec.Struct, frozen=True):
    """A subject as a binding has it."""

    kind: str = ""
    name: str = ""
    namespace: str = ""


class RoleReference(msgspec.Struct, frozen=True):
    """Which role a binding grants."""

    kind: str = ""
    name: str = ""


class BindingManifest(msgspec.Struct, frozen=True, rename="camel"):
    """A RoleBinding or a ClusterRoleBinding."""

    kind: str
    metadata: Metadata = Metadata()
    role_ref: RoleReference = RoleReference()
    subjects: tuple[WrittenSubject, ...] = ()


class Grant(msgspec.Struct, frozen=True):
    """What one binding grants to one of its subjects.

    ``subject`` is a username for users and service accounts. ``namespace`` is that of a
    RoleBinding; "" is the whole cluster. ``is_found`` is whether the role is in the manifests.
    """

    kind: str
    subject: str
    binding: str
    namespace: str
    role: str
    rules: tuple[RbacRule, ...]
    is_found: bool = True


_TYPES: dict[str, type[RoleManifest] | type[BindingManifest]] = {
    "Role": RoleManifest,
    "ClusterRole": RoleManifest,
    "RoleBinding": BindingManifest,
    "ClusterRoleBinding": BindingManifest,
}


class ClusterManifests:
    """Roles and bindings by name; of two with one name the last one is kept."""

    def __init__(self) -> None:
        self._roles: dict[tuple[str, str, str], RoleManifest] = {}
        self._bindings: dict[tuple[str, str, str], BindingManifest] = {}
        self.others = 0
        """Objects that are not about RBAC."""

    @property
    def counts(self) -> tuple[int, int]:
        """Roles and bindings."""
        return len(self._roles), len(self._bindings)

    def take(self, value: Any, depth: int = 0) -> None:
        """Read one document: an object, or a List of them; raises ManifestError."""
        if value is None:
            return
        if not isinstance(value, dict):
            raise ManifestError("a document is not an object of Kubernetes")
        kind = value.get("kind")
        if not isinstance(kind, str):
            raise ManifestError("an object has no kind")
        if kind.endswith("List"):
            items = value.get("items") or ()
            if not isinstance(items, list) or depth >= _DEEPEST:
                raise ManifestError("the items of a List are not a list of objects")
            for item in items:
                if isinstance(item, dict) and kind != "List":
                    # Items of a typed list have no kind of their own.
                    item = {"apiVersion": value.get("apiVersion"), "kind": kind[:-4]} | item
                self.take(item, depth + 1)
            return
        version = value.get("apiVersion")
        if kind not in _TYPES or not str(version).startswith(f"{GROUP}/"):
            self.others += 1
            return
        try:
            found = msgspec.convert(_without_nulls(value), _TYPES[kind])
        except msgspec.ValidationError as error:
            raise ManifestError(f"a {kind} cannot be read: {error}") from None
        metadata = found.metadata
        space = "" if kind.startswith("Cluster") else metadata.namespace or "default"
        key = (kind, space, metadata.name)
        if isinstance(found, RoleManifest):
            self._roles[key] = found
        else:
            self._bindings[key] = found

    def grants(self) -> Iterator[Grant]:
        """What each binding grants to each subject, by the names of bindings."""
        aggregated: dict[str, tuple[RbacRule, ...]] = {}
        for (kind, namespace, name), binding in sorted(self._bindings.items()):
            is_wide = kind == "ClusterRoleBinding"
            wanted = binding.role_ref
            place = namespace if wanted.kind == "Role" else ""
            role = None
            if wanted.kind == "ClusterRole" or (wanted.kind == "Role" and not is_wide):
                role = self._roles.get((wanted.kind, place, wanted.name))
            rules: tuple[RbacRule, ...] = ()
            if role is not None:
                rules = role.rules
                if not rules and role.aggregation_rule is not None:
                    if wanted.name not in aggregated:
                        aggregated[wanted.name] = tuple(self._aggregated(role))
                    rules = aggregated[wanted.name]
            for one, subject in dict.fromkeys(_subjects(binding.subjects, namespace)):
                yield Grant(
                    one,
                    subject,
                    f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}",
                    namespace,
                    f"{wanted.kind} {wanted.name}",
                    rules,
                    role is not None,
                )

    def _aggregated(self, role: RoleManifest) -> Iterable[RbacRule]:
        """The rules of all roles that a role selects, and of those that these select."""
        found: dict[RbacRule, None] = {}
        known = {role.metadata.name}
        waiting = [role]
        while waiting:
            rule = waiting.pop().aggregation_rule
            for selector in rule.cluster_role_selectors if rule is not None else ():
                for (kind, _, name), other in sorted(self._roles.items()):
                    if kind != "ClusterRole" or name in known:
                        continue
                    if not selector.admits(other.metadata.labels):
                        continue
                    known.add(name)
                    found |= dict.fromkeys(other.rules)
                    if not other.rules:
                        waiting.append(other)
        return found


def _subjects(written: Sequence[WrittenSubject], namespace: str) -> Iterator[tuple[str, str]]:
    """Kind and username or group; a service account without a namespace has its binding's."""
    for one in written:
        if one.kind in (USER, GROUP_KIND):
            yield one.kind, one.name
        elif one.kind == SERVICE_ACCOUNT_KIND and (one.namespace or namespace):
            place = one.namespace or namespace
            yield one.kind, f"system:serviceaccount:{place}:{one.name}"


def _without_nulls(value: Any) -> Any:
    """Null is the same as nothing, as in Go."""
    if isinstance(value, dict):
        return {key: _without_nulls(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_without_nulls(one) for one in value if one is not None]
    return value
