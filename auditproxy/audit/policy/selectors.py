"""The selectors of a rule as a file writes them: read by their types, validated, made a value.

The audit policy has them, and every file of ours whose rules mean requests: the same fields,
the same faults (apiserver apis/audit/validation/validation.go). Users, groups, verbs, namespaces
and the texts of resources are not checked, as kube-apiserver does not check them.
"""

from collections.abc import Iterator
from typing import Any

from auditproxy.apis.audit import GroupResources, Selectors
from auditproxy.apis.gotext import go_quote
from auditproxy.apis.names import NOT_A_SUBDOMAIN, SUBDOMAIN, SUBDOMAIN_LENGTH
from auditproxy.audit.policy.reading import TEXT, TEXTS, FieldType, list_of
from auditproxy.serializer.json import encode

GROUP_RESOURCES = FieldType(
    "struct",
    members={"group": TEXT, "resources": TEXTS, "resourceNames": TEXTS},
    words='an object such as {group: "", resources: [pods/exec]}',
)
SELECTOR_FIELDS = {
    "users": TEXTS,
    "userGroups": TEXTS,
    "verbs": TEXTS,
    "resources": list_of(GROUP_RESOURCES),
    "namespaces": TEXTS,
    "nonResourceURLs": TEXTS,
}
"""The members of a rule's type that select; a rule adds its own."""


def selector_values(members: dict[str, Any]) -> dict[str, Any]:
    """The fields of Selectors, from members that were read by SELECTOR_FIELDS."""
    return {
        "users": tuple(members.get("users", ())),
        "user_groups": tuple(members.get("userGroups", ())),
        "verbs": tuple(members.get("verbs", ())),
        "resources": tuple(
            GroupResources(
                group=entry.get("group", ""),
                resources=tuple(entry.get("resources", ())),
                resource_names=tuple(entry.get("resourceNames", ())),
            )
            for entry in members.get("resources", ())
        ),
        "namespaces": tuple(members.get("namespaces", ())),
        "non_resource_urls": tuple(members.get("nonResourceURLs", ())),
    }


def decode_selectors(members: dict[str, Any], path: str) -> tuple[Selectors, tuple[str, ...]]:
    """The selectors of a rule at ``path``, read by SELECTOR_FIELDS, and all their faults."""
    selectors = Selectors(**selector_values(members))
    return selectors, (*entry_faults(selectors, path), *combination_faults(selectors, path))


def entry_faults(selectors: Selectors, path: str) -> Iterator[str]:
    """The entries that are not legal by themselves."""
    for index, url in enumerate(selectors.non_resource_urls):
        yield from _url_faults(url, f"{path}.nonResourceURLs[{index}]")
    for entry in selectors.resources:
        # kube-apiserver gives no index here.
        yield from _resource_faults(entry, f"{path}.resources")


def combination_faults(selectors: Selectors, path: str) -> Iterator[str]:
    """The lists that exclude each other."""
    if selectors.non_resource_urls and (selectors.resources or selectors.namespaces):
        yield invalid(
            f"{path}.nonResourceURLs",
            _list(selectors.non_resource_urls),
            "rules cannot apply to both regular resources and non-resource URLs",
        )


def _url_faults(url: str, path: str) -> Iterator[str]:
    """What is wrong with the path of a non-resource rule."""
    if url == "*":
        return
    if not url.startswith("/"):
        yield invalid(path, go_quote(url), "non-resource URL rules must begin with a '/' character")
    if "*" in url[:-1]:
        yield invalid(
            path,
            go_quote(url),
            "non-resource URL wildcards '*' must be the final character of the rule",
        )


def _resource_faults(entry: GroupResources, path: str) -> Iterator[str]:
    """What is wrong with one group's resources."""
    if entry.group and entry.group != "*":
        reasons = []
        if len(entry.group.encode()) > SUBDOMAIN_LENGTH:
            reasons.append(f"must be no more than {SUBDOMAIN_LENGTH} characters")
        if SUBDOMAIN.fullmatch(entry.group) is None:
            reasons.append(NOT_A_SUBDOMAIN)
        if reasons:
            yield invalid(f"{path}.group", go_quote(entry.group), ",".join(reasons))
    if entry.resource_names and not entry.resources:
        yield invalid(
            f"{path}.resourceNames",
            _list(entry.resource_names),
            "using resourceNames requires at least one resource",
        )


def invalid(path: str, value: str, why: str) -> str:
    """The text of an invalid value, which comes quoted."""
    return f"{path}: Invalid value: {value}: {why}"


def _list(values: tuple[str, ...]) -> str:
    """A list as an error shows it: as JSON."""
    return encode(values).decode()
