"""Advice on selectors that no request can match: verbs and resources that do not exist.

kube-apiserver checks neither, as the verbs and resources of extensions are not known. The verbs of
requests are known, and so are the resources of the core group, which cannot be extended.
"""

from auditproxy.apis.audit import Selectors
from auditproxy.apis.gotext import go_quote
from auditproxy.apis.names import STREAMING_SUBRESOURCES

_VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
"""Of requests for resources."""
_METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "connect", "trace")
"""Of other requests."""
_SUBRESOURCES = {
    "bindings": "",
    "componentstatuses": "",
    "configmaps": "",
    "endpoints": "",
    "events": "",
    "limitranges": "",
    "namespaces": "finalize status",
    "nodes": "proxy status",
    "persistentvolumeclaims": "status",
    "persistentvolumes": "status",
    "pods": (
        "attach binding ephemeralcontainers eviction exec log portforward proxy resize status"
    ),
    "podtemplates": "",
    "replicationcontrollers": "scale status",
    "resourcequotas": "status",
    "secrets": "",
    "serviceaccounts": "token",
    "services": "proxy status",
}
_CORE = frozenset(_SUBRESOURCES) | {
    f"{resource}/{name}" for resource, names in _SUBRESOURCES.items() for name in names.split()
}
_OF_ACTIONS = {name: f"pods/{name}" for name in STREAMING_SUBRESOURCES | {"eviction"}}
"""What is often taken for a verb, and is a subresource."""


def unknown_verbs(selectors: Selectors, path: str) -> tuple[str, ...]:
    """A text for each verb of a rule at ``path`` that no request has."""
    known = {*_VERBS, *_METHODS} if not selectors.resources else {*_VERBS}
    return tuple(
        f"{path}.verbs has {go_quote(verb)}, which no request has: {_instead_of(verb)}"
        for verb in selectors.verbs
        if verb not in known
    )


def unknown_resources(selectors: Selectors, path: str) -> tuple[str, ...]:
    """A text for each resource of a rule at ``path`` that its group does not have."""
    found = []
    for index, entry in enumerate(selectors.resources):
        where = f"{path}.resources[{index}].resources"
        for text in entry.resources:
            if "*" in text or (not entry.group and text in _CORE):
                continue
            if not entry.group:
                found.append(
                    f"{where} has {go_quote(text)}, which the core group does not have; "
                    f"{_meant(text)}"
                )
            elif entry.group != "*" and "/" in text and text in _CORE:
                found.append(
                    f"{where} has {go_quote(text)} of group {go_quote(entry.group)}; its group is "
                    '""'
                )
    return tuple(found)


def _instead_of(verb: str) -> str:
    if verb in _OF_ACTIONS:
        return (
            f"it is the subresource {_OF_ACTIONS[verb]} among resources, with the verbs get and "
            "create"
        )
    if verb == "*":
        return "leave verbs out to mean all"
    import difflib

    near = difflib.get_close_matches(verb.lower(), _VERBS, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"give some of {', '.join(_VERBS)}"


def _meant(text: str) -> str:
    import difflib

    near = difflib.get_close_matches(text.lower(), sorted(_CORE), n=1, cutoff=0.7)
    return f"did you mean {near[0]}?" if near else "give its group, such as apps for deployments"
