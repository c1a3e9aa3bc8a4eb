"""Sentences: what a request did, in kubectl's words.

Pure. Text from clients is not made safe for a terminal here; cells.py does that.

    exec web-1 -n shop -c app -- sh -c id        pods/exec, attach, port-forward, logs, evictions
    patched deployment/web -n shop (replicas=5)  writes, with what they set where that is little
    listed secrets -A -l app=web                 reads
    tried to delete pod/web-1 -n shop            what was refused or failed
"""

import shlex
from collections.abc import Callable
from typing import Any

from auditproxy.reading.meaning import changes
from auditproxy.reading.meaning.changes import FieldChange
from auditproxy.reading.meaning.facts import OPEN, RequestFacts
from auditproxy.serializer.json import go_text

_VERBS = {
    "create": ("create", "created"),
    "update": ("replace", "replaced"),
    "patch": ("patch", "patched"),
    "delete": ("delete", "deleted"),
    "deletecollection": ("delete all", "deleted all"),
    "get": ("read", "read"),
    "list": ("list", "listed"),
    "watch": ("watch", "watched"),
    "approve": ("approve", "approved"),
}
_MANAGERS = {
    "kubectl-client-side-apply": ("apply", "applied"),
    "kubectl-edit": ("edit", "edited"),
    "kubectl-label": ("label", "labelled"),
    "kubectl-annotate": ("annotate", "annotated"),
    "kubectl-set": ("set a field of", "set a field of"),
}
"""What kubectl's commands call themselves in fieldManager."""
_SET = {
    "image": (".image",),
    "env": (".env[", ".env", ".envFrom["),
    "resources": (".resources.",),
    "serviceaccount": (".serviceAccountName", ".serviceAccount"),
    "selector": ("spec.selector",),
    "subject": ("subjects",),
}
"""By subcommand of ``kubectl set``: parts of the paths of fields that it sets."""
_TOLD_ELSEWHERE = frozenset(("scale", "binding", "token", "eviction"))
"""Subresources whose bodies are not changes, or are in the words already."""
_COLLECTIONS = frozenset(("list", "watch", "deletecollection"))
_WRITES = frozenset(("create", "update", "patch"))
_PLURAL_ONLY = frozenset(("endpoints",))
_NAMESPACED_MAYBE_ALL = frozenset(("list", "watch"))
_CLUSTER_SCOPED = frozenset(
    (
        "apiservices",
        "certificatesigningrequests",
        "clusterrolebindings",
        "clusterroles",
        "csidrivers",
        "csinodes",
        "customresourcedefinitions",
        "deviceclasses",
        "flowschemas",
        "ingressclasses",
        "ipaddresses",
        "mutatingadmissionpolicies",
        "mutatingwebhookconfigurations",
        "namespaces",
        "nodes",
        "persistentvolumes",
        "priorityclasses",
        "prioritylevelconfigurations",
        "runtimeclasses",
        "servicecidrs",
        "storageclasses",
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
        "validatingwebhookconfigurations",
        "volumeattachments",
    )
)
"""Kubernetes' own resources without a namespace: a list of these has no -A."""

Words = Callable[[RequestFacts], tuple[str, str, str]]
"""The verb as it follows "tried to", the verb as what was done, and the object."""


def sentence(facts: RequestFacts, changed: list[FieldChange] | None = None) -> str:
    """What was done or tried; ``changed`` is what history.py knows, None where it was not asked."""
    base, done, thing = _words(facts)
    verb = done if facts.code < 400 and facts.event.stage != "Panic" else f"tried to {base}"
    text = f"{verb} {thing}".strip()
    what = _set(facts, changed)
    if what:
        text += f" ({what})"
    if facts.is_dry_run:
        text += " (dry run)"
    if facts.witnesses > 1:
        text += f" ({facts.witnesses} witnesses)"
    return go_text(text)


def result(facts: RequestFacts) -> str:
    """How it ended: ``200``, ``403 Forbidden``, ``101 open``, ``500 Panic``."""
    status = facts.event.response_status
    code = str(facts.code or "")
    if facts.event.stage == "Panic":
        return f"{code or 500} Panic"
    if facts.outcome == OPEN:
        return f"{code} open".strip()
    reason = status.reason if status is not None and facts.code >= 400 else ""
    return f"{code} {reason}".strip()


def object_of(facts: RequestFacts) -> str:
    """``pod/web-1``, ``deployments`` without a name, with the group where it is not a usual one."""
    reference = facts.reference
    if not facts.name:
        return reference.resource + _group(reference.api_group)
    return f"{singular(reference.resource)}{_group(reference.api_group)}/{facts.name}"


def singular(resource: str) -> str:
    """``deployment`` for ``deployments``: as kubectl prints it, by the rules of English."""
    if resource in _PLURAL_ONLY or not resource.endswith("s") or resource.endswith("ss"):
        return resource
    if resource.endswith("ies") and len(resource) > 4:
        return resource[:-3] + "y"
    if resource.endswith(("sses", "tuses", "xes", "ches", "shes")):
        return resource[:-2]
    return resource[:-1]


def _words(facts: RequestFacts) -> tuple[str, str, str]:
    reference = facts.reference
    if not reference.resource:
        verb = facts.event.verb.upper()
        return verb, verb, facts.path or "an unknown path"
    special = _SPECIAL.get((reference.resource, reference.subresource))
    special = (
        special or _SUBRESOURCES.get(reference.subresource) or _REVIEWS.get(reference.resource)
    )
    if special is not None:
        return special(facts)
    base, done = _verb(facts)
    thing = _placed(facts, object_of(facts))
    return (
        (f"{base} {reference.subresource} of", f"{done} {reference.subresource} of", thing)
        if (reference.subresource)
        else (base, done, thing)
    )


def _verb(facts: RequestFacts) -> tuple[str, str]:
    verb = facts.event.verb
    if verb in _WRITES:
        manager = facts.query.first("fieldManager") or ""
        known = _MANAGERS.get(manager)
        if known is not None and verb != "create":
            field = _field_set(facts) if manager == "kubectl-set" else ""
            return (f"set {field} of", f"set {field} of") if field else known
    return _VERBS.get(verb, (verb, verb))


def _field_set(facts: RequestFacts) -> str:
    """Which field ``kubectl set`` has set, by the body of its patch; "" where that is not known."""
    if facts.event.verb != "patch":
        return ""
    paths = [change.path for change in changes.submitted(facts.asked)]
    found = [
        name
        for name, parts in _SET.items()
        if any(part in path for part in parts for path in paths)
    ]
    return found[0] if len(found) == 1 else ""


def _placed(facts: RequestFacts, thing: str) -> str:
    """The object, where it is, and what it was chosen by."""
    where = ""
    verb, resource = facts.event.verb, facts.reference.resource
    is_itself = resource == "namespaces" and facts.name in ("", facts.namespace)
    if facts.namespace and not is_itself:
        where = f" -n {facts.namespace}"
    elif verb in _NAMESPACED_MAYBE_ALL and not facts.name and resource not in _CLUSTER_SCOPED:
        where = " -A"
    if verb in _COLLECTIONS:
        for parameter, flag in (("labelSelector", "-l"), ("fieldSelector", "--field-selector")):
            for value in facts.query.values(parameter):
                where += f" {flag} {shlex.quote(value)}" if value else ""
    return thing + where


def _group(group: str) -> str:
    """``.example.com`` of a group that is not Kubernetes' own."""
    known = not group or "." not in group or group.endswith(".k8s.io")
    return "" if known else f".{group}"


def _set(facts: RequestFacts, changed: list[FieldChange] | None) -> str:
    """What a write set or changed, where that is little; never of a secret."""
    reference = facts.reference
    if facts.event.verb not in _WRITES or reference.resource == "secrets":
        return ""
    if reference.subresource in _TOLD_ELSEWHERE:
        return ""
    if changed is None:
        changed = changes.submitted(facts.asked)
    if facts.event.verb != "patch":
        # The body is a whole object: only what is known to have changed is of interest.
        changed = [change for change in changed if change.is_known]
    return changes.summary(changed)


def _session(base: str) -> Words:
    def words(facts: RequestFacts) -> tuple[str, str, str]:
        text = f"{facts.name} -n {facts.namespace}"
        container = facts.query.first("container")
        if container:
            text += f" -c {container}"
        if facts.query.first("tty") in ("true", "1"):
            text += " -t"
        ports = facts.query.values("ports")
        if ports:
            text += f" {' '.join(ports)}"
        if facts.command:
            text += f" -- {shlex.join(facts.command)}"
        return base, base, text

    return words


def _logs(facts: RequestFacts) -> tuple[str, str, str]:
    text = f"{facts.name} -n {facts.namespace}"
    for parameter, flag in (
        ("container", "-c "),
        ("tailLines", "--tail="),
        ("sinceSeconds", "--since="),
    ):
        value = facts.query.first(parameter)
        if value:
            text += f" {flag}{value}{'s' if parameter == 'sinceSeconds' else ''}"
    for parameter, flag in (("follow", "-f"), ("previous", "-p")):
        if facts.query.first(parameter) in ("true", "1"):
            text += f" {flag}"
    return "read logs of", "logs", text


def _on(base: str, done: str, parent: str = "") -> Words:
    """Words of a subresource that is an act of its own on its object."""

    def words(facts: RequestFacts) -> tuple[str, str, str]:
        if facts.event.verb in ("get", "list", "watch"):
            sub = facts.reference.subresource
            return f"read {sub} of", f"read {sub} of", _placed(facts, object_of(facts))
        thing = f"{parent}/{facts.name}" if parent else object_of(facts)
        return base, done, _placed(facts, thing)

    return words


def _scale(facts: RequestFacts) -> tuple[str, str, str]:
    base, done, thing = _on("scale", "scaled")(facts)
    replicas = _at(facts.asked, "spec", "replicas")
    return base, done, thing if replicas is None else f"{thing} to {replicas}"


def _binding(facts: RequestFacts) -> tuple[str, str, str]:
    base, done, thing = _on("bind", "bound")(facts)
    node = _at(facts.asked, "target", "name")
    return base, done, thing if node is None else f"{thing} to node/{node}"


def _proxy(facts: RequestFacts) -> tuple[str, str, str]:
    _, _, rest = facts.path.partition("/proxy")
    thing = _placed(facts, object_of(facts))
    return (
        f"{facts.event.verb} {rest or '/'} through",
        f"{facts.event.verb} {rest or '/'} through",
        thing,
    )


def _access_review(facts: RequestFacts) -> tuple[str, str, str]:
    attributes = _at(facts.asked, "spec", "resourceAttributes") or {}
    who = _at(facts.asked, "spec", "user")
    subject = "they" if "self" in facts.reference.resource else str(who or "a user")
    what = ""
    if isinstance(attributes, dict) and attributes:
        what = f" {attributes.get('verb', '*')} {attributes.get('resource', '*')}"
        what += f" -n {attributes['namespace']}" if attributes.get("namespace") else ""
    return "ask", "asked", f"whether {subject} may{what or ' do something'}"


def _rules_review(_facts: RequestFacts) -> tuple[str, str, str]:
    return "ask", "asked", "what they may do"


def _token_review(_facts: RequestFacts) -> tuple[str, str, str]:
    return "have a token checked", "had a token checked", ""


def _who_am_i(_facts: RequestFacts) -> tuple[str, str, str]:
    return "ask", "asked", "who they are"


def _at(value: Any, *path: str) -> Any:
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


_SPECIAL: dict[tuple[str, str], Words] = {
    ("pods", "exec"): _session("exec"),
    ("pods", "attach"): _session("attach"),
    ("pods", "portforward"): _session("port-forward"),
    ("pods", "log"): _logs,
    ("pods", "eviction"): _on("evict", "evicted"),
    ("pods", "binding"): _binding,
    ("pods", "ephemeralcontainers"): _on("add a debug container to", "added a debug container to"),
    ("serviceaccounts", "token"): _on(
        "get a token for", "got a token for", parent="serviceaccount"
    ),
    ("certificatesigningrequests", "approval"): _on("approve or deny", "approved or denied"),
    ("namespaces", "finalize"): _on("finalize", "finalized"),
}
_SUBRESOURCES: dict[str, Words] = {"scale": _scale, "proxy": _proxy}
_REVIEWS: dict[str, Words] = {
    "subjectaccessreviews": _access_review,
    "localsubjectaccessreviews": _access_review,
    "selfsubjectaccessreviews": _access_review,
    "selfsubjectrulesreviews": _rules_review,
    "selfsubjectreviews": _who_am_i,
    "tokenreviews": _token_review,
}
