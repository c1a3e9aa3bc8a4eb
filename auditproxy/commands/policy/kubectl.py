"""What kubectl is called with for a request: so that a verb and a path can be recognized."""

from auditproxy.apis.attributes import RequestInfo

_SUBRESOURCES = {
    ("pods/exec", "get"): ("kubectl exec {name}{ns} -- COMMAND (since 1.31)", "kubectl cp"),
    ("pods/exec", "create"): ("kubectl exec {name}{ns} -- COMMAND (before 1.31)", "kubectl cp"),
    ("pods/attach", "get"): ("kubectl attach {name}{ns} (since 1.31)",),
    ("pods/attach", "create"): ("kubectl attach {name}{ns} (before 1.31)",),
    ("pods/portforward", "get"): ("kubectl port-forward {name}{ns} PORT (since 1.31)",),
    ("pods/portforward", "create"): ("kubectl port-forward {name}{ns} PORT (before 1.31)",),
    ("pods/log", "get"): ("kubectl logs {name}{ns}",),
    ("pods/eviction", "create"): ("kubectl drain NODE",),
    ("pods/ephemeralcontainers", "patch"): ("kubectl debug {name}{ns} --image=IMAGE",),
    ("serviceaccounts/token", "create"): ("kubectl create token {name}{ns}",),
    ("certificatesigningrequests/approval", "update"): ("kubectl certificate approve {name}",),
}
_RESOURCES = {
    ("selfsubjectaccessreviews", "create"): ("kubectl auth can-i VERB RESOURCE",),
    ("selfsubjectrulesreviews", "create"): ("kubectl auth can-i --list",),
    ("selfsubjectreviews", "create"): ("kubectl auth whoami",),
    ("nodes", "patch"): ("kubectl cordon {name}", "kubectl taint nodes {name} TAINT"),
}
_VERBS = {
    "get": ("kubectl get {resource} {name}{ns}", "kubectl describe {resource} {name}{ns}"),
    "list": ("kubectl get {resource}{ns}",),
    "watch": ("kubectl get {resource}{ns} --watch",),
    "create": ("kubectl create -f FILE", "kubectl apply -f FILE (of a new object)"),
    "update": ("kubectl replace -f FILE",),
    "patch": (
        "kubectl apply -f FILE (of an existing object)",
        "kubectl edit {resource} {name}{ns}",
    ),
    "delete": ("kubectl delete {resource} {name}{ns}",),
    "deletecollection": (),
}


def kubectl_commands(info: RequestInfo, uri: str) -> tuple[str, ...]:
    """Command lines that send such a request; () where kubectl has none for it."""
    if not info.is_resource_request:
        return (f"kubectl get --raw {uri}",) if info.verb == "get" else ()
    resource = info.resource if not info.api_group else f"{info.resource}.{info.api_group}"
    namespace = f" -n {info.namespace}" if info.namespace else ""
    if not info.namespace and info.verb in ("list", "watch") and not _is_cluster_scoped(info):
        namespace = " --all-namespaces"
    if info.resource == "namespaces":
        namespace = ""
    if info.subresource:
        found = _of_subresource(info, uri)
    else:
        found = _RESOURCES.get((info.resource, info.verb), _VERBS.get(info.verb, ()))
    return tuple(
        " ".join(
            line.format(name=info.name or "NAME", ns=namespace, resource=resource, uri=uri).split()
        )
        for line in found
    )


def _is_cluster_scoped(info: RequestInfo) -> bool:
    from auditproxy.audit.policy.builtinresources import is_cluster_scoped

    return is_cluster_scoped(info.api_group, info.resource)


def _of_subresource(info: RequestInfo, uri: str) -> tuple[str, ...]:
    found = _SUBRESOURCES.get((f"{info.resource}/{info.subresource}", info.verb))
    if found is not None:
        return found
    if info.subresource == "scale" and info.verb in ("patch", "update"):
        return ("kubectl scale {resource} {name}{ns} --replicas=N",)
    if info.verb == "get":
        return ("kubectl get --raw {uri}",)
    if info.subresource == "status" and info.verb in ("patch", "update"):
        return ("kubectl edit {resource} {name}{ns} --subresource=status",)
    return ()
