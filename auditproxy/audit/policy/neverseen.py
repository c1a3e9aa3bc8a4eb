"""Findings of selectors that no request can match: verbs, groups and resources that do not exist.

kube-apiserver checks none of them, as the verbs and resources of extensions are not known. The
verbs of requests are known, and so are its own groups and their resources.
"""

from auditproxy.apis.audit import GroupResources, Selectors
from auditproxy.apis.gotext import go_quote
from auditproxy.apis.names import STREAMING_SUBRESOURCES
from auditproxy.audit.policy.builtinresources import GROUPS_OF, RESOURCES
from auditproxy.audit.policy.findings import Finding, Severity

VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
"""Of requests for resources."""
_METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "connect", "trace")
"""Of other requests."""
_CORE = RESOURCES[""]
_OF_ACTIONS = {name: f"pods/{name}" for name in STREAMING_SUBRESOURCES | {"eviction"}}
"""What is often taken for a verb, and is a subresource."""
_MEANT_VERBS = {
    "read": "get, list, watch",
    "view": "get, list, watch",
    "write": "create, update, patch, delete, deletecollection",
    "edit": "update, patch",
    "modify": "update, patch",
    "change": "update, patch",
    "apply": "create, patch",
    "replace": "update",
    "add": "create",
    "remove": "delete, deletecollection",
}
"""What other words for verbs mean, kubectl's among them."""
_NO_GROUPS = {
    "core": '""',
    "v1": '""',
    "extensions": "apps or networking.k8s.io: no server since 1.22 has it",
    "rbac": "rbac.authorization.k8s.io",
}
"""What is written for a group and is not one, with the group that is meant."""


def unknown_verbs(selectors: Selectors, path: str) -> tuple[Finding, ...]:
    """A finding for each verb of a rule at ``path`` that no request has."""
    known = {*VERBS, *_METHODS} if not selectors.resources else {*VERBS}
    return tuple(
        Finding(
            check="unknown-verb",
            severity=Severity.ERROR,
            path=f"{path}.verbs",
            problem=f"has {go_quote(verb)}, which no request has",
            fix=_instead_of(verb),
        )
        for verb in selectors.verbs
        if verb not in known
    )


def unknown_groups(selectors: Selectors, path: str) -> tuple[Finding, ...]:
    """A finding for each group of a rule at ``path`` that no server has."""
    return tuple(
        Finding(
            check="unknown-group",
            severity=Severity.ERROR if entry.group in ("core", "v1") else Severity.WARNING,
            path=f"{path}.resources[{index}].group",
            problem=f"is {go_quote(entry.group)}, which is not a group of Kubernetes",
            fix=_instead_of_group(entry.group),
        )
        for index, entry in enumerate(selectors.resources)
        if entry.group not in ("", "*", *RESOURCES)
        and ("." not in entry.group or _near_group(entry.group))
    )


def unknown_resources(selectors: Selectors, path: str) -> tuple[Finding, ...]:
    """A finding for each resource of a rule at ``path`` that its group does not have."""
    return tuple(
        found
        for index, entry in enumerate(selectors.resources)
        for text in entry.resources
        if (found := _of_resource(entry, text, f"{path}.resources[{index}].resources"))
    )


def _of_resource(entry: GroupResources, text: str, where: str) -> Finding | None:
    """What is wrong with the name of one resource of an entry."""
    group = entry.group
    names = RESOURCES.get(group)
    if text in (names or ()) or _is_pattern(text):
        return None
    if "*" in text:
        return _finding(
            where,
            f"has {go_quote(text)}, and its asterisk stands for itself",
            'write "*" for everything, "pods/*" for pods and their subresources, or "*/scale" for '
            "one subresource of everything",
        )
    if not group:
        return _finding(
            where, f"has {go_quote(text)}, which the core group does not have", _meant(text, "")
        )
    if names is None and group != "*" and "/" in text and text in _CORE:
        problem = f"has {go_quote(text)} of group {go_quote(group)}"
        return _finding(where, problem, 'its group is ""')
    if names is not None:
        return _finding(
            where,
            f"has {go_quote(text)}, which the group {group} does not have",
            _meant(text, group),
            # A newer server may have it, unless it is known by another name.
            Severity.ERROR if text in GROUPS_OF or _near(text, group) else Severity.WARNING,
        )
    plural = f"{text.lower().rstrip('s')}s"
    if text != text.lower() or (group == "*" and text not in GROUPS_OF and plural in GROUPS_OF):
        return _finding(
            where,
            f"has {go_quote(text)}, which looks like a kind and not like a resource",
            f"write its plural in lower case, such as {plural}",
        )
    return None


def _finding(path: str, problem: str, fix: str, severity: Severity = Severity.ERROR) -> Finding:
    return Finding(check="unknown-resource", severity=severity, path=path, problem=problem, fix=fix)


def _is_pattern(text: str) -> bool:
    """Whether asterisks of a resource's text are wildcards: ``*``, ``pods/*``, ``*/scale``."""
    resource, slash, subresource = text.partition("/")
    if text == "*":
        return True
    return bool(slash) and text.count("*") == 1 and "*" in (resource, subresource)


def _instead_of(verb: str) -> str:
    if verb in _OF_ACTIONS:
        return (
            f"it is the subresource {_OF_ACTIONS[verb]} among resources, with the verbs get and "
            "create"
        )
    if verb == "*":
        return "leave verbs out to mean all"
    meant = _MEANT_VERBS.get(verb.lower())
    if meant is not None:
        return f"did you mean {meant}?"
    near = _nearest(verb.lower(), VERBS, 0.5)
    return f"did you mean {near}?" if near else f"give some of {', '.join(VERBS)}"


def _instead_of_group(group: str) -> str:
    if group in _NO_GROUPS:
        return f"write {_NO_GROUPS[group]}"
    near = _near_group(group)
    if near:
        return f"did you mean {near}?"
    return "groups of extensions have a dot in their names; write it without a version"


def _near_group(group: str) -> str:
    """A group of Kubernetes that was perhaps meant: a misspelt one, or one without its domain."""
    for known in RESOURCES:
        if known.partition(".")[0] == group:
            return known
    near = _nearest(group, [known for known in RESOURCES if known], 0.85)
    # A group such as snapshot.storage.k8s.io is another one, and not misspelt.
    return near if near and group.count(".") == near.count(".") else ""


def _meant(text: str, group: str) -> str:
    near = _near(text, group)
    others = GROUPS_OF.get(text, ())
    if others:
        return f"its group is {' or '.join(other or go_quote('') for other in others)}"
    if near:
        return f"did you mean {near}?"
    return "give its group, such as apps for deployments" if not group else "correct its name"


def _near(text: str, group: str) -> str:
    return _nearest(text.lower(), sorted(RESOURCES[group]), 0.7)


def _nearest(text: str, known: "list[str] | tuple[str, ...]", cutoff: float) -> str:
    """The known text that was perhaps meant, or ""."""
    import difflib

    near = difflib.get_close_matches(text, known, n=1, cutoff=cutoff)
    return near[0] if near else ""
