"""What readers of audit logs do with events, in a few lines: RBAC rules from a session, fields by path."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

Rule = dict[str, list[str]]


def rbac_rules(events: Iterable[dict[str, Any]], username: str) -> list[Rule]:
    """The rules that a user needs for what it did, as audit2rbac derives them.

    From the last event of each request: group, resource, subresource, name and verb
    of objectRef, or path and verb; verbs of one object are one rule.
    """
    verbs: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for event in events:
        user = event.get("impersonatedUser", event["user"])
        if event["stage"] != "ResponseComplete" or user.get("username") != username:
            continue
        reference = event.get("objectRef")
        if reference is None:
            path = event["requestURI"].partition("?")[0]
            verbs["path", path].add(event["verb"])
            continue
        resource = reference["resource"]
        if "subresource" in reference:
            resource += "/" + reference["subresource"]
        # A name in a rule would hinder create, which is authorized without one.
        named = event["verb"] not in ("create", "list", "watch", "deletecollection")
        name = reference.get("name", "") if named else ""
        verbs["object", reference.get("apiGroup", ""), resource, name].add(event["verb"])
    rules: list[Rule] = []
    for key, found in sorted(verbs.items()):
        if key[0] == "path":
            rules.append({"nonResourceURLs": [key[1]], "verbs": sorted(found)})
            continue
        _, group, resource, name = key
        rule = {"apiGroups": [group], "resources": [resource], "verbs": sorted(found)}
        rules.append({**rule, "resourceNames": [name]} if name else rule)
    return rules


def field(event: dict[str, Any], path: str) -> Any:
    """The value at a dotted path; list members by number; KeyError where there is none."""
    value: Any = event
    for part in path.split("."):
        name = part.replace("~", ".")
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value
