"""The resources that the embedded API server knows, as kube-apiserver's discovery shows them."""

from dataclasses import dataclass

STANDARD = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
_CREATE = ("create",)
_STATUS = ("get", "patch", "update")
_CONNECT = ("create", "get")


@dataclass(frozen=True, slots=True)
class Subresource:
    """A subresource; an empty kind means its parent's."""

    name: str
    verbs: tuple[str, ...]
    kind: str = ""
    group: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class ResourceType:
    """One resource of one group and version; ``group`` is empty for the core group."""

    group: str
    version: str
    resource: str
    kind: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = STANDARD
    subresources: tuple[Subresource, ...] = ()

    @property
    def api_version(self) -> str:
        """``v1`` or ``group/version``, as objects carry it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_resource(self) -> str:
        """``pods`` or ``deployments.apps``, as error texts carry it."""
        return f"{self.resource}.{self.group}" if self.group else self.resource

    @property
    def singular(self) -> str:
        """The singular name, which is the kind in lower case."""
        return self.kind.lower()

    @property
    def is_stored(self) -> bool:
        """Whether objects are kept; reviews are answered and forgotten."""
        return "get" in self.verbs

    def subresource(self, name: str) -> Subresource | None:
        """The subresource of that name."""
        return next((found for found in self.subresources if found.name == name), None)


_ALL = ("all",)
_STATUS_OF = Subresource("status", _STATUS)
_SCALE = Subresource("scale", _STATUS, "Scale", "autoscaling", "v1")
_RBAC = "rbac.authorization.k8s.io"

RESOURCES = (
    ResourceType("", "v1", "configmaps", "ConfigMap", short_names=("cm",)),
    ResourceType("", "v1", "endpoints", "Endpoints", short_names=("ep",)),
    ResourceType("", "v1", "events", "Event", short_names=("ev",)),
    ResourceType(
        "",
        "v1",
        "namespaces",
        "Namespace",
        namespaced=False,
        short_names=("ns",),
        verbs=("create", "delete", "get", "list", "patch", "update", "watch"),
        subresources=(Subresource("finalize", ("update",)), _STATUS_OF),
    ),
    ResourceType(
        "",
        "v1",
        "nodes",
        "Node",
        namespaced=False,
        short_names=("no",),
        subresources=(_STATUS_OF,),
    ),
    ResourceType(
        "",
        "v1",
        "pods",
        "Pod",
        short_names=("po",),
        categories=_ALL,
        subresources=(
            Subresource("attach", _CONNECT, "PodAttachOptions"),
            Subresource("ephemeralcontainers", _STATUS),
            Subresource("exec", _CONNECT, "PodExecOptions"),
            Subresource("log", ("get",)),
            Subresource("portforward", _CONNECT, "PodPortForwardOptions"),
            _STATUS_OF,
        ),
    ),
    ResourceType("", "v1", "secrets", "Secret"),
    ResourceType(
        "",
        "v1",
        "serviceaccounts",
        "ServiceAccount",
        short_names=("sa",),
        subresources=(
            Subresource("token", _CREATE, "TokenRequest", "authentication.k8s.io", "v1"),
        ),
    ),
    ResourceType(
        "",
        "v1",
        "services",
        "Service",
        short_names=("svc",),
        categories=_ALL,
        subresources=(_STATUS_OF,),
    ),
    ResourceType(
        "apps",
        "v1",
        "deployments",
        "Deployment",
        short_names=("deploy",),
        categories=_ALL,
        subresources=(_SCALE, _STATUS_OF),
    ),
    ResourceType(
        "apps",
        "v1",
        "replicasets",
        "ReplicaSet",
        short_names=("rs",),
        categories=_ALL,
        subresources=(_SCALE, _STATUS_OF),
    ),
    ResourceType(
        "authentication.k8s.io",
        "v1",
        "selfsubjectreviews",
        "SelfSubjectReview",
        namespaced=False,
        verbs=_CREATE,
    ),
    ResourceType(
        "authentication.k8s.io",
        "v1",
        "tokenreviews",
        "TokenReview",
        namespaced=False,
        verbs=_CREATE,
    ),
    ResourceType(
        "authorization.k8s.io",
        "v1",
        "localsubjectaccessreviews",
        "LocalSubjectAccessReview",
        verbs=_CREATE,
    ),
    ResourceType(
        "authorization.k8s.io",
        "v1",
        "selfsubjectaccessreviews",
        "SelfSubjectAccessReview",
        namespaced=False,
        verbs=_CREATE,
    ),
    ResourceType(
        "authorization.k8s.io",
        "v1",
        "selfsubjectrulesreviews",
        "SelfSubjectRulesReview",
        namespaced=False,
        verbs=_CREATE,
    ),
    ResourceType(
        "authorization.k8s.io",
        "v1",
        "subjectaccessreviews",
        "SubjectAccessReview",
        namespaced=False,
        verbs=_CREATE,
    ),
    ResourceType("batch", "v1", "jobs", "Job", categories=_ALL, subresources=(_STATUS_OF,)),
    ResourceType("coordination.k8s.io", "v1", "leases", "Lease"),
    ResourceType("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice"),
    ResourceType(_RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False),
    ResourceType(_RBAC, "v1", "clusterroles", "ClusterRole", namespaced=False),
    ResourceType(_RBAC, "v1", "rolebindings", "RoleBinding"),
    ResourceType(_RBAC, "v1", "roles", "Role"),
)
"""Every resource, in the order of discovery."""

_BY_PATH = {(kind.group, kind.version, kind.resource): kind for kind in RESOURCES}
_BY_RESOURCE = {(kind.group, kind.resource): kind for kind in RESOURCES}


def find(group: str, version: str, resource: str) -> ResourceType | None:
    """The resource that a path names, None when there is none."""
    return _BY_PATH.get((group, version, resource))


def of(resource: str, group: str = "") -> ResourceType:
    """The resource of a name that is known to exist; raises KeyError."""
    return _BY_RESOURCE[group, resource]


def group_versions() -> tuple[tuple[str, str], ...]:
    """Every group and version, each once, the core group first."""
    return tuple(dict.fromkeys((kind.group, kind.version) for kind in RESOURCES))
