"""The resources of kube-apiserver's own groups (Kubernetes 1.36, beta and alpha ones included).

What extensions add is not known, and groups of theirs are not here.
"""

_TABLE = {
    "": (
        "bindings componentstatuses! configmaps endpoints events limitranges"
        " namespaces!/finalize,status nodes!/proxy,status persistentvolumeclaims/status"
        " persistentvolumes!/status"
        " pods/attach,binding,ephemeralcontainers,eviction,exec,log,portforward,proxy,resize,status"
        " podtemplates replicationcontrollers/scale,status resourcequotas/status secrets"
        " serviceaccounts/token services/proxy,status"
    ),
    "admissionregistration.k8s.io": (
        "mutatingadmissionpolicies! mutatingadmissionpolicybindings! mutatingwebhookconfigurations!"
        " validatingadmissionpolicies!/status validatingadmissionpolicybindings!"
        " validatingwebhookconfigurations!"
    ),
    "apiextensions.k8s.io": "customresourcedefinitions!/status",
    "apiregistration.k8s.io": "apiservices!/status",
    "apps": (
        "controllerrevisions daemonsets/status deployments/scale,status replicasets/scale,status"
        " statefulsets/scale,status"
    ),
    "authentication.k8s.io": "selfsubjectreviews! tokenreviews!",
    "authorization.k8s.io": (
        "localsubjectaccessreviews selfsubjectaccessreviews! selfsubjectrulesreviews!"
        " subjectaccessreviews!"
    ),
    "autoscaling": "horizontalpodautoscalers/status",
    "batch": "cronjobs/status jobs/status",
    "certificates.k8s.io": (
        "certificatesigningrequests!/approval,status clustertrustbundles!"
        " podcertificaterequests/status"
    ),
    "coordination.k8s.io": "leasecandidates leases",
    "discovery.k8s.io": "endpointslices",
    "events.k8s.io": "events",
    "flowcontrol.apiserver.k8s.io": "flowschemas!/status prioritylevelconfigurations!/status",
    "networking.k8s.io": (
        "ingressclasses! ingresses/status ipaddresses! networkpolicies servicecidrs!/status"
    ),
    "node.k8s.io": "runtimeclasses!",
    "policy": "poddisruptionbudgets/status",
    "rbac.authorization.k8s.io": "clusterrolebindings! clusterroles! rolebindings roles",
    "resource.k8s.io": (
        "deviceclasses! devicetaintrules!/status resourceclaims/status resourceclaimtemplates"
        " resourceslices!"
    ),
    "scheduling.k8s.io": "podgroups/status priorityclasses! workloads/status",
    "storage.k8s.io": (
        "csidrivers! csinodes! csistoragecapacities storageclasses! volumeattachments!/status"
        " volumeattributesclasses!"
    ),
    "storagemigration.k8s.io": "storageversionmigrations!/status",
}
"""By group: resources with ``!`` behind those without a namespace, and subresources after ``/``."""

RESOURCES: dict[str, frozenset[str]] = {}
"""By group: what a rule may call them, ``pods`` and ``pods/exec``."""
CLUSTER_SCOPED: dict[str, frozenset[str]] = {}
"""By group: resources whose requests have no namespace."""

for _group, _words in _TABLE.items():
    _names: set[str] = set()
    _cluster: set[str] = set()
    for _word in _words.split():
        _resource, _, _subresources = _word.partition("/")
        _name = _resource.removesuffix("!")
        _names.add(_name)
        _names.update(f"{_name}/{each}" for each in _subresources.split(",") if each)
        if _name != _resource:
            _cluster.add(_name)
    RESOURCES[_group] = frozenset(_names)
    CLUSTER_SCOPED[_group] = frozenset(_cluster)

GROUPS_OF = {
    text: tuple(group for group, names in RESOURCES.items() if text in names)
    for text in sorted(frozenset().union(*RESOURCES.values()))
}
"""The groups that have a resource or a subresource of this name."""


def is_cluster_scoped(group: str, resource: str) -> bool:
    """Whether requests for a resource of ours never have a namespace."""
    return resource in CLUSTER_SCOPED.get(group, ())
